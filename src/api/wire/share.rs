//! Shares as the API writes them: the id is the resource's, the type is always `resource`.

use super::object::{NoEntities, Object};
use super::record::record;

/// A share of one group.
pub type Share = Object<ShareProperties, NoEntities>;

record! {
    /// `properties` of a share. With neither flag it still lets members read.
    ShareProperties in "share.properties" {
        /// `editPrivilege`.
        edit_privilege: bool as bool = "editPrivilege",
        /// `sharePrivilege`.
        share_privilege: bool as bool = "sharePrivilege",
    }
}
