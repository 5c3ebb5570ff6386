//! The principal of a walk: what its credentials claim, settled by the list of users.
//!
//! The list of users is newer than the claims of a token. A principal with fewer rights may not be listed at all.

use crate::domain::coverage::{Scope, Status};
use crate::domain::id::UserId;
use crate::domain::principal::{Claims, Role};
use crate::domain::sighting::Sightings;
use crate::domain::user::{User, is_same_address};
use crate::domain::vanishing::VanishingByScope;

/// Why a scope proves no absence.
const HELD_BACK: &str = "the principal is not known to be the accepted one, and may see less";

/// Lets nothing end: a scope from which something vanished becomes a gap. Returns how many things vanished.
pub fn hold_back(seen: &mut Sightings, vanishing: &VanishingByScope) -> u64 {
    let mut held_back = 0;
    for (scope, (status, _)) in &mut seen.scopes {
        let vanished = vanishing.get(scope).map_or(0, |of| of.vanished.len() as u64);
        held_back += vanished;
        // What this principal does not find may be there.
        if (vanished > 0 && !status.is_gap()) || *status == Status::Gone {
            *status = Status::Failed(HELD_BACK.to_owned());
        }
    }
    held_back
}

/// The user whose credentials were used, if the token or the list of users names them.
pub fn user(claims: &Claims, seen: &Sightings) -> Option<UserId> {
    claims.user.clone().or_else(|| {
        let address = claims.address.as_deref()?;
        let mut bearers = seen.users.iter().filter(|user| has_address(user, address));
        // An address that two users share identifies neither.
        bearers.next().filter(|_| bearers.next().is_none()).map(|user| user.id.clone())
    })
}

/// What that user may do, as the list of users reports it. The token's own word counts only where the list is complete and
/// does not name the user: what a list does not report is no other role.
pub fn role(claims: &Claims, user: Option<&UserId>, seen: &Sightings) -> Option<Role> {
    if let Some(listed) = user.and_then(|id| seen.users.iter().find(|user| user.id == *id)) {
        return role_of(listed, seen);
    }
    let is_complete = seen.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
    claims.role.clone().filter(|_| is_complete)
}

/// The role of a listed user; none if an attribute that decides it is not reported.
fn role_of(user: &User, seen: &Sightings) -> Option<Role> {
    let owner = seen.contract.as_ref()?.owner.email.as_deref()?;
    user.person.email.as_ref()?;
    if has_address(user, owner) {
        return Some(Role::Owner);
    }
    user.administrator.map(|is| if is { Role::Administrator } else { Role::User })
}

fn has_address(user: &User, address: &str) -> bool {
    user.person.email.as_deref().is_some_and(|email| is_same_address(email, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::Extras;
    use crate::domain::contract::Contract;
    use crate::domain::coverage::Effort;
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
            last_login: Nullable::NotReported,
            attribution: Attribution::default(),
            extra: Extras::new(),
        };
        let contract =
            Contract { number: ContractNumber(1), owner: person("Owner@example.org"), status: None, reg_domain: None };
        let users =
            vec![user("owner", Some(true)), user("admin", Some(true)), user("plain", Some(false)), user("odd", None)];
        let scopes = [(Scope::Users, (Status::Complete, Effort::default()))].into();
        Sightings { contract: Some(contract), users, scopes, ..Sightings::default() }
    }

    #[track_caller]
    fn check(claims: &Claims, expected: (Option<&str>, Option<&Role>)) {
        check_seen(&seen(), claims, expected);
    }

    #[track_caller]
    fn check_seen(seen: &Sightings, claims: &Claims, expected: (Option<&str>, Option<&Role>)) {
        let user = user(claims, seen);
        let role = role(claims, user.as_ref(), seen);
        assert_eq!((user.as_ref().map(UserId::as_str), role.as_ref()), expected, "{claims:?}");
    }

    #[test]
    fn the_list_of_users_settles_the_role() {
        let token =
            |user: &str| Claims { user: Some(user.into()), role: Some(Role::Administrator), ..Claims::default() };
        check(&token("owner"), (Some("owner"), Some(&Role::Owner)));
        check(&token("plain"), (Some("plain"), Some(&Role::User)));
        check(&token("odd"), (Some("odd"), None));
        check(&token("unlisted"), (Some("unlisted"), Some(&Role::Administrator)));
        let mut partial = seen();
        partial.scopes.insert(Scope::Users, (Status::Unstable, Effort::default()));
        check_seen(&partial, &token("unlisted"), (Some("unlisted"), None));
    }

    #[test]
    fn a_user_name_is_looked_up_in_the_list() {
        let name = |address: &str| Claims { address: Some(address.to_owned()), ..Claims::default() };
        check(&name(" ADMIN@example.org"), (Some("admin"), Some(&Role::Administrator)));
        check(&name("nobody@example.org"), (None, None));
        check(&Claims::default(), (None, None));
    }
}
