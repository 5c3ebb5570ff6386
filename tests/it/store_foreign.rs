//! Databases whose schema is not ours: S1 of the known cases. They are refused before any statement on a table, to read and to
//! write, with the name of what is not ours.

use emulator::Emulator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::support::cli::{Desk, RUNTIME, Ran, in_step, served};

/// Every command that opens the database.
const LOOKS: [&[&str]; 8] = [
    &["collect"],
    &["report", "access-review", "--format", "csv", "--out", "-"],
    &["diff", "1", "2"],
    &["history", "nobody"],
    &["snapshots", "list"],
    &["status"],
    &["alerts", "list"],
    &["backup", "--out", "/nowhere/copy.db"],
];

/// Changes a database as a person with `sqlite3` could.
fn change(desk: &Desk, sql: &str) {
    RUNTIME.block_on(async {
        let options = SqliteConnectOptions::new().filename(desk.database()).foreign_keys(false);
        let mut db = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
}

#[track_caller]
fn check_says(ran: Ran, expected: &[&str]) {
    let ran = ran.ends(6);
    for expected in expected {
        assert!(ran.err.contains(expected), "does not say {expected:?}: {}", ran.err);
    }
}

/// Every command refuses the shared month with that change, and says so.
#[track_caller]
fn check_refused(sql: &str, expected: &[&str]) {
    let desk = Desk::with_month();
    change(&desk, sql);
    let before = std::fs::read(desk.database()).unwrap();
    for look in LOOKS {
        check_says(desk.run(look), expected);
    }
    assert!(std::fs::read(desk.database()).unwrap() == before, "the file was changed");
}

#[test]
fn s1_a_trigger_that_drops_an_administrator_is_refused() {
    let trigger = "CREATE TRIGGER tidy AFTER INSERT ON fact BEGIN DELETE FROM part; END";
    check_refused(
        trigger,
        &[
            "trigger tidy on fact is not one of this program",
            "'DROP TRIGGER tidy'",
            "keyholder restore BACKUP --replace",
        ],
    );
}

#[test]
fn s1_a_view_in_the_place_of_ours_is_refused() {
    check_refused(
        "DROP VIEW v_users; CREATE VIEW v_users AS SELECT 1 AS user_id",
        &["view v_users is not what it should be", "keyholder restore BACKUP --replace"],
    );
}

#[test]
fn s1_a_view_in_the_place_of_a_table_is_refused() {
    check_refused(
        "ALTER TABLE fact RENAME TO f; CREATE VIEW fact AS SELECT * FROM f WHERE kind <> 2",
        &["view fact is not one of this program", "table f is not one of this program", "table fact is missing"],
    );
}

#[test]
fn a_view_or_index_of_the_user_is_refused_with_advice() {
    check_refused(
        "CREATE VIEW mine AS SELECT 1; CREATE INDEX faster ON body (json); CREATE TABLE notes (text)",
        &[
            "index faster on body is not one of this program; table notes is not one of this program; view mine is not",
            "'DROP INDEX faster; DROP TABLE notes; DROP VIEW mine'",
            "a database beside it (docs/data-model.md)",
        ],
    );
}

#[test]
fn a_missing_trigger_of_ours_is_refused() {
    check_refused("DROP TRIGGER fact_kept", &["trigger fact_kept is missing", "keyholder restore BACKUP --replace"]);
}

#[test]
fn a_name_from_the_schema_is_shown_and_never_a_command() {
    check_refused(
        "CREATE TRIGGER \"a'; rm -rf ~ \u{1b}[2J\" AFTER INSERT ON fact BEGIN SELECT 1; END",
        &["trigger a'; rm -rf ~ ⟨U+001B⟩[2J on fact is not one of this program", "hint: the database is damaged"],
    );
}

#[test]
fn doctor_names_a_foreign_trigger() {
    let emulator: Emulator = served();
    in_step(&emulator);
    let desk = Desk::of(&emulator);
    desk.run(&["collect"]).ends(0);
    change(&desk, "CREATE TRIGGER tidy AFTER INSERT ON fact BEGIN DELETE FROM part; END");
    let ran = desk.run(&["doctor"]).ends(6);
    assert!(ran.out.contains("trigger tidy on fact is not one of this program"), "{ran:#?}");
}

#[test]
fn an_older_schema_with_a_foreign_view_is_refused() {
    let desk = Desk::at("http://127.0.0.1:9", "token");
    desk.put_database(&crate::store_schemas::file_of(3));
    desk.run(&["snapshots", "list"]).ends(0);
    change(&desk, "CREATE VIEW mine AS SELECT 1");
    check_says(desk.run(&["snapshots", "list"]), &["view mine is not one of this program", "DROP VIEW mine"]);
    change(&desk, "DROP VIEW mine");
    desk.run(&["snapshots", "list"]).ends(0);
}

#[test]
fn an_interrupted_upgrade_is_ours() {
    let desk = Desk::with_month();
    // The migrations have run, the header does not say so yet.
    change(&desk, "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)");
    desk.run(&["snapshots", "list"]).ends(0);
}
