//! Judges one run of a history by the world that it was made of: every fact, and every attribute of it, by the values
//! that the world had while the run lasted. Knows nothing of distortions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use emulator::World;
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::state::State;

use crate::support::truth::{line, relation, scope_of, thing};

/// Values by the API's name of the attribute.
pub(super) type Attributes = BTreeMap<String, String>;

/// What is so: every fact with its attributes.
pub(super) type Picture = BTreeMap<FactKey, Attributes>;

/// Ids that only a distortion makes up begin like this.
pub(super) const MADE_UP: &str = "ffffffff-";

fn attributes<const N: usize>(values: [(&str, String); N]) -> Attributes {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The world as it is now.
pub(super) fn truth(world: &World) -> Picture {
    let mut facts = Picture::new();
    let owner = world.user(world.owner()).map(|owner| owner.email.clone()).unwrap_or_default();
    facts.insert(thing(Kind::Contract, &world.contract_number().to_string()), attributes([("owner", owner)]));
    for user in world.users() {
        let values = attributes([
            ("email", user.email.clone()),
            ("firstname", user.firstname.clone()),
            ("lastname", user.lastname.clone()),
            ("administrator", user.administrator.to_string()),
            ("forceSecAuth", user.force_sec_auth.to_string()),
            ("secAuthActive", user.sec_auth_active.to_string()),
            ("active", user.active.to_string()),
        ]);
        facts.insert(thing(Kind::User, &user.id), values);
        facts.extend(world.owns(&user.id).map(|id| (relation(Kind::Own, &user.id, id), Attributes::new())));
        facts.extend(
            world
                .keys(&user.id)
                .map(|key| (relation(Kind::Key, &user.id, &key.id), attributes([("active", key.active.to_string())]))),
        );
    }
    for group in world.groups() {
        let mut values = attributes([("name", group.name.clone())]);
        values.extend(group.privileges.iter().map(|(name, granted)| (name.clone(), granted.to_string())));
        facts.insert(thing(Kind::Group, &group.id), values);
        facts.extend(world.members(&group.id).map(|id| (relation(Kind::Member, &group.id, id), Attributes::new())));
        facts.extend(world.shares(&group.id).map(|(id, share)| {
            let values =
                attributes([("editPrivilege", share.edit.to_string()), ("sharePrivilege", share.share.to_string())]);
            (relation(Kind::Share, &group.id, id), values)
        }));
    }
    facts.extend(world.resources().map(|resource| {
        let values = attributes([("name", resource.name.clone()), ("type", resource.kind.name().to_owned())]);
        (thing(Kind::Resource, &resource.id), values)
    }));
    facts
}

/// What a state says, carried values included; what was never known is left out.
pub(super) fn stored(state: &State) -> Picture {
    let mut facts = Picture::new();
    let known = |values: Vec<(&str, Option<String>)>| -> Attributes {
        values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    };
    let flag = |value: Option<bool>| value.map(|value| value.to_string());
    facts.extend(state.contract.iter().map(|contract| {
        let values = known(vec![("owner", contract.owner.email.clone())]);
        (thing(Kind::Contract, &contract.number.to_string()), values)
    }));
    for (id, user) in &state.users {
        let values = known(vec![
            ("email", user.person.email.clone()),
            ("firstname", user.person.firstname.clone()),
            ("lastname", user.person.lastname.clone()),
            ("administrator", flag(user.administrator)),
            ("forceSecAuth", flag(user.force_sec_auth)),
            ("secAuthActive", flag(user.sec_auth_active)),
            ("active", flag(user.active)),
        ]);
        facts.insert(thing(Kind::User, id.as_str()), values);
    }
    for (id, group) in &state.groups {
        let mut values = known(vec![("name", group.name.clone())]);
        values.extend(group.privileges.iter().map(|(name, granted)| (name.clone(), granted.to_string())));
        facts.insert(thing(Kind::Group, id.as_str()), values);
    }
    for (id, resource) in &state.resources {
        let values = known(vec![("name", resource.name.clone()), ("type", resource.kind.clone())]);
        facts.insert(thing(Kind::Resource, id.as_str()), values);
    }
    for (group, user) in state.members.keys() {
        facts.insert(relation(Kind::Member, group.as_str(), user.as_str()), Attributes::new());
    }
    for ((group, resource), share) in &state.shares {
        let values =
            known(vec![("editPrivilege", flag(share.edit_privilege)), ("sharePrivilege", flag(share.share_privilege))]);
        facts.insert(relation(Kind::Share, group.as_str(), resource.as_str()), values);
    }
    for (user, resource) in state.owns.keys() {
        facts.insert(relation(Kind::Own, user.as_str(), resource.as_str()), Attributes::new());
    }
    for ((user, id), key) in &state.keys {
        facts.insert(relation(Kind::Key, user.as_str(), id.as_str()), known(vec![("active", flag(key.active))]));
    }
    facts
}

/// Whether a state marks an attribute as unknown.
fn is_unknown(state: &State, key: &FactKey, attribute: &str) -> bool {
    state.unknown.last_known(key.kind, &key.subject, key.object.as_deref(), attribute).is_some()
}

/// Everything that was so while a run lasted.
#[derive(Clone)]
pub(super) struct Witness(Arc<Mutex<Vec<Picture>>>);

impl Witness {
    /// Has seen the world once.
    pub(super) fn of(world: &World) -> Self {
        Self(Arc::new(Mutex::new(vec![truth(world)])))
    }

    /// Sees the world again.
    pub(super) fn look(&self, world: &World) {
        self.0.lock().unwrap().push(truth(world));
    }

    /// Everything that was so.
    pub(super) fn pictures(&self) -> Vec<Picture> {
        self.0.lock().unwrap().clone()
    }

    /// Values that an attribute had.
    fn values(pictures: &[Picture], key: &FactKey, attribute: &str) -> BTreeSet<String> {
        pictures.iter().filter_map(|picture| picture.get(key)?.get(attribute).cloned()).collect()
    }
}

/// What a run said before and after, with the status of its scopes.
pub(super) struct Run<'a> {
    /// The state that the run began from.
    pub(super) before: &'a State,
    /// The state that it sealed.
    pub(super) after: &'a State,
    /// The scopes of the run.
    pub(super) scopes: &'a BTreeMap<Scope, Status>,
    /// Whether the answers may have hidden what was new.
    pub(super) hides_new: bool,
}

