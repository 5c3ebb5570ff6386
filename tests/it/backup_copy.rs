//! Backups as the store makes them: what they keep, beside whom they work, and what makes them fail.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::Seq;
use keyholder::store::backup::{BackupError, back_up};
use keyholder::store::{Access, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use tokio_util::sync::CancellationToken;

use crate::support::model::{Bench, CONTRACT, Model, lose};

/// A database as SQLite sees it, without the store's own rules.
async fn raw(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

async fn header(db: &SqlitePool) -> (i64, i64) {
    let mark = sqlx::query_scalar("PRAGMA application_id").fetch_one(db).await.unwrap();
    (mark, sqlx::query_scalar("PRAGMA user_version").fetch_one(db).await.unwrap())
}

async fn schema(db: &SqlitePool) -> BTreeSet<String> {
    let sql = "SELECT concat_ws('|', type, name, tbl_name, sql) FROM sqlite_schema";
    sqlx::query_scalar(sql).fetch_all(db).await.unwrap().into_iter().collect()
}

/// Every row of every table, as text.
async fn rows(db: &SqlitePool) -> BTreeSet<String> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'").fetch_all(db).await.unwrap();
    let mut found = BTreeSet::new();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info(?)")
            .bind(&table)
            .fetch_all(db)
            .await
            .unwrap();
        let sql = format!("SELECT '{table}: ' || concat_ws('|', {}) FROM \"{table}\"", columns.join(", "));
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
        found.extend(rows);
    }
    found
}

/// Two snapshots, the second with a gap and an ended fact.
async fn two_snapshots() -> Bench {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.users.remove("bob");
    model.members.clear();
    model.keys.clear();
    let mut seen = model.sightings();
    lose(&mut seen, Scope::Members("dev".into()), Status::Forbidden);
    bench.seal(seen).await;
    bench
}

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn a_backup_keeps_schema_header_and_rows() {
    let bench = two_snapshots().await;
    let target = bench.folder().join("backup.db");
    let backup = back_up(bench.store.path(), &target, &never()).await.unwrap();
    let (source, copy) = (raw(bench.store.path()).await, raw(&target).await);
    assert_eq!(schema(&copy).await, schema(&source).await);
    assert!(schema(&copy).await.iter().any(|line| line.starts_with("trigger|fact_kept|")));
    assert!(schema(&copy).await.iter().any(|line| line.starts_with("view|v_users|")));
    assert_eq!(header(&copy).await, header(&source).await);
    assert_eq!(rows(&copy).await, rows(&source).await);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    let latest = &backup.contents.contracts[0];
    let sealed = bench.store.snapshot(CONTRACT, Seq(2)).await.unwrap();
    assert_eq!((latest.contract, latest.seq, &latest.root), (CONTRACT, Seq(2), &sealed.root));
    assert_eq!(latest.finished, sealed.finished);
}

#[tokio::test]
async fn a_backup_opens_as_a_database() {
    let bench = two_snapshots().await;
    let target = bench.folder().join("backup.db");
    back_up(bench.store.path(), &target, &never()).await.unwrap();
    for access in [Access::Read, Access::Write] {
        let copy = Store::open(&target, access).await.unwrap();
        for seq in [Seq(1), Seq(2)] {
            let states = [copy.state(CONTRACT, seq).await.unwrap(), bench.store.state(CONTRACT, seq).await.unwrap()];
            assert_eq!(states[0], states[1]);
        }
        copy.close().await;
    }
}

#[tokio::test]
async fn a_backup_leaves_out_what_is_not_committed() {
    let bench = two_snapshots().await;
    // The collector's lock is held by the bench; here is its transaction as well.
    let writer = raw(bench.store.path()).await;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("INSERT INTO actor (name) VALUES ('uncommitted')").execute(&mut *transaction).await.unwrap();
    let target = bench.folder().join("backup.db");
    back_up(bench.store.path(), &target, &never()).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(!rows(&raw(&target).await).await.iter().any(|row| row.contains("uncommitted")));
    assert!(rows(&writer).await.iter().any(|row| row.contains("uncommitted")));
}

#[tokio::test]
async fn backups_beside_a_collection_verify() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let path = bench.store.path().to_owned();
    let sealing = async {
        let mut model = Model::small();
        for day in 0..30 {
            model.users.insert(format!("user {day}"), false);
            bench.seal(model.sightings()).await;
        }
    };
    let copying = async {
        let mut copied = BTreeSet::new();
        for number in 0..12 {
            let target = bench.folder().join(format!("backup {number}'s.db"));
            let backup = back_up(&path, &target, &never()).await.unwrap();
            copied.insert(backup.contents.contracts[0].seq);
        }
        copied
    };
    let ((), copied) = tokio::join!(sealing, copying);
    assert!(copied.len() > 1, "the backups lie between the snapshots: {copied:?}");
}

