//! Facts: what was so, by kind and key.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::body::Body;

/// What a fact is about. The numbers are stored and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// The contract; subject: its number.
    Contract = 1,
    /// A user; subject: the user.
    User = 2,
    /// A group; subject: the group.
    Group = 3,
    /// A resource; subject: the resource.
    Resource = 4,
    /// A membership; subject: the group, object: the user.
    Member = 5,
    /// A share; subject: the group, object: the resource.
    Share = 6,
    /// An ownership; subject: the user, object: the resource.
    Own = 7,
    /// An S3 key; subject: the user, object: the access key.
    Key = 8,
}

impl Kind {
    /// All kinds, in stored order.
    pub const ALL: [Self; 8] =
        [Self::Contract, Self::User, Self::Group, Self::Resource, Self::Member, Self::Share, Self::Own, Self::Key];

    /// The word for one such fact.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::User => "user",
            Self::Group => "group",
            Self::Resource => "resource",
            Self::Member => "member",
            Self::Share => "share",
            Self::Own => "own",
            Self::Key => "key",
        }
    }

    /// The words for several such facts.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contract => "contracts",
            Self::User => "users",
            Self::Group => "groups",
            Self::Resource => "resources",
            Self::Member => "memberships",
            Self::Share => "shares",
            Self::Own => "ownerships",
            Self::Key => "S3 keys",
        }
    }

    /// So many of them, in words: `1 contract`, `3 users`.
    pub fn counted(self, count: u64) -> String {
        let word = match self {
            Self::Member => "membership",
            Self::Own => "ownership",
            Self::Key => "S3 key",
            other => other.as_str(),
        };
        if count == 1 { format!("1 {word}") } else { format!("{count} {}", self.plural()) }
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which fact: kind, subject and, for the four relations, object. Ordered as reports are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// What it is about.
    pub kind: Kind,
    /// The API's id of the subject.
    pub subject: Arc<str>,
    /// The API's id of the object; `None` for contract, user, group and resource.
    pub object: Option<Arc<str>>,
}

/// One thing that was so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which fact.
    pub key: FactKey,
    /// What was so; `None` for memberships and ownerships, which say everything by being there.
    pub body: Option<Body>,
}
