//! A recording of a collection: what it holds, what it must not hold, and that it can be served again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use emulator::{Body, Emulator, Recording, Replay, Rule, Version};
use serde_json::Value;

use crate::support::cli::{Desk, RUNTIME, served};

/// Things go wrong in every way that a recording has to carry, each of them once or for ever.
fn spoil(emulator: &Emulator) {
    let (user, group) =
        emulator.read(|world| (world.users().nth(3).unwrap().id.clone(), world.groups().next().unwrap().id.clone()));
    emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/users")).status(403));
    emulator.fail(Rule::on("GET", &format!("/um/users/{user}/s3keys")).status(200).body(Body::Html("<p>".to_owned())));
    emulator.fail(Rule::on("GET", "/um/resources").status(429).header("retry-after", "0").times(1));
    emulator.fail(Rule::on("GET", "/um/groups").status(503).times(1));
}

/// Collects and records; the desk's folder has `recording` afterwards.
fn recorded(emulator: &Emulator) -> Desk {
    let desk = Desk::of(emulator).with("KEYHOLDER_API_ATTEMPTS", "3");
    let ran = desk.run(&["collect", "--record", "recording"]).ends(9);
    assert!(ran.err.contains("Recorded what was asked and answered in recording"), "{ran:#?}");
    desk
}

