//! Parts: the facts of one scope taken together, their digest, and the root over all of them.
//!
//! The digest of a part is SHA-256 over one line per fact, ordered by subject and object, each line canonical JSON
//! `{"body":…,"object":…,"subject":…}` with a line feed. The root of a state is SHA-256 over all parts that hold
//! facts, ordered by kind and parent: `kind NUL parent NUL digest`. Equal states have equal roots.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::body::Body;
use crate::domain::fact::Kind;

/// A digest.
pub(super) type Digest = [u8; 32];

/// Which part: the kind of its facts, and the id of the group or user it belongs to (empty for a list of the contract).
pub(super) type PartKey = (Kind, Arc<str>);

/// One fact inside a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) subject: Arc<str>,
    /// Empty for contract, user, group and resource.
    pub(super) object: Arc<str>,
    pub(super) body: Option<Body>,
}

impl Row {
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.subject, &self.object)
    }
}

/// What is kept of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) facts: u64,
    /// Whether its scope was ever complete.
    pub(super) proven: bool,
    /// The digest of the last complete answer, what it left out included; `None` where the last answer was not complete.
    pub(super) observed: Option<Digest>,
}

/// The digest of rows that are in order.
pub(super) fn digest<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Digest {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(b"{");
        if let Some(body) = &row.body {
            hash.update(b"\"body\":");
            hash.update(body.as_str().as_bytes());
            hash.update(b",");
        }
        if !row.object.is_empty() {
            hash.update(b"\"object\":");
            hash.update(json_text(&row.object));
            hash.update(b",");
        }
        hash.update(b"\"subject\":");
        hash.update(json_text(&row.subject));
        hash.update(b"}\n");
    }
    hash.finalize().into()
}

fn json_text(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("text always has a JSON form")
}

/// The root over all parts.
pub(super) fn root(parts: &BTreeMap<PartKey, Part>) -> Digest {
    let mut hash = Sha256::new();
    for ((kind, parent), part) in parts.iter().filter(|(_, part)| part.facts > 0) {
        hash.update([kind.code(), 0]);
        hash.update(parent.as_bytes());
        hash.update([0]);
        hash.update(part.digest);
    }
    hash.finalize().into()
}

/// Facts of one kind over all parts.
pub(super) fn total(parts: &BTreeMap<PartKey, Part>, kind: Kind) -> u64 {
    parts.iter().filter(|((of, _), _)| *of == kind).map(|(_, part)| part.facts).sum()
}
