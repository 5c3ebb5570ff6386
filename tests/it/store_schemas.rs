//! Files of every schema that was ever released: H2 of the known cases. They are read as they are, without a trace, and give
//! the same answers as after the upgrade.
//!
//! `cargo test --test it -- --ignored write_the_schema_fixtures` writes the files that are missing: a history of today, in
//! the tables that the migrations up to a version make.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use emulator::{Emulator, Rule};
use keyholder::store::open::schema_version;
use keyholder::store::{Access, Store};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr as _};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::private_folder;
use crate::support::traces::Traces;

/// `KHLD`, the mark of our databases.
const APPLICATION_ID: u32 = 0x4b48_4c44;

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fixtures/schema/{version:04}.db.zst"))
}

/// The file of a version, as it was written.
pub(crate) fn file_of(version: u32) -> Vec<u8> {
    let packed = fs::read(fixture(version)).unwrap_or_else(|error| {
        panic!("{}: {error}; write it: cargo test --test it -- --ignored schema_fixtures", fixture(version).display())
    });
    zstd::stream::decode_all(packed.as_slice()).unwrap()
}

/// Every command that reads, with the id of a user for those that ask for one.
fn looks(user: &str) -> Vec<Vec<String>> {
    let mut looks: Vec<Vec<String>> = [
        "snapshots list --runs --format csv",
        "snapshots show",
        "snapshots show 1",
        "diff 1 latest --format json",
        "diff 1 2 --format csv",
        "status --format csv",
        "alerts list --format csv",
    ]
    .into_iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect();
    looks.push(["history", user, "--format", "csv"].map(str::to_owned).to_vec());
    for report in keyholder::report::ALL {
        for format in ["csv", "json", "html"] {
            looks.push(["report", report.name, "--format", format, "--out", "-"].map(str::to_owned).to_vec());
        }
    }
    looks
}

/// A user of a database to whom something happened.
fn user_of(database: &[u8]) -> String {
    let folder = private_folder();
    let path = folder.path().join("copy.db");
    fs::write(&path, database).unwrap();
    RUNTIME.block_on(async {
        let mut db = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let user =
            "SELECT e.ref FROM change c JOIN entity e ON e.id = c.subject WHERE c.kind = 2 ORDER BY e.ref LIMIT 1";
        sqlx::query_scalar(user).fetch_one(&mut db).await.unwrap()
    })
}

/// Exit code and output of a command.
fn answer(desk: &Desk, look: &[String]) -> (i32, String) {
    let arguments: Vec<&str> = look.iter().map(String::as_str).collect();
    let ran = desk.run(&arguments);
    assert!([0, 9].contains(&ran.code), "{look:?}: {ran:#?}");
    (ran.code, ran.out)
}

#[track_caller]
fn check_version(version: u32) {
    let database = file_of(version);
    let desk = Desk::at("http://127.0.0.1:9", "token");
    desk.put_database(&database);
    let looks = looks(&user_of(&database));
    let before = Traces::of(desk.database().parent().unwrap());
    let mut answers = Vec::new();
    for look in &looks {
        answers.push(answer(&desk, look));
        assert_eq!(Traces::of(desk.database().parent().unwrap()), before, "schema {version}: {look:?} left a trace");
    }
    desk.run(&["doctor", "--offline"]).ends(0);
    assert_eq!(Traces::of(desk.database().parent().unwrap()), before, "schema {version}: doctor left a trace");
    RUNTIME.block_on(async {
        Store::open(&desk.database(), Access::Write).await.unwrap().close().await;
    });
    let upgraded = fs::read(desk.database()).unwrap();
    assert_eq!(u32::from_be_bytes(upgraded[60..64].try_into().unwrap()), schema_version(), "it is upgraded");
    for (look, before) in looks.iter().zip(answers) {
        assert_eq!(answer(&desk, look), before, "schema {version}: {look:?}");
    }
}

#[test]
fn h2_files_of_schema_1_to_3_are_read_as_they_are() {
    (1..=3).for_each(check_version);
}

#[test]
fn h2_files_of_schema_4_to_6_are_read_as_they_are() {
    (4..=6).for_each(check_version);
}

#[test]
fn h2_files_of_later_schemas_are_read_as_they_are() {
    (7..schema_version()).for_each(check_version);
}

#[test]
fn h2_answers_of_old_files_are_those_of_today() {
    let (old, new) = (file_of(1), file_of(9));
    let user = user_of(&old);
    let desks = [old, new].map(|database| {
        let desk = Desk::at("http://127.0.0.1:9", "token");
        desk.put_database(&database);
        desk
    });
    // What schema 1 had: snapshots, differences and facts; no notice and no alert.
    for look in looks(&user).iter().filter(|look| ["diff", "history"].contains(&look[0].as_str())) {
        let [old, new] = desks.each_ref().map(|desk| answer(desk, look));
        assert_eq!(old, new, "{look:?}");
        assert!(old.1.lines().count() > 1, "{look:?} says something");
    }
}

