//! The walls of the building: which module may know which, and who alone may speak to the world.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each top-level module, the others it may use. A new edge needs a note in `docs/decisions/`.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("seams", &[]),
    ("files", &[]),
    ("exit", &["domain"]),
    ("api", &["domain", "seams"]),
    ("collect", &["api", "domain", "seams"]),
    ("store", &["domain", "files", "seams"]),
    ("sinks", &["domain", "files", "seams"]),
    ("analyse", &["domain"]),
    ("alerts", &["domain"]),
    ("report", &["analyse", "domain", "files"]),
    ("config", &["api", "domain", "files", "seams"]),
    ("credentials", &["api", "config", "domain", "files", "seams"]),
    ("telemetry", &["config", "domain", "seams"]),
    (
        "service",
        &["api", "app", "collect", "config", "credentials", "domain", "exit", "report", "seams", "sinks", "store"],
    ),
    ("fuzzing", &["api", "config", "seams"]),
    (
        "app",
        &[
            "alerts",
            "analyse",
            "api",
            "collect",
            "config",
            "credentials",
            "domain",
            "exit",
            "files",
            "report",
            "seams",
            "sinks",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "alerts",
            "analyse",
            "api",
            "app",
            "collect",
            "config",
            "credentials",
            "domain",
            "exit",
            "files",
            "report",
            "seams",
            "service",
            "sinks",
            "store",
            "telemetry",
        ],
    ),
];

/// Words that may stand in the code of some modules only, and why.
const ALONE: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "only the store has SQL"),
    ("reqwest", &["api", "sinks"], "only the client and the sinks have HTTP"),
    ("rustls", &["api", "sinks"], "only the client and the sinks have TLS"),
    ("minijinja", &["report"], "only reports have templates"),
    ("clap", &["cli", "main"], "only the command line has arguments"),
    ("emulator::", &["app", "cli"], "the product does not depend on its test double"),
    ("Utc::now", &["seams"], "one clock"),
    ("std::env::", &["seams"], "one environment"),
    ("getrandom", &["seams"], "one source of randomness"),
    ("tokio_cron_scheduler", &["service"], "the scheduler is a heartbeat only"),
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

/// The module that a file below `src` is, from the top: nothing for the root of a crate.
fn modules(inside: &Path) -> Vec<String> {
    let names = inside.with_extension("");
    let names = names.components().map(|part| part.as_os_str().to_str().unwrap().to_owned());
    names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str())).collect()
}

/// The code without comments and without its own tests, which may know more.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top-level modules that code uses in a file so many modules below the root of the crate: through `crate::`, or through
/// as many `super::` as lead there. `*` stands for all of them.
///
/// Inside an inline module the file's own depth is too little by one, which finds too much rather than too little.
fn used(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if code.contains("crate as ") {
        found.insert("*".to_owned());
    }
    for (word, climb) in [("crate::", 0), ("super::", depth), ("self::", depth)] {
        for (at, _) in code.match_indices(word) {
            let is_path_start = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if is_path_start {
                let rest = if climb == 0 { &code[at + word.len()..] } else { &code[at..] };
                heads(rest, climb, &mut found);
            }
        }
    }
    found
}

/// The names at the root of the crate that a path or a tree of paths begins with, that many `super::` below it.
fn heads(path: &str, climb: usize, found: &mut BTreeSet<String>) {
    let path = path.trim_start();
    if let Some(rest) = path.strip_prefix("self::") {
        heads(rest, climb, found);
    } else if let Some(rest) = path.strip_prefix("super") {
        // `super as root` leads there as well, and so does everything behind it.
        if let Some(rest) = rest.strip_prefix("::") {
            heads(rest, climb.saturating_sub(1), found);
        } else if climb == 1 && !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            found.insert("*".to_owned());
        }
    } else if let Some(rest) = path.strip_prefix('{') {
        for branch in branches(rest) {
            heads(branch, climb, found);
        }
    } else if climb == 0 {
        let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(path.len());
        let is_everything = path.starts_with('*') || &path[..end] == "self";
        if is_everything {
            found.insert("*".to_owned());
        } else if end > 0 {
            found.insert(path[..end].to_owned());
        }
    }
}

/// What stands between the commas of a group, up to the brace that closes it; groups inside stay whole.
fn branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// What a file below `src` does that it may not.
fn violations(inside: &str, text: &str) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let modules = modules(Path::new(inside));
    let is_root = modules.is_empty();
    let module = modules.first().map_or("main", String::as_str);
    let code = code(text);
    let mut found = Vec::new();
    if let Some(allowed) = allowed.get(module) {
        for other in used(&code, modules.len()) {
            let is_known = other == "*" || allowed_names().contains(other.as_str());
            if other != module && is_known && !allowed.contains(&other.as_str()) {
                found.push(format!("{inside}: {module} may not use {other}"));
            }
        }
    } else if !is_root {
        found.push(format!("{inside}: module {module} has no allowed edges in this test"));
    }
    for (word, owners, why) in ALONE.iter().copied() {
        if !owners.contains(&module) && code.contains(word) {
            found.push(format!("{inside}: {word} may not stand here: {why}"));
        }
    }
    found
}

fn allowed_names() -> BTreeSet<&'static str> {
    EDGES.iter().copied().map(|(name, _)| name).collect()
}

