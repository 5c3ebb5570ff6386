//! An alert that the tests of the sinks deliver.

use chrono::{DateTime, Utc};
use keyholder::domain::severity::Severity;
use keyholder::sinks::message::{Between, Contract, Message, Thing};

/// Everything that has gone wrong in a name: quotes, line breaks, an escape sequence, markup, mentions, bidi marks.
pub(crate) const HOSTILE: &str =
    "\"O'Neill\"\r\nBcc: x@example.com\u{1b}[2J<script>alert(1)</script>]\\ <!here> @here *b* `c` \u{202e}evil";

/// When the tests deliver.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-23T03:00:10Z".parse().unwrap()
}

/// An alert of a key, with that name of its user.
pub(crate) fn key_added(name: &str) -> Message {
    let raised_at = "2026-11-23T03:00:05Z".parse().unwrap();
    let mut message = Message::new(&"ab".repeat(32), "key-added", "S3 key added", Severity::High, raised_at);
    message.contract = Some(Contract { number: 31_884_391, name: Some("production".to_owned()) });
    message.subject = Some(Thing {
        kind: "user".to_owned(),
        id: "a3f0c1de-0001-4000-8000-000000000001".to_owned(),
        name: Some(name.to_owned()),
    });
    message.object = Some(Thing { kind: "key".to_owned(), id: "00f1a2b3c4d5e6f70809".to_owned(), name: None });
    message.attribute = Some("active".to_owned());
    message.after = Some("true".to_owned());
    message.because = Some("a new S3 key of an administrator".to_owned());
    message.seen = Some(Between {
        from: Some(41),
        from_at: Some("2026-11-22T03:00:00Z".parse().unwrap()),
        to: 42,
        to_at: "2026-11-23T03:00:00Z".parse().unwrap(),
        state_root: "cd".repeat(32),
    });
    message
}

/// A digest with so many alerts of keys.
pub(crate) fn digest(count: usize, name: &str) -> Message {
    let title = format!("{count} changes");
    let mut digest = Message::new(&"ef".repeat(32), "digest", &title, Severity::High, now());
    digest.counts.insert("key-added".to_owned(), count.to_string());
    digest.items = (0..count).map(|index| Message { id: format!("{index:064x}"), ..key_added(name) }).collect();
    digest
}
