//! Alerts as an operator meets them: a configuration, a collection, and what arrives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use emulator::Emulator;
use serde_json::Value;

use crate::support::cli::{Desk, RUNTIME, Ran, served};
use crate::support::receiver::{Received, Receiver};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A desk whose configuration names a file that gets names and a webhook that gets ids.
pub(crate) struct Office {
    pub(crate) desk: Desk,
    pub(crate) emulator: Emulator,
    pub(crate) receiver: Receiver,
}

impl Office {
    pub(crate) fn answering(answers: &[&str]) -> Self {
        let emulator = served();
        let receiver = RUNTIME.block_on(Receiver::plain(answers));
        let desk = Desk::of(&emulator).with("SOC_KEY", KEY);
        let config = format!(
            "[[contract]]\nname = \"production\"\nnumber = {}\n\n[[sink]]\nname = \"log\"\nkind = \"file\"\n\
             path = \"alerts.jsonl\"\n\n[[sink]]\nname = \"soc\"\nkind = \"webhook\"\n\
             url = \"http://127.0.0.1:{}/hook\"\nkey_env = [\"SOC_KEY\"]\nallow_private_targets = true\n",
            emulator.contract_number(),
            receiver.port
        );
        fs::write(desk.path("keyholder.toml"), config).unwrap();
        fs::set_permissions(desk.path("keyholder.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        let desk = desk.with("KEYHOLDER_CONFIG", "keyholder.toml");
        Self { desk, emulator, receiver }
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Ran {
        self.desk.run(arguments).ends(code)
    }

    /// The lines of the file sink.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.desk.path("alerts.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Gives somebody an S3 key, and answers with the address of that person.
    pub(crate) fn add_key(&self) -> String {
        self.emulator.edit(|world| {
            let user = world.users().find(|user| user.active).unwrap().clone();
            world.add_key(&user.id).unwrap();
            user.email
        })
    }
}

#[test]
fn a_new_key_arrives_with_names_where_they_may_be_and_with_ids_elsewhere() {
    let office = Office::answering(&["204 No Content"]);
    office.run(&["collect"], 0);
    office.run(&["alerts", "deliver"], 0);
    assert_eq!(office.lines()[0]["class"], "baseline-established");
    let email = office.add_key();
    office.run(&["collect"], 0);
    office.run(&["alerts", "deliver"], 0);
    let lines = office.lines();
    let added = lines.iter().find(|line| line["class"] == "key-added").expect("the alert of the key");
    assert!(added.to_string().contains(&email), "{added}");
    assert_eq!(added["contract"]["name"], "production");
    let received = office.receiver.received();
    assert_eq!(received.len(), lines.len(), "both sinks get the same");
    let sent = received.iter().map(Received::json).find(|one| one["id"] == added["id"]).expect("the same id");
    assert!(!sent.to_string().contains(&email), "{sent}");
    let listed = office.run(&["alerts", "list", "--format", "json"], 0);
    let listed: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
    assert!(listed.iter().all(|row| row["state"] == "delivered"), "{listed:#?}");
    let shown = office.run(&["alerts", "show", &added["id"].as_str().unwrap()[..12]], 0);
    assert!(shown.out.contains(&email) && shown.out.contains("S3 key added"), "{}", shown.out);
}

#[test]
fn a_receiver_that_is_gone_gives_exit_code_7_and_a_way_back() {
    let office = Office::answering(&["410 Gone", "204 No Content"]);
    office.run(&["collect"], 0);
    office.run(&["alerts", "deliver"], 7);
    let dead = office.run(&["alerts", "list", "--state", "dead", "--format", "json"], 0);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&dead.out).unwrap().len(), 1);
    office.run(&["alerts", "retry", "--sink", "soc"], 0);
    office.run(&["alerts", "deliver"], 0);
    assert_eq!(office.receiver.received().len(), 2);
}

#[test]
fn muting_needs_a_reason_a_person_an_end_and_another_sink() {
    let office = Office::answering(&["204 No Content"]);
    office.run(&["collect"], 0);
    let mute = |sink: &'static str, lasts: &'static str, reason: &'static str| {
        ["alerts", "mute", sink, "--for", lasts, "--by", "Ann", "--because", reason]
    };
    office.run(&mute("nowhere", "7d", "move"), 2);
    office.run(&mute("log", "31d", "move"), 2);
    office.run(&mute("log", "7d", " "), 2);
    office.run(&["alerts", "mute", "log", "--for", "7d"], 2);
    office.run(&mute("log", "7d", "move"), 0);
    office.add_key();
    office.run(&["collect"], 0);
    office.run(&["alerts", "deliver"], 0);
    let in_file: Vec<_> = office.lines().iter().map(|line| line["class"].as_str().unwrap().to_owned()).collect();
    assert_eq!(in_file, ["baseline-established"], "neither the key nor the mute");
    let sent: Vec<_> = office.receiver.received().iter().map(|one| one.json()["class"].clone()).collect();
    assert_eq!(sent, ["baseline-established", "alerts-muted", "key-added"]);
    let mutes = office.run(&["alerts", "mutes"], 0);
    assert!(mutes.out.contains("move"), "{}", mutes.out);
    office.run(&["alerts", "unmute", "1"], 0);
    office.run(&["alerts", "unmute", "1"], 2);
}

