//! Kind U of the cases, untrusted text: nothing that a server, a file or a caller says acts on a terminal, through no command and
//! in no format, while files and pipes get it byte for byte.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;

use emulator::world::{Kind, NewUser};
use emulator::{Body, Rule};
use keyholder::config::KEYS;
use serde_json::{Value, json};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::model::{Bench, Model};
use crate::support::terminal::{hostile, on_terminal};

/// A database whose second snapshot has every hostile text as name and as a part of an id.
static HOSTILE_DATABASE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let bench = Bench::new().await;
        let mut model = Model::small();
        bench.seal(model.sightings()).await;
        for (number, text) in hostile().iter().enumerate() {
            let id = format!("{number:03}{}", text.chars().take(60).collect::<String>());
            model.users.insert(id.clone(), number.is_multiple_of(50));
            model.groups.insert(id.clone(), [text.clone()].into());
            model.resources.insert(id.clone());
            model.members.insert((id.clone(), id.clone()));
            model.shares.insert((id.clone(), id.clone()), true);
            model.owns.insert((id.clone(), id.clone()));
            model.keys.insert((id.clone(), format!("k{id}")), true);
        }
        let mut seen = model.sightings();
        for (number, text) in hostile().iter().enumerate() {
            let is_own = |id: &str| id.starts_with(&format!("{number:03}"));
            for user in seen.users.iter_mut().filter(|user| is_own(user.id.as_str())) {
                user.person.email = Some(format!("{text}@example.org"));
                user.person.firstname = Some(text.clone());
                user.person.lastname = Some(text.clone());
                user.attribution.created_by = Some(text.clone());
            }
            for group in seen.groups.iter_mut().filter(|group| is_own(group.id.as_str())) {
                group.name = Some(text.clone());
            }
            for resource in seen.resources.iter_mut().filter(|resource| is_own(resource.id.as_str())) {
                resource.name = Some(text.clone());
                resource.kind = Some(text.clone());
            }
        }
        bench.seal(seen).await;
        bench.into_bytes().await
    })
});

/// What only looks, with the formats that each of them has.
const LOOKS: [&[&str]; 9] = [
    &["snapshots", "list"],
    &["snapshots", "show"],
    &["diff", "1", "2"],
    &["diff", "1", "2", "--in-between"],
    &["history", "ann"],
    &["history", "name"],
    &["alerts", "list"],
    &["alerts", "mutes"],
    &["status"],
];

const REPORTS: [&str; 3] = ["access-review", "changes", "population"];

fn hostile_desk() -> Desk {
    let desk = Desk::at("http://127.0.0.1:9", "token");
    desk.put_database(&HOSTILE_DATABASE);
    desk
}

/// Every text of a JSON value.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(items) => {
            for item in items {
                texts(item, found);
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                texts(value, found);
            }
        }
        _ => {}
    }
}

fn values(document: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(document).into_iter().map(|value| value.expect("JSON")).collect()
}

#[test]
fn u1_no_text_of_the_database_acts_on_a_terminal() {
    let desk = hostile_desk();
    for look in LOOKS {
        for format in ["table", "csv", "json"] {
            on_terminal(desk.command(&[look, &["--format", format]].concat())).harmless();
        }
    }
    for report in REPORTS {
        for format in ["html", "csv", "json", "jsonl"] {
            let arguments = ["report", report, "--as-of", "2", "--since", "1", "--format", format, "--out", "-"];
            on_terminal(desk.command(&arguments)).harmless();
        }
    }
}

fn quiet<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["-q"], arguments].concat()
}

