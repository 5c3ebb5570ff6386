//! Alerts as they are kept in the outbox: ids and numbers, never a name.
//!
//! Names, and what a change means in words, are put to it when it is sent, from what is sealed. Nothing here decides
//! what is worth an alert or where it goes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use strum::IntoEnumIterator as _;

use super::change::Class;
use super::fact::{FactKey, Kind};
use super::id::{ContractNumber, Seq};
use super::severity::Severity;

/// Goes into the id of every alert; raised when what an alert is about is cut in another way.
pub const RULE_VERSION: u32 = 1;

/// The idempotency key of an alert: the same thing in the same history has the same one, and nothing else has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub [u8; 32]);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertId({self})")
    }
}

/// What happened beside the changes of a contract.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, strum::EnumString, strum::IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Event {
    /// The first snapshot of a contract: what it holds, in numbers.
    BaselineEstablished,
    /// The first snapshot after a backup was restored.
    DatabaseRestored,
    /// A run ended without a snapshot.
    RunFailed,
    /// A snapshot with gaps.
    RunPartial,
    /// An instant of a schedule passed without its run.
    RunMissed,
    /// A job failed; a collection that failed has a failed run.
    JobFailed,
    /// Much is gone at once, and asking again confirmed it.
    MassRemoval,
    /// Much was missing from an answer, and asking again did not confirm it.
    SuspiciousAnswer,
    /// Attributes that decide about access were not reported any more.
    AttributeUnknown,
    /// Another principal than the accepted one collected.
    CollectingPrincipalChanged,
    /// The token ends soon, or has ended.
    CredentialsExpire,
    /// There has been no complete snapshot for too long.
    CollectionOverdue,
    /// Alerts were muted.
    AlertsMuted,
    /// Reports were written.
    ReportReady,
    /// Many alerts of one snapshot in one message.
    Digest,
}

/// What an alert is about: a change of the contract, or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertClass {
    /// A change.
    Change(Class),
    /// Something else.
    Event(Event),
}

impl AlertClass {
    /// All of them: changes in their documented order, then events.
    pub fn all() -> impl Iterator<Item = Self> {
        Class::ALL.into_iter().map(Self::Change).chain(Event::iter().map(Self::Event))
    }

    /// The stable word: lower case, hyphens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change(class) => class.as_str(),
            Self::Event(event) => event.into(),
        }
    }

    /// The class with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().find(|class| class.as_str() == word)
    }

    /// The words people read.
    pub fn title(self) -> String {
        match self {
            Self::Change(class) => class.title(),
            Self::Event(event) => <&str>::from(event).replace('-', " "),
        }
    }
}

impl fmt::Display for AlertClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A report that was written: where, and what it hashes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// What an alert carries besides what is sealed: numbers, reasons and files, no personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Label and value, for people.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, String>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The contract's name in the configuration, where its number may not be known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub contract_name: String,
    /// Reports that it announces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ReportFile>,
    /// The ids, in hex, of the alerts that a digest stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// The number of the mute that it announces: its person and reason stand there only, so that they can be erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute: Option<i64>,
}

/// Between which snapshots something was seen, and the roots of both states in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The snapshot compared with; `None` for the first of a contract.
    pub from: Option<Seq>,
    /// The snapshot in which it was seen.
    pub to: Seq,
    /// State root of `from`; empty without one.
    pub root_before: String,
    /// State root of `to`.
    pub root_after: String,
}

/// One alert of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its idempotency key.
    pub id: AlertId,
    /// The contract; `None` for what concerns no single one, or one that is not known yet.
    pub contract: Option<ContractNumber>,
    /// What it is about.
    pub class: AlertClass,
    /// How much it matters.
    pub severity: Severity,
    /// The fact that changed; `None` for an event.
    pub fact: Option<FactKey>,
    /// Which property of the fact; of an event, what tells it from others of its class.
    pub attribute: String,
    /// Between which snapshots; `None` where there is none.
    pub span: Option<Span>,
    /// When it was raised.
    pub raised: DateTime<Utc>,
    /// What is not sealed elsewhere.
    pub details: Details,
}

