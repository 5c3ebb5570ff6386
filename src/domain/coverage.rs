//! Coverage: per scope, whether we looked, and whether what we saw is all there was.
//!
//! Only a complete scope may say that something is absent; every other status is a gap that reports print.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::id::{GroupId, UserId};

/// The kinds of scope, in the order they are walked and printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ScopeKind {
    /// The contract itself.
    Contract = 1,
    /// The list of users.
    Users = 2,
    /// The list of groups with their privileges.
    Groups = 3,
    /// The list of resources.
    Resources = 4,
    /// The members of one group.
    Members = 5,
    /// The shares of one group.
    Shares = 6,
    /// What one user owns.
    Owns = 7,
    /// The S3 keys of one user.
    Keys = 8,
    /// The groups of one user, from the user's side; read to check memberships, and holds no facts of its own.
    UserGroups = 9,
}

impl ScopeKind {
    /// All kinds of scope.
    pub const ALL: [Self; 9] = [
        Self::Contract,
        Self::Users,
        Self::Groups,
        Self::Resources,
        Self::Members,
        Self::Shares,
        Self::Owns,
        Self::Keys,
        Self::UserGroups,
    ];

    /// The word printed everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Resources => "resources",
            Self::Members => "members",
            Self::Shares => "shares",
            Self::Owns => "owns",
            Self::Keys => "keys",
            Self::UserGroups => "user-groups",
        }
    }

    /// The stored number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with that stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The smallest unit with a completeness of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The contract itself.
    Contract,
    /// The list of users.
    Users,
    /// The list of groups.
    Groups,
    /// The list of resources.
    Resources,
    /// The members of one group.
    Members(GroupId),
    /// The shares of one group.
    Shares(GroupId),
    /// What one user owns.
    Owns(UserId),
    /// The S3 keys of one user.
    Keys(UserId),
    /// The groups of one user, from the user's side.
    UserGroups(UserId),
}

impl Scope {
    /// What kind of scope it is.
    pub fn kind(&self) -> ScopeKind {
        match self {
            Self::Contract => ScopeKind::Contract,
            Self::Users => ScopeKind::Users,
            Self::Groups => ScopeKind::Groups,
            Self::Resources => ScopeKind::Resources,
            Self::Members(_) => ScopeKind::Members,
            Self::Shares(_) => ScopeKind::Shares,
            Self::Owns(_) => ScopeKind::Owns,
            Self::Keys(_) => ScopeKind::Keys,
            Self::UserGroups(_) => ScopeKind::UserGroups,
        }
    }

    /// The group or user whose scope it is.
    pub fn parent(&self) -> Option<&str> {
        match self {
            Self::Contract | Self::Users | Self::Groups | Self::Resources => None,
            Self::Members(group) | Self::Shares(group) => Some(group.as_str()),
            Self::Owns(user) | Self::Keys(user) | Self::UserGroups(user) => Some(user.as_str()),
        }
    }

    /// The scope of that kind and parent; `None` where one of the two is missing or too much.
    pub fn from_parts(kind: ScopeKind, parent: Option<&str>) -> Option<Self> {
        Some(match (kind, parent) {
            (ScopeKind::Contract, None) => Self::Contract,
            (ScopeKind::Users, None) => Self::Users,
            (ScopeKind::Groups, None) => Self::Groups,
            (ScopeKind::Resources, None) => Self::Resources,
            (ScopeKind::Members, Some(group)) => Self::Members(group.into()),
            (ScopeKind::Shares, Some(group)) => Self::Shares(group.into()),
            (ScopeKind::Owns, Some(user)) => Self::Owns(user.into()),
            (ScopeKind::Keys, Some(user)) => Self::Keys(user.into()),
            (ScopeKind::UserGroups, Some(user)) => Self::UserGroups(user.into()),
            _ => return None,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent() {
            None => f.write_str(self.kind().as_str()),
            Some(parent) => write!(f, "{}({parent})", self.kind()),
        }
    }
}

/// How the reading of one scope ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything was read: absence means absent.
    Complete,
    /// The API refused (403): nothing is known.
    Forbidden,
    /// The parent vanished while we walked, confirmed by asking for it.
    Gone,
    /// It could not be read; the text says why.
    Failed(String),
    /// Two readings did not agree.
    Unstable,
    /// It was never asked, because what it depends on could not be read.
    NotAttempted,
    /// The API lists nothing here for want of a privilege that nobody has who could have anything. Only S3 keys have it; it
    /// proves no absence and is no gap.
    NotApplicable,
}

impl Status {
    /// Whether absence in this scope means absent. A vanished parent has no children left to miss.
    pub fn proves_absence(&self) -> bool {
        matches!(self, Self::Complete | Self::Gone)
    }

