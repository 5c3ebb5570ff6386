//! What a walk would end: things that were there before and that a list which claims to be complete leaves out.
//!
//! Nothing has ended yet when this is said. Whether it does is decided by asking again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::coverage::Scope;

/// One thing that a list leaves out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vanished {
    /// The API's id of the thing itself: of the user for a membership, of the resource for a share or an ownership.
    pub id: Arc<str>,
    /// The kind of a resource, where it was ever reported: without it the API cannot be asked for a single one.
    pub kind: Option<String>,
}

/// What vanished from one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vanishing {
    /// How many things the scope had before.
    pub before: u64,
    /// Those that the list leaves out, in order.
    pub vanished: Vec<Vanished>,
}

/// What vanished, by scope; scopes from which nothing vanished are left out.
pub type VanishingByScope = BTreeMap<Scope, Vanishing>;
