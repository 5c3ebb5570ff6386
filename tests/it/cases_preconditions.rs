//! Whatever lets `collect` end without a snapshot, `doctor` foresees: the same code, the same hint, and the precondition by name.
//!
//! One table over the preconditions of the program: one without a row does not compile, and one with no row that was run fails.
//! What needs another user is run as root, and says so where it cannot.

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::LazyLock;

use emulator::{Body, Emulator, Rule, Version};
use keyholder::app::preconditions::Precondition;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use crate::api_tls::{authority, leaf, pin_of, serve};
use crate::cases_doctor::{clear_text, closed_port, hint};
use crate::cli_place::{NOBODY, is_root, read_only_month, run_as_nobody};
use crate::store_schemas::file_of;
use crate::support::cli::{Desk, MONTH, RUNTIME, Ran, served};
use crate::support::cut::raw;
use crate::support::skipped;

/// Answers all who get as far as asking it.
static SERVER: LazyLock<Emulator> = LazyLock::new(served);

/// The lists that a collection begins with.
const LISTS: [&str; 3] = ["/um/users", "/um/groups", "/um/resources"];

/// A token that ended by its own word in 2023.
const ENDED: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.x";

/// The rows of one precondition.
struct Table {
    precondition: Precondition,
    rows: Cell<u32>,
}

impl Table {
    /// Expects that nothing is collected, and that `doctor` says the same with the same options.
    #[track_caller]
    fn row(&self, what: &str, desk: &Desk, arguments: &[&str], code: i32) {
        let of = |command: &[&'static str]| {
            let for_both = arguments.iter().filter(|argument| command[0] == "doctor" || **argument != "--offline");
            command.iter().copied().chain(for_both.copied()).collect::<Vec<_>>()
        };
        let doctor = [&["doctor"][..], &["doctor", "--json"]].map(|command| desk.run(&of(command)));
        self.compare(what, doctor, &desk.run(&of(&["collect"])), code);
    }

    /// Expects that both say the same: `doctor` as text and as JSON, and `collect`.
    #[track_caller]
    fn compare(&self, what: &str, doctor: [Ran; 2], collect: &Ran, code: i32) {
        assert_eq!((collect.code, collect.out.as_str()), (code, ""), "{what}: {collect:#?}");
        let [text, checks] = doctor;
        let wanted = format!("hint: {}", hint(&collect.err));
        assert!(text.out.contains(&wanted), "{what} has not {wanted:?}: {}", text.out);
        self.expect(what, &text, code);
        self.expect(what, &checks, code);
        let checks: Vec<Value> = serde_json::from_str(&checks.out).unwrap();
        let first = checks.iter().find(|check| !check["exit"].is_null()).unwrap();
        assert_eq!((&first["check"], &first["exit"]), (&json!(self.precondition.name()), &json!(code)), "{what}");
        self.rows.set(self.rows.get() + 1);
    }

    #[track_caller]
    fn expect(&self, what: &str, doctor: &Ran, code: i32) {
        assert_eq!(doctor.code, code, "{:?}, {what}: {doctor:#?}", self.precondition);
    }
}

/// A desk at a fresh emulator that has been changed.
fn served_with(change: impl FnOnce(&Emulator)) -> (Emulator, Desk) {
    let emulator = served();
    change(&emulator);
    let desk = Desk::of(&emulator);
    (emulator, desk)
}

/// A desk at a server that answers the questions of a collection like this.
fn answering(paths: &[&str], status: u16, body: &Body) -> (Emulator, Desk) {
    served_with(|emulator| {
        for path in paths {
            emulator.fail(Rule::on("GET", path).status(status).body(body.clone()));
        }
    })
}

fn configured(text: &str) -> Desk {
    let desk = Desk::of(&SERVER);
    fs::create_dir_all(desk.path(".config/keyholder")).unwrap();
    fs::write(desk.path(".config/keyholder/config.toml"), text).unwrap();
    desk
}

