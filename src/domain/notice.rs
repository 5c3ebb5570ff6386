//! Notices: what a run noticed about how far its own answers can be trusted.
//!
//! A notice is not a change of the contract: it says that something about the way it was seen deserves a look. Nothing
//! is ever left out of a snapshot because of one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::coverage::{Scope, ScopeKind};
use super::fact::Kind;
use super::id::{GroupId, UserId};
use super::principal::PrincipalChange;
use super::severity::Severity;
use super::unknown::attribute;
use super::untrusted::visible;

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
    /// Much is gone at once from many scopes of a kind, and asking again and one by one confirmed it.
    MassRemovalAcross {
        /// Scopes of which kind.
        kind: ScopeKind,
        /// How many things those scopes had.
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
        /// How many are there after all, by another look at the list or by asking for them.
        present: u64,
    },
    /// The same in many scopes of a kind.
    SuspiciousAcross {
        /// Scopes of which kind.
        kind: ScopeKind,
        /// How many things those scopes had.
        before: u64,
        /// How many of them the answers left out.
        vanished: u64,
        /// How many of these were asked for one by one.
        asked: u64,
        /// How many are there after all, by another look at the lists or by asking for them.
        present: u64,
    },
    /// Things that were listed more than once with different content: what differs is not known.
    Repeated {
        /// In scopes of which kind.
        kind: ScopeKind,
        /// How many.
        count: u64,
    },
    /// Things that say nothing but their ids, also when they are read by themselves.
    OddItems {
        /// In scopes of which kind.
        kind: ScopeKind,
        /// How many.
        count: u64,
        /// The first of them, by name.
        names: Vec<String>,
    },
    /// References to things that the list of such things does not name.
    Dangling {
        /// In scopes of which kind the references are.
        kind: ScopeKind,
        /// How many.
        count: u64,
    },
    /// Things that a list does not name, and that are there when they are read by themselves.
    Unlisted {
        /// The kind of the list.
        kind: ScopeKind,
        /// How many.
        count: u64,
        /// The first of them, by id.
        names: Vec<String>,
    },
    /// Memberships of users, or in groups, that are not found.
    DanglingMembers {
        /// How many.
        count: u64,
        /// The first of them: the user and the group.
        names: Vec<String>,
    },
    /// Links to a next page of users that name another server or path than the configured one, or cannot be read.
    LinksElsewhere {
        /// How many.
        count: u64,
    },
    /// Lists of S3 keys that the API refuses for want of the privilege, which no group of the users has.
    KeysNotListed {
        /// Of how many users.
        count: u64,
    },
    /// The same of users of whom keys are known.
    KeysCarried {
        /// Of how many users.
        count: u64,
    },
    /// Times that cannot be: in the future, or before there was such an API.
    ImpossibleTimes {
        /// In scopes of which kind.
        kind: ScopeKind,
        /// How many.
        count: u64,
    },
    /// No listed user has the address of the contract's owner.
    OwnerNotListed,
    /// The run resumes an interrupted one.
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
    /// Attributes that the answers did not report.
    AttributeUnknown {
        /// How many objects lack which attribute, in order of kind and attribute; never empty.
        counts: Vec<UnknownCount>,
    },
    /// Another principal than the accepted one collected.
    PrincipalChanged {
        /// Which, and what became of it.
        change: PrincipalChange,
    },
}

/// Objects of one kind of which one attribute is unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnknownCount {
    /// The kind of the objects.
    pub kind: Kind,
    /// The API's name of the attribute.
    pub attribute: String,
    /// How many objects.
    pub count: u64,
    /// Of how many of them it was never known.
    pub never_known: u64,
    /// Of how many of them it was not unknown in the snapshot before.
    pub new: u64,
}

impl UnknownCount {
    /// Whether an attribute that decides about access became unknown.
    fn is_event(&self) -> bool {
        self.new > 0 && attribute(self.kind, &self.attribute).decides_access
    }
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
    /// What it says beyond its numbers, as JSON.
    pub detail: Option<String>,
}

