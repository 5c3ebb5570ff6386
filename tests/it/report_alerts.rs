//! Alerts that could not be delivered: on the first page of every report, and in its JSON.

use keyholder::domain::time::to_millis;
use keyholder::seams::Seams;
use serde_json::{Value, json};

use crate::alerts_command::Office;

/// An office whose webhook is gone for good: two alerts are dead letters.
fn with_dead_letters() -> Office {
    let office = Office::answering(&["410 Gone", "204 No Content"]);
    office.run(&["collect"], 0);
    office.run(&["alerts", "deliver"], 7);
    office.add_key();
    office.run(&["collect"], 0);
    office
}

impl Office {
    /// A report on standard output.
    fn report(&self, name: &str, format: &str, more: &[&str]) -> String {
        self.run(&[&["report", name, "--out", "-", "--format", format], more].concat(), 0).out
    }

    fn undelivered(&self, name: &str, more: &[&str]) -> Value {
        let report: Value = serde_json::from_str(&self.report(name, "json", more)).unwrap();
        report["cover"]["undelivered_alerts"].clone()
    }
}

const REPORTS: [&str; 3] = ["access-review", "changes", "population"];

#[test]
fn dead_letters_stand_on_the_first_page_and_in_the_json() {
    let office = with_dead_letters();
    for name in REPORTS {
        let rows = office.undelivered(name, &[]);
        let [row] = rows.as_array().unwrap().as_slice() else { panic!("{rows}") };
        assert_eq!((&row["sink"], &row["alerts"]), (&json!("soc"), &json!(2)));
        let page = office.report(name, "html", &[]);
        let (cover, _) = page.split_once("</header>").unwrap();
        assert!(cover.contains("2 alerts could not be delivered"), "{cover}");
        assert!(
            cover.contains("2 to sink <bdi>soc</bdi>, since ") && cover.contains(row["since_utc"].as_str().unwrap())
        );
        assert_eq!(page, office.report(name, "html", &[]), "the same bytes again");
    }
}

#[test]
fn what_was_sent_again_is_no_longer_in_the_report() {
    let office = with_dead_letters();
    office.run(&["alerts", "retry", "--all"], 0);
    office.run(&["alerts", "deliver"], 0);
    for name in REPORTS {
        assert_eq!(office.undelivered(name, &[]), json!([]));
        assert!(!office.report(name, "html", &[]).contains("could not be delivered"));
    }
}

#[test]
fn dead_letters_count_up_to_the_instant_that_was_asked_for() {
    let office = Office::answering(&["410 Gone"]);
    office.run(&["collect"], 0);
    let before = to_millis(Seams::system().now());
    office.run(&["alerts", "deliver"], 7);
    assert_eq!(office.undelivered("changes", &["--as-of", &before]), json!([]));
    assert_eq!(office.undelivered("changes", &[])[0]["alerts"], 1);
    // The second snapshot is begun after them, the first one is older than they are.
    office.run(&["collect"], 0);
    assert_eq!(office.undelivered("changes", &["--as-of", "1"])[0]["alerts"], 1);
}
