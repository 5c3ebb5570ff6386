//! What a check of `doctor` says.

use serde::Serialize;

use crate::cli::doctor::Check;
use crate::exit::Exit;

/// A check.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct CheckV1<'a> {
    check: &'a str,
    /// The contract of the configuration that it is about.
    contract: Option<&'a str>,
    outcome: &'a str,
    found: &'a str,
    hint: Option<&'a str>,
    /// The exit code that `collect` would end with.
    exit: Option<u8>,
}

impl<'a> CheckV1<'a> {
    pub(in crate::cli) fn of(check: &'a Check) -> Self {
        Self {
            check: check.name,
            contract: check.contract.as_deref(),
            outcome: check.outcome.as_str(),
            found: &check.found,
            hint: check.hint.as_deref(),
            exit: check.exit.map(Exit::code),
        }
    }
}
