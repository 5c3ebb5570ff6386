//! Resources as the API writes them: `type` is the kind.

use super::collection::Collection;
use super::group::Group;
use super::lenient::{OrNull, Text};
use super::object::Object;
use super::record::record;
use crate::domain::unknown::Nullable;

/// A resource.
pub type Resource = Object<ResourceProperties, ResourceEntities>;

record! {
    /// `properties` of a resource.
    ResourceProperties in "resource.properties" {
        /// `name`.
        name: String as Text = "name",
        /// `secAuthProtection`; null where the kind cannot be protected.
        sec_auth_protection: Nullable<bool> as OrNull<bool> = "secAuthProtection",
    }
}

record! {
    /// `entities` of a resource.
    ResourceEntities in "resource.entities" {
        /// `groups` that can see the resource.
        groups: Collection<Group> as Collection<Group> = "groups",
    }
}
