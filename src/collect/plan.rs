//! Which calls a walk makes, at which depth, and how many: known before the first one is sent.
//!
//! The safe plan never asks deeper than 1, because what the API inlines below that differs between versions. Source: the
//! rule of depth of the API, and its newest reference, which allows 0 and 1 only.

use std::fmt;

use crate::api::Depth;
use crate::api::operation::{self, Operation};
use crate::api::pages;
use crate::domain::coverage::ScopeKind;

/// The calls that read all scopes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What they read.
    pub scope: ScopeKind,
    /// The operation.
    pub operation: &'static Operation,
    /// How much of the children the answers spell out; `/contracts` is asked at 1 as well.
    pub depth: Depth,
    /// How many there are without retries.
    pub times: u64,
}

/// The calls of one walk, in the order of their scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Users of the contract.
    pub users: u64,
    /// Groups of the contract.
    pub groups: u64,
    calls: Vec<Call>,
}

/// How deep the answers about a kind of scope are asked for: ids are enough for members and ownerships, everything else
/// needs its properties.
pub(super) fn depth(scope: ScopeKind) -> Depth {
    match scope {
        ScopeKind::Members | ScopeKind::Owns | ScopeKind::UserGroups => Depth::Zero,
        ScopeKind::Contract
        | ScopeKind::Users
        | ScopeKind::Groups
        | ScopeKind::Resources
        | ScopeKind::Shares
        | ScopeKind::Keys => Depth::One,
    }
}

impl Plan {
    /// The safe plan for a contract of that size: 3 + P + 2·groups + 2·users requests, where P is 2 for up to 100 users and
    /// else ⌈users/99⌉ + 1: pages that overlap by one user, the last of them not full, and the first of them again.
    pub fn safe(users: u64, groups: u64) -> Self {
        let mut plan = Self::cross_checked(users, groups);
        plan.calls.retain(|call| call.scope != ScopeKind::UserGroups);
        plan
    }

    /// The safe plan with memberships read from the users' side too: one request more for each user.
    pub fn cross_checked(users: u64, groups: u64) -> Self {
        let call = |scope| {
            let (operation, times) = match scope {
                ScopeKind::Contract => (operation::CONTRACTS, 1),
                ScopeKind::Users => (operation::USERS, pages::requests(users)),
                ScopeKind::Groups => (operation::GROUPS, 1),
                ScopeKind::Resources => (operation::RESOURCES, 1),
                ScopeKind::Members => (operation::GROUP_USERS, groups),
                ScopeKind::Shares => (operation::GROUP_SHARES, groups),
                ScopeKind::Owns => (operation::USER_OWNS, users),
                ScopeKind::Keys => (operation::USER_S3KEYS, users),
                ScopeKind::UserGroups => (operation::USER_GROUPS, users),
            };
            Call { scope, operation, depth: depth(scope), times }
        };
        Self { users, groups, calls: ScopeKind::ALL.into_iter().map(call).collect() }
    }

    /// The calls, one line per kind of scope.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Requests of the whole walk, without retries.
    pub fn requests(&self) -> u64 {
        self.calls.iter().map(|call| call.times).sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} users, {} groups: {} requests", self.users, self.groups, self.requests())?;
        for call in &self.calls {
            let depth = call.depth.number();
            writeln!(f, "{:>8} × {}?depth={depth} for {}", call.times, call.operation, call.scope)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(users: u64, groups: u64, expected: u64) {
        assert_eq!(Plan::safe(users, groups).requests(), expected, "{users} users, {groups} groups");
    }

    #[test]
    fn the_number_of_requests_is_that_of_the_formula() {
        check(0, 0, 5);
        check(1, 0, 7);
        check(99, 0, 3 + 2 + 198);
        check(100, 0, 3 + 2 + 200);
        check(101, 3, 3 + 3 + 6 + 202);
        check(198, 0, 3 + 3 + 396);
        check(199, 0, 3 + 4 + 398);
        check(200, 0, 3 + 4 + 400);
        check(10_000, 500, 21_106);
        assert_eq!(Plan::cross_checked(10_000, 500).requests(), 31_106);
    }

    #[test]
    fn the_plan_can_be_read() {
        let expected = "\
101 users, 7 groups: 222 requests
       1 × GET /contracts?depth=1 for contract
       3 × GET /um/users?depth=1 for users
       1 × GET /um/groups?depth=1 for groups
       1 × GET /um/resources?depth=1 for resources
       7 × GET /um/groups/{groupId}/users?depth=0 for members
       7 × GET /um/groups/{groupId}/shares?depth=1 for shares
     101 × GET /um/users/{userId}/owns?depth=0 for owns
     101 × GET /um/users/{userId}/s3keys?depth=1 for keys
";
        assert_eq!(Plan::safe(101, 7).to_string(), expected);
    }
}
