//! What people read in a message: rows of a label and a value, the same for chats and mail.
//!
//! Every value is visible text of a limited length. Escaping is the business of each format.

use super::message::{Actor, Between, Message, Thing};
use crate::domain::time::to_seconds;
use crate::domain::untrusted::visible_within;

/// Characters of one value.
pub(super) const MAX_VALUE_CHARS: usize = 300;

/// Characters of one value in a message that would otherwise be too large.
const MIN_VALUE_CHARS: usize = 8;

/// Characters of one label.
const MAX_LABEL_CHARS: usize = 60;

/// Counts and files that are listed; more would push the rest out of a chat.
const MAX_LISTED: usize = 20;

/// A label and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) value: String,
}

/// What of a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Items of a digest.
    pub(super) items: usize,
    /// Characters of one value.
    pub(super) value_chars: usize,
}

/// Renders a message with as many items as fit, and with shorter values where even none fit.
pub(super) fn fitting<E>(
    max_items: usize,
    max_bytes: usize,
    render: impl Fn(Extent) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let mut extent = Extent { items: max_items, value_chars: MAX_VALUE_CHARS };
    loop {
        let rendered = render(extent)?;
        if rendered.len() <= max_bytes || extent.value_chars <= MIN_VALUE_CHARS {
            return Ok(rendered);
        }
        if extent.items > 0 {
            extent.items /= 2;
        } else {
            extent.value_chars /= 2;
        }
    }
}

/// The rows of a message, without its title and its items.
pub(super) fn rows(message: &Message, max_chars: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut push = |label: &str, value: Option<String>| {
        rows.extend(value.map(|value| Row {
            label: visible_within(label, MAX_LABEL_CHARS.min(max_chars)),
            value: visible_within(&value, max_chars),
        }));
    };
    push("Severity", Some(message.severity.to_string()));
    push("Contract", message.contract.as_ref().map(|contract| contract.label().replacen("contract ", "", 1)));
    push("Subject", message.subject.as_ref().map(with_id));
    push("Object", message.object.as_ref().map(with_id));
    push("Change", message.change());
    push("Why", message.because.clone());
    push("By", message.actor.as_ref().map(by));
    push("Seen", message.seen.as_ref().map(seen));
    push("State root", message.seen.as_ref().map(|seen| seen.state_root.clone()));
    for (label, value) in message.counts.iter().take(MAX_LISTED) {
        push(label, Some(value.clone()));
    }
    for file in message.files.iter().take(MAX_LISTED) {
        let path = file.path.to_string_lossy();
        push("Report", Some(format!("{path}, {} bytes, SHA-256 {}", file.bytes, file.sha256)));
    }
    push("Raised", Some(to_seconds(message.raised_at)));
    push("Alert id", Some(message.id.clone()));
    rows
}

/// A line per item of a digest, at most so many, and how many are left out.
pub(super) fn items(message: &Message, max: usize) -> (Vec<String>, usize) {
    let lines = message.items.iter().take(max);
    let lines = lines.map(|item| visible_within(&format!("{}: {}", item.severity, item.headline()), MAX_VALUE_CHARS));
    (lines.collect(), message.items.len().saturating_sub(max))
}

fn with_id(thing: &Thing) -> String {
    match &thing.name {
        Some(_) => format!("{} ({})", thing.label(), visible_within(&thing.id, 80)),
        None => thing.label(),
    }
}

fn by(actor: &Actor) -> String {
    let who = match (&actor.name, &actor.id) {
        (Some(name), Some(id)) => format!("{} ({})", visible_within(name, 120), visible_within(id, 80)),
        (Some(text), None) | (None, Some(text)) => visible_within(text, 120),
        (None, None) => "unknown".to_owned(),
    };
    let at = actor.at.map(|at| format!(" at {}", to_seconds(at))).unwrap_or_default();
    format!("{who}{at}, according to {}", actor.source)
}

fn seen(seen: &Between) -> String {
    let to = format!("snapshot {} of {}", seen.to, to_seconds(seen.to_at));
    match (seen.from, seen.from_at) {
        (Some(from), Some(at)) => format!("between snapshot {from} of {} and {to}", to_seconds(at)),
        (Some(from), None) => format!("between snapshot {from} and {to}"),
        (None, _) => format!("first in {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    fn value(rows: &[Row], label: &str) -> String {
        rows.iter().find(|row| row.label == label).unwrap().value.clone()
    }

    #[test]
    fn rows_say_what_who_and_when() {
        let rows = rows(&key_added("Alice Miller"), MAX_VALUE_CHARS);
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        let expected = [
            "Severity",
            "Contract",
            "Subject",
            "Object",
            "Change",
            "Why",
            "By",
            "Seen",
            "State root",
            "Raised",
            "Alert id",
        ];
        assert_eq!(labels, expected);
        assert_eq!(value(&rows, "Contract"), "31884391, production");
        assert_eq!(value(&rows, "Subject"), "user Alice Miller (a3f0c1de-0001-4000-8000-000000000001)");
        let by = "Alice Miller (a3f0c1de-0001-4000-8000-000000000002) at 2026-11-22T17:12:00Z, according to createdBy";
        assert_eq!(value(&rows, "By"), by);
        let seen = "between snapshot 41 of 2026-11-22T03:00:00Z and snapshot 42 of 2026-11-23T03:00:00Z";
        assert_eq!(value(&rows, "Seen"), seen);
    }

    #[test]
    fn no_value_has_a_hidden_character() {
        let mut message = key_added(HOSTILE);
        message.counts.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
        message.because = Some(HOSTILE.to_owned());
        for row in rows(&message, MAX_VALUE_CHARS) {
            let text = format!("{}{}", row.label, row.value);
            assert!(!text.contains(crate::domain::untrusted::is_hidden), "{text:?}");
        }
    }

    #[test]
    fn items_beyond_the_limit_are_counted() {
        let (lines, left_out) = items(&digest(25, "x"), 20);
        assert_eq!((lines.len(), left_out), (20, 5));
        assert!(lines[0].starts_with("high: S3 key added: user x, "), "{}", lines[0]);
    }
}
