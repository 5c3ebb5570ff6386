//! The reader of configuration files as fuzzers call it; see the module of the same name at the top.

use std::collections::BTreeMap;
use std::path::Path;

use super::problem::Problems;
use super::{Config, document, tables};

/// Reads bytes as a configuration file: every entry is stored or becomes a problem.
pub(crate) fn file(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else { return "not UTF-8".to_owned() };
    let mut problems = Problems::default();
    let mut config = Config::default();
    let mut stored = 0;
    let folder = Path::new("/etc/keyholder");
    let document = document::read(text, Path::new("fuzzed.toml"), &mut problems);
    config.contracts = tables::build(&document.elements, folder, &mut BTreeMap::new(), &mut problems).contracts;
    for entry in document.entries {
        match (entry.key.set)(&mut config, &entry.given, folder) {
            Ok(()) => stored += 1,
            Err(message) => problems.add(&entry.origin, entry.key.spec.path, message),
        }
    }
    let hash = config.hash();
    match problems.or(()) {
        Ok(()) => format!("{stored} stored, 0 problems, {hash}"),
        Err(error) => format!("{stored} stored, {} problems", error.problems().len()),
    }
}