    /// Whether something may be missing from what is known of the scope.
    pub fn is_gap(&self) -> bool {
        !matches!(self, Self::Complete | Self::Gone | Self::NotApplicable)
    }

    /// The word without the reason.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::Failed(_) => "failed",
            Self::Unstable => "unstable",
            Self::NotAttempted => "not-attempted",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// Why it failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// The status with that word and reason.
    pub fn from_parts(word: &str, reason: Option<&str>) -> Option<Self> {
        Some(match word {
            "complete" => Self::Complete,
            "forbidden" => Self::Forbidden,
            "gone" => Self::Gone,
            "failed" => Self::Failed(reason.unwrap_or_default().to_owned()),
            "unstable" => Self::Unstable,
            "not-attempted" => Self::NotAttempted,
            "not-applicable" => Self::NotApplicable,
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => write!(f, "failed ({reason})"),
            other => f.pad(other.as_str()),
        }
    }
}

/// What reading one scope, or all scopes of one kind, took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Pages that were answered.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// Requests that were sent, retries included.
    pub attempts: u64,
    /// When the first request was sent.
    pub first_at: Option<DateTime<Utc>>,
    /// When the last answer was read.
    pub last_at: Option<DateTime<Utc>>,
}

impl Effort {
    /// Adds what another scope took.
    pub fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.items += other.items;
        self.attempts += other.attempts;
        self.first_at = self.first_at.into_iter().chain(other.first_at).min();
        self.last_at = self.last_at.into_iter().chain(other.last_at).max();
    }
}

/// One scope that was not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which scope.
    pub scope: Scope,
    /// How it ended.
    pub status: Status,
    /// What it took.
    pub effort: Effort,
}

/// All scopes of one kind together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCoverage {
    /// Scopes there were to read.
    pub scopes: u64,
    /// Scopes that were complete, not applicable, or whose parent is confirmed gone.
    pub complete: u64,
    /// Of them, those that were not applicable.
    pub not_applicable: u64,
    /// What they took together.
    pub effort: Effort,
}

/// The certificate of a snapshot's population: sums per kind of scope, and every scope that was not complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Sums per kind of scope.
    pub kinds: BTreeMap<ScopeKind, KindCoverage>,
    /// Scopes that were not complete, ordered by scope. Scopes whose parent is gone, and those that are not applicable, are
    /// listed too.
    pub gaps: Vec<Gap>,
}

impl Coverage {
    /// Adds one scope. Call [`Coverage::finish`] when all are in.
    pub fn record(&mut self, scope: Scope, status: Status, effort: Effort) {
        let sum = self.kinds.entry(scope.kind()).or_default();
        sum.scopes += 1;
        sum.complete += u64::from(!status.is_gap());
        sum.not_applicable += u64::from(status == Status::NotApplicable);
        sum.effort.add(effort);
        if status != Status::Complete {
            self.gaps.push(Gap { scope, status, effort });
        }
    }

    /// Puts the gaps in order, so that arrival order leaves no trace.
    pub fn finish(&mut self) {
        self.gaps.sort_by(|a, b| a.scope.cmp(&b.scope));
    }

    /// Whether every scope was read to its end.
    pub fn is_complete(&self) -> bool {
        self.kinds.values().all(|sum| sum.scopes == sum.complete)
    }

    /// Scopes there were, and scopes that were complete.
    pub fn totals(&self) -> (u64, u64) {
        self.kinds.values().fold((0, 0), |(scopes, complete), sum| (scopes + sum.scopes, complete + sum.complete))
    }

    /// Requests of the whole run, retries included.
    pub fn attempts(&self) -> u64 {
        self.kinds.values().map(|sum| sum.effort.attempts).sum()
    }
}