/// Things that one notice names, at most.
const MAX_NAMED: usize = 10;

/// Memberships that one notice names, at most: nothing else names them.
const MAX_NAMED_MEMBERSHIPS: usize = 100;

/// A membership as a notice names it.
pub fn membership(user: &UserId, group: &GroupId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("user {user} of group {} ({group})", visible(name)),
        None => format!("user {user} of group {group}"),
    }
}

impl Notice {
    /// That these things say nothing but their ids.
    pub fn odd_items(kind: ScopeKind, names: &BTreeSet<String>) -> Self {
        Self::OddItems { kind, count: names.len() as u64, names: names.iter().take(MAX_NAMED).cloned().collect() }
    }

    /// That these things are there although their list does not name them; `None` if there are none.
    pub fn unlisted(kind: ScopeKind, ids: &BTreeSet<String>) -> Option<Self> {
        let names = ids.iter().take(MAX_NAMED).cloned().collect();
        (!ids.is_empty()).then_some(Self::Unlisted { kind, count: ids.len() as u64, names })
    }

    /// That these memberships lead nowhere; `None` if there are none.
    pub fn dangling_members(names: &BTreeSet<String>) -> Option<Self> {
        let first = names.iter().take(MAX_NAMED_MEMBERSHIPS).cloned().collect();
        (!names.is_empty()).then_some(Self::DanglingMembers { count: names.len() as u64, names: first })
    }

