//! Whose credentials walked: what they say of themselves, settled by the list of users.
//!
//! The list of users is newer than the claims of a token; a weaker principal may not be listed at all.

use crate::domain::coverage::Status;
use crate::domain::id::UserId;
use crate::domain::principal::{Claims, Role};
use crate::domain::sighting::Sightings;
use crate::domain::user::User;
use crate::domain::vanishing::VanishingByScope;

/// Why a scope proves nothing.
const HELD_BACK: &str = "another principal than the accepted one collected, which may see less";

/// Lets nothing end: a scope from which something vanished proves nothing any more. Answers how many things that are.
pub fn hold_back(seen: &mut Sightings, vanishing: &VanishingByScope) -> u64 {
    let mut held_back = 0;
    for (scope, (status, _)) in &mut seen.scopes {
        let vanished = vanishing.get(scope).map_or(0, |of| of.vanished.len() as u64);
        held_back += vanished;
        // What is not found may be there for others.
        if (vanished > 0 && !status.is_gap()) || *status == Status::Gone {
            *status = Status::Failed(HELD_BACK.to_owned());
        }
    }
    held_back
}

/// The user whose credentials walked, if the token or the list of users names them.
pub fn user(claims: &Claims, seen: &Sightings) -> Option<UserId> {
    claims.user.clone().or_else(|| {
        let address = plain(claims.address.as_deref()?);
        let mut bearers = seen.users.iter().filter(|user| address_of(user).as_ref() == Some(&address));
        // An address that two users share identifies neither.
        bearers.next().filter(|_| bearers.next().is_none()).map(|user| user.id.clone())
    })
}

/// What that user may do: as the list of users has it, else as the token says.
pub fn role(claims: &Claims, user: Option<&UserId>, seen: &Sightings) -> Option<Role> {
    let listed = user.and_then(|id| seen.users.iter().find(|user| user.id == *id));
    listed.and_then(|user| role_of(user, seen)).or_else(|| claims.role.clone())
}

/// The role of a listed user; none if the answers do not report what it takes.
fn role_of(user: &User, seen: &Sightings) -> Option<Role> {
    let owner = plain(seen.contract.as_ref()?.owner.email.as_deref()?);
    if address_of(user)? == owner {
        return Some(Role::Owner);
    }
    user.administrator.map(|is| if is { Role::Administrator } else { Role::User })
}

fn address_of(user: &User) -> Option<String> {
    user.person.email.as_deref().map(plain)
}

fn plain(address: &str) -> String {
    address.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::Extras;
    use crate::domain::contract::Contract;
    use crate::domain::id::ContractNumber;
    use crate::domain::unknown::Nullable;
    use crate::domain::user::{Attribution, Person};

    fn person(email: &str) -> Person {
        Person { email: Some(email.to_owned()), ..Person::default() }
    }

    fn seen() -> Sightings {
        let user = |id: &str, administrator| User {
            id: id.into(),
            person: person(&format!("{id}@example.org")),
            administrator,
            force_sec_auth: None,
            sec_auth_active: None,
            active: None,
            s3_canonical_user_id: Nullable::NotReported,
            created: None,
            last_login: None,
            attribution: Attribution::default(),
            extra: Extras::new(),
        };
        let contract =
            Contract { number: ContractNumber(1), owner: person("Owner@example.org"), status: None, reg_domain: None };
        let users =
            vec![user("owner", Some(true)), user("admin", Some(true)), user("plain", Some(false)), user("odd", None)];
        Sightings { contract: Some(contract), users, ..Sightings::default() }
    }

    #[track_caller]
    fn check(claims: &Claims, expected: (Option<&str>, Option<&Role>)) {
        let seen = seen();
        let user = user(claims, &seen);
        let role = role(claims, user.as_ref(), &seen);
        assert_eq!((user.as_ref().map(UserId::as_str), role.as_ref()), expected, "{claims:?}");
    }

    #[test]
    fn the_list_of_users_settles_the_role() {
        let token =
            |user: &str| Claims { user: Some(user.into()), role: Some(Role::Administrator), ..Claims::default() };
        check(&token("owner"), (Some("owner"), Some(&Role::Owner)));
        check(&token("plain"), (Some("plain"), Some(&Role::User)));
        check(&token("odd"), (Some("odd"), Some(&Role::Administrator)));
        check(&token("unlisted"), (Some("unlisted"), Some(&Role::Administrator)));
    }

    #[test]
    fn a_user_name_is_looked_up_in_the_list() {
        let name = |address: &str| Claims { address: Some(address.to_owned()), ..Claims::default() };
        check(&name(" ADMIN@example.org"), (Some("admin"), Some(&Role::Administrator)));
        check(&name("nobody@example.org"), (None, None));
        check(&Claims::default(), (None, None));
    }
}