#[test]
fn u1_json_is_byte_exact_in_a_pipe_and_equal_on_a_terminal() {
    let desk = hostile_desk();
    let rows = quiet(&["report", "access-review", "--as-of", "2", "--since", "1", "--format", "jsonl", "--out", "-"]);
    for arguments in [quiet(&["diff", "1", "2", "--format", "json"]), rows.clone()] {
        let piped = values(&desk.run(&arguments).out);
        let shown = values(&on_terminal(desk.command(&arguments)).harmless());
        assert_eq!(piped, shown, "{arguments:?}");
    }
    let mut found = BTreeSet::new();
    for row in values(&desk.run(&rows).out) {
        texts(&row, &mut found);
    }
    let missing: Vec<_> =
        hostile().into_iter().filter(|text| !found.iter().any(|value| value.contains(text))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn u1_a_collection_of_hostile_names_is_harmless() {
    let emulator = served();
    let desk = Desk::of(&emulator).with("KEYHOLDER_CONFIG", "k.toml");
    fs::write(desk.path("k.toml"), "[[sink]]\nname = \"out\"\nkind = \"stdout\"\n").unwrap();
    desk.run(&["collect"]).ends(0);
    let mut refused = Vec::new();
    emulator.edit(|world| {
        for (number, text) in hostile().into_iter().enumerate().step_by(4) {
            let (firstname, lastname) = (text.clone(), text.clone());
            let email = format!("{number}{text}@example.org");
            let new = NewUser {
                firstname,
                lastname,
                email,
                administrator: number.is_multiple_of(40),
                force_sec_auth: false,
                inactive: false,
            };
            world.add_user(new).unwrap();
            let group = world.add_group(&text, &[]);
            world.add_resource(Kind::Datacenter, &text, None).unwrap();
            if number.is_multiple_of(16) {
                refused.push(group);
            }
        }
    });
    for group in refused {
        emulator.fail(Rule::on("GET", &format!("/um/groups/{group}/users")).status(403));
    }
    let sent = on_terminal(desk.command(&["collect", "-vv"])).harmless_beside_progress();
    assert!(sent.contains("not complete: members"), "{sent}");
    for look in [&["doctor"][..], &["doctor", "--json"], &["diff"], &["snapshots", "show"], &["alerts", "list"]] {
        on_terminal(desk.command(look)).harmless();
    }
    let sent = on_terminal(desk.command(&["alerts", "deliver"])).harmless();
    assert!(sent.contains("administrator"), "{sent}");
}

#[test]
fn u1_no_answer_of_a_server_acts_on_a_terminal() {
    for text in hostile().into_iter().step_by(12) {
        let emulator = served();
        let body =
            json!({"httpStatus": 401, "messages": [{"errorCode": text, "message": text}], (text.as_str()): text});
        emulator.fail(Rule::on("GET", "/um/users").status(422).body(Body::Json(body)));
        emulator.fail(Rule::on("GET", "/um/groups").status(500).body(Body::Html(text.clone())));
        let desk = Desk::of(&emulator);
        on_terminal(desk.command(&["-vv", "doctor"])).harmless();
        on_terminal(desk.command(&["-vv", "collect"])).harmless_beside_progress();
    }
}

/// A TOML string that may hold anything.
fn toml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        write!(quoted, "\\U{:08X}", u32::from(character)).unwrap();
    }
    quoted + "\""
}

#[test]
fn u1_no_settings_file_acts_on_a_terminal() {
    let texts: Vec<_> = hostile().iter().map(|text| toml(text)).collect();
    let sections = texts.iter().map(|text| format!("[{text}]\nx = 1\n"));
    let keys = texts.iter().map(|text| format!("api.{text} = 1\n"));
    let contracts = texts.iter().map(|text| format!("[[contract]]\nname = {text}\nprofile = {text}\n{text} = 1\n"));
    let sinks = texts.iter().map(|text| format!("[[sink]]\nname = {text}\nkind = \"file\"\npath = {text}\n"));
    for lines in [sections.collect::<String>(), keys.collect(), contracts.collect(), sinks.collect()] {
        let desk = Desk::bare();
        fs::write(desk.path("k.toml"), lines).unwrap();
        for command in
            [&["config", "check"][..], &["config", "show", "--origin"], &["doctor"], &["doctor", "--json"], &["status"]]
        {
            let sent = on_terminal(desk.command(&[&["--config", "k.toml"], command].concat()));
            assert_eq!(sent.code, Some(3), "{command:?}");
            sent.harmless();
        }
    }
}

/// The texts that can be an argument or the value of a variable.
fn without_nul() -> impl Iterator<Item = String> {
    hostile().into_iter().filter(|text| !text.contains('\0'))
}