/// Violations, in the words of the promise.
pub(super) fn judge(run: &Run<'_>, witness: &Witness) -> Vec<String> {
    let pictures = witness.pictures();
    let (before, after) = (stored(run.before), stored(run.after));
    let is_complete = |key: &FactKey| run.scopes.get(&scope_of(key)) == Some(&Status::Complete);
    let was_always = |key: &FactKey| pictures.iter().all(|picture| picture.contains_key(key));
    let was_ever = |key: &FactKey| pictures.iter().any(|picture| picture.contains_key(key));
    let is_made_up = |key: &FactKey| {
        key.subject.starts_with(MADE_UP) || key.object.as_deref().is_some_and(|id| id.starts_with(MADE_UP))
    };
    let mut wrong = Vec::new();
    let seen: BTreeSet<&FactKey> = pictures.iter().flat_map(BTreeMap::keys).collect();
    for key in seen.into_iter().filter(|key| was_always(key) && !after.contains_key(*key)) {
        if before.contains_key(key) {
            wrong.push(format!("false ending: {}", line(key)));
        } else if is_complete(key) && !run.hides_new {
            wrong.push(format!("missed addition: {}", line(key)));
        }
    }
    for key in after.keys().filter(|key| !was_ever(key) && !is_made_up(key)) {
        if !before.contains_key(key) {
            wrong.push(format!("false addition: {}", line(key)));
        } else if is_complete(key) {
            wrong.push(format!("missed ending: {}", line(key)));
        }
    }
    for (key, values) in after.iter().filter(|(key, _)| was_ever(key)) {
        let earlier = before.get(key);
        for (attribute, value) in values {
            let real = Witness::values(&pictures, key, attribute);
            let is_new = earlier.and_then(|earlier| earlier.get(attribute)) != Some(value);
            let (is_unknown, is_real) = (is_unknown(run.after, key, attribute), real.contains(value));
            let at = format!("{} {attribute} = {value}, really {real:?}", line(key));
            // A privilege that a distortion makes up is no attribute of the world.
            if real.is_empty() {
            } else if is_new && !is_real {
                wrong.push(format!("false change: {at}"));
            } else if !is_new && !is_real && !is_unknown && is_complete(key) && was_always(key) {
                wrong.push(format!("missed change: {at}"));
            }
        }
        for attribute in pictures.iter().filter_map(|picture| picture.get(key)).flat_map(BTreeMap::keys) {
            // A privilege that no group reports is a name that was never reported.
            let is_heard_of = key.kind != Kind::Group
                || after.iter().any(|(other, values)| other.kind == Kind::Group && values.contains_key(attribute));
            let is_missing = !values.contains_key(attribute) && !is_unknown(run.after, key, attribute);
            if is_missing && is_heard_of && is_complete(key) {
                wrong.push(format!("neither known nor marked: {} {attribute}", line(key)));
            }
        }
    }
    wrong
}

/// Where the store differs from the world, after a truthful run.
pub(super) fn differences(world: &Picture, state: &State) -> Vec<String> {
    let found = stored(state);
    let keys: BTreeSet<&FactKey> = world.keys().chain(found.keys()).collect();
    let mut differ = Vec::new();
    for key in keys {
        match (world.get(key), found.get(key)) {
            (Some(expected), Some(found)) => {
                let is_wrong = |(name, value): &(&String, &String)| found.get(*name) != Some(*value);
                differ.extend(
                    expected
                        .iter()
                        .filter(is_wrong)
                        .map(|(name, value)| format!("{} {name} is {value}, stored {:?}", line(key), found.get(name))),
                );
            }
            (Some(_), None) => differ.push(format!("{} is missing", line(key))),
            (None, _) => differ.push(format!("{} should not be there", line(key))),
        }
    }
    differ
}
