//! Changes: a fact that began, ended or got another body between two snapshots, and what that means.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::body::Body;
use super::fact::FactKey;
use super::id::Seq;
use super::severity::Severity;

/// What happened to a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// It began.
    Began,
    /// It ended.
    Ended,
    /// It got another body.
    Changed,
    /// It was seen for the first time, because nobody could look before: it may have been there all along.
    FirstSeen,
}

/// One fact that differs, with what was so before and after. The store answers with these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In which snapshot it was seen: for a net change, the later of the two.
    pub seq: Seq,
    /// Which fact.
    pub key: FactKey,
    /// What happened to it.
    pub op: Op,
    /// The body before; `None` if the fact began or has no body.
    pub before: Option<Body>,
    /// The body after; `None` if the fact ended or has no body.
    pub after: Option<Body>,
}

/// What a change means, in the words of somebody who reviews access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A user became an administrator.
    AdministratorGained,
    /// A user is no administrator any more.
    AdministratorLost,
    /// The contract has another owner.
    ContractOwnerChanged,
    /// Two-factor authentication was switched off, or is not demanded any more.
    TwoFactorWeakened,
    /// Two-factor authentication was set up, or is demanded now.
    TwoFactorStrengthened,
    /// A user appeared.
    UserAdded,
    /// A user vanished.
    UserRemoved,
    /// A user may not sign in any more.
    UserDisabled,
    /// A user may sign in again.
    UserEnabled,
    /// A group appeared.
    GroupAdded,
    /// A group vanished.
    GroupRemoved,
    /// A group got a privilege, and all its members with it.
    PrivilegeGained,
    /// A group lost a privilege.
    PrivilegeLost,
    /// A user joined a group.
    MemberAdded,
    /// A user left a group.
    MemberRemoved,
    /// A resource was shared with a group.
    ShareAdded,
    /// A share ended.
    ShareRemoved,
    /// A share got the right to edit or to share on.
    ShareWidened,
    /// A share lost the right to edit or to share on.
    ShareNarrowed,
    /// An S3 key appeared.
    KeyAdded,
    /// An S3 key vanished.
    KeyRemoved,
    /// An S3 key can be used again.
    KeyEnabled,
    /// An S3 key cannot be used any more.
    KeyDisabled,
    /// A user owns a resource, or does not any more.
    OwnerChanged,
    /// A resource appeared.
    ResourceAppeared,
    /// A resource vanished.
    ResourceVanished,
    /// A user signs in with another e-mail address.
    SignInAddressChanged,
    /// Somebody or something has another name.
    Renamed,
    /// Seen for the first time because its scope could not be read, or the property was not reported before; it may have been
    /// there all along.
    FirstSeen,
    /// Anything else: never dropped.
    Other,
}

impl Class {
    /// All classes, in the order they are documented.
    pub const ALL: [Self; 30] = [
        Self::AdministratorGained,
        Self::AdministratorLost,
        Self::ContractOwnerChanged,
        Self::TwoFactorWeakened,
        Self::TwoFactorStrengthened,
        Self::UserAdded,
        Self::UserRemoved,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::GroupAdded,
        Self::GroupRemoved,
        Self::PrivilegeGained,
        Self::PrivilegeLost,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::ShareAdded,
        Self::ShareRemoved,
        Self::ShareWidened,
        Self::ShareNarrowed,
        Self::KeyAdded,
        Self::KeyRemoved,
        Self::KeyEnabled,
        Self::KeyDisabled,
        Self::OwnerChanged,
        Self::ResourceAppeared,
        Self::ResourceVanished,
        Self::SignInAddressChanged,
        Self::Renamed,
        Self::FirstSeen,
        Self::Other,
    ];

