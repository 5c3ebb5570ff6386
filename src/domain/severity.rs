//! How much a change or a finding matters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Five steps, from "worth a line" to "look at it now".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line, nothing to do.
    Info,
    /// Housekeeping.
    Low,
    /// To be looked at in the next review.
    Medium,
    /// To be looked at this week.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// All of them, the most severe first: the order of every report.
    pub const DESCENDING: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word printed everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::DESCENDING
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| UnknownSeverity(text.to_owned()))
    }
}

/// A word that is none of the five severities.
#[derive(Debug, thiserror::Error)]
#[error("read severity {0:?}: expected one of critical, high, medium, low, info")]
pub struct UnknownSeverity(String);