#[test]
fn a_failed_run_is_alerted_once_a_day() {
    let office = Office::answering(&["204 No Content"]);
    office.run(&["collect"], 0);
    let refused = |office: &Office| {
        let mut command = office.desk.command(&["collect"]);
        command.env("IONOS_TOKEN", "revoked");
        assert_eq!(command.output().unwrap().status.code(), Some(4));
    };
    refused(&office);
    refused(&office);
    office.run(&["alerts", "deliver"], 0);
    let classes: Vec<_> = office.lines().iter().map(|line| line["class"].clone()).collect();
    assert_eq!(classes, ["baseline-established", "run-failed"]);
}

#[test]
fn a_test_message_reaches_every_sink_and_says_which_does_not_work() {
    let office = Office::answering(&["204 No Content", "403 Forbidden"]);
    let tested = office.run(&["sinks", "test"], 0);
    assert!(tested.out.contains("log") && tested.out.contains("soc"), "{}", tested.out);
    assert_eq!(office.lines()[0]["class"], "test");
    let refused = office.run(&["sinks", "test", "soc"], 7);
    assert!(refused.out.contains("HTTP 403"), "{}", refused.out);
    office.run(&["sinks", "test", "nowhere"], 2);
}

#[test]
fn a_mute_names_a_contract_that_there_is() {
    let office = Office::answering(&["204 No Content"]);
    office.run(&["collect"], 0);
    let number = office.emulator.contract_number().to_string();
    let mute = |contract: &str, code| {
        let arguments = ["alerts", "mute", "log", "--for", "7d", "--by", "Ann", "--because", "move"];
        office.run(&[&arguments[..], &["--contract", contract]].concat(), code)
    };
    mute("nowhere", 2);
    mute("1", 2);
    mute(&number, 0);
    mute("production", 0);
    let listed = office.run(&["alerts", "list"], 0).out;
    let row = listed.lines().find(|line| line.contains("alerts-muted")).expect("the mute is an alert");
    assert!(row.contains(&format!("{number} (production)")) && row.contains("sink log"), "{listed}");
}

#[test]
fn a_sink_without_its_secret_stops_no_other() {
    let office = Office::answering(&["204 No Content"]);
    let config = office.desk.path("keyholder.toml");
    let text = fs::read_to_string(&config).unwrap();
    let broken = "\n[[sink]]\nname = \"chat\"\nkind = \"slack\"\nurl_file = \"missing\"\n";
    fs::write(&config, text + broken).unwrap();
    office.run(&["collect"], 0);
    let ran = office.run(&["alerts", "deliver"], 3);
    assert!(
        ran.err.contains("error: prepare sink \"chat\": read the URL") && ran.err.contains("hint: "),
        "{}",
        ran.err
    );
    assert_eq!((office.lines().len(), office.receiver.received().len()), (1, 1), "the others have it");
    let pending = office.run(&["alerts", "list", "--state", "pending", "--format", "json"], 0);
    let pending: Vec<Value> = serde_json::from_str(&pending.out).unwrap();
    assert_eq!(pending.iter().map(|row| row["sink"].clone()).collect::<Vec<_>>(), ["chat"]);
    assert!(pending[0]["detail"].as_str().unwrap().contains("prepare sink \"chat\""), "{pending:#?}");
    let tested = office.run(&["sinks", "test"], 3);
    assert!(tested.out.contains("chat") && tested.out.matches("delivered").count() == 2, "{}", tested.out);
    let seen = office.run(&["doctor", "--offline"], 3);
    assert!(seen.out.contains("fail  sink") && seen.out.contains("prepare sink \"chat\""), "{}", seen.out);
}
