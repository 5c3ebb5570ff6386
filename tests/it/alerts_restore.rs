//! Alerts after a restore: one says so, and every change since the backup is alerted under an id of its own.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::alerts_command::Office;

/// The lines of the file sink with that class.
fn of_class<'a>(lines: &'a [Value], class: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["class"] == class).collect()
}

#[test]
fn a_restore_alerts_itself_and_every_change_since_the_backup() {
    let office = Office::answering(&["204 No Content"]);
    let collect = || {
        office.run(&["collect"], 0);
        office.run(&["alerts", "deliver"], 0);
    };
    collect();
    office.add_key();
    collect();
    office.run(&["backup", "--out", "yesterday.db"], 0);
    // Since the backup: a key, and a change that is not alerted on any other day.
    office.add_key();
    office.emulator.edit(|world| {
        let owned = world.owns(&office.emulator.cast().owner).next().expect("the owner owns something").clone();
        world.rename_resource(&owned, "another name").unwrap();
    });
    collect();
    let before = office.lines();
    assert_eq!(of_class(&before, "key-added").len(), 2);
    assert_eq!(of_class(&before, "renamed").len(), 0, "no alert on other days");
    office.run(&["restore", "yesterday.db", "--replace"], 0);
    collect();
    let after = office.lines().split_off(before.len());
    let classes: BTreeSet<_> = after.iter().map(|line| line["class"].as_str().unwrap()).collect();
    assert_eq!(classes, BTreeSet::from(["database-restored", "key-added", "renamed"]));
    assert_eq!(after.len(), 3, "one each: {after:#?}");
    let ids = |lines: &[Value]| lines.iter().map(|line| line["id"].to_string()).collect::<BTreeSet<_>>();
    assert!(ids(&before).is_disjoint(&ids(&after)), "what is announced now was not announced before");
    let received: BTreeSet<String> =
        office.receiver.received().iter().map(|one| one.json()["id"].to_string()).collect();
    assert_eq!(received, ids(&office.lines()), "at the other sink as well");
    collect();
    assert_eq!(office.lines().len(), before.len() + after.len(), "and only once");
}
