//! What a run could not see, for people: whose list it is by name and id, and which right is missing.

use super::names::Wanted;
use crate::domain::coverage::{Gap, Scope, ScopeKind, Status};
use crate::domain::id::{ContractNumber, Seq};
use crate::store::{Store, StoreError};

/// One line for each gap, in order.
pub(super) async fn lines(
    store: &Store,
    contract: ContractNumber,
    seq: Seq,
    gaps: &[&Gap],
) -> Result<Vec<String>, StoreError> {
    let mut wanted = Wanted::default();
    for gap in gaps {
        wanted.scope(&gap.scope);
    }
    let names = wanted.names(store, contract, seq).await?;
    Ok(gaps.iter().map(|gap| line(&gap.scope, names.of_scope(&gap.scope), &gap.status)).collect())
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
