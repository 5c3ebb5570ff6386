//! What a check of the doctor says. Values only.

use std::error::Error;
use std::fmt::Write as _;

use crate::exit::Exit;

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
    /// How it went.
    pub outcome: Outcome,
    /// What was seen, never a secret.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code that a command would end with for this; only of failures.
    pub exit: Option<Exit>,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Ok, found.into(), None)
    }

    pub(super) fn warn(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Warn, found.into(), None)
    }

    pub(super) fn fail(name: &'static str, exit: Exit, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Fail, found.into(), Some(exit))
    }

    pub(super) fn skipped(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Skipped, found.into(), None)
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn hint_if_any(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    fn new(name: &'static str, outcome: Outcome, found: String, exit: Option<Exit>) -> Self {
        Self { name, outcome, found, hint: None, exit }
    }
}

/// The exit of the first check that failed: what comes later may follow from it.
pub fn exit(checks: &[Check]) -> Exit {
    checks.iter().find_map(|check| check.exit).unwrap_or(Exit::Done)
}

/// An error and what caused it, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").expect("a String takes every write");
        source = cause.source();
    }
    text
}
