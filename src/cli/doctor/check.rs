//! What a check of the doctor says. Values only.

use std::collections::BTreeSet;
use std::error::Error;

use crate::app::preconditions::Precondition;
use crate::cli::failure::{Failure, shown_reasons};
use crate::domain::untrusted::message;
use crate::exit::Exit;
use crate::store::StoreError;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Works, but deserves a look.
    Warn,
    /// Does not work.
    Fail,
    /// Was not looked at.
    Skipped,
}

impl Outcome {
    /// The word that is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skip",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `credentials`, `clock`, `users`.
    pub name: &'static str,
    /// The contract of the configuration that it is about; nothing if it is about all.
    pub contract: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen, as it is shown: one line, or the lines of a list.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code that `collect` would end with for this; only of failures.
    pub exit: Option<Exit>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(name, Outcome::Ok, message(found.as_ref()), None)
    }

    pub(super) fn warn(name: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(name, Outcome::Warn, message(found.as_ref()), None)
    }

    /// What fails without ending a collection: a gap, or what is not needed to collect.
    pub(super) fn fail(name: &'static str, exit: Exit, found: impl AsRef<str>) -> Self {
        Self::new(name, Outcome::Fail, message(found.as_ref()), Some(exit))
    }

    /// What `collect` would fail with, with the code and the hint that it would end with.
    pub(super) fn unmet(precondition: Precondition, failure: &Failure) -> Self {
        Self::failure(precondition.name(), failure)
    }

    /// What `collect` would fail with, for reasons of the store.
    pub(super) fn unmet_by_store(error: StoreError) -> Self {
        Self::unmet(Precondition::of_store(&error), &error.into())
    }

    /// What another command would fail with.
    pub(super) fn failure(name: &'static str, failure: &Failure) -> Self {
        Self::error(name, failure.exit(), failure).hint_if_any(failure.hint())
    }

    /// What an error says, which may be a list.
    pub(super) fn error(name: &'static str, exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::new(name, Outcome::Fail, shown_reasons(error), Some(exit))
    }

    pub(super) fn skipped(name: &'static str, found: impl AsRef<str>) -> Self {
        Self::new(name, Outcome::Skipped, message(found.as_ref()), None)
    }

    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        self.hint_if_any(Some(hint.into()))
    }

    #[must_use]
    pub(super) fn hint_if_any(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(|hint| message(&hint));
        self
    }

    /// The same about a contract of the configuration, which it names.
    #[must_use]
    pub(super) fn of_contract(mut self, name: Option<&str>) -> Self {
        if let Some(name) = name {
            self.found = format!("contract {}: {}", message(name), self.found);
            self.contract = Some(name.to_owned());
        }
        self
    }

    fn new(name: &'static str, outcome: Outcome, found: String, exit: Option<Exit>) -> Self {
        Self { name, contract: None, outcome, found, hint: None, exit }
    }
}

/// The exit of the first check that failed: what comes later may follow from it. Of several contracts the worst counts, as it
/// does for `collect --all`.
pub fn exit(checks: &[Check]) -> Exit {
    let contracts: BTreeSet<_> = checks.iter().filter_map(|check| check.contract.as_deref()).collect();
    let first = |contract: Option<&str>| {
        let mut own = checks.iter().filter(|check| check.contract.is_none() || check.contract.as_deref() == contract);
        own.find_map(|check| check.exit).unwrap_or(Exit::Done)
    };
    if contracts.is_empty() { first(None) } else { Exit::worst(contracts.into_iter().map(|name| first(Some(name)))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(exit: Exit, contract: Option<&str>) -> Check {
        Check::fail("x", exit, "").of_contract(contract)
    }

    #[test]
    fn the_first_failure_of_each_contract_counts() {
        assert_eq!(exit(&[]), Exit::Done);
        let one = [Check::ok("x", ""), fail(Exit::Incomplete, None), fail(Exit::Locked, None)];
        assert_eq!(exit(&one), Exit::Incomplete);
        let (a, b) = (Some("a"), Some("b"));
        let two = [fail(Exit::CredentialsRefused, a), fail(Exit::Configuration, a), fail(Exit::Unreachable, b)];
        assert_eq!(exit(&two), Exit::CredentialsRefused);
        let shared = [Check::ok("x", "").of_contract(a), fail(Exit::Store, None), fail(Exit::Unreachable, a)];
        assert_eq!(exit(&shared), Exit::Store);
    }
}
