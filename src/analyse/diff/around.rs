//! How little of two states is enough to say what changes mean. [`super::meanings`] looks at nothing else of them.

use crate::domain::change::{Change, Op};
use crate::domain::fact::Kind;
use crate::domain::state::Around;

/// What is needed of the earlier and of the later state: whoever and whatever the changes name, and of the later one what
/// decides severities: the shares of a group that somebody joined, and whether a group that changed has members.
pub fn around(changes: &[Change]) -> (Around, Around) {
    let mut named = Around::default();
    let mut after = Around::default();
    for change in changes {
        let subject = &*change.key.subject;
        let object = change.key.object.as_deref();
        match change.key.kind {
            Kind::Contract => {}
            Kind::User | Kind::Own | Kind::Key => drop(named.users.insert(subject.into())),
            Kind::Group | Kind::Member | Kind::Share => drop(named.groups.insert(subject.into())),
            Kind::Resource => drop(named.resources.insert(subject.into())),
        }
        match (change.key.kind, object) {
            (Kind::Member, Some(user)) => drop(named.users.insert(user.into())),
            (Kind::Share | Kind::Own, Some(resource)) => drop(named.resources.insert(resource.into())),
            _ => {}
        }
        match (change.key.kind, change.op) {
            (Kind::Group, Op::Changed) => drop(after.members_of.insert(subject.into())),
            (Kind::Member, Op::Began | Op::FirstSeen) => drop(after.shares_of.insert(subject.into())),
            (Kind::Key, Op::Began | Op::FirstSeen | Op::Changed) => drop(after.keys_of.insert(subject.into())),
            _ => {}
        }
    }
    let after = Around {
        users: named.users.clone(),
        groups: named.groups.clone(),
        resources: named.resources.clone(),
        ..after
    };
    (named, after)
}