/// A desk with the month, and its database or what is beside it changed.
fn changed(change: impl FnOnce(&Path)) -> Desk {
    let desk = Desk::of(&SERVER);
    desk.put_database(&MONTH.database);
    change(&desk.database());
    desk
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn beside(database: &Path, suffix: &str) -> String {
    format!("{}{suffix}", database.display())
}

fn configuration(table: &Table) {
    table.row("api.attempts = 0", &Desk::bare().with("KEYHOLDER_API_ATTEMPTS", "0"), &[], 3);
    let desk = Desk::of(&SERVER);
    fs::write(desk.path("ca.pem"), "abc").unwrap();
    let file = desk.path("ca.pem").display().to_string();
    let desk = desk.with("KEYHOLDER_API_CA_FILE", &file);
    table.row("no certificate in api.ca_file", &desk, &[], 3);
    table.row("no api.ca_file", &desk.with("KEYHOLDER_API_CA_FILE", "/nowhere.pem"), &[], 3);
}

fn contract(table: &Table) {
    table.row("no such contract", &Desk::of(&SERVER), &["--contract", "nonsense"], 2);
    let two = "[[contract]]\nname = 'a'\ntoken_file = 'a'\n[[contract]]\nname = 'b'\ntoken_file = 'b'\n";
    table.row("several in the configuration", &configured(two), &[], 2);
    table.row("another number", &Desk::of(&SERVER).with("IONOS_CONTRACT_NUMBER", "123"), &[], 2);
    let url = SERVER.base_url(Version::V6);
    table.row("a refused token", &Desk::at(&url, "wrong"), &[], 4);
    let basic = Desk::bare().with("IONOS_API_URL", &url).with("IONOS_USERNAME", SERVER.username());
    table.row("a refused password", &basic.with("IONOS_PASSWORD", "wrong"), &[], 4);
    for (status, code) in [(401, 4), (403, 4), (402, 5)] {
        let (_emulator, desk) = answering(&["/", "/contracts"], status, &Body::Usual);
        table.row(&status.to_string(), &desk, &[], code);
    }
    let contract = |number: u32| json!({"type": "contract", "properties": {"contractNumber": number}});
    for (what, items) in [("several seen", json!([contract(1), contract(2)])), ("none seen", json!([]))] {
        let list = json!({"id": "contracts", "type": "collection", "items": items});
        let (_emulator, desk) = answering(&["/contracts"], 200, &Body::Json(list));
        table.row(what, &desk, &[], 2);
    }
}

fn credentials(table: &Table) {
    table.row("none", &Desk::bare(), &[], 3);
    table.row("half a pair", &Desk::bare().with("IONOS_PASSWORD", "pw"), &[], 3);
    let desk = Desk::bare();
    fs::write(desk.path("token"), "abc").unwrap();
    set_mode(&desk.path("token"), 0o644);
    let token = desk.path("token").display().to_string();
    table.row("a token file that others read", &desk.with("IONOS_TOKEN_FILE", &token), &[], 3);
    let one = configured("[[contract]]\nname = 'a'\ntoken_file = 'none'\n");
    table.row("a contract without its token file", &one, &[], 3);
    table.row("the same among all", &one, &["--all"], 3);
}

/// What a token says of itself is looked at where the API is not asked; its own hint is about the token, not about the refusal.
fn token(table: &Table) {
    let desk = Desk::at(&SERVER.base_url(Version::V6), ENDED);
    table.expect("a token that has ended", &desk.run(&["doctor", "--offline"]), 4);
    table.expect("a token that has ended, online", &desk.run(&["doctor"]), 4);
    desk.run(&["collect"]).ends(4);
    table.rows.set(1);
}

fn settings(table: &Table) {
    // Nothing listens there: in clear text no authority would be needed.
    let desk = Desk::at(&format!("https://{}", closed_port()), "token");
    fs::write(desk.path("ca.pem"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let file = desk.path("ca.pem").display().to_string();
    table.row("authorities that are no certificates", &desk.with("KEYHOLDER_API_CA_FILE", &file), &[], 3);
}

fn heartbeat(table: &Table) {
    let desk = Desk::of(&SERVER).with("KEYHOLDER_SERVICE_HEARTBEAT_URL_FILE", "/nowhere");
    table.row("no file of the heartbeat", &desk, &[], 3);
}

fn folder(table: &Table) {
    let desk = changed(|database| set_mode(database.parent().unwrap(), 0o755));
    table.row("a folder of others", &desk, &["--offline"], 6);
    let (_above, database) = read_only_month();
    let run = |arguments: &[&str]| run_as_nobody(&database, arguments);
    let doctor = [run(&["doctor", "--offline"]), run(&["doctor", "--offline", "--json"])];
    table.compare("a folder that cannot be written", doctor, &run(&["collect"]), 6);
    set_mode(database.parent().unwrap(), 0o700);
}

/// Makes a database one that cannot be collected into.
type Change = fn(&Path);

const DATABASES: [(&str, Change); 10] = [
    ("a file that others read", |path| set_mode(path, 0o644)),
    ("another program's file", |path| fs::write(path, "not a database").unwrap()),
    ("a newer version", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
        fs::write(path, bytes).unwrap();
    }),
    ("damage", |path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4_096].fill(0x55);
        fs::write(path, bytes).unwrap();
    }),
    ("a log without its database", |path| {
        fs::remove_file(path).unwrap();
        fs::write(beside(path, "-wal"), "left").unwrap();
    }),
    ("a folder in its place", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("a file in place of its folder", |path| {
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.parent().unwrap(), "").unwrap();
    }),
    ("a second name", |path| fs::hard_link(path, beside(path, ".copy")).unwrap()),
    ("a folder in place of its shared memory", |path| fs::create_dir(beside(path, "-shm")).unwrap()),
    ("a link in place of its log", |path| symlink("/dev/null", beside(path, "-wal")).unwrap()),
];

