//! What a run could not see, for people: whose list it is by name and id, and which right is missing.
//!
//! Names of persons go to the terminal of who collects, never into the log.

use std::collections::BTreeSet;

use crate::domain::coverage::{Gap, Scope, ScopeKind, Status};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::state::{Around, State};
use crate::store::{Store, StoreError};

/// One line for each gap, in order.
pub(super) async fn lines(
    store: &Store,
    contract: ContractNumber,
    seq: Seq,
    gaps: &[&Gap],
) -> Result<Vec<String>, StoreError> {
    let names = names(store, contract, seq, gaps).await?;
    Ok(gaps.iter().zip(names).map(|(gap, name)| line(&gap.scope, name.as_deref(), &gap.status)).collect())
}

/// What the group or user of each gap is called, if that is known, in order.
pub(super) async fn names(
    store: &Store,
    contract: ContractNumber,
    seq: Seq,
    gaps: &[&Gap],
) -> Result<Vec<Option<String>>, StoreError> {
    let state = store.state_around(contract, seq, &around(gaps)).await?;
    Ok(gaps.iter().map(|gap| label(&gap.scope, &state).map(str::to_owned)).collect())
}

/// `shares(685608e5-…) of group developers: forbidden (…)`.
pub(super) fn line(scope: &Scope, label: Option<&str>, status: &Status) -> String {
    let what = match scope.kind() {
        ScopeKind::Members | ScopeKind::Shares => "group",
        _ => "user",
    };
    let of = label.map(|label| format!(" of {what} {label}")).unwrap_or_default();
    let right = if *status == Status::Forbidden {
        format!(" (the right to read it is missing: {})", right(scope.kind()))
    } else {
        String::new()
    };
    format!("{scope}{of}: {status}{right}")
}

/// Who may read scopes of a kind, by the documentation of the API.
fn right(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Contract => "any user of the contract has it",
        ScopeKind::Owns | ScopeKind::Keys | ScopeKind::UserGroups => {
            "the contract owner, administrators and the user have it"
        }
        ScopeKind::Users | ScopeKind::Groups | ScopeKind::Resources | ScopeKind::Members | ScopeKind::Shares => {
            "the contract owner and administrators have it"
        }
    }
}

/// What the group or user of a scope is called, if that is known.
fn label<'a>(scope: &'a Scope, state: &'a State) -> Option<&'a str> {
    let label = match scope {
        Scope::Members(group) | Scope::Shares(group) => state.group_label(group),
        Scope::Owns(user) | Scope::Keys(user) | Scope::UserGroups(user) => state.user_label(user),
        Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => return None,
    };
    (Some(label) != scope.parent()).then_some(label)
}

fn around(gaps: &[&Gap]) -> Around {
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for gap in gaps {
        match &gap.scope {
            Scope::Members(group) | Scope::Shares(group) => drop(groups.insert(group.clone())),
            Scope::Owns(user) | Scope::Keys(user) | Scope::UserGroups(user) => drop(users.insert(user.clone())),
            Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => {}
        }
    }
    Around { users, groups, ..Around::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scope: &Scope, label: Option<&str>, status: &Status, expected: &str) {
        assert_eq!(line(scope, label, status), expected);
    }

    #[test]
    fn a_gap_names_its_group_and_the_missing_right() {
        check(
            &Scope::Shares("g1".into()),
            Some("ops"),
            &Status::Forbidden,
            "shares(g1) of group ops: forbidden (the right to read it is missing: the contract owner and administrators have it)",
        );
        check(&Scope::Keys("u1".into()), Some("ann@x.org"), &Status::Unstable, "keys(u1) of user ann@x.org: unstable");
        check(&Scope::Users, None, &Status::Failed("busy".to_owned()), "users: failed (busy)");
        check(&Scope::Members("g2".into()), None, &Status::NotAttempted, "members(g2): not-attempted");
    }
}
