//! The JSON form `keyholder.alert/v1` of a message, frozen: programs read it.
//!
//! A field of this form is never renamed, removed or given another meaning; a new one may appear. That is why these structs
//! are not the ones that the sinks work with. A field without a value is absent.

use std::collections::BTreeMap;

use serde::Serialize;

use super::message::{Actor, Between, Contract, Message, ReportFile, Thing};
use crate::domain::severity::Severity;
use crate::domain::time::to_seconds;

/// The name of the form, in the field `schema`.
pub const SCHEMA: &str = "keyholder.alert/v1";

/// A message as JSON.
#[derive(Debug, Serialize)]
pub struct AlertV1<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    id: &'a str,
    class: &'a str,
    title: &'a str,
    headline: String,
    severity: Severity,
    raised_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<ContractV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<ThingV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ThingV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ActorV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<BetweenV1<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<AlertV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items_left_out: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileV1<'a>>,
}

#[derive(Debug, Serialize)]
struct ContractV1<'a> {
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ThingV1<'a> {
    kind: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ActorV1<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Debug, Serialize)]
struct BetweenV1<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_at: Option<String>,
    to: u32,
    to_at: String,
    state_root: &'a str,
}

#[derive(Debug, Serialize)]
struct FileV1<'a> {
    path: String,
    sha256: &'a str,
    bytes: u64,
}

impl Message {
    /// The message as `keyholder.alert/v1`, with every item of a digest.
    pub fn v1(&self) -> AlertV1<'_> {
        self.v1_within(usize::MAX)
    }

    /// The same with at most so many items; the number of the others is in `items_left_out`.
    pub(super) fn v1_within(&self, max_items: usize) -> AlertV1<'_> {
        AlertV1 { schema: Some(SCHEMA), ..self.v1_body(max_items) }
    }

    fn v1_body(&self, max_items: usize) -> AlertV1<'_> {
        let left_out = self.items.len().saturating_sub(max_items);
        AlertV1 {
            schema: None,
            id: &self.id,
            class: &self.class,
            title: &self.title,
            headline: self.headline(),
            severity: self.severity,
            raised_at: to_seconds(self.raised_at),
            contract: self.contract.as_ref().map(Contract::v1),
            subject: self.subject.as_ref().map(Thing::v1),
            object: self.object.as_ref().map(Thing::v1),
            attribute: self.attribute.as_deref(),
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            because: self.because.as_deref(),
            actor: self.actor.as_ref().map(Actor::v1),
            seen: self.seen.as_ref().map(Between::v1),
            counts: &self.counts,
            items: self.items.iter().take(max_items).map(|item| item.v1_body(max_items)).collect(),
            items_left_out: (left_out > 0).then_some(left_out),
            files: self.files.iter().map(ReportFile::v1).collect(),
        }
    }
}

impl Contract {
    fn v1(&self) -> ContractV1<'_> {
        ContractV1 { number: self.number, name: self.name.as_deref() }
    }
}

impl Thing {
    fn v1(&self) -> ThingV1<'_> {
        ThingV1 { kind: &self.kind, id: &self.id, name: self.name.as_deref() }
    }
}

impl Actor {
    fn v1(&self) -> ActorV1<'_> {
        ActorV1 {
            id: self.id.as_deref(),
            name: self.name.as_deref(),
            source: &self.source,
            at: self.at.map(to_seconds),
        }
    }
}

impl Between {
    fn v1(&self) -> BetweenV1<'_> {
        BetweenV1 {
            from: self.from,
            from_at: self.from_at.map(to_seconds),
            to: self.to,
            to_at: to_seconds(self.to_at),
            state_root: &self.state_root,
        }
    }
}

impl ReportFile {
    fn v1(&self) -> FileV1<'_> {
        FileV1 { path: self.path.to_string_lossy().into_owned(), sha256: &self.sha256, bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    #[test]
    fn an_alert_has_the_frozen_form() {
        let mut message = key_added("Alice Miller");
        message.files.push(ReportFile { path: "/r/review.csv".into(), sha256: "12".repeat(32), bytes: 7 });
        let expected = json!({
            "schema": "keyholder.alert/v1",
            "id": "ab".repeat(32),
            "class": "key-added",
            "title": "S3 key added",
            "headline": message.headline(),
            "severity": "high",
            "raised_at": "2026-11-23T03:00:05Z",
            "contract": {"number": 31_884_391, "name": "production"},
            "subject": {"kind": "user", "id": "a3f0c1de-0001-4000-8000-000000000001", "name": "Alice Miller"},
            "object": {"kind": "key", "id": "00f1a2b3c4d5e6f70809"},
            "attribute": "active",
            "after": "true",
            "because": "a new S3 key of an administrator",
            "actor": {
                "id": "a3f0c1de-0001-4000-8000-000000000002",
                "name": "Alice Miller",
                "source": "createdBy",
                "at": "2026-11-22T17:12:00Z",
            },
            "seen": {
                "from": 41,
                "from_at": "2026-11-22T03:00:00Z",
                "to": 42,
                "to_at": "2026-11-23T03:00:00Z",
                "state_root": "cd".repeat(32),
            },
            "files": [{"path": "/r/review.csv", "sha256": "12".repeat(32), "bytes": 7}],
        });
        assert_eq!(serde_json::to_value(message.v1()).unwrap(), expected);
    }

    #[test]
    fn hostile_names_stay_byte_exact_in_json() {
        let text = serde_json::to_string(&key_added(HOSTILE).v1()).unwrap();
        assert!(!text.contains('\n') && !text.contains('\u{1b}'), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["subject"]["name"], HOSTILE);
    }

    #[test]
    fn a_digest_counts_the_items_it_leaves_out() {
        let digest = digest(5, "x");
        let value = serde_json::to_value(digest.v1_within(3)).unwrap();
        assert_eq!(value["items"].as_array().unwrap().len(), 3);
        assert_eq!(value["items_left_out"], 2);
        assert_eq!(value["items"][0].get("schema"), None, "only the whole names its form");
        assert_eq!(serde_json::to_value(digest.v1()).unwrap()["items"].as_array().unwrap().len(), 5);
    }
}
