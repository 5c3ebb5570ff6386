//! Users as the API writes them.

use super::collection::Collection;
use super::group::Group;
use super::lenient::{OrNull, Text};
use super::object::Object;
use super::record::record;
use super::resource::Resource;
use crate::domain::unknown::Nullable;

/// A user.
pub type User = Object<UserProperties, UserEntities>;

record! {
    /// `properties` of a user. A password is never returned.
    UserProperties in "user.properties" {
        /// `firstname`.
        firstname: String as Text = "firstname",
        /// `lastname`.
        lastname: String as Text = "lastname",
        /// `email`, lower case.
        email: String as Text = "email",
        /// `administrator`: may do everything without any group.
        administrator: bool as bool = "administrator",
        /// `forceSecAuth`: two-factor authentication is demanded.
        force_sec_auth: bool as bool = "forceSecAuth",
        /// `secAuthActive`: two-factor authentication is set up.
        sec_auth_active: bool as bool = "secAuthActive",
        /// `s3CanonicalUserId`; null right after creation.
        s3_canonical_user_id: Nullable<String> as OrNull<Text> = "s3CanonicalUserId",
        /// `active`; absent in old v5 data.
        active: bool as bool = "active",
    }
}

record! {
    /// `entities` of a user.
    UserEntities in "user.entities" {
        /// `owns`.
        owns: Collection<Resource> as Collection<Resource> = "owns",
        /// `groups`.
        groups: Collection<Group> as Collection<Group> = "groups",
    }
}
