//! Notices: what a run noticed about how far its own answers can be trusted.
//!
//! A notice is not a change of the contract: it says that something about the way it was seen deserves a look. Nothing
//! is ever left out of a snapshot because of one.

use std::fmt;

use super::coverage::{Scope, ScopeKind};
use super::severity::Severity;

/// One thing that a run noticed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// Much of a scope is gone at once, and asking again and one by one confirmed it.
    MassRemoval {
        /// Which scope.
        scope: Scope,
        /// How many things it had.
        before: u64,
        /// How many of them are gone.
        vanished: u64,
        /// How many of these were asked for one by one.
        asked: u64,
    },
    /// Much of a scope was missing from an answer, and that could not be confirmed: the scope counts as unstable.
    SuspiciousAnswer {
        /// Which scope.
        scope: Scope,
        /// How many things it had.
        before: u64,
        /// How many of them the answer left out.
        vanished: u64,
        /// How many of these were asked for one by one.
        asked: u64,
        /// How many of those are there after all.
        present: u64,
    },
    /// Things that were listed more than once with different content; the later one was kept.
    Repeated {
        /// In scopes of which kind.
        kind: ScopeKind,
        /// How many.
        count: u64,
    },
    /// References to things that the list of such things does not name.
    Dangling {
        /// In scopes of which kind the references are.
        kind: ScopeKind,
        /// How many.
        count: u64,
    },
    /// The run is the second part of one that was cut off.
    Resumed {
        /// Requests of the first part whose answers were used.
        requests: u64,
    },
    /// Our clock was behind the end of an earlier run; times were moved on.
    ClockRegressed {
        /// By how many milliseconds.
        milliseconds: u64,
    },
    /// Our clock and the API's differ.
    ClockSkew {
        /// By how many seconds the API's is ahead; negative if it is behind.
        seconds: i64,
    },
}

/// The numbers and the scope of a notice, as they are stored and written in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The kind of scope it is about.
    pub kind: Option<ScopeKind>,
    /// The group or user whose scope it is.
    pub parent: Option<String>,
    /// How many things there were.
    pub before: Option<u64>,
    /// How many the notice is about; milliseconds or seconds if it is about a clock.
    pub count: Option<i64>,
    /// How many of them were asked for one by one.
    pub asked: Option<u64>,
    /// How many of those are there after all.
    pub present: Option<u64>,
}

impl Notice {
    /// The word printed and stored.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MassRemoval { .. } => "mass-removal",
            Self::SuspiciousAnswer { .. } => "suspicious-answer",
            Self::Repeated { .. } => "repeated",
            Self::Dangling { .. } => "dangling",
            Self::Resumed { .. } => "resumed",
            Self::ClockRegressed { .. } => "clock-regressed",
            Self::ClockSkew { .. } => "clock-skew",
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::MassRemoval { .. } | Self::SuspiciousAnswer { .. } => Severity::High,
            Self::ClockRegressed { .. } | Self::ClockSkew { .. } => Severity::Medium,
            Self::Repeated { .. } => Severity::Low,
            Self::Dangling { .. } | Self::Resumed { .. } => Severity::Info,
        }
    }

    /// The scope it is about, if it is about a single one.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::MassRemoval { scope, .. } | Self::SuspiciousAnswer { scope, .. } => Some(scope),
            _ => None,
        }
    }

    /// Taken apart for storage.
    pub fn parts(&self) -> Parts {
        let of = |scope: &Scope| Parts {
            kind: Some(scope.kind()),
            parent: scope.parent().map(str::to_owned),
            ..Parts::default()
        };
        let count = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
        match self {
            Self::MassRemoval { scope, before, vanished, asked } => {
                Parts { before: Some(*before), count: count(*vanished), asked: Some(*asked), ..of(scope) }
            }
            Self::SuspiciousAnswer { scope, before, vanished, asked, present } => Parts {
                before: Some(*before),
                count: count(*vanished),
                asked: Some(*asked),
                present: Some(*present),
                ..of(scope)
            },
            Self::Repeated { kind, count: many } | Self::Dangling { kind, count: many } => {
                Parts { kind: Some(*kind), count: count(*many), ..Parts::default() }
            }
            Self::Resumed { requests: many } | Self::ClockRegressed { milliseconds: many } => {
                Parts { count: count(*many), ..Parts::default() }
            }
            Self::ClockSkew { seconds } => Parts { count: Some(*seconds), ..Parts::default() },
        }
    }

    /// Put together from that word and parts; `None` where something is missing.
    pub fn from_parts(word: &str, parts: &Parts) -> Option<Self> {
        let Parts { kind, parent, before, count, asked, present } = parts;
        let scope = || Scope::from_parts((*kind)?, parent.as_deref());
        let many = || u64::try_from((*count)?).ok();
        Some(match word {
            "mass-removal" => {
                Self::MassRemoval { scope: scope()?, before: (*before)?, vanished: many()?, asked: (*asked)? }
            }
            "suspicious-answer" => Self::SuspiciousAnswer {
                scope: scope()?,
                before: (*before)?,
                vanished: many()?,
                asked: (*asked)?,
                present: (*present)?,
            },
            "repeated" => Self::Repeated { kind: (*kind)?, count: many()? },
            "dangling" => Self::Dangling { kind: (*kind)?, count: many()? },
            "resumed" => Self::Resumed { requests: many()? },
            "clock-regressed" => Self::ClockRegressed { milliseconds: many()? },
            "clock-skew" => Self::ClockSkew { seconds: (*count)? },
            _ => return None,
        })
    }
}

