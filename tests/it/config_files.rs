//! The configuration file: the shipped ones, and what is said about wrong ones.

use std::path::Path;

use keyholder::cli::config::{Args, Command, run};
use keyholder::config::{Config, DEFAULT_FILE, Flags, KEYS, Loaded, TABLES, load};
use keyholder::seams::Environment;

const DEFAULT: &str = "config/default.toml";
const EXAMPLE: &str = "config/example.toml";

fn loaded(path: &Path) -> Loaded {
    load(&Flags::new(Some(path.to_owned())), &Environment::default()).expect("a configuration in order")
}

fn written(text: &str) -> (tempfile::TempDir, Loaded) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("a file");
    let loaded = loaded(&path);
    (folder, loaded)
}

/// The message about a file with that text, its folder left out.
fn message(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("a file");
    let error =
        load(&Flags::new(Some(path)), &Environment::default()).expect_err("a configuration that is not in order");
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_default_file_says_what_the_defaults_are() {
    let loaded = loaded(Path::new(DEFAULT));
    assert_eq!(loaded.config, Config::default());
    assert_eq!(std::fs::read_to_string(DEFAULT).expect("the file"), DEFAULT_FILE);
}

#[test]
fn the_default_file_has_every_key_with_what_it_does_and_its_variables() {
    let prose = DEFAULT_FILE.lines().filter_map(|line| line.strip_prefix("# ")).collect::<Vec<_>>().join(" ");
    for key in KEYS.iter() {
        let section = DEFAULT_FILE.split("\n[").find(|part| part.starts_with(&format!("{}]", key.spec.section())));
        let starts = [format!("{} = ", key.spec.name()), format!("# {} = ", key.spec.name())];
        let named = |section: &str| section.lines().any(|line| starts.iter().any(|start| line.starts_with(start)));
        assert!(section.is_some_and(named), "{} is missing", key.spec.path);
        assert!(prose.contains(key.spec.about), "{} is described otherwise", key.spec.path);
        assert!(prose.contains(&format!("Environment: {}.", key.spec.variables.join(", "))), "{}", key.spec.path);
    }
    let prose = prose.replace(" # ", " ");
    for spec in TABLES.iter().flat_map(|table| &table.keys) {
        let example = format!("\n# {} = ", spec.name());
        let header = format!("\n# [[{}]]\n", spec.section());
        let elements = DEFAULT_FILE.split(&header).skip(1);
        assert!(
            elements.map(|element| format!("\n{element}")).any(|element| element.contains(&example)),
            "{}",
            spec.path
        );
        assert!(prose.contains(spec.about), "{} is described otherwise", spec.path);
    }
    for table in TABLES.iter() {
        assert!(prose.contains(table.purpose), "{} is described otherwise", table.name);
    }
}

#[test]
fn the_examples_in_the_default_file_are_valid() {
    let specs = || KEYS.iter().map(|key| &key.spec).chain(TABLES.iter().flat_map(|table| table.keys.iter().copied()));
    let is_example = |text: &str| {
        let name = text.split_once(" = ").map(|(name, _)| name);
        text.starts_with("[[") || name.is_some_and(|name| specs().any(|spec| spec.name() == name))
    };
    let uncommented: String = DEFAULT_FILE
        .lines()
        // The other way to give the URL.
        .filter(|line| !line.starts_with("# heartbeat_url_file"))
        .map(|line| line.strip_prefix("# ").filter(|rest| is_example(rest)).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    // The shared file that the example names is not there, and must be: the one problem that is right.
    assert!(message(&uncommented).contains("credentials.config_file: read /etc/keyholder/ionos.yaml"));
    let (_folder, loaded) = written(&uncommented.replace("config_file =", "# config_file ="));
    for key in
        KEYS.iter().filter(|key| !["credentials.config_file", "service.heartbeat_url_file"].contains(&key.spec.path))
    {
        assert!(key.shown(&loaded.config).is_some(), "{} is not set", key.spec.path);
    }
    let Config { contracts, jobs, sinks, routes, .. } = &loaded.config;
    assert_eq!([contracts.len(), jobs.len(), sinks.len(), routes.len()], [4, 5, 10, 1]);
}

#[test]
fn the_example_file_loads() {
    let loaded = loaded(Path::new(EXAMPLE));
    let contracts: Vec<_> = loaded.config.contracts.iter().map(|contract| contract.name.as_str()).collect();
    assert_eq!(contracts, ["production", "staging"]);
    let Config { jobs, sinks, routes, .. } = &loaded.config;
    assert_eq!([jobs.len(), sinks.len(), routes.len()], [4, 3, 2]);
    assert_eq!(loaded.config.report.templates.as_deref(), Some(Path::new("config/reports")));
    assert_eq!(loaded.origin("api.concurrency").to_string(), "file config/example.toml:7");
    assert_eq!(loaded.origin("api.attempts").to_string(), "default");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn one_problem_is_one_line() {
    assert_eq!(
        message("[api]\nconcurrency = 0\n"),
        "use the configuration: file config.toml:2: api.concurrency: must be 1 to 256, is 0"
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    assert_eq!(
        message(
            "[api]\ntimeout = \"5s\"\nconcurrency = 0\nurl = \"http://api.ionos.com\"\nversion = 6\n\
             [credentials]\ntoken = \"CANARY\"\n[log]\nlevel = \"loud\"\n"
        ),
        "use the configuration: 6 problems\n  \
         file config.toml:2: api.timeout: unknown key; did you mean connect_timeout, first_byte_timeout or request_timeout?\n  \
         file config.toml:3: api.concurrency: must be 1 to 256, is 0\n  \
         file config.toml:4: api.url: must begin with https://; http is allowed to this machine only\n  \
         file config.toml:5: api.version: must be text in quotes, is a whole number\n  \
         file config.toml:7: credentials.token: a secret does not belong into this file; put the token into a file of mode 0600 \
         and name it in credentials.token_file, or set IONOS_TOKEN\n  \
         file config.toml:9: log.level: must be one of off, error, warn, info, debug, trace, is \"loud\""
    );
}

#[test]
fn timeouts_must_fit_into_each_other() {
    assert_eq!(
        message("[api]\nrequest_timeout = \"10s\"\n"),
        "use the configuration: default: api.first_byte_timeout: must not be longer than api.request_timeout, \
         10s (file config.toml:2), is 30s"
    );
}

#[test]
fn a_version_in_the_address_and_another_one_beside_it_contradict_each_other() {
    assert_eq!(
        message("[api]\nversion = \"v6\"\nurl = \"old.example/cloudapi/v5\"\n"),
        "use the configuration: file config.toml:3: api.url: names v5, but api.version is v6 (file config.toml:2)"
    );
    let (_folder, loaded) = written("[api]\nurl = \"old.example/cloudapi/v5\"\n");
    assert_eq!(loaded.config.api.url.base(loaded.config.api.version).as_str(), "https://old.example/cloudapi/v5");
}

/// What `keyholder config` prints about a file with that text.
fn printed(text: &str, command: Command) -> String {
    let (folder, loaded) = written(text);
    let mut out = Vec::new();
    run(&Args { command }, &Ok(loaded), &mut out, &mut std::io::sink()).expect("output");
    String::from_utf8(out).expect("text").replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn what_config_show_prints_means_the_same() {
    let text = "[api]\nconcurrency = 3\nrequest_timeout = \"90s\"\n[report]\norganisation = \"A \\\"B\\\" \\\\ Ü\"\n\
                [store]\npath = \"k.db\"\n";
    let shown = printed(text, Command::Show { origin: false });
    let (_folder, first) = written(text);
    let (_other_folder, again) = written(&shown);
    assert_eq!(first.config.api, again.config.api);
    assert_eq!(first.config.report, again.config.report);
    assert_eq!(first.config.hash(), again.config.hash());
    assert!(shown.contains("\n# ca_file is not set\n"), "{shown}");
}

#[test]
fn config_show_tells_where_values_come_from() {
    let shown = printed("[api]\nattempts = 7\n", Command::Show { origin: true });
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert_eq!(line("attempts").split('#').map(str::trim).collect::<Vec<_>>(), ["attempts = 7", "file config.toml:2"]);
    assert_eq!(line("concurrency").split('#').map(str::trim).collect::<Vec<_>>(), ["concurrency = 16", "default"]);
}

#[test]
fn config_check_default_and_schema_print_what_they_say() {
    assert!(printed("", Command::Check).starts_with("the configuration is in order (config.toml, sha256 "));
    assert_eq!(printed("", Command::Default), DEFAULT_FILE);
    let schema: serde_json::Value = serde_json::from_str(&printed("", Command::Schema)).expect("JSON");
    assert_eq!(schema["properties"]["api"]["properties"]["attempts"]["default"], 5);
}