    /// The word printed and stored.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MassRemoval { .. } => "mass-removal",
            Self::SuspiciousAnswer { .. } => "suspicious-answer",
            Self::MassRemovalAcross { .. } => "mass-removal-across",
            Self::SuspiciousAcross { .. } => "suspicious-across",
            Self::Repeated { .. } => "repeated",
            Self::OddItems { .. } => "odd-items",
            Self::Dangling { .. } => "dangling",
            Self::Unlisted { .. } => "unlisted",
            Self::DanglingMembers { .. } => "dangling-members",
            Self::LinksElsewhere { .. } => "links-elsewhere",
            Self::KeysNotListed { .. } => "keys-not-listed",
            Self::KeysCarried { .. } => "keys-carried",
            Self::ImpossibleTimes { .. } => "impossible-times",
            Self::OwnerNotListed => "owner-not-listed",
            Self::Resumed { .. } => "resumed",
            Self::ClockRegressed { .. } => "clock-regressed",
            Self::ClockSkew { .. } => "clock-skew",
            Self::AttributeUnknown { .. } => "attribute-unknown",
            Self::PrincipalChanged { .. } => "principal-changed",
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::MassRemoval { .. }
            | Self::SuspiciousAnswer { .. }
            | Self::MassRemovalAcross { .. }
            | Self::SuspiciousAcross { .. }
            | Self::PrincipalChanged { .. } => Severity::High,
            Self::ClockRegressed { .. }
            | Self::ClockSkew { .. }
            | Self::KeysNotListed { .. }
            | Self::KeysCarried { .. }
            | Self::ImpossibleTimes { .. }
            | Self::OddItems { .. }
            | Self::Unlisted { .. }
            | Self::DanglingMembers { .. }
            | Self::OwnerNotListed => Severity::Medium,
            Self::AttributeUnknown { counts } if counts.iter().any(UnknownCount::is_event) => Severity::Medium,
            Self::Repeated { .. } | Self::AttributeUnknown { .. } => Severity::Low,
            Self::Dangling { .. } | Self::LinksElsewhere { .. } | Self::Resumed { .. } => Severity::Info,
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
            Self::MassRemovalAcross { kind, before, vanished, asked } => Parts {
                kind: Some(*kind),
                before: Some(*before),
                count: count(*vanished),
                asked: Some(*asked),
                ..Parts::default()
            },
            Self::SuspiciousAcross { kind, before, vanished, asked, present } => Parts {
                kind: Some(*kind),
                before: Some(*before),
                count: count(*vanished),
                asked: Some(*asked),
                present: Some(*present),
                ..Parts::default()
            },
            Self::Repeated { kind, count: many }
            | Self::Dangling { kind, count: many }
            | Self::ImpossibleTimes { kind, count: many } => {
                Parts { kind: Some(*kind), count: count(*many), ..Parts::default() }
            }
            Self::OddItems { kind, count: many, names } | Self::Unlisted { kind, count: many, names } => Parts {
                kind: Some(*kind),
                count: count(*many),
                detail: serde_json::to_string(names).ok(),
                ..Parts::default()
            },
            Self::DanglingMembers { count: many, names } => Parts {
                kind: Some(ScopeKind::Members),
                count: count(*many),
                detail: serde_json::to_string(names).ok(),
                ..Parts::default()
            },
            Self::OwnerNotListed => Parts { count: Some(1), ..Parts::default() },
            Self::LinksElsewhere { count: many }
            | Self::KeysNotListed { count: many }
            | Self::KeysCarried { count: many }
            | Self::Resumed { requests: many }
            | Self::ClockRegressed { milliseconds: many } => Parts { count: count(*many), ..Parts::default() },
            Self::ClockSkew { seconds } => Parts { count: Some(*seconds), ..Parts::default() },
            Self::AttributeUnknown { counts } => Parts {
                count: count(counts.iter().map(|one| one.count).sum()),
                detail: serde_json::to_string(counts).ok(),
                ..Parts::default()
            },
            Self::PrincipalChanged { change } => {
                Parts { count: count(change.held_back), detail: serde_json::to_string(change).ok(), ..Parts::default() }
            }
        }
    }

    /// Put together from that word and parts; `None` where something is missing.
    pub fn from_parts(word: &str, parts: &Parts) -> Option<Self> {
        let Parts { kind, parent, before, count, asked, present, detail } = parts;
        let scope = || Scope::from_parts((*kind)?, parent.as_deref());
        let many = || u64::try_from((*count)?).ok();
        let names = || serde_json::from_str(detail.as_deref()?).ok();
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
            "mass-removal-across" => {
                Self::MassRemovalAcross { kind: (*kind)?, before: (*before)?, vanished: many()?, asked: (*asked)? }
            }
            "suspicious-across" => Self::SuspiciousAcross {
                kind: (*kind)?,
                before: (*before)?,
                vanished: many()?,
                asked: (*asked)?,
                present: (*present)?,
            },
            "repeated" => Self::Repeated { kind: (*kind)?, count: many()? },
            "odd-items" => Self::OddItems { kind: (*kind)?, count: many()?, names: names()? },
            "dangling" => Self::Dangling { kind: (*kind)?, count: many()? },
            "unlisted" => Self::Unlisted { kind: (*kind)?, count: many()?, names: names()? },
            "dangling-members" => Self::DanglingMembers { count: many()?, names: names()? },
            "links-elsewhere" => Self::LinksElsewhere { count: many()? },
            "keys-not-listed" => Self::KeysNotListed { count: many()? },
            "keys-carried" => Self::KeysCarried { count: many()? },
            "impossible-times" => Self::ImpossibleTimes { kind: (*kind)?, count: many()? },
            "owner-not-listed" => many().map(|_| Self::OwnerNotListed)?,
            "resumed" => Self::Resumed { requests: many()? },
            "clock-regressed" => Self::ClockRegressed { milliseconds: many()? },
            "clock-skew" => Self::ClockSkew { seconds: (*count)? },
            "attribute-unknown" => {
                many()?;
                Self::AttributeUnknown { counts: serde_json::from_str(detail.as_deref()?).ok()? }
            }
            "principal-changed" => {
                many()?;
                Self::PrincipalChanged { change: serde_json::from_str(detail.as_deref()?).ok()? }
            }
            _ => return None,
        })
    }
}

mod sentence;
#[cfg(test)]
mod tests;