/// Alerts to one sink that were given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The sink.
    pub sink: String,
    /// How many.
    pub alerts: u64,
    /// When the first of them was given up.
    pub since: DateTime<Utc>,
}

/// What an alert is identified by, beside the history it belongs to.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// What it is about.
    pub class: AlertClass,
    /// The fact that changed.
    pub fact: Option<&'a FactKey>,
    /// Which property, or what tells an event from others of its class.
    pub attribute: &'a str,
    /// Between which snapshots.
    pub span: Option<&'a Span>,
}

impl Identity<'_> {
    /// SHA-256 over the canonical JSON list of origin (hex), class, kind, subject, object, attribute, root before, root
    /// after, from, to and [`RULE_VERSION`]. The origin is that of the contract's history in this database, so that a
    /// restored one gives other ids.
    #[expect(clippy::missing_panics_doc, reason = "a list of texts always has a JSON form")]
    pub fn id(&self, origin: &[u8; 32]) -> AlertId {
        let (kind, subject, object) = self.fact.map_or(("", "", ""), |fact| {
            (Kind::as_str(fact.kind), &*fact.subject, fact.object.as_deref().unwrap_or_default())
        });
        let (before, after) = self.span.map_or(("", ""), |span| (&*span.root_before, &*span.root_after));
        let number = |seq: Option<Seq>| seq.map(|seq| seq.0.to_string()).unwrap_or_default();
        let from = number(self.span.and_then(|span| span.from));
        let to = number(self.span.map(|span| span.to));
        let (origin, version) = (hex::encode(origin), RULE_VERSION.to_string());
        let class = self.class.as_str();
        let parts = [&origin, class, kind, subject, object, self.attribute, before, after, &from, &to, &version];
        let canonical = serde_json::to_vec(&parts).expect("a list of texts is JSON");
        AlertId(Sha256::digest(canonical).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: [u8; 32] = [7; 32];

    fn fact(kind: Kind, subject: &str, object: &str) -> FactKey {
        FactKey { kind, subject: subject.into(), object: Some(object.into()) }
    }

    fn span() -> Span {
        Span { from: Some(Seq(1)), to: Seq(2), root_before: "aa".to_owned(), root_after: "bb".to_owned() }
    }

    #[track_caller]
    fn check_differs(a: &Identity<'_>, b: &Identity<'_>) {
        assert_ne!(a.id(&ORIGIN), b.id(&ORIGIN));
        assert_eq!(a.id(&ORIGIN), a.clone().id(&ORIGIN), "and each repeats itself");
    }

    #[test]
    fn every_part_of_the_identity_changes_the_id() {
        let (key, other, span) = (fact(Kind::Key, "u", "k"), fact(Kind::Key, "u", "l"), span());
        let later = Span { to: Seq(3), ..span.clone() };
        let root = Span { root_after: "cc".to_owned(), ..span.clone() };
        let class = AlertClass::Change(Class::KeyAdded);
        let base = Identity { class, fact: Some(&key), attribute: "", span: Some(&span) };
        check_differs(&base, &Identity { fact: Some(&other), ..base.clone() });
        check_differs(&base, &Identity { fact: None, ..base.clone() });
        check_differs(&base, &Identity { attribute: "active", ..base.clone() });
        check_differs(&base, &Identity { span: Some(&later), ..base.clone() });
        check_differs(&base, &Identity { span: Some(&root), ..base.clone() });
        check_differs(&base, &Identity { class: AlertClass::Change(Class::KeyEnabled), ..base.clone() });
        assert_ne!(base.id(&ORIGIN), base.id(&[8; 32]), "another history is another alert");
    }

    #[test]
    fn each_class_is_found_by_its_word() {
        for class in AlertClass::all() {
            assert_eq!(AlertClass::from_word(class.as_str()), Some(class));
        }
        assert_eq!(AlertClass::from_word("nonsense"), None);
        let words: std::collections::BTreeSet<_> = AlertClass::all().map(AlertClass::as_str).collect();
        assert_eq!(words.len(), AlertClass::all().count(), "no word stands for two");
    }
}