/// One sentence, without the scope's name.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MassRemoval { before, vanished, asked, .. } => write!(
                f,
                "mass removal, confirmed: {vanished} of {before} are gone; {asked} of them were asked for one by one"
            ),
            Self::SuspiciousAnswer { before, vanished, asked, present, .. } => write!(
                f,
                "suspicious answer: {vanished} of {before} were left out; of {asked} asked for one by one, {present} are \
                 there after all; nothing counts as removed"
            ),
            Self::Repeated { kind, count } => {
                write!(f, "{count} listed more than once with different content under {kind}; the later one was kept")
            }
            Self::Dangling { kind, count } => {
                write!(f, "{count} references under {kind} to what no list names")
            }
            Self::Resumed { requests } => {
                write!(f, "resumed after a cut; the answers to {requests} requests are from before it")
            }
            Self::ClockRegressed { milliseconds } => {
                write!(f, "our clock was {milliseconds} ms behind the end of an earlier run; times were moved on")
            }
            Self::ClockSkew { seconds } if *seconds < 0 => {
                write!(f, "the API's clock is {} s behind ours", seconds.unsigned_abs())
            }
            Self::ClockSkew { seconds } => write!(f, "the API's clock is {seconds} s ahead of ours"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notice: &Notice, word: &str, sentence: &str) {
        assert_eq!((notice.as_str(), notice.to_string().as_str()), (word, sentence));
        assert_eq!(Notice::from_parts(word, &notice.parts()).as_ref(), Some(notice), "{notice}");
        let mut lacking = notice.parts();
        lacking.count = None;
        assert_eq!(Notice::from_parts(word, &lacking), None, "{notice} without its number");
    }

    #[test]
    fn every_notice_can_be_read_and_put_together_again() {
        let scope = Scope::Members("ops".into());
        check(
            &Notice::MassRemoval { scope: scope.clone(), before: 120, vanished: 41, asked: 20 },
            "mass-removal",
            "mass removal, confirmed: 41 of 120 are gone; 20 of them were asked for one by one",
        );
        check(
            &Notice::SuspiciousAnswer { scope, before: 40, vanished: 40, asked: 20, present: 3 },
            "suspicious-answer",
            "suspicious answer: 40 of 40 were left out; of 20 asked for one by one, 3 are there after all; nothing counts \
             as removed",
        );
        check(
            &Notice::Repeated { kind: ScopeKind::Users, count: 2 },
            "repeated",
            "2 listed more than once with different content under users; the later one was kept",
        );
        check(
            &Notice::Dangling { kind: ScopeKind::Shares, count: 7 },
            "dangling",
            "7 references under shares to what no list names",
        );
        check(
            &Notice::Resumed { requests: 90 },
            "resumed",
            "resumed after a cut; the answers to 90 requests are from before it",
        );
        check(
            &Notice::ClockRegressed { milliseconds: 3_600_000 },
            "clock-regressed",
            "our clock was 3600000 ms behind the end of an earlier run; times were moved on",
        );
        check(&Notice::ClockSkew { seconds: 400 }, "clock-skew", "the API's clock is 400 s ahead of ours");
        check(&Notice::ClockSkew { seconds: -400 }, "clock-skew", "the API's clock is 400 s behind ours");
    }
}
