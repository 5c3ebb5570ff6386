//! What elements refer to by name: contracts, sinks and classes of alerts.

use super::super::document::{advise, is_similar};
use super::super::text::Name;
use super::Element;
use crate::domain::alert::AlertClass;

/// Every word that a route may name as a class: changes, then events.
pub fn known_classes() -> Vec<&'static str> {
    AlertClass::all().map(AlertClass::as_str).collect()
}

/// The names that are configured.
pub(super) struct Known<'a> {
    pub(super) contracts: Vec<&'a str>,
    /// Those of the contracts whose number is configured: alerts know contracts by number only.
    pub(super) numbered: Vec<&'a str>,
    pub(super) sinks: Vec<&'a str>,
}

/// The names of elements that have one, each once.
pub(super) fn of<'a>(names: impl Iterator<Item = Option<&'a Name>>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.flatten().map(AsRef::as_ref).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Notes each name that is not known, with those that are similar, and gives all as text.
pub(super) fn check(element: &mut Element<'_>, key: &str, what: &str, names: &[Name], known: &[&str]) -> Vec<String> {
    for name in names.iter().map(AsRef::as_ref).filter(|name| !known.contains(name)) {
        let similar: Vec<_> = known.iter().copied().filter(|known| is_similar(name, known)).take(3).collect();
        element.problem(key, advise(&format!("there is no {what} {name:?}"), &similar));
    }
    names.iter().map(ToString::to_string).collect()
}