#[tokio::test]
async fn an_existing_file_is_not_replaced() {
    let bench = two_snapshots().await;
    let target = bench.folder().join("backup.db");
    fs::write(&target, "mine").unwrap();
    let error = back_up(bench.store.path(), &target, &never()).await.unwrap_err();
    assert!(matches!(&error, BackupError::Exists { path } if *path == target), "{error:?}");
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    for part in ["test.db", "test.db-wal", "test.db-journal", "test.db.lock"] {
        let error = back_up(bench.store.path(), &bench.folder().join(part), &never()).await.unwrap_err();
        assert!(matches!(error, BackupError::PartOfDatabase { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_a_killed_backup_left_is_replaced() {
    let bench = two_snapshots().await;
    let (target, partial) = (bench.folder().join("backup.db"), bench.folder().join(".backup.db.part"));
    fs::write(&partial, "half of something").unwrap();
    // Another process that is still writing it is not disturbed.
    let other = fs::File::open(&partial).unwrap();
    other.lock().unwrap();
    let error = back_up(bench.store.path(), &target, &never()).await.unwrap_err();
    assert!(matches!(error, BackupError::Busy { .. }), "{error:?}");
    other.unlock().unwrap();
    back_up(bench.store.path(), &target, &never()).await.unwrap();
    assert!(target.exists() && !partial.exists());
}

/// Breaks a rule of a database beside its own rules, and expects no backup of it.
async fn check_unverified(sql: &'static str, expected: &str) {
    let error = refused(sql).await;
    assert!(matches!(error, BackupError::Unverified { .. }), "{error:?}");
    let shown = error.to_string();
    assert!(shown.contains("backup.db: ") && shown.contains(expected), "{shown}");
}

/// Changes the schema of a database, and expects no backup of it.
async fn check_foreign(sql: &'static str, expected: &str) {
    let error = refused(sql).await;
    assert!(matches!(error, BackupError::Store(StoreError::Schema { .. })), "{error:?}");
    assert!(error.to_string().contains(expected), "{error}");
}

/// Why there is no backup of a database after those statements, nor a part of one.
async fn refused(sql: &'static str) -> BackupError {
    let bench = two_snapshots().await;
    let db = raw(bench.store.path()).await;
    sqlx::raw_sql("PRAGMA foreign_keys = OFF").execute(&db).await.unwrap();
    sqlx::raw_sql(sql).execute(&db).await.unwrap();
    let target = bench.folder().join("backup.db");
    let error = back_up(bench.store.path(), &target, &never()).await.unwrap_err();
    let names: Vec<_> = fs::read_dir(bench.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("backup")), "{names:?}");
    error
}

#[tokio::test]
async fn a_copy_that_does_not_verify_gets_no_name() {
    let body = "DROP TRIGGER body_sealed; UPDATE body SET json = replace(json, 'true', 'false');
                CREATE TRIGGER body_sealed BEFORE UPDATE ON body\nBEGIN SELECT raise(ABORT, 'a body is not changed'); END;";
    check_unverified(body, "table body: the text of row").await;
    check_unverified("INSERT INTO fact VALUES (1, 2, 1, 0, 3, NULL, 1)", "its facts have root").await;
    check_unverified(
        "INSERT INTO entity (contract, kind, ref) VALUES (99, 2, 'x')",
        "foreign_key_check: 1 rows of entity",
    )
    .await;
    let skipped = "INSERT INTO run (id, contract, schedule, nominal, started, finished, state, reason, requests, api, tool) \
                   SELECT 99, contract, schedule, 'n', started, finished, state, reason, requests, api, tool \
                   FROM run WHERE id = 1; \
                   INSERT INTO snapshot SELECT contract, 9, 99, label, root, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM snapshot WHERE seq = 2";
    check_unverified(skipped, "has 3 snapshots, the last one has number 9").await;
}

#[tokio::test]
async fn a_database_whose_schema_is_not_ours_is_not_copied() {
    check_foreign("DROP TRIGGER fact_kept", "trigger fact_kept is missing").await;
    check_foreign(
        "CREATE TRIGGER planted AFTER INSERT ON run BEGIN DELETE FROM staging; END",
        "trigger planted on run is not one of this program",
    )
    .await;
    check_foreign(
        "CREATE INDEX mine ON run (started); CREATE VIEW v_mine AS SELECT 1",
        "index mine on run is not one of this program; view v_mine is not one of this program",
    )
    .await;
}
