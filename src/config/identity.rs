//! What stays the same when only the machine changes: the hash of a configuration.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::keys::Shown;
use super::sections::{Config, KEYS};
use super::tables::ShownRow;

impl Config {
    /// SHA-256, in hex, over the canonical JSON (RFC 8785) of one object with every effective value by its path, unset
    /// ones as null; contracts, jobs and routes are lists of such objects. It proves that two runs were configured alike.
    ///
    /// Left out, because they differ between machines that do the same: the places of files (`api.ca_file`,
    /// `store.path`, `report.templates`), all of `[credentials]`, `[service]` and `[log]`, and all sinks. Equal values hash equally however
    /// they were written (`120s`, `2m`) and wherever they came from.
    #[expect(clippy::missing_panics_doc, reason = "a map of text to text is JSON")]
    pub fn hash(&self) -> String {
        let mut values: BTreeMap<&str, Value> = KEYS
            .iter()
            .filter(|key| key.spec.identity)
            .map(|key| (key.spec.path, key.shown(self).map_or(Value::Null, value)))
            .collect();
        for (table, rows) in self.tables().into_iter().filter(|(table, _)| *table != "sink") {
            values.insert(table, rows.into_iter().map(identity_of).collect());
        }
        let canonical = serde_json_canonicalizer::to_vec(&values).expect("a map of text to text is JSON");
        hex::encode(Sha256::digest(canonical))
    }
}

/// One element of an array of tables, without the places of its files.
fn identity_of(row: ShownRow) -> Value {
    let kept = row.into_iter().filter(|(spec, _)| spec.identity);
    kept.map(|(spec, shown)| (spec.name().to_owned(), shown.map_or(Value::Null, value))).collect()
}

/// A value in canonical JSON. Numbers as text: canonical JSON has no whole numbers beyond 2^53.
fn value(shown: Shown) -> Value {
    match shown {
        Shown::Number(number) => Value::String(number.to_string()),
        Shown::Text(text) => Value::String(text),
        Shown::Flag(flag) => Value::Bool(flag),
        Shown::List(items) => items.into_iter().map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::config::Level;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Config), differs: bool) {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.hash() != Config::default().hash(), differs);
    }

    #[test]
    fn what_changes_the_outcome_changes_the_hash() {
        check(|config| config.api.contract_number = Some(31_234_567), true);
        check(|config| config.api.url = "https://other.example".parse().unwrap(), true);
        check(|config| config.report.dormant_after = Duration::from_hours(24), true);
        check(|config| config.api.concurrency = 17, true);
        check(|config| config.collect.cross_check = true, true);
    }

    #[test]
    fn what_differs_by_machine_does_not() {
        check(|config| config.store.path = Some(PathBuf::from("/x")), false);
        check(|config| config.report.templates = Some(PathBuf::from("/x")), false);
        check(|config| config.api.ca_file = Some(PathBuf::from("/x")), false);
        check(|config| config.credentials.token_file = Some(PathBuf::from("/x")), false);
        check(|config| config.credentials.username = Some("ann@example.com".to_owned()), false);
        check(|config| config.log.level = Level::Trace, false);
    }

    #[test]
    fn the_hash_of_the_defaults_is_pinned() {
        // Computed apart from this code; changes only when a key is added, removed or gets another default.
        assert_eq!(Config::default().hash(), "3cdda464a0d0d49a51313876879d69fddd2de6ed272f95272c39c2ebcbae7d2a");
    }
}
