//! One thing that stands twice in a list, with different content: what differs is not known.
//!
//! The order in which the two come leaves no trace.

use std::collections::BTreeMap;

use super::group::Group;
use super::id::{GroupId, ResourceId, UserId};
use super::key::Key;
use super::resource::Resource;
use super::share::Share;
use super::unknown::Nullable;
use super::user::{Attribution, User};

/// What two readings of one thing agree on.
pub trait Agree {
    /// Leaves out what the other reading has otherwise.
    fn agree(&mut self, other: &Self);
}

/// Leaves attributes out in which two things differ.
macro_rules! agree {
    ($one:expr, $other:expr, $($field:ident),*) => {
        $(if $one.$field != $other.$field {
            $one.$field = Default::default();
        })*
    };
}

fn agree_on_members<V: PartialEq>(one: &mut BTreeMap<String, V>, other: &BTreeMap<String, V>) {
    one.retain(|name, value| other.get(name) == Some(value));
}

impl Agree for User {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, administrator, force_sec_auth, sec_auth_active, active, created, last_login);
        agree!(self.person, other.person, email, firstname, lastname);
        if self.s3_canonical_user_id != other.s3_canonical_user_id {
            self.s3_canonical_user_id = Nullable::NotReported;
        }
        self.attribution.agree(&other.attribution);
        agree_on_members(&mut self.extra, &other.extra);
    }
}

impl Agree for Group {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, name);
        agree_on_members(&mut self.privileges, &other.privileges);
        agree_on_members(&mut self.extra, &other.extra);
    }
}

impl Agree for Resource {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, kind, name, created);
        if self.sec_auth_protection != other.sec_auth_protection {
            self.sec_auth_protection = Nullable::NotReported;
        }
        self.attribution.agree(&other.attribution);
        agree_on_members(&mut self.extra, &other.extra);
    }
}

impl Agree for Share {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, edit_privilege, share_privilege);
        agree_on_members(&mut self.extra, &other.extra);
    }
}

impl Agree for Key {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, active, created);
        self.attribution.agree(&other.attribution);
        agree_on_members(&mut self.extra, &other.extra);
    }
}

impl Agree for Attribution {
    fn agree(&mut self, other: &Self) {
        agree!(self, other, created_by, created_by_user_id, modified, modified_by, modified_by_user_id);
    }
}

/// An id has no content beside itself.
macro_rules! nothing_to_agree_on {
    ($($id:ty),*) => {$(
        impl Agree for $id {
            fn agree(&mut self, _: &Self) {}
        }
    )*};
}

nothing_to_agree_on!(UserId, GroupId, ResourceId);

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, privileges: &[(&str, bool)]) -> Group {
        let privileges = privileges.iter().map(|(name, held)| ((*name).to_owned(), *held)).collect();
        Group { id: "g".into(), name: Some(name.to_owned()), privileges, extra: BTreeMap::new() }
    }

    #[test]
    fn what_differs_is_left_out_in_either_order() {
        let one = group("ops", &[("a", true), ("b", true), ("c", false)]);
        let other = group("dev", &[("a", true), ("b", false), ("d", true)]);
        let expected = Group { name: None, ..group("", &[("a", true)]) };
        for (mut first, second) in [(one.clone(), other.clone()), (other, one.clone())] {
            first.agree(&second);
            assert_eq!(first, expected);
            // A third reading does not settle what two of them have otherwise.
            first.agree(&one);
            assert_eq!(first, expected);
        }
    }
}
