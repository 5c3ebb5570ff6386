//! What is wrong with a configuration, all of it at once, and where each value comes from.
//!
//! A problem never holds the value of a key it does not know: it may be a secret in the wrong place.

use std::fmt;
use std::path::PathBuf;

use crate::domain::untrusted::{Untrusted, message};

/// Where a value comes from, the strongest last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file that IONOS tools share.
    Shared(PathBuf),
    /// A configuration file and a line, counted from 1; line 0 is the file as a whole.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// An option of the command line, such as `--db`.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Shared(path) => write!(f, "shared IONOS file {}", Untrusted::from(path.as_path()).visible()),
            Self::File(path, 0) => write!(f, "file {}", Untrusted::from(path.as_path()).visible()),
            Self::File(path, line) => write!(f, "file {}:{line}", Untrusted::from(path.as_path()).visible()),
            Self::Variable(name) => write!(f, "env {}", message(name)),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said.
    pub origin: Origin,
    /// The key, such as `api.concurrency`, as the file has it; empty when it is about a whole file.
    pub key: Untrusted,
    /// What is wrong and how it should be.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.raw().is_empty() {
            write!(f, "{}: ", self.key.visible())?;
        }
        f.write_str(&message(&self.message))
    }
}

/// A configuration that cannot be used, with everything that is wrong with it. Exit code 3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one: those of the file by line, then environment, flags, shared file, and what nobody said.
    problems: Vec<Problem>,
}

impl ConfigError {
    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [only] => write!(f, "use the configuration: {only}"),
            several => {
                write!(f, "use the configuration: {} problems", several.len())?;
                several.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

/// Collects problems until all of the configuration was looked at.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Notes one.
    pub(super) fn add(&mut self, origin: &Origin, key: &str, message: impl Into<String>) {
        self.0.push(Problem { origin: origin.clone(), key: key.into(), message: message.into() });
    }

    /// The value when nothing was wrong, else everything that was.
    pub(super) fn or<T>(mut self, value: T) -> Result<T, ConfigError> {
        self.0.sort_by_key(|problem| match problem.origin {
            Origin::File(_, line) => (0, line),
            Origin::Variable(_) => (1, 0),
            Origin::Flag(_) => (2, 0),
            Origin::Shared(_) => (3, 0),
            Origin::Default => (4, 0),
        });
        if self.0.is_empty() { Ok(value) } else { Err(ConfigError { problems: self.0 }) }
    }
}