#[test]
fn data_flows_one_way() {
    let top = root().join("src");
    let found: Vec<String> = sources(&top)
        .iter()
        .flat_map(|path| {
            let inside = path.strip_prefix(&top).unwrap().to_str().unwrap();
            violations(inside, &fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// That a planted file of reports uses exactly these modules that it may not.
#[track_caller]
fn check_planted(inside: &str, text: &str, forbidden: &[&str]) {
    let expected: Vec<String> = forbidden.iter().map(|other| format!("{inside}: report may not use {other}")).collect();
    assert_eq!(violations(inside, text), expected, "{text}");
}

#[test]
fn a_planted_violation_is_found() {
    assert_eq!(
        violations("report/planted.rs", "use crate::store::Store;\nfn f() { sqlx::query(\"x\"); }"),
        [
            "report/planted.rs: report may not use store",
            "report/planted.rs: sqlx may not stand here: only the store has SQL"
        ]
    );
    assert_eq!(violations("newcomer.rs", "").len(), 1, "a new module needs a line here");
    check_planted("report/fine.rs", "use crate::domain::fact::Kind; // crate::store", &[]);
    check_planted("report/planted.rs", "fn f() -> crate::api::error::Error {}", &["api"]);
}

#[test]
fn a_planted_violation_in_a_group_is_found() {
    check_planted("report/a.rs", "use crate::{store::Store, domain::fact::Kind};", &["store"]);
    check_planted(
        "report/a.rs",
        "use crate::{\n    domain::{fact::Kind, id::Seq},\n    store,\n    api as x,\n};",
        &["api", "store"],
    );
    check_planted("report/a.rs", "use crate::{{collect::walk}, {domain::id::Seq}};", &["collect"]);
    check_planted("report/a.rs", "use crate::*;", &["*"]);
    check_planted("report/a.rs", "use crate::{self as root};", &["*"]);
    check_planted("report/a.rs", "use crate as root;", &["*"]);
    check_planted("report/a.rs", "use crate::domain::{store::Stored, api, id::Seq};", &[]);
}

#[test]
fn a_planted_violation_by_climbing_is_found() {
    check_planted("report/mod.rs", "use super::store::Store;", &["store"]);
    check_planted("report/a.rs", "use super::super::store::Store;", &["store"]);
    check_planted("report/a/mod.rs", "fn f() -> super::super::store::Store {}", &["store"]);
    check_planted("report/a/b.rs", "use super::super::super::{store::Store, domain::id::Seq};", &["store"]);
    check_planted("report/a.rs", "use super::{input::Input, super::api::read};", &["api"]);
    check_planted("report/a.rs", "use self::super::super::store::Store;", &["store"]);
    check_planted("report/a.rs", "use super::super::*;", &["*"]);
    check_planted("report/a.rs", "use super::super as root;", &["*"]);
    // Modules of its own that are called like others at the top.
    check_planted("report/a.rs", "use super::store::Row;", &[]);
    check_planted("report/a/b.rs", "use super::super::store::Row; use super::{self, api};", &[]);
    check_planted("report/a.rs", "use super::{superuser, self};", &[]);
}

/// The dependencies in a manifest's table, wherever in it they stand, that are this package by name, by `package` or by
/// `path` as seen from a folder.
fn ourselves(table: &toml::Table, folder: &Path) -> Vec<String> {
    let is_us = |name: &str, wanted: &toml::Value| {
        let text = |key: &str| wanted.get(key).and_then(toml::Value::as_str);
        let leads_here = |path: &str| folder.join(path).canonicalize().unwrap() == root().canonicalize().unwrap();
        text("package").unwrap_or(name) == env!("CARGO_PKG_NAME") || text("path").is_some_and(leads_here)
    };
    let mut found = Vec::new();
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            found.extend(inner.iter().filter(|(name, wanted)| is_us(name, wanted)).map(|(name, _)| name.clone()));
        } else {
            found.extend(ourselves(inner, folder));
        }
    }
    found
}

const EMULATOR: &str = "crates/emulator";

/// That a manifest of the emulator names the product under exactly these names.
#[track_caller]
fn check_ourselves(manifest: &str, expected: &[&str]) {
    assert_eq!(ourselves(&manifest.parse().unwrap(), &root().join(EMULATOR)), expected, "{manifest}");
}

#[test]
fn the_emulator_and_the_client_share_no_type() {
    check_ourselves(&fs::read_to_string(root().join(EMULATOR).join("Cargo.toml")).unwrap(), &[]);
    // What a member may inherit by `workspace = true` under any name.
    let product: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert!(
        ourselves(product["workspace"].as_table().unwrap(), &root()).is_empty(),
        "the workspace hands out the product"
    );
}

#[test]
fn a_planted_dependency_on_the_product_is_found() {
    check_ourselves("[dependencies]\nkeyholder = \"0.1\"", &["keyholder"]);
    check_ourselves("[dependencies]\nkeyholder.workspace = true", &["keyholder"]);
    check_ourselves("[dependencies.product]\npackage = \"keyholder\"\nversion = \"0.1\"", &["product"]);
    check_ourselves("[dev-dependencies]\n\"product\" = { path='../../' }", &["product"]);
    check_ourselves("[build-dependencies]\nproduct = { path = \"../emulator/../..\" }", &["product"]);
    check_ourselves("[target.'cfg(unix)'.dependencies]\nkeyholder={version=\"*\"}", &["keyholder"]);
    check_ourselves("[package]\nname = \"keyholder-emulator\"\n[dependencies]\nself = { path = \".\" }", &[]);
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
