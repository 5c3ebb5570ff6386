//! States without names: what a change means, with ids alone, for sinks that are not to get names.
//!
//! Names are taken out of the states before a change is understood, not out of the sentence afterwards: no sentence that is
//! written some day can forget it.

use std::collections::BTreeMap;

use crate::domain::change::Class;
use crate::domain::id::UserId;
use crate::domain::state::{Held, State};
use crate::domain::user::{Attribution, Person, User};

/// Properties whose values are names or addresses.
const NAMING: [&str; 5] = ["name", "email", "firstname", "lastname", "owner"];

/// The state with ids in the place of all names and addresses. Who owns the contract stays known.
pub(super) fn nameless(mut state: State) -> State {
    let owner = owner_of(&state);
    let ids = ids_by_address(&state.users);
    if let Some(contract) = &mut state.contract {
        contract.value.owner = Person { email: owner.as_ref().map(ToString::to_string), ..Person::default() };
    }
    for (id, user) in &mut state.users {
        user.value.person = Person { email: Some(id.to_string()), ..Person::default() };
        by_id(&mut user.value.attribution, &ids);
    }
    for group in state.groups.values_mut() {
        group.value.name = None;
    }
    for resource in state.resources.values_mut() {
        resource.value.name = None;
        by_id(&mut resource.value.attribution, &ids);
    }
    for key in state.keys.values_mut() {
        by_id(&mut key.value.attribution, &ids);
    }
    state
}

/// Whether before and after of a change are names or addresses.
pub(super) fn is_naming(class: Class, field: &str) -> bool {
    matches!(class, Class::Renamed | Class::ContractOwnerChanged | Class::Other) || NAMING.contains(&field)
}

fn owner_of(state: &State) -> Option<UserId> {
    state.users.iter().find(|(_, user)| state.is_owner(&user.value)).map(|(id, _)| id.clone())
}

fn ids_by_address(users: &BTreeMap<UserId, Held<User>>) -> BTreeMap<String, String> {
    let addressed = users.iter().filter_map(|(id, user)| Some((user.value.person.email.clone()?, id.to_string())));
    addressed.collect()
}

/// Who did something, by id where it is known; else nobody.
fn by_id(attribution: &mut Attribution, ids: &BTreeMap<String, String>) {
    let id_of = |who: &Option<String>, id: &Option<String>| {
        id.clone().or_else(|| who.as_ref().and_then(|who| ids.get(who)).cloned())
    };
    attribution.created_by = id_of(&attribution.created_by, &attribution.created_by_user_id);
    attribution.modified_by = id_of(&attribution.modified_by, &attribution.modified_by_user_id);
}