fn database(table: &Table) {
    for (what, change) in DATABASES {
        table.row(what, &changed(change), &["--offline"], 6);
    }
    if !is_root() {
        return skipped("a database of another user: only root can give files away");
    }
    let given = |place: fn(&Path) -> &Path| changed(|database| chown(place(database), Some(NOBODY), None).unwrap());
    table.row("a database of a user, as root", &given(|database| database), &["--offline"], 6);
    table.row("a folder of a user, as root", &given(|database| database.parent().unwrap()), &["--offline"], 6);
    let (_above, database) = read_only_month();
    set_mode(database.parent().unwrap(), 0o700);
    chown(&database, Some(0), Some(0)).unwrap();
    let run = |arguments: &[&str]| run_as_nobody(&database, arguments);
    let doctor = [run(&["doctor", "--offline"]), run(&["doctor", "--offline", "--json"])];
    table.compare("a database of another user", doctor, &run(&["collect"]), 6);
}

fn disk(table: &Table) {
    table.row("no room", &Desk::of(&SERVER).with("KEYHOLDER_STORE_MIN_FREE_MIB", "1073741824"), &[], 6);
}

fn lock_file(table: &Table) {
    let made = |make: Change| changed(|database| make(Path::new(&beside(database, ".lock"))));
    table.row("a symbolic link", &made(|lock| symlink("/dev/null", lock).unwrap()), &[], 6);
    table.row("a dangling link", &made(|lock| symlink("nowhere", lock).unwrap()), &[], 6);
    table.row("a folder", &made(|lock| fs::create_dir(lock).unwrap()), &[], 6);
    let hard_link = made(|lock| {
        fs::write(lock.with_extension("other"), "").unwrap();
        fs::hard_link(lock.with_extension("other"), lock).unwrap();
    });
    table.row("a hard link", &hard_link, &[], 6);
    if !is_root() {
        return skipped("the lock of another user: only root can give files away");
    }
    let of_another_user = made(|lock| {
        fs::write(lock, "").unwrap();
        chown(lock, Some(NOBODY), Some(NOBODY)).unwrap();
    });
    table.row("the file of another user", &of_another_user, &[], 6);
}

fn api(table: &Table) {
    table.row("no listener", &Desk::at(&format!("http://{}", closed_port()), "token"), &[], 5);
    table.row("clear text", &Desk::at(&format!("https://127.0.0.1:{}", clear_text()), "token"), &[], 5);
    let page = Body::Html("<html></html>".to_owned());
    for (what, status, body) in [
        ("404 as JSON", 404, &Body::Usual),
        ("404 as a page", 404, &page),
        ("a page", 200, &page),
        ("a broken server", 503, &Body::Usual),
        ("an empty answer", 200, &Body::Empty),
        ("JSON of another kind", 200, &Body::Json(json!({"items": "x"}))),
    ] {
        let (_emulator, desk) = answering(&[&["/", "/contracts"], &LISTS[..]].concat(), status, body);
        table.row(what, &desk, &[], 5);
    }
    let (_emulator, desk) = served_with(|emulator| {
        let rule = Rule::on("GET", "/contracts").status(302).header("location", "https://login.example/");
        emulator.fail(rule);
    });
    table.row("a redirect", &desk, &[], 5);
    let port = RUNTIME.block_on(serve(&leaf(&authority(), "localhost", false), &[]));
    table.row("an unknown authority", &Desk::at(&format!("https://localhost:{port}"), "token"), &[], 5);
}

fn certificate(table: &Table) {
    let authority = authority();
    let (here, other) = (leaf(&authority, "localhost", false), leaf(&authority, "localhost", false));
    let port = RUNTIME.block_on(serve(&here, &[]));
    let desk = Desk::at(&format!("https://localhost:{port}"), "token");
    fs::write(desk.path("ca.pem"), authority.pem()).unwrap();
    let roots = desk.path("ca.pem").display().to_string();
    let desk = desk.with("KEYHOLDER_API_CA_FILE", &roots);
    table.row("another pin", &desk.with("IONOS_PINNED_CERT", &pin_of(&other.certificate).to_string()), &[], 5);
}

