//! Groups: a name and an open set of privileges. The API gives them no dates at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError, Extras};
use super::id::GroupId;
use super::privilege::{self, Reach};

/// A group as seen in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The API's id.
    pub id: GroupId,
    /// Not unique: two groups may have the same name.
    pub name: Option<String>,
    /// Every boolean property by its API name, granted or not.
    pub privileges: BTreeMap<String, bool>,
    /// Properties that are neither the name nor a boolean.
    pub extra: Extras,
}

/// The body of a group fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupBody {
    /// Unknown properties.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
    /// See [`Group::name`].
    pub name: Option<String>,
    /// See [`Group::privileges`].
    pub privileges: BTreeMap<String, bool>,
}

impl Group {
    /// The fact body.
    pub fn body(&self) -> Result<Body, BodyError> {
        Body::of(
            "group",
            &GroupBody { extra: self.extra.clone(), name: self.name.clone(), privileges: self.privileges.clone() },
        )
    }

    /// Puts a group together again from its stored body.
    pub fn from_parts(id: GroupId, body: GroupBody) -> Self {
        Self { id, name: body.name, privileges: body.privileges, extra: body.extra }
    }

    /// The name, or the id when there is none.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    /// The privileges that are granted, in name order.
    pub fn granted(&self) -> impl Iterator<Item = &str> {
        self.privileges.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str())
    }

    /// Whether the group makes its members near-administrators: it holds most of the known privileges
    /// (more than half), or one that changes who may do what.
    pub fn is_privileged(&self) -> bool {
        self.granted().count() * 2 > privilege::KNOWN.len()
            || self.granted().any(|name| privilege::reach(name) == Reach::Powerful)
    }
}
