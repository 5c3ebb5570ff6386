//! What a sink is given: one alert or one digest, with the names already rendered.
//!
//! A message is complete in itself: a sink looks nothing up. Every text in it may be untrusted input and is made visible or
//! escaped by the code that writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::rows::rows;
use crate::domain::severity::Severity;
use crate::domain::untrusted::{visible, visible_within};

/// Characters of one name in a headline.
const MAX_NAME_CHARS: usize = 120;

/// Characters of a value before or after in a headline.
const MAX_VALUE_CHARS: usize = 80;

/// Characters of one value of a line.
const MAX_VALUE_CHARS_OF_A_LINE: usize = 2_000;

/// Characters of a whole headline.
const MAX_HEADLINE_CHARS: usize = 600;

/// One alert or one digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// 64 hexadecimal digits: the idempotency key.
    pub id: String,
    /// A stable word such as `key-added`.
    pub class: String,
    /// The class for people, such as "S3 key added".
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// When the alert was raised.
    pub raised_at: DateTime<Utc>,
    /// The contract that it is about.
    pub contract: Option<Contract>,
    /// Who or what changed.
    pub subject: Option<Thing>,
    /// The other end of a relation: the group of a membership, the resource of a share, the key of a user.
    pub object: Option<Thing>,
    /// The attribute that changed.
    pub attribute: Option<String>,
    /// Its last known value.
    pub before: Option<String>,
    /// Its new value.
    pub after: Option<String>,
    /// Why the severity is what it is.
    pub because: Option<String>,
    /// Who did it, as far as the API reports it.
    pub actor: Option<Actor>,
    /// Between which snapshots it happened.
    pub seen: Option<Between>,
    /// Counts by label, for baselines and runs.
    pub counts: BTreeMap<String, String>,
    /// The list of a digest.
    pub items: Vec<Message>,
    /// Reports that go with it.
    pub files: Vec<ReportFile>,
}

/// A contract by number, and by the name that the configuration gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The number.
    pub number: u64,
    /// The name in the configuration.
    pub name: Option<String>,
}

/// A user, group, key, resource or anything else with an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// A word such as `user`.
    pub kind: String,
    /// The id.
    pub id: String,
    /// The name, where the sink may have names.
    pub name: Option<String>,
}

/// Who made a change, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The id, if known.
    pub id: Option<String>,
    /// The name, if known and where the sink may have names.
    pub name: Option<String>,
    /// Where the API reports it, such as `lastModifiedBy`.
    pub source: String,
    /// When, according to the same source.
    pub at: Option<DateTime<Utc>>,
}

/// The snapshots that a change lies between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// The last snapshot without the change; none for a first one.
    pub from: Option<u32>,
    /// When that was taken.
    pub from_at: Option<DateTime<Utc>>,
    /// The first snapshot with the change.
    pub to: u32,
    /// When that was taken.
    pub to_at: DateTime<Utc>,
    /// The state root of that snapshot, in hexadecimal.
    pub state_root: String,
}

/// A report that was written for this message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

impl Message {
    /// A message that says nothing but what every message says.
    pub fn new(id: &str, class: &str, title: &str, severity: Severity, raised_at: DateTime<Utc>) -> Self {
        Self {
            id: id.to_owned(),
            class: class.to_owned(),
            title: title.to_owned(),
            severity,
            raised_at,
            contract: None,
            subject: None,
            object: None,
            attribute: None,
            before: None,
            after: None,
            because: None,
            actor: None,
            seen: None,
            counts: BTreeMap::new(),
            items: Vec::new(),
            files: Vec::new(),
        }
    }

    /// One line for people, without control characters: what happened, to whom or what, and in which contract.
    pub fn headline(&self) -> String {
        let mut line = visible(&self.title).into_owned();
        let things: Vec<String> = [&self.subject, &self.object].into_iter().flatten().map(Thing::label).collect();
        if !things.is_empty() {
            line.push_str(": ");
            line.push_str(&things.join(", "));
        }
        if let Some(change) = self.change() {
            line.push_str("; ");
            line.push_str(&change);
        }
        if let Some(contract) = &self.contract {
            write!(line, " ({})", contract.label()).expect("a String takes all text");
        }
        visible_within(&line, MAX_HEADLINE_CHARS)
    }

    /// What people read beside the headline: labels and visible values.
    pub fn lines(&self) -> Vec<(String, String)> {
        let of_message = rows(self, MAX_VALUE_CHARS_OF_A_LINE).into_iter().map(|row| (row.label, row.value));
        of_message.chain(self.items.iter().map(|item| ("Item".to_owned(), item.headline()))).collect()
    }

    /// The attribute with its values before and after, if there is any of them.
    pub(super) fn change(&self) -> Option<String> {
        let value = |text: &Option<String>| text.as_deref().map(|text| visible_within(text, MAX_VALUE_CHARS));
        let values = match (value(&self.before), value(&self.after)) {
            (Some(before), Some(after)) => Some(format!("{before} → {after}")),
            (Some(before), None) => Some(format!("was {before}")),
            (None, Some(after)) => Some(after),
            (None, None) => None,
        };
        let parts: Vec<String> = value(&self.attribute).into_iter().chain(values).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl Contract {
    /// `contract 31884391, production`
    pub(super) fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("contract {}, {}", self.number, visible_within(name, MAX_NAME_CHARS)),
            None => format!("contract {}", self.number),
        }
    }
}

impl Thing {
    /// The kind with the name, or with the id where there is no name.
    pub(super) fn label(&self) -> String {
        let name = self.name.as_deref().unwrap_or(&self.id);
        format!("{} {}", visible(&self.kind), visible_within(name, MAX_NAME_CHARS))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, key_added};
    use super::*;

    #[test]
    fn a_headline_names_what_happened_to_whom() {
        assert_eq!(
            key_added("Alice Miller").headline(),
            "S3 key added: user Alice Miller, key 00f1a2b3c4d5e6f70809; active true (contract 31884391, production)"
        );
        let mut message = key_added("x");
        (message.subject, message.object, message.contract) = (None, None, None);
        message.before = Some("false".to_owned());
        assert_eq!(message.headline(), "S3 key added; active false → true");
    }

    #[test]
    fn a_headline_is_one_visible_line() {
        let line = key_added(HOSTILE).headline();
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(line.contains("⟨U+000D⟩⟨U+000A⟩Bcc"), "{line}");
        let long = key_added(&"x".repeat(10_000)).headline();
        assert!(long.chars().count() <= MAX_HEADLINE_CHARS && long.contains('…'), "{long}");
    }
}
