//! `snapshots verify`: a row that was edited is found in any snapshot, though SQLite has no complaint about the file.

use crate::support::cli::Desk;

/// Edits a row behind the back of the trigger that refuses it, puts the trigger back, and expects that to be found.
#[track_caller]
fn check_found(edit: &'static str, expected: &str) {
    let desk = Desk::with_month();
    desk.execute(edit);
    let ran = desk.run(&["snapshots", "verify"]).ends(6);
    assert!(ran.err.contains(expected) && ran.err.contains("keyholder restore BACKUP --replace"), "{}", ran.err);
    assert_eq!(ran.out, "");
    desk.run(&["snapshots", "list"]).ends(0);
}

#[test]
fn verified_snapshots_are_listed_with_their_root() {
    let desk = Desk::with_month();
    let latest: serde_json::Value =
        serde_json::from_str(&desk.run(&["snapshots", "show", "--format", "json"]).ends(0).out).unwrap();
    let verified: serde_json::Value =
        serde_json::from_str(&desk.run(&["snapshots", "verify", "--format", "json"]).ends(0).out).unwrap();
    assert_eq!(verified.as_array().unwrap().len(), 1);
    assert_eq!(verified[0]["state_root"], latest["state_root"]);
    assert_eq!(verified[0]["snapshots"], latest["snapshot"]);
}

#[test]
fn an_edited_body_is_found() {
    check_found(
        "DROP TRIGGER body_sealed;
         UPDATE body SET json = replace(json, 'true', 'false') WHERE json LIKE '%true%';
         CREATE TRIGGER body_sealed BEFORE UPDATE ON body\nBEGIN SELECT raise(ABORT, 'a body is not changed'); END;",
        "table body: the text of row",
    );
}

#[test]
fn an_edited_body_is_in_no_answer_and_under_no_new_snapshot() {
    let desk = Desk::with_month();
    desk.execute(
        "DROP TRIGGER body_sealed;
         UPDATE body SET json = replace(json, 'true', 'false') WHERE json LIKE '%\"administrator\":true%';
         CREATE TRIGGER body_sealed BEFORE UPDATE ON body\nBEGIN SELECT raise(ABORT, 'a body is not changed'); END;",
    );
    for command in [&["report", "access-review", "--format", "csv", "--out", "-"][..], &["doctor", "--offline"]] {
        let ran = desk.run(command).ends(6);
        assert!(format!("{}{}", ran.out, ran.err).contains("does not have its hash"), "{command:?}: {ran:?}");
    }
}

#[test]
fn a_fact_whose_end_was_removed_is_found() {
    check_found(
        "DROP TRIGGER fact_sealed;
         UPDATE fact SET until = NULL WHERE until IS NOT NULL;
         CREATE TRIGGER fact_sealed BEFORE UPDATE ON fact
WHEN old.until IS NOT NULL OR new.contract <> old.contract OR new.kind <> old.kind OR new.subject <> old.subject
  OR new.object <> old.object OR new.since <> old.since OR new.body IS NOT old.body
BEGIN SELECT raise(ABORT, 'a fact is ended, never edited'); END;",
        "its facts have root",
    );
}

#[test]
fn a_deleted_key_is_found() {
    check_found(
        "DROP TRIGGER fact_kept;
         DELETE FROM fact WHERE kind = 8 AND since = 1;
         CREATE TRIGGER fact_kept BEFORE DELETE ON fact
BEGIN SELECT raise(ABORT, 'a fact is ended, never deleted'); END;",
        "snapshot 1 has root",
    );
}
