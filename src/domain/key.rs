//! S3 keys: an access key id, its state and its age. The secret half is dropped while parsing and has no place here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError, Extras};
use super::id::{KeyId, UserId};
use super::time::to_seconds;
use super::user::{Attribution, parse_instant};

/// An S3 key as seen in one snapshot; its key is (user, access key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The user who holds it.
    pub user: UserId,
    /// The access key id.
    pub id: KeyId,
    /// Whether it can be used.
    pub active: Option<bool>,
    /// When it was created; the API writes it without a zone, read as UTC.
    pub created: Option<DateTime<Utc>>,
    /// Who made and who changed it. Volatile.
    pub attribution: Attribution,
    /// Properties this version does not know.
    pub extra: Extras,
}

/// The body of a key fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    /// See [`Key::active`].
    pub active: Option<bool>,
    /// Creation time, RFC 3339 to the second.
    pub created_date: Option<String>,
    /// Unknown properties.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
}

impl Key {
    /// The fact body.
    pub fn body(&self) -> Result<Body, BodyError> {
        Body::of(
            "key",
            &KeyBody { active: self.active, created_date: self.created.map(to_seconds), extra: self.extra.clone() },
        )
    }

    /// Puts a key together again from what the store keeps apart.
    pub fn from_parts(user: UserId, id: KeyId, body: KeyBody, attribution: Attribution) -> Self {
        Self {
            user,
            id,
            active: body.active,
            created: body.created_date.as_deref().and_then(parse_instant),
            attribution,
            extra: body.extra,
        }
    }

    /// Whether the key can be used: active, or not said to be inactive.
    pub fn is_usable(&self) -> bool {
        self.active != Some(false)
    }
}
