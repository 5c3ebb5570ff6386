//! Resources: what can be shared and owned. The kind is an open set of words.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError, Extras};
use super::id::ResourceId;
use super::time::to_seconds;
use super::unknown::Nullable;
use super::user::{Attribution, parse_instant};

/// The seven kinds the API documents.
pub const KNOWN_KINDS: [&str; 7] = ["datacenter", "snapshot", "image", "ipblock", "pcc", "backupunit", "k8s"];

/// A resource as seen in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The API's id.
    pub id: ResourceId,
    /// The kind: one of [`KNOWN_KINDS`], or a newer word, kept as it is.
    pub kind: Option<String>,
    /// `properties.name`.
    pub name: Option<String>,
    /// Whether changes demand two-factor authentication; null where the kind cannot be protected.
    #[serde(default, skip_serializing_if = "Nullable::is_not_reported")]
    pub sec_auth_protection: Nullable<bool>,
    /// When the resource was created.
    pub created: Option<DateTime<Utc>>,
    /// Who made and who changed it. Volatile.
    pub attribution: Attribution,
    /// Properties this version does not know.
    pub extra: Extras,
}

/// The body of a resource fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBody {
    /// Creation time, RFC 3339 to the second.
    pub created_date: Option<String>,
    /// Unknown properties.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
    /// See [`Resource::name`].
    pub name: Option<String>,
    /// See [`Resource::sec_auth_protection`].
    #[serde(default, skip_serializing_if = "Nullable::is_not_reported")]
    pub sec_auth_protection: Nullable<bool>,
    /// See [`Resource::kind`].
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

impl Resource {
    /// The fact body.
    pub fn body(&self) -> Result<Body, BodyError> {
        Body::of(
            "resource",
            &ResourceBody {
                created_date: self.created.map(to_seconds),
                extra: self.extra.clone(),
                name: self.name.clone(),
                sec_auth_protection: self.sec_auth_protection,
                kind: self.kind.clone(),
            },
        )
    }

    /// Puts a resource together again from what the store keeps apart.
    pub fn from_parts(id: ResourceId, body: ResourceBody, attribution: Attribution) -> Self {
        Self {
            id,
            kind: body.kind,
            name: body.name,
            sec_auth_protection: body.sec_auth_protection,
            created: body.created_date.as_deref().and_then(parse_instant),
            attribution,
            extra: body.extra,
        }
    }

    /// The attributes that the answer did not report.
    pub fn unreported(&self) -> impl Iterator<Item = &'static str> {
        [
            ("name", self.name.is_none()),
            ("secAuthProtection", self.sec_auth_protection.is_not_reported()),
            ("type", self.kind.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
    }

    /// The name, or the id when there is none.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}
