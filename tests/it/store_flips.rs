//! Property: whatever a database holds, commands end with 0 or 6, without a panic and in time. One bit or byte of it is changed
//! at random, or one column gets values that no table of ours would take.
//!
//! `KEYHOLDER_TEST_FLIPS=2000` says how many, and `KEYHOLDER_TEST_FLIP_SEED` repeats them.

use std::cell::RefCell;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use clap::Parser as _;
use emulator::Emulator;
use futures::FutureExt as _;
use keyholder::cli::{self, Cli, Context};
use keyholder::config::{self, Flags};
use keyholder::seams::{Environment, Seams};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::support::cli::{Desk, MONTH, RUNTIME, served};
use crate::support::{repeats, tell};

/// No command takes a hundredth of that.
const MAX_DURATION: Duration = Duration::from_mins(1);

/// Commands that read, run inside this process.
static LOOKS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let mut looks: Vec<String> = [
        "snapshots list --runs --format csv",
        "snapshots show 2",
        "diff 1 latest --format json",
        "report access-review --format csv --out -",
    ]
    .map(str::to_owned)
    .to_vec();
    looks.push(format!("history {} --format csv", MONTH.promoted));
    looks.extend(keyholder::report::ALL.iter().map(|report| format!("report {} --format json --out -", report.name)));
    looks.iter().map(|look| look.split(' ').map(str::to_owned).collect()).collect()
});

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    code: u8,
    out: Vec<u8>,
    err: String,
}

/// Output that is kept.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a command in this process; nothing if it panics or does not end.
fn look(database: &Path, arguments: &[String]) -> Option<Outcome> {
    let kept = Kept::default();
    let path = database.display().to_string();
    let line = ["keyholder", "--db", &path].into_iter().chain(arguments.iter().map(String::as_str));
    let Cli { global, command } = Cli::parse_from(line);
    let flags = Flags::new(global.config).set("--db", "store.path", Some(path.clone()));
    let home = database.parent().unwrap().display().to_string();
    let environment = Environment::of([("HOME", home.as_str())]);
    let loaded = config::load(&flags, &environment);
    let (seams, out) = (Seams::system(), Box::new(kept.clone()));
    let mut context = Context { loaded, flags, environment, seams, out, width: None, progress: false, quiet: true };
    let runtime = command.runtime().enable_all().build().unwrap();
    let run = AssertUnwindSafe(cli::run(command, &mut context)).catch_unwind();
    let ended = runtime.block_on(async { tokio::time::timeout(MAX_DURATION, run).await.ok()?.ok() })?;
    let mut err = Vec::new();
    let exit = ended.unwrap_or_else(|failure| {
        failure.tell(&mut err).unwrap();
        failure.exit()
    });
    let (code, out) = (exit.code(), kept.0.borrow().clone());
    Some(Outcome { code, out, err: String::from_utf8(err).unwrap() })
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    same: u32,
    refused: u32,
    different: u32,
}

impl Tally {
    /// Judges all commands on a database.
    #[track_caller]
    fn judge(&mut self, database: &[u8], whole: &[Outcome], what: &str) {
        let desk = Desk::bare();
        for (arguments, whole) in LOOKS.iter().zip(whole) {
            // A command before may have left something beside the file.
            desk.put_database(database);
            let outcome = look(&desk.database(), arguments);
            let outcome = outcome.unwrap_or_else(|| panic!("{what}: {arguments:?} panics or hangs"));
            assert!(!outcome.err.contains("background worker"), "{what}: {arguments:?}: {}", outcome.err);
            match outcome.code {
                0 | 9 if outcome.out == whole.out => self.same += 1,
                0 | 9 => self.different += 1,
                // What names a snapshot, contract or object that is not there any more says so.
                2 => self.refused += 1,
                6 => {
                    self.refused += 1;
                    assert!(outcome.err.contains("hint: "), "{what}: {arguments:?}: {}", outcome.err);
                }
                code => panic!("{what}: {arguments:?} ends with {code}: {}", outcome.err),
            }
        }
    }
}

/// What the commands say of a database that is whole.
fn whole(database: &[u8]) -> Vec<Outcome> {
    let desk = Desk::bare();
    desk.put_database(database);
    let outcomes = LOOKS.iter().map(|arguments| look(&desk.database(), arguments).unwrap());
    outcomes.inspect(|outcome| assert!([0, 9].contains(&outcome.code), "{}", outcome.err)).collect()
}

fn number(variable: &str) -> Option<u64> {
    Environment::of_process().get(variable)?.parse().ok()
}

fn dice() -> fastrand::Rng {
    let seed = number("KEYHOLDER_TEST_FLIP_SEED").unwrap_or_else(|| fastrand::u64(..));
    tell(&format!("KEYHOLDER_TEST_FLIP_SEED={seed}"));
    fastrand::Rng::with_seed(seed)
}

/// How many changes are tried.
fn flips() -> u64 {
    repeats("KEYHOLDER_TEST_FLIPS", 200)
}

/// Changes one bit or one byte at random.
fn flip(database: &mut [u8], dice: &mut fastrand::Rng) -> String {
    let at = dice.usize(..database.len());
    let before = database[at];
    database[at] = if dice.bool() { before ^ (1 << dice.u8(..8)) } else { before.wrapping_add(dice.u8(1..)) };
    format!("byte {at} (page {}): {before:#04x} to {:#04x}", at / 4096 + 1, database[at])
}

