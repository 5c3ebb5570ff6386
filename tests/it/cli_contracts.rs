//! Several contracts of one configuration: each with its own credentials, and nothing of one in what is said of another.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use emulator::{Emulator, Version};

use crate::support::cli::{Desk, RUNTIME, in_step};

const PRODUCTION: u64 = 31_000_001;
const STAGING: u64 = 31_000_002;

fn serve(seed: u64, number: u64) -> Emulator {
    let emulator = RUNTIME.block_on(Emulator::builder().seed(seed).users(24).contract_number(number).start()).unwrap();
    in_step(&emulator);
    emulator
}

/// Two contracts on two servers, which know each their own token only.
static SERVERS: LazyLock<[Emulator; 2]> = LazyLock::new(|| [serve(7, PRODUCTION), serve(8, STAGING)]);

/// A home whose configuration has both contracts, with these tokens in files of their own.
fn desk(production: &str, staging: &str) -> Desk {
    let desk = Desk::bare();
    let folder = desk.path(".config/keyholder");
    fs::create_dir_all(&folder).unwrap();
    let contracts = [("production", production, PRODUCTION), ("staging", staging, STAGING)];
    let tables = contracts.into_iter().zip(SERVERS.iter()).map(|((name, token, number), server)| {
        fs::write(folder.join(name), token).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        let url = server.base_url(Version::V6);
        format!("[[contract]]\nname = '{name}'\nnumber = {number}\ntoken_file = '{name}'\nurl = '{url}'\n")
    });
    fs::write(folder.join("config.toml"), tables.collect::<String>()).unwrap();
    desk
}

fn tokens() -> [&'static str; 2] {
    SERVERS.each_ref().map(Emulator::token)
}

#[test]
fn all_contracts_are_collected_one_after_the_other() {
    let [production, staging] = tokens();
    let desk = desk(production, staging);
    let out = desk.run(&["collect", "--all"]).ends(0).out;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].starts_with("contract 31000001 (production) snapshot 1 complete"), "{out}");
    assert!(lines[1].starts_with("contract 31000002 (staging) snapshot 1 complete"), "{out}");
    let list: serde_json::Value =
        serde_json::from_str(&desk.run(&["snapshots", "list", "--format", "json"]).ends(0).out).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|row| row["contract_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["production", "staging"]);
}

#[test]
fn a_revoked_token_does_not_stop_the_other_contract() {
    let [production, staging] = tokens();
    // The right token is at hand, but not among what the contract calls its own.
    let desk = desk("revoked-CANARY", staging).with("IONOS_TOKEN", production);
    let ran = desk.run(&["collect", "--all"]).ends(4);
    assert!(ran.out.starts_with("contract 31000002 (staging) snapshot 1 complete"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    assert!(ran.err.contains("error: collect contract production: "), "{}", ran.err);
    let error: Vec<_> = ran.err.lines().filter(|line| line.starts_with("error") || line.starts_with("hint")).collect();
    assert!(!error.join("\n").contains("staging") && !error.join("\n").contains("31000002"), "{error:?}");
    for token in ["revoked-CANARY", production, staging] {
        assert!(!ran.err.contains(token) && !ran.out.contains(token), "{ran:?}");
    }
}

#[test]
fn a_contract_is_named_by_name_or_number() {
    let [production, staging] = tokens();
    let desk = desk(production, staging);
    let by_name = desk.run(&["collect", "--contract", "staging"]).ends(0).out;
    assert!(by_name.starts_with("contract 31000002 (staging) snapshot 1"), "{by_name}");
    let by_number = desk.run(&["collect", "--contract", "31000001"]).ends(0).out;
    assert!(by_number.starts_with("contract 31000001 (production) snapshot 1"), "{by_number}");
    let shown = desk.run(&["snapshots", "show", "--contract", "production"]).ends(0).out;
    assert!(shown.contains("31000001 (production)") && !shown.contains("staging"), "{shown}");
}

#[test]
fn a_contract_that_is_not_clear_is_a_usage_error() {
    let [production, staging] = tokens();
    let desk = desk(production, staging);
    let several = desk.run(&["collect"]).ends(2).err;
    assert!(several.contains("the configuration has the contracts production, staging"), "{several}");
    let unknown = desk.run(&["collect", "--contract", "prod"]).ends(2).err;
    assert!(unknown.contains("find contract \"prod\": the configuration has the contracts production"), "{unknown}");
    let both = desk.run(&["collect", "--all", "--contract", "staging"]).ends(2).err;
    assert!(both.contains("cannot be used with"), "{both}");
}

#[test]
fn credentials_that_see_another_contract_are_refused() {
    let [production, _] = tokens();
    let desk = desk(production, production);
    let config = desk.path(".config/keyholder/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    // The second contract asks the first one's server.
    let [own, other] = SERVERS.each_ref().map(|server| server.base_url(Version::V6));
    fs::write(&config, text.replace(&other, &own)).unwrap();
    let ran = desk.run(&["collect", "--contract", "staging"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("collect contract staging: "), "{}", ran.err);
    assert!(ran.out.is_empty(), "{}", ran.out);
    let list = desk.run(&["snapshots", "list", "--format", "json"]).ends(0).out;
    assert_eq!(list.trim(), "[]", "nothing is sealed");
}

#[test]
fn a_report_holds_nothing_of_the_other_contract() {
    let [production, staging] = tokens();
    let desk = desk(production, staging);
    desk.run(&["collect", "--all"]).ends(0);
    let other = SERVERS[0].cast().owner.to_string();
    for format in ["html", "json", "csv"] {
        let arguments = ["report", "access-review", "--contract", "staging", "--format", format, "--out", "-"];
        let report = desk.run(&arguments).ends(0).out;
        assert!(format == "csv" || report.contains("staging"), "{format} names the contract");
        for word in ["production", "31000001", other.as_str()] {
            assert!(!report.contains(word), "{word} in {format}");
        }
    }
}

#[test]
fn doctor_looks_at_each_contract() {
    let [production, _] = tokens();
    let desk = desk(production, "revoked-CANARY");
    desk.run(&["doctor"]).ends(2);
    let ran = desk.run(&["doctor", "--all"]).ends(4);
    let of = |name: &str| ran.out.lines().filter(|line| line.contains(&format!("contract {name}: "))).count();
    assert!(of("production") > 5 && of("staging") >= 2, "{}", ran.out);
    assert!(!ran.out.contains("CANARY"), "{}", ran.out);
}