fn exchanges(desk: &Desk) -> Vec<Value> {
    let text = fs::read_to_string(desk.path("recording/exchanges.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How the scopes of the only snapshot ended, without ids and times.
fn coverage(desk: &Desk) -> Vec<String> {
    let shown = desk.run(&["snapshots", "show", "--format", "csv"]).ends(0).out;
    let of_kinds = shown.lines().filter(|line| line.contains(",\"scopes\",\"\","));
    let kinds = of_kinds.map(|line| line.split(',').take(5).collect::<Vec<_>>().join(","));
    let listed = desk.run(&["report", "population", "--format", "jsonl", "--out", "-"]).ends(9).out;
    let gaps = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let gaps = gaps
        .filter(|row| row["row"] == "gap")
        .map(|row| format!("{} {} {}", row["scope_kind"], row["status"], row["reason"]));
    kinds.chain(gaps).collect()
}

#[test]
fn a_recording_served_again_gives_the_same_picture() {
    let emulator = served();
    spoil(&emulator);
    let desk = recorded(&emulator);
    let replay =
        RUNTIME.block_on(async { Replay::start(Recording::read(&desk.path("recording")).unwrap(), 0).await.unwrap() });
    let again = Desk::at(&replay.base_url(Version::V6), "any").with("KEYHOLDER_API_ATTEMPTS", "3");
    again.run(&["collect"]).ends(9);
    assert_eq!(replay.unknown(), 0, "the collector asked for what was never recorded");
    let (first, second) = (coverage(&desk), coverage(&again));
    assert!(first.iter().any(|line| line.contains("members") && line.contains("forbidden")), "{first:#?}");
    assert_eq!(first, second);
    let totals = |desk: &Desk| {
        let csv = desk.run(&["snapshots", "list", "--format", "csv"]).ends(9).out;
        csv.lines().nth(1).unwrap().split(',').skip(5).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(totals(&desk)[..9], totals(&again)[..9], "the same numbers of everything");
}

#[test]
fn every_request_of_the_run_is_recorded_with_its_outcome() {
    let emulator = served();
    spoil(&emulator);
    let desk = recorded(&emulator);
    let exchanges = exchanges(&desk);
    assert_eq!(exchanges.len() as u64, emulator.counters().total);
    let of = |path: &str| exchanges.iter().filter(|one| one["path"] == path).collect::<Vec<_>>();
    let groups: Vec<_> = of("/um/groups").iter().map(|one| (one["attempt"].clone(), one["status"].clone())).collect();
    assert_eq!(groups, [(1.into(), 503.into()), (2.into(), 200.into())]);
    assert_eq!(of("/um/resources")[0]["headers"]["retry-after"], "0");
    let broken = of("/um/users/{userId}/s3keys").into_iter().filter(|one| one["body"]["other"] == "markup").count();
    assert_eq!(broken, 3, "asked for three times");
    assert!(of("/um/users")[0]["body"]["json"]["items"].as_array().unwrap().len() >= 24);
}

#[test]
fn a_recording_has_nothing_of_anybody_in_it() {
    let emulator = served();
    spoil(&emulator);
    let desk = recorded(&emulator);
    let mut forbidden =
        BTreeSet::from([emulator.canary().to_owned(), emulator.token().to_owned(), emulator.origin().to_owned()]);
    emulator.read(|world| {
        for user in world.users() {
            forbidden.extend([user.id.to_string(), user.email.clone()]);
            forbidden.extend([&user.firstname, &user.lastname].into_iter().filter(|name| name.len() > 5).cloned());
            forbidden.extend(world.keys(&user.id).map(|key| key.id.to_string()));
        }
        forbidden.extend(world.groups().flat_map(|group| [group.id.to_string(), group.name.clone()]));
    });
    assert!(forbidden.len() > 100, "{}", forbidden.len());
    for name in ["exchanges.jsonl", "about.json"] {
        let path = desk.path("recording").join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let text = fs::read_to_string(path).unwrap();
        let found: Vec<_> = forbidden.iter().filter(|word| text.contains(word.as_str())).collect();
        assert!(found.is_empty(), "{name} has {found:?}");
    }
    assert_eq!(fs::metadata(desk.path("recording")).unwrap().permissions().mode() & 0o777, 0o700);
}

/// Words, numbers, names and times that are personal, in every place in which a recording keeps something.
#[test]
fn u2_a_recording_keeps_only_what_the_api_documents() {
    let emulator = served();
    let contract = emulator.contract_number();
    let number = |number: u64| serde_json::json!(number);
    let contracts = serde_json::json!({"type": "collection", "items": [{"type": "contract", "properties":
        {"contractNumber": contract, "owner": "ann@example.org", "status": "Mallory", "ann-smith": number(41_424_344)}}]});
    emulator.fail(Rule::on("GET", "/contracts").status(200).body(Body::Json(contracts)));
    let resources = serde_json::json!({"type": "collection", "id": "resources", "items": [{"id": 77_665_544, "type": "mallorys-type",
        "metadata": {"state": "Mallorys-State", "createdDate": "2021-03-04T05:06:07Z", "lastModifiedDate": "2021-03-05T05:06:07Z"},
        "properties": {"name": 51_525_354, "secAuthProtection": false, "Alice.Example": {"x": 1}}}]});
    emulator.fail(Rule::on("GET", "/um/resources").status(200).body(Body::Json(resources)));
    let refusal = serde_json::json!({"httpStatus": 403, "messages": [{"errorCode": "code-of-ann", "message": "no"}]});
    emulator.fail(Rule::on("GET", "/um/groups/{groupId}/shares").status(403).body(Body::Json(refusal)));
    let desk = Desk::of(&emulator);
    desk.run(&["collect", "--record", "recording"]);
    let text = fs::read_to_string(desk.path("recording/exchanges.jsonl")).unwrap();
    let contract = contract.to_string();
    for somebodys in [
        contract.as_str(),
        "Mallory",
        "ann",
        "41424344",
        "77665544",
        "51525354",
        "mallory",
        "Alice",
        "2021-03-04T05:06:07",
        "2021-03-05T05:06:07",
        "code-of-ann",
    ] {
        assert!(!text.contains(somebodys), "{somebodys}: {text}");
    }
    let today = keyholder::seams::Seams::system().now().format("%Y-%m-%d").to_string();
    // Times of objects are moved as well, and may come to lie anywhere, today too.
    for exchange in exchanges(&desk) {
        assert!(!exchange["sent_utc"].as_str().unwrap().starts_with(&today), "{exchange}");
        let date = exchange["headers"]["date"].as_str().unwrap();
        let date = chrono::DateTime::parse_from_rfc2822(date).unwrap().format("%Y-%m-%d").to_string();
        assert_ne!(date, today, "{exchange}");
    }
    let listed = exchanges(&desk).into_iter().find(|one| one["path"] == "/um/resources").unwrap();
    let metadata = &listed["body"]["json"]["items"][0]["metadata"];
    let at = |name: &str| metadata[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((at("lastModifiedDate") - at("createdDate")).num_seconds(), 86_400, "their distance is kept");
}

#[test]
fn t3_a_full_recording_ends_with_a_line_and_the_run_goes_on() {
    let emulator = served();
    let desk = Desk::of(&emulator).with("KEYHOLDER_COLLECT_MAX_RECORD_MIB", "1");
    let filler = vec!["x"; 100_000];
    let body = serde_json::json!({"type": "collection", "items": [], "message": filler});
    emulator.fail(Rule::on("GET", "/um/users/{userId}/s3keys").status(200).body(Body::Json(body)));
    let ran = desk.run(&["collect", "--record", "recording"]);
    assert!([0, 9].contains(&ran.code) && ran.out.contains("snapshot 1"), "{ran:#?}");
    assert!(ran.err.contains("is full: ") && ran.err.contains("collect.max_record_mib"), "{ran:#?}");
    let text = fs::read_to_string(desk.path("recording/exchanges.jsonl")).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last, serde_json::json!({"end": "size-limit", "max_bytes": 1 << 20}));
    assert!(text.len() <= (1 << 20) + 100, "{}", text.len());
    let read = Recording::read(&desk.path("recording")).unwrap();
    assert_eq!(read.exchanges(), text.lines().count() - 1, "and it can be served as far as it goes");
}

#[test]
fn a_recording_is_never_written_over() {
    let emulator = served();
    spoil(&emulator);
    let desk = recorded(&emulator);
    let before = exchanges(&desk);
    let ran = desk.run(&["collect", "--record", "recording"]).ends(14);
    assert!(ran.err.contains("exchanges.jsonl") && ran.err.contains("--record"), "{ran:#?}");
    assert_eq!(exchanges(&desk), before);
    assert_eq!(desk.run(&["snapshots", "list", "--format", "csv"]).out.lines().count(), 2, "nothing was collected");
}

#[test]
fn a_folder_without_a_recording_is_refused_with_the_file_and_the_line() {
    let desk = Desk::bare();
    let ran = desk.run(&["emulate", "--replay", "."]).ends(2);
    assert!(ran.err.contains("exchanges.jsonl") && ran.err.contains("keyholder collect --record"), "{ran:#?}");
    fs::write(desk.path("exchanges.jsonl"), "{}\n").unwrap();
    let ran = desk.run(&["emulate", "--replay", "."]).ends(2);
    assert!(ran.err.contains("exchanges.jsonl line 1: no usable "), "{ran:#?}");
}
