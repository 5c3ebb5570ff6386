//! `[[route]]`: which alerts go to which sinks.

use super::super::keys::{Key, Spec, keys};
use super::super::text::Name;
use super::super::value::ValueType;
use super::job::ContractSet;
use super::names::{Known, check, known_classes};
use super::{Element, Table};
use crate::domain::severity::Severity;

keys! { tables
    /// Sends the alerts that match all of its conditions to its sinks. Without any, every sink gets what is alerted by
    /// default.
    [[route]] RouteRow {
        /// Names of sinks.
        sinks: Vec<Name> = Vec::new();
        /// Only these classes of changes and events; without it all.
        classes: Vec<Name> = Vec::new();
        /// Only from this severity on.
        severity: Option<Severity> = None;
        /// Only of these contracts; without it all.
        contracts: Vec<Name> = Vec::new();
    }
}

/// Sends alerts to sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConfig {
    /// Where they go; at least one.
    pub sinks: Vec<String>,
    /// Only these classes, each one of [`known_classes`]; empty for all.
    pub classes: Vec<String>,
    /// Only from this severity on.
    pub severity: Option<Severity>,
    /// Only of these contracts.
    pub contracts: ContractSet,
}

pub(super) fn build(row: &RouteRow, known: &Known<'_>, element: &mut Element<'_>) -> Option<RouteConfig> {
    let sinks = check(element, "sinks", "sink", &row.sinks, &known.sinks);
    if !element.is_given("sinks") {
        element.problem("sinks", "must be set");
    }
    let classes = check(element, "classes", "class", &row.classes, &known_classes());
    for name in row.contracts.iter().map(AsRef::as_ref) {
        if known.contracts.contains(&name) && !known.numbered.contains(&name) {
            element.problem("contracts", format!("contract {name} needs a number to be named in a route"));
        }
    }
    let contracts = ContractSet::of(check(element, "contracts", "contract", &row.contracts, &known.contracts));
    (!sinks.is_empty()).then_some(RouteConfig { sinks, classes, severity: row.severity, contracts })
}
