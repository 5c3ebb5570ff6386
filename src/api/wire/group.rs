//! Groups as the API writes them: a name and booleans, an open set that grows without notice.

use std::collections::BTreeMap;

use super::collection::Collection;
use super::lenient::Text;
use super::notes::Context;
use super::object::Object;
use super::record::{Record, read_known, record};
use super::resource::Resource;
use super::user::User;
use crate::domain::body::{Extra, Extras};
use crate::domain::privilege;

/// A group.
pub type Group = Object<GroupProperties, GroupEntities>;

/// `properties` of a group.
#[derive(Clone, Debug, Default)]
pub struct GroupProperties {
    /// `name`; not unique.
    pub name: Option<String>,
    /// Every boolean property by its name, whether this version knows it or not.
    pub privileges: BTreeMap<String, bool>,
    /// Properties that are neither the name nor a boolean.
    pub extra: Extras,
}

impl Record for GroupProperties {
    fn model() -> &'static str {
        "group.properties"
    }

    fn index(name: &str) -> Option<usize> {
        (name == "name").then_some(0)
    }

    read_known!(name: Text = "name",);

    fn has_unknown(&self, name: &str) -> bool {
        self.privileges.contains_key(name) || self.extra.contains_key(name)
    }

    fn keep_unknown(&mut self, name: String, extra: Extra, context: &Context) {
        match extra {
            Extra::Bool(granted) => {
                self.privileges.insert(name, granted);
            }
            other => {
                if privilege::known(&name).is_some() {
                    context.invalid_field(Self::model(), &name);
                } else {
                    context.unknown_field(Self::model(), &name);
                }
                self.extra.insert(name, other);
            }
        }
    }
}

record! {
    /// `entities` of a group. Shares are not among them.
    GroupEntities in "group.entities" {
        /// `users`: the members.
        users: Collection<User> as Collection<User> = "users",
        /// `resources`.
        resources: Collection<Resource> as Collection<Resource> = "resources",
    }
}