#[test]
fn h2_a_file_of_a_newer_schema_is_refused_with_a_hint() {
    let desk = Desk::at("http://127.0.0.1:9", "token");
    let mut database = file_of(1);
    database[60..64].copy_from_slice(&(schema_version() + 1).to_be_bytes());
    desk.put_database(&database);
    let ran = desk.run(&["snapshots", "list"]).ends(6);
    let said = format!("its schema has version {}, this program knows versions up to", schema_version() + 1);
    assert!(ran.err.contains(&said) && ran.err.contains("hint: use the newer keyholder"), "{ran:#?}");
}

/// Snapshots with changes, one of them with a gap, and a run that failed.
fn history() -> Vec<u8> {
    let emulator: Emulator = served();
    let desk = Desk::of(&emulator);
    let cast = emulator.cast().clone();
    desk.run(&["collect", "--label", "baseline"]).ends(0);
    let ordinary = emulator.read(|world| {
        let parts = [&cast.owner, &cast.auditor, &cast.restricted];
        world.users().filter(|user| !parts.contains(&&user.id) && !user.administrator).nth(2).unwrap().clone()
    });
    emulator.edit(|world| world.set_administrator(&ordinary.id, true).unwrap());
    desk.run(&["collect"]).ends(0);
    emulator.fail(Rule::on("GET", "/um/groups/{groupId}/shares").status(403).times(1));
    emulator.edit(|world| world.set_active(&ordinary.id, false).unwrap());
    desk.run(&["collect"]).ends(9);
    emulator.clear_faults();
    emulator.fail(Rule::on("GET", "/contracts").status(401));
    desk.run(&["collect"]).ends(4);
    emulator.clear_faults();
    emulator.edit(|world| world.set_administrator(&ordinary.id, false).unwrap());
    desk.run(&["collect"]).ends(0);
    fs::read(desk.database()).unwrap()
}

/// The migrations up to a version, as the program has them.
fn migrator(version: u32) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let migrations = files.iter().zip(1..).take(version as usize).map(|(file, number)| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let sql = AssertSqlSafe(fs::read_to_string(file).unwrap()).into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

async fn texts(db: &mut SqliteConnection, sql: String) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.unwrap()
}

async fn run(db: &mut SqliteConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(db).await.unwrap();
}

/// Copies every column that both databases have.
async fn copy_rows(db: &mut SqliteConnection) {
    let of_tables = "type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    // They refuse rows of what is sealed.
    let triggers = texts(db, "SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY name".into()).await;
    for name in texts(db, "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'".into()).await {
        run(db, format!("DROP TRIGGER {name}")).await;
    }
    for table in texts(db, format!("SELECT name FROM main.sqlite_schema WHERE {of_tables} ORDER BY name")).await {
        let both = format!(
            "SELECT o.name FROM pragma_table_info('{table}', 'main') o \
             JOIN pragma_table_info('{table}', 'today') n USING (name) ORDER BY o.cid"
        );
        let columns = texts(db, both).await.join(", ");
        run(db, format!("DELETE FROM {table}")).await;
        run(db, format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM today.{table}")).await;
    }
    for trigger in triggers {
        run(db, trigger).await;
    }
}

#[test]
#[ignore = "writes the files that the other tests read"]
fn write_the_schema_fixtures() {
    let folder = private_folder();
    let today = folder.path().join("today.db");
    fs::write(&today, history()).unwrap();
    for version in (1..=schema_version()).filter(|version| !fixture(*version).exists()) {
        let path = folder.path().join(format!("{version:04}.db"));
        RUNTIME.block_on(async {
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(false);
            let mut db = options.connect().await.unwrap();
            run(&mut db, format!("PRAGMA application_id = {APPLICATION_ID}")).await;
            migrator(version).run(&mut db).await.unwrap();
            run(&mut db, format!("PRAGMA user_version = {version}")).await;
            run(&mut db, format!("ATTACH '{}' AS today", today.display())).await;
            copy_rows(&mut db).await;
            run(&mut db, "DETACH today".into()).await;
            run(&mut db, "VACUUM".into()).await;
            run(&mut db, "PRAGMA journal_mode = WAL".into()).await;
            db.close().await.unwrap();
        });
        fs::create_dir_all(fixture(version).parent().unwrap()).unwrap();
        let packed = zstd::bulk::compress(&fs::read(&path).unwrap(), 19).unwrap();
        fs::write(fixture(version), packed).unwrap();
        fs::set_permissions(fixture(version), fs::Permissions::from_mode(0o644)).unwrap();
    }
}