    /// The stable word in files: lower case, hyphens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdministratorGained => "administrator-gained",
            Self::AdministratorLost => "administrator-lost",
            Self::ContractOwnerChanged => "contract-owner-changed",
            Self::TwoFactorWeakened => "two-factor-weakened",
            Self::TwoFactorStrengthened => "two-factor-strengthened",
            Self::UserAdded => "user-added",
            Self::UserRemoved => "user-removed",
            Self::UserDisabled => "user-disabled",
            Self::UserEnabled => "user-enabled",
            Self::GroupAdded => "group-added",
            Self::GroupRemoved => "group-removed",
            Self::PrivilegeGained => "privilege-gained",
            Self::PrivilegeLost => "privilege-lost",
            Self::MemberAdded => "member-added",
            Self::MemberRemoved => "member-removed",
            Self::ShareAdded => "share-added",
            Self::ShareRemoved => "share-removed",
            Self::ShareWidened => "share-widened",
            Self::ShareNarrowed => "share-narrowed",
            Self::KeyAdded => "key-added",
            Self::KeyRemoved => "key-removed",
            Self::KeyEnabled => "key-enabled",
            Self::KeyDisabled => "key-disabled",
            Self::OwnerChanged => "owner-changed",
            Self::ResourceAppeared => "resource-appeared",
            Self::ResourceVanished => "resource-vanished",
            Self::SignInAddressChanged => "sign-in-address-changed",
            Self::Renamed => "renamed",
            Self::FirstSeen => "first-seen",
            Self::Other => "other",
        }
    }

    /// The class with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// The words people read: `administrator gained`.
    pub fn title(self) -> String {
        match self {
            Self::TwoFactorWeakened => "2FA weakened".to_owned(),
            Self::TwoFactorStrengthened => "2FA strengthened".to_owned(),
            Self::SignInAddressChanged => "sign-in address changed".to_owned(),
            Self::KeyAdded => "S3 key added".to_owned(),
            Self::KeyRemoved => "S3 key removed".to_owned(),
            Self::KeyEnabled => "S3 key enabled".to_owned(),
            Self::KeyDisabled => "S3 key disabled".to_owned(),
            other => other.as_str().replace('-', " "),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something named for people: its API id and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// `user`, `group`, `resource`, `key` or `contract`.
    pub what: &'static str,
    /// The API's id.
    pub id: String,
    /// E-mail address, name, or the id again.
    pub label: String,
}

/// Who is said to have done it, and where that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// E-mail address, URN or id, as the API gives it.
    pub who: String,
    /// Which property said so: `createdBy` or `lastModifiedBy`.
    pub source: &'static str,
    /// The time that property carries, if any.
    pub at: Option<DateTime<Utc>>,
}

/// One side of a change as what it is: for formats that have types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Stated<T> {
    /// Nothing was there, or it was never known.
    Nothing,
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Words.
    Text(T),
}

/// Properties whose values are words, whatever these are.
const TEXTS: [&str; 11] = [
    "createdDate",
    "email",
    "firstname",
    "lastname",
    "name",
    "owner",
    "person",
    "regDomain",
    "s3CanonicalUserId",
    "status",
    "type",
];

impl Stated<&str> {
    /// The same with a text of its own.
    pub fn into_owned(self) -> Stated<String> {
        match self {
            Self::Nothing => Stated::Nothing,
            Self::Flag(flag) => Stated::Flag(flag),
            Self::Number(number) => Stated::Number(number),
            Self::Text(text) => Stated::Text(text.to_owned()),
        }
    }
}

/// As it was stated; nothing is an empty text.
impl<T: fmt::Display> fmt::Display for Stated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

impl Meaning {
    /// [`Meaning::before`] or [`Meaning::after`] as what it is: of properties that are no texts, `true` is a boolean and `7` a
    /// number.
    pub fn stated<'a>(&self, side: &'a str) -> Stated<&'a str> {
        if side.is_empty() {
            return Stated::Nothing;
        }
        if self.field.is_empty() || TEXTS.contains(&self.field.as_str()) {
            return Stated::Text(side);
        }
        match side {
            "true" => Stated::Flag(true),
            "false" => Stated::Flag(false),
            // What another spelling would lose, such as `007`, stays a text.
            _ => match side.parse::<i64>() {
                Ok(number) if number.to_string() == side => Stated::Number(number),
                _ => Stated::Text(side),
            },
        }
    }
}

/// A change as it is reported: one line per meaning, so one changed user may give two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The snapshot it was compared with: the one before, or the earlier of a net comparison. Where that one did not know the
    /// property, or could not read the scope to its end, the last that did.
    pub from: Seq,
    /// The snapshot in which it was seen.
    pub to: Seq,
    /// The fact that changed.
    pub key: FactKey,
    /// What it means.
    pub class: Class,
    /// How much that matters.
    pub severity: Severity,
    /// What changed: the user, group, resource or key.
    pub subject: Named,
    /// The other side of a relation: who joined, what was shared, who holds the key.
    pub object: Option<Named>,
    /// Which property differs, with the API's name; empty where a whole fact began or ended.
    pub field: String,
    /// What was there before; empty if nothing was, or if it was never known.
    pub before: String,
    /// What is there after; empty if nothing is.
    pub after: String,
    /// Why the severity is what it is, where it is not the usual one of its class.
    pub because: String,
    /// Who did it, as far as the API says.
    pub actor: Option<Actor>,
}