fn clock(table: &Table) {
    let (_emulator, desk) = served_with(|emulator| emulator.set_now("2001-01-01T00:00:00Z".parse().unwrap()));
    table.row("another time", &desk, &[], 3);
}

fn lists(table: &Table) {
    for (what, status, code) in [("refused", 403, 4), ("broken", 500, 5)] {
        let (_emulator, desk) = answering(&LISTS, status, &Body::Usual);
        table.row(what, &desk, &[], code);
    }
}

/// The lock's file, open.
fn lock_of(desk: &Desk) -> File {
    let path = beside(&desk.database(), ".lock");
    fs::write(&path, "process 1 since 2026-01-01T00:00:00.000Z\n").unwrap();
    set_mode(Path::new(&path), 0o600);
    File::open(path).unwrap()
}

fn lock(table: &Table) {
    let desk = changed(|_| ());
    let held = lock_of(&desk);
    held.lock().unwrap();
    table.row("another collection", &desk, &[], 75);
}

fn write_lock(table: &Table) {
    let desk = changed(|_| ()).with("KEYHOLDER_STORE_LOCK_WAIT", "0s");
    let held = |statements: &'static [&'static str]| {
        RUNTIME.block_on(async {
            let db = raw(&desk.database()).await;
            for statement in statements {
                sqlx::query(*statement).execute(&db).await.unwrap();
            }
            db
        })
    };
    for (what, statements) in [
        ("a transaction that writes", &["BEGIN IMMEDIATE"][..]),
        ("the whole file", &["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"]),
        ("without a write-ahead log", &["PRAGMA journal_mode = DELETE", "BEGIN IMMEDIATE"]),
    ] {
        let db = held(statements);
        table.row(what, &desk, &[], 75);
        RUNTIME.block_on(db.close());
    }
    desk.put_database(&file_of(1));
    let db = held(&["BEGIN IMMEDIATE"]);
    table.row("a transaction before the upgrade", &desk, &[], 75);
    RUNTIME.block_on(db.close());
}

fn readers(table: &Table) {
    let desk = changed(|_| ()).with("KEYHOLDER_STORE_LOCK_WAIT", "0s");
    let held = lock_of(&desk);
    held.lock_shared().unwrap();
    table.row("a report of a closed database", &desk, &[], 75);
    desk.put_database(&file_of(1));
    table.row("a report of an older one", &desk, &[], 75);
}

fn rows(table: &Table) {
    match table.precondition {
        Precondition::Configuration => configuration(table),
        Precondition::Contract => contract(table),
        Precondition::Credentials => credentials(table),
        Precondition::Token => token(table),
        Precondition::Settings => settings(table),
        Precondition::Heartbeat => heartbeat(table),
        Precondition::Folder => folder(table),
        Precondition::Database => database(table),
        Precondition::Disk => disk(table),
        Precondition::LockFile => lock_file(table),
        Precondition::Api => api(table),
        Precondition::Certificate => certificate(table),
        Precondition::Clock => clock(table),
        Precondition::Lists => lists(table),
        Precondition::Lock => lock(table),
        Precondition::WriteLock => write_lock(table),
        Precondition::Readers => readers(table),
    }
}

#[test]
fn c2_doctor_ends_as_collect_for_every_precondition() {
    let check = |precondition| {
        let table = Table { precondition, rows: Cell::new(0) };
        rows(&table);
        assert!(table.rows.get() > 0, "{precondition:?} has no row");
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = Precondition::iter().map(|one| (one, scope.spawn(move || check(one)))).collect();
        let failed: Vec<_> = running.into_iter().filter_map(|(one, row)| row.join().is_err().then_some(one)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}

#[test]
fn c2_doctor_without_a_name_looks_at_each_contract() {
    let text = "[[contract]]\nname = 'a'\ntoken_file = 'none'\n[[contract]]\nname = 'b'\ntoken_file = 'none'\n";
    let desk = configured(text);
    let doctor = desk.run(&["doctor", "--offline"]).ends(2);
    for said in ["the contracts a, b", "hint: choose one with --contract", "contract a: ", "contract b: "] {
        assert!(doctor.out.contains(said), "{said:?}: {}", doctor.out);
    }
    desk.run(&["doctor", "--offline", "--contract", "a"]).ends(3);
    desk.run(&["doctor", "--offline", "--all"]).ends(3);
}