#[test]
fn u1_no_variable_acts_on_a_terminal() {
    let variables: Vec<_> = KEYS.iter().flat_map(|key| key.spec.variables.iter().cloned()).collect();
    assert!(variables.len() > 40, "{variables:?}");
    let texts: Vec<_> = without_nul().collect();
    for (number, text) in texts.iter().enumerate() {
        let desk = Desk::bare();
        let mut command =
            desk.command(if number.is_multiple_of(2) { &["config", "check"] } else { &["doctor", "--offline"] });
        // Different texts in different variables, so that one that is refused hides no other.
        for (place, variable) in variables.iter().enumerate() {
            if (place + number).is_multiple_of(3) {
                command.env(variable, &texts[(number + place) % texts.len()]);
            }
        }
        command
            .env("IONOS_TOKEN", text)
            .env("KEYHOLDER_API_ODD", text)
            .env(format!("KEYHOLDER_LOG_{}", text.replace('=', "")), "x");
        on_terminal(command).harmless();
    }
}

#[test]
fn u1_no_shared_file_acts_on_a_terminal() {
    for text in hostile() {
        let desk = Desk::bare();
        let file = json!({
            "version": 1.0, "currentProfile": text, (text.as_str()): text,
            "profiles": [{"name": text, "environment": text, "credentials": {"username": text}}],
            "environments": [{"name": text, "products": [{"name": "cloud", "endpoints": [
                {"name": text, "skipTlsVerify": true}, {"name": text}]}]}],
        });
        fs::create_dir(desk.path(".ionos")).unwrap();
        fs::write(desk.path(".ionos/config"), file.to_string()).unwrap();
        on_terminal(desk.command(&["doctor", "--offline"])).harmless();
    }
}

#[test]
fn u1_no_argument_acts_on_a_terminal() {
    let desk = Desk::with_month();
    for (number, text) in without_nul().enumerate() {
        let commands: [&[&str]; 10] = [
            &[&text],
            &["--config", &text, "config", "check"],
            &["--db", &text, "snapshots", "list"],
            &["diff", &text],
            &["history", &text],
            &["report", "access-review", "--as-of", &text, "--out", "-", "--format", "json"],
            &["snapshots", "list", "--contract", &text],
            &["report", &text],
            &["collect", "--label", &text, "--contract", &text],
            &["emulate", "--faults", &text],
        ];
        for place in [0, 1, 2] {
            let arguments = commands[(number + place * 3) % commands.len()];
            on_terminal(desk.command(arguments)).harmless();
        }
    }
}

#[test]
fn u1_a_secret_in_the_wrong_place_is_named_by_its_length() {
    let token = "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJDQU5BUlkifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";
    let says = |said: &str| {
        let is_named = ["72 characters that look like a secret", "a text of 72 characters", "not the token itself"];
        is_named.iter().any(|words| said.contains(words)) && !said.contains("eyJ")
    };
    let desk = Desk::with_month();
    fs::write(desk.path("key.toml"), format!("[api]\n{token:?} = 1\n")).unwrap();
    fs::write(desk.path("section.toml"), format!("[{token:?}]\nx = 1\n")).unwrap();
    fs::write(desk.path("contract.toml"), format!("[[contract]]\nname = {token:?}\n{token:?} = 1\n")).unwrap();
    for arguments in [
        &[token][..],
        &["--config", token, "config", "check"],
        &["--db", token, "snapshots", "list"],
        &["--db", token, "doctor", "--offline"],
        &["history", token],
        &["diff", token],
        &["report", token],
        &["snapshots", "list", "--contract", token],
        &["collect", "--contract", token],
        &["emulate", "--faults", token],
        &["--config", "key.toml", "config", "check"],
        &["--config", "section.toml", "config", "check"],
        &["--config", "contract.toml", "doctor"],
    ] {
        let ran = desk.run(arguments);
        let said = ran.out + &ran.err;
        assert!(says(&said), "{arguments:?}: {said}");
    }
    for (variable, command) in [
        ("IONOS_TOKEN_FILE", &["collect"][..]),
        ("IONOS_CONFIG_FILE", &["config", "check"]),
        ("KEYHOLDER_CONFIG", &["config", "check"]),
        ("KEYHOLDER_REPORT_TEMPLATES", &["report", "changes"]),
    ] {
        let ran = Desk::with_month().with(variable, token).run(command);
        assert!(says(&ran.err), "{variable}: {ran:#?}");
    }
}
