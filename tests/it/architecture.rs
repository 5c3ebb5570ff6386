//! The walls of the building: which module may know which, and who alone may speak to the world.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each top-level module, the others it may use. A new edge needs a note in `docs/decisions/`.
const EDGES: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("seams", &[]),
    ("exit", &["domain"]),
    ("api", &["domain", "seams"]),
    ("collect", &["api", "domain", "seams"]),
    ("store", &["domain", "seams"]),
    ("analyse", &["domain"]),
    ("report", &["analyse", "domain"]),
    ("config", &["api", "domain", "seams"]),
    ("credentials", &["api", "config", "domain", "seams"]),
    ("telemetry", &["config", "seams"]),
    ("app", &["analyse", "api", "collect", "config", "credentials", "domain", "exit", "report", "seams", "store"]),
    (
        "cli",
        &[
            "analyse",
            "api",
            "app",
            "collect",
            "config",
            "credentials",
            "domain",
            "exit",
            "report",
            "seams",
            "store",
            "telemetry",
        ],
    ),
];

/// Words that may stand in the code of some modules only, and why.
const ALONE: [(&str, &[&str], &str); 10] = [
    ("sqlx", &["store"], "only the store has SQL"),
    ("reqwest", &["api"], "only the client has HTTP"),
    ("rustls", &["api"], "only the client has TLS"),
    ("minijinja", &["report"], "only reports have templates"),
    ("clap", &["cli", "main"], "only the command line has arguments"),
    ("emulator::", &["app", "cli"], "the product does not depend on its test double"),
    ("Utc::now", &["seams"], "one clock"),
    ("std::env::", &["seams"], "one environment"),
    ("getrandom", &["seams"], "one source of randomness"),
    ("indicatif", &["cli"], "nothing below the command line draws"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The top-level module a file belongs to.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code without comments and without its own tests, which may know more.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top-level modules that code uses through `crate::`.
fn used(code: &str) -> BTreeSet<String> {
    code.match_indices("crate::")
        .filter_map(|(at, word)| {
            let rest = &code[at + word.len()..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            (end > 0).then(|| rest[..end].to_owned())
        })
        .collect()
}

fn violations(module: &str, name: &str, text: &str) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let code = code(text);
    let mut found = Vec::new();
    if let Some(allowed) = allowed.get(module) {
        for other in used(&code) {
            if other != module && allowed_names().contains(other.as_str()) && !allowed.contains(&other.as_str()) {
                found.push(format!("{name}: {module} may not use {other}"));
            }
        }
    } else if !["lib", "main"].contains(&module) {
        found.push(format!("{name}: module {module} has no allowed edges in this test"));
    }
    for (word, owners, why) in ALONE {
        if !owners.contains(&module) && code.contains(word) {
            found.push(format!("{name}: {word} may not stand here: {why}"));
        }
    }
    found
}

fn allowed_names() -> BTreeSet<&'static str> {
    EDGES.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn data_flows_one_way() {
    let found: Vec<String> = sources(&root().join("src"))
        .iter()
        .flat_map(|path| violations(&module(path), &path.display().to_string(), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    assert_eq!(
        violations("report", "planted.rs", "use crate::store::Store;\nfn f() { sqlx::query(\"x\"); }"),
        ["planted.rs: report may not use store", "planted.rs: sqlx may not stand here: only the store has SQL"]
    );
    assert_eq!(violations("newcomer", "planted.rs", "").len(), 1, "a new module needs a line here");
    assert!(violations("report", "fine.rs", "use crate::domain::fact::Kind; // crate::store").is_empty());
}

#[test]
fn the_emulator_and_the_client_share_no_type() {
    let manifest = fs::read_to_string(root().join("crates/emulator/Cargo.toml")).unwrap();
    assert!(
        !manifest.contains("\nkeyholder ") && !manifest.contains("path = \"../..\""),
        "the emulator knows the product"
    );
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut found = Vec::new();
    for folder in ["src", "crates/emulator/src"] {
        for path in sources(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            if !text.starts_with("//!") {
                found.push(format!("{} does not begin with what it is for", path.display()));
            }
            let lines = text.lines().count();
            if lines > 500 {
                found.push(format!("{} has {lines} lines", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn main_is_tiny() {
    let lines = fs::read_to_string(root().join("src/main.rs")).unwrap().lines().count();
    assert!(lines <= 45, "main.rs has {lines} lines");
}