#[test]
fn a_flipped_bit_or_byte_ends_with_0_or_6() {
    let mut dice = dice();
    let whole = whole(&MONTH.database);
    let mut tally = Tally::default();
    for _ in 0..flips() {
        let mut database = MONTH.database.clone();
        let what = flip(&mut database, &mut dice);
        tally.judge(&database, &whole, &what);
    }
    tell(&format!("flips: {tally:?}"));
    assert!(tally.same > 0 && tally.refused > 0, "{tally:?}");
}

#[test]
fn a_flip_is_met_by_collect_and_doctor_as_well() {
    let mut dice = dice();
    let emulator: Emulator = served();
    let original = {
        let desk = Desk::of(&emulator);
        desk.run(&["collect"]).ends(0);
        std::fs::read(desk.database()).unwrap()
    };
    let (mut refused, turns) = (0, flips().div_ceil(10));
    for _ in 0..turns {
        let mut database = original.clone();
        let what = flip(&mut database, &mut dice);
        for command in ["doctor", "collect"] {
            let desk = Desk::of(&emulator);
            desk.put_database(&database);
            let ran = desk.run(&[command]);
            assert!([0, 6, 9].contains(&ran.code), "{what}: {command}: {ran:#?}");
            assert!(!ran.err.contains("panicked"), "{what}: {command}: {ran:#?}");
            refused += u32::from(ran.code == 6);
        }
    }
    tell(&format!("flips through the binary: {refused} of {} refused", 2 * turns));
}

/// A connection to the database that takes any value in any column.
async fn loose(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    options.pragma("ignore_check_constraints", "ON").pragma("writable_schema", "ON").connect().await.unwrap()
}

async fn run(db: &mut SqliteConnection, sql: &str) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.map(|done| done.rows_affected())
}

/// Type, name and statement of tables and triggers.
type Statements = Vec<(String, String, String)>;

/// Takes what guards its values away from a database; with what it was.
async fn loosen(path: &Path) -> Statements {
    let mut db = loose(path).await;
    let statements: Statements = sqlx::query_as(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'trigger') AND name NOT LIKE '%sql%'",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    for (_, name, _) in statements.iter().filter(|(kind, ..)| kind == "trigger") {
        run(&mut db, &format!("DROP TRIGGER {name}")).await.unwrap();
    }
    let without = "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'NOT NULL', ''), 'STRICT, ', ''), ') STRICT', ')') \
                   WHERE type = 'table' AND name NOT LIKE '%sql%'; PRAGMA wal_checkpoint(TRUNCATE)";
    run(&mut db, without).await.unwrap();
    db.close().await.unwrap();
    statements
}

/// Gives a database its guards back.
async fn tighten(path: &Path, statements: &Statements) {
    let mut db = loose(path).await;
    for (kind, name, sql) in statements {
        if kind == "trigger" {
            run(&mut db, sql).await.unwrap();
        } else {
            let update = sqlx::query("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?").bind(sql);
            update.bind(name).execute(&mut db).await.unwrap();
        }
    }
    run(&mut db, "PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    db.close().await.unwrap();
}

/// Values that no column of ours has, or not there.
const VALUES: [&str; 9] =
    ["NULL", "-1", "99", "9223372036854775807", "1.5", "'text'", "''", "CAST(x'ff' AS TEXT)", "x'ff00'"];

#[test]
fn a_column_with_impossible_values_ends_with_0_or_6() {
    let mut dice = dice();
    let whole = whole(&MONTH.database);
    let template = Desk::with_month();
    let statements = RUNTIME.block_on(loosen(&template.database()));
    let columns: Vec<(String, String)> = RUNTIME.block_on(async {
        let mut db = loose(&template.database()).await;
        let columns = "SELECT s.name, c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c \
                       WHERE s.type = 'table' AND s.name NOT LIKE '%sql%' ORDER BY 1, 2";
        sqlx::query_as(columns).fetch_all(&mut db).await.unwrap()
    });
    let loose_database = std::fs::read(template.database()).unwrap();
    let mut cases: Vec<(&(String, String), &str)> =
        columns.iter().flat_map(|column| VALUES.map(|value| (column, value))).collect();
    dice.shuffle(&mut cases);
    let wanted = usize::try_from(flips()).unwrap().min(cases.len());
    let (mut tally, mut planted) = (Tally::default(), 0);
    for ((table, column), value) in cases.into_iter().take(wanted) {
        let desk = Desk::bare();
        desk.put_database(&loose_database);
        let some = if dice.bool() { "" } else { " WHERE abs(random()) % 4 = 0" };
        let update = format!("UPDATE OR IGNORE {table} SET {column} = {value}{some}");
        let changed = RUNTIME.block_on(async {
            let mut db = loose(&desk.database()).await;
            let changed = run(&mut db, &update).await.unwrap_or(0);
            db.close().await.unwrap();
            tighten(&desk.database(), &statements).await;
            changed
        });
        planted += u32::from(changed > 0);
        tally.judge(&std::fs::read(desk.database()).unwrap(), &whole, &update);
    }
    tell(&format!("impossible values: {planted} planted, {tally:?}"));
    assert!(planted > 0 && tally.refused > 0 && tally.same > 0, "{tally:?}");
}
