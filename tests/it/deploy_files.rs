//! The files below `deploy/` name metrics, paths and commands that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use keyholder::seams::Seams;
use keyholder::service::metrics::Metrics;
use keyholder::store::{Access, Store};

use crate::support::cli::Desk;
use crate::support::private_folder;

fn deployed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).unwrap()
}

/// The names of our metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let starts = text.match_indices("keyholder_").filter(|(at, _)| !text[..*at].ends_with(is_word));
    starts.map(|(at, _)| text[at..].chars().take_while(|c| is_word(*c)).collect()).collect()
}

/// The names that a page can have series of.
async fn exported() -> BTreeSet<String> {
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let seams = Seams::system();
    let page = Arc::new(Metrics::new(seams.now())).page(&store, seams.now()).await.unwrap();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.flat_map(|(name, kind)| {
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    });
    names.collect()
}

#[tokio::test]
async fn rules_and_dashboard_name_metrics_that_exist() {
    let exported = exported().await;
    for name in ["alert-rules.yaml", "alert-rules.test.yaml", "grafana-dashboard.json"] {
        let named = named(&deployed(name));
        assert!(named.len() >= 4, "{name}: {named:?}");
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}; the page has {exported:?}");
    }
    assert!(!exported.contains("keyholder_nothing_total"));
}

#[test]
fn the_dashboard_is_json_with_panels_of_their_own() {
    let dashboard: serde_json::Value = serde_json::from_str(&deployed("grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    assert!(panels.iter().all(|panel| !panel["targets"].as_array().unwrap().is_empty()));
}

/// The commands in a file: what follows the name of the program and its configuration.
fn commands(text: &str, after: &str) -> Vec<Vec<String>> {
    let tails = text.lines().filter_map(|line| line.split_once(after).map(|(_, tail)| tail));
    let words = |tail: &str| tail.split([' ', ',', ']']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    tails.map(words).collect()
}

#[test]
fn units_and_jobs_run_commands_that_exist() {
    let unit = "/usr/local/bin/keyholder --config /etc/keyholder/config.toml";
    let mut found = Vec::new();
    for name in ["keyholder.service", "keyholder-collect.service", "keyholder-deliver.service"] {
        found.extend(commands(&deployed(name), unit));
    }
    found.extend(commands(&deployed("kubernetes-cronjob.yaml"), "args: [--config, /etc/keyholder/config.toml"));
    assert_eq!(found.len(), 6, "{found:?}");
    for mut command in found {
        command.push("--help".to_owned());
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        Desk::bare().run(&arguments).ends(0);
    }
}

/// The commands of a page: lines of its shell blocks that begin with the name of the program, without their comments.
fn page_commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let prefixes = ["keyholder ", "keyholder-as-service "];
    let lines = blocks.flat_map(str::lines);
    let lines = lines.filter_map(|line| prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)));
    lines.map(|line| line.split(" #").next().unwrap_or(line).trim().trim_end_matches(" &").to_owned()).collect()
}

#[test]
fn the_operations_page_shows_commands_that_exist() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let commands = page_commands(&page);
    assert!(commands.len() >= 20, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "--version") {
        // Options that do not exist are an error before the help is printed.
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = Desk::bare().run(&arguments);
        assert_eq!(ran.code, 0, "keyholder {command}: {ran:#?}");
    }
}

/// The configuration that the operations page writes, in a home folder.
fn page_configuration(home: &Path) -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let (_, after) = page.split_once("config.toml <<END\n").expect("the page writes a configuration");
    let (text, _) = after.split_once("END\n").unwrap();
    text.replace("$HOME", home.to_str().unwrap())
}

#[test]
fn the_configuration_of_the_operations_page_is_valid_where_it_lies() {
    let desk = Desk::bare();
    let folder = desk.path(".config/keyholder");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), page_configuration(&desk.path(""))).unwrap();
    let checked = desk.run(&["config", "check"]).ends(0);
    assert!(format!("{}{}", checked.out, checked.err).contains("config.toml"), "{checked:?}");
    let shown = desk.run(&["sinks", "test"]);
    assert_ne!(shown.code, 2, "the sink is configured: {shown:?}");
}

#[test]
fn units_share_one_sandbox() {
    let sandbox = |name: &str| -> BTreeSet<String> {
        let text = deployed(name);
        let after = text.split_once("# The database is").unwrap().1.to_owned();
        after
            .lines()
            .take_while(|line| *line != "[Install]")
            .filter(|line| line.contains('='))
            .map(str::to_owned)
            .collect()
    };
    let service = sandbox("keyholder.service");
    for timed in ["keyholder-collect.service", "keyholder-deliver.service"] {
        assert_eq!(service, sandbox(timed), "{timed}");
    }
    assert!(service.contains("MemoryDenyWriteExecute=yes") && service.contains("LimitCORE=0"));
}
