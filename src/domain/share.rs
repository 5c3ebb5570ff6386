//! Shares: a resource given to a group. A share without any flag still lets its members read.

use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError, Extras};
use super::id::{GroupId, ResourceId};

/// A share as seen in one snapshot; its key is (group, resource).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The group that can see the resource.
    pub group: GroupId,
    /// The resource; the API's share id is the resource's id.
    pub resource: ResourceId,
    /// Members may change the resource.
    pub edit_privilege: Option<bool>,
    /// Members may give the resource on to other groups.
    pub share_privilege: Option<bool>,
    /// Properties this version does not know.
    pub extra: Extras,
}

/// The body of a share fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareBody {
    /// See [`Share::edit_privilege`].
    pub edit_privilege: Option<bool>,
    /// Unknown properties.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
    /// See [`Share::share_privilege`].
    pub share_privilege: Option<bool>,
}

impl Share {
    /// The fact body.
    pub fn body(&self) -> Result<Body, BodyError> {
        Body::of(
            "share",
            &ShareBody {
                edit_privilege: self.edit_privilege,
                extra: self.extra.clone(),
                share_privilege: self.share_privilege,
            },
        )
    }

    /// Puts a share together again from its stored body.
    pub fn from_parts(group: GroupId, resource: ResourceId, body: ShareBody) -> Self {
        Self {
            group,
            resource,
            edit_privilege: body.edit_privilege,
            share_privilege: body.share_privilege,
            extra: body.extra,
        }
    }

    /// The attributes that the answer did not report.
    pub fn unreported(&self) -> impl Iterator<Item = &'static str> {
        [("editPrivilege", self.edit_privilege), ("sharePrivilege", self.share_privilege)]
            .into_iter()
            .filter_map(|(name, flag)| flag.is_none().then_some(name))
    }

    /// What members may do with the resource.
    pub fn access(&self) -> Access {
        Access { edit: self.edit_privilege == Some(true), share: self.share_privilege == Some(true) }
    }
}

/// What a share lets its holder do beyond reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Change the resource.
    pub edit: bool,
    /// Give it on to other groups.
    pub share: bool,
}

impl Access {
    /// Both of two ways of access taken together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { edit: self.edit || other.edit, share: self.share || other.share }
    }

    /// `read`, `edit`, `share` or `edit+share`.
    pub fn as_str(self) -> &'static str {
        match (self.edit, self.share) {
            (false, false) => "read",
            (true, false) => "edit",
            (false, true) => "share",
            (true, true) => "edit+share",
        }
    }
}
