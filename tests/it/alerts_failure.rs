//! Alerts of collections that fail before or during their run: the same for cron and for the service, once a day for one cause
//! and contract, and again after a snapshot in between.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use emulator::Emulator;

use crate::support::cli::{Desk, served};

/// Two contracts without numbers, whose tokens are in files of their own, and a sink that is a file.
struct Station {
    desk: Desk,
    _emulator: Emulator,
}

impl Station {
    fn new() -> Self {
        let (emulator, desk) = (served(), Desk::bare());
        let folder = desk.path(".config/keyholder");
        fs::create_dir_all(&folder).unwrap();
        let url = emulator.base_url(emulator::Version::V6);
        let contracts = ["one", "two"].map(|name| {
            fs::write(folder.join(name), emulator.token()).unwrap();
            format!("[[contract]]\nname = '{name}'\ntoken_file = '{name}'\nurl = '{url}'\ncollect = '@daily'\n")
        });
        let sink = "[[sink]]\nname = 'log'\nkind = 'file'\npath = 'alerts.jsonl'\n";
        fs::write(folder.join("config.toml"), contracts.concat() + sink).unwrap();
        let station = Self { desk, _emulator: emulator };
        station.set_mode("one", 0o600);
        station.set_mode("two", 0o600);
        station
    }

    /// A token that others may read is refused before anything is sent.
    fn set_mode(&self, name: &str, mode: u32) {
        let file = self.desk.path(".config/keyholder").join(name);
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn collect(&self, name: &str, code: i32) {
        self.desk.run(&["collect", "--contract", name]).ends(code);
    }

    /// Class, contract and reason of the alerts of failures, oldest first.
    fn failures(&self) -> Vec<[String; 3]> {
        self.desk.run(&["alerts", "deliver"]).ends(0);
        let path = self.desk.path(".config/keyholder/alerts.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        let alerts = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let failures = alerts.filter(|alert| word(&alert["class"]).ends_with("-failed"));
        failures.map(|one| [word(&one["class"]), word(&one["subject"]["id"]), word(&one["because"])]).collect()
    }

    /// Expects these contracts in the alerts of failed runs, in order.
    #[track_caller]
    fn check_failures(&self, contracts: &[&str]) {
        let failures = self.failures();
        assert!(failures.iter().all(|[class, ..]| class == "run-failed"), "{failures:#?}");
        assert_eq!(failures.iter().map(|[_, name, _]| name.as_str()).collect::<Vec<_>>(), contracts, "{failures:#?}");
    }
}

#[test]
fn an_unreadable_token_is_alerted_under_cron() {
    let station = Station::new();
    station.collect("one", 0);
    station.set_mode("one", 0o644);
    station.collect("one", 3);
    station.collect("one", 3);
    station.check_failures(&["one"]);
    assert!(station.failures()[0][2].contains("token"), "{:?}", station.failures());
}

#[test]
fn two_contracts_without_a_number_are_alerted_apart() {
    let station = Station::new();
    station.collect("one", 0);
    station.set_mode("one", 0o644);
    station.set_mode("two", 0o644);
    station.desk.run(&["collect", "--all"]).ends(3);
    station.check_failures(&["one", "two"]);
}

#[test]
fn a_failure_after_a_snapshot_is_alerted_again() {
    let station = Station::new();
    station.collect("one", 0);
    for _ in 0..2 {
        station.set_mode("one", 0o644);
        station.collect("one", 3);
        // The snapshot of another contract ends nothing.
        station.collect("two", 0);
        station.collect("one", 3);
        station.set_mode("one", 0o600);
        station.collect("one", 0);
    }
    station.check_failures(&["one", "one"]);
}

#[test]
fn a_full_disk_is_alerted_before_a_run_begins() {
    let station = Station::new();
    station.collect("one", 0);
    let mut command = station.desk.command(&["collect", "--contract", "one"]);
    command.env("KEYHOLDER_STORE_MIN_FREE_MIB", "1000000000");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    station.check_failures(&["one"]);
}

#[test]
fn the_service_alerts_what_cron_alerts() {
    let station = Station::new();
    station.desk.run(&["service", "--once"]).ends(0);
    station.desk.execute("UPDATE job SET since = strftime('%Y-%m-%dT00:00:01.000Z', 'now', '-1 day')");
    station.set_mode("one", 0o644);
    station.desk.run(&["service", "--once"]).ends(3);
    station.collect("one", 3);
    station.check_failures(&["one"]);
}

#[test]
fn a_failure_takes_the_routes_of_its_contract_only() {
    let station = Station::new();
    station.collect("one", 0);
    let file = station.desk.path(".config/keyholder/config.toml");
    let text = fs::read_to_string(&file).unwrap().replace("name = 'two'", "name = 'two'\nnumber = 7");
    fs::write(&file, text + "[[route]]\nsinks = ['log']\ncontracts = ['two']\n").unwrap();
    station.set_mode("one", 0o644);
    station.set_mode("two", 0o644);
    station.desk.run(&["collect", "--all"]).ends(3);
    assert_eq!(station.failures().len(), 1, "{:?}", station.failures());
    assert!(station.desk.run(&["alerts", "list", "--format", "csv"]).ends(0).out.matches("run-failed").count() == 2);
}
