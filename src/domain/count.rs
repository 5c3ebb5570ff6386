//! Counts of a population, as far as it was read: what was never read is never shown as 0.
//!
//! The one judgement for every total: of a run's summary, of lists, alerts and reports.

use std::fmt;

use super::coverage::{Coverage, ScopeKind};
use super::fact::Kind;

/// How many things of a kind there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Everything was read: there are so many.
    Known(u64),
    /// So many are known, carried ones among them. There can be more: not everything was read or reported.
    AtLeast(u64),
    /// None is known, and not everything was read or reported.
    NotRead,
}

impl Count {
    /// A count of what is known, next to whether that is everything.
    pub fn of(known: u64, is_everything: bool) -> Self {
        match (known, is_everything) {
            (known, true) => Self::Known(known),
            (0, false) => Self::NotRead,
            (known, false) => Self::AtLeast(known),
        }
    }

    /// The number; none where nothing is known.
    pub fn value(self) -> Option<u64> {
        match self {
            Self::Known(known) | Self::AtLeast(known) => Some(known),
            Self::NotRead => None,
        }
    }

    /// The count of things that have a name: `12 users`, `at least 12 users`, `users not read`.
    pub fn of_things(self, plural: &str) -> String {
        match self {
            Self::NotRead => format!("{plural} {self}"),
            _ => format!("{self} {plural}"),
        }
    }
}

impl From<Count> for Option<u64> {
    fn from(count: Count) -> Self {
        count.value()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => write!(f, "{known}"),
            Self::AtLeast(known) => write!(f, "at least {known}"),
            Self::NotRead => f.write_str("not read"),
        }
    }
}

/// Scopes that were not read to their end, so that facts can be missing from a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What kind of scope.
    pub kind: ScopeKind,
    /// How many were not read.
    pub scopes: u64,
    /// Of how many.
    pub of: u64,
}

/// `6 of 6 groups`: whose scopes were not read.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.kind {
            ScopeKind::Contract => "contracts",
            ScopeKind::Users => "lists of users",
            ScopeKind::Groups => "lists of groups",
            ScopeKind::Resources => "lists of resources",
            ScopeKind::Members | ScopeKind::Shares => "groups",
            ScopeKind::Owns | ScopeKind::Keys | ScopeKind::UserGroups => "users",
        };
        write!(f, "{} of {} {of}", self.scopes, self.of)
    }
}

impl Coverage {
    /// The scopes from which facts of a kind can be missing: their own ones, or the list that says which of these there are.
    pub fn unread(&self, kind: Kind) -> Option<Unread> {
        scopes_with(kind).iter().find_map(|scope| {
            let sum = self.kinds.get(scope)?;
            // What the API lists for nobody was not read either; what it lists for some is as complete as it can be.
            let is_listed = sum.not_applicable < sum.scopes;
            let scopes = if is_listed { sum.scopes.saturating_sub(sum.complete) } else { sum.scopes };
            (scopes > 0).then_some(Unread { kind: *scope, scopes, of: sum.scopes })
        })
    }

    /// How many facts of a kind there are, of which so many are known.
    pub fn count(&self, kind: Kind, known: u64) -> Count {
        Count::of(known, self.unread(kind).is_none())
    }
}

/// The scopes that have facts of a kind, and the list of those whose scopes they are.
fn scopes_with(kind: Kind) -> &'static [ScopeKind] {
    match kind {
        Kind::Contract => &[ScopeKind::Contract],
        Kind::User => &[ScopeKind::Users],
        Kind::Group => &[ScopeKind::Groups],
        Kind::Resource => &[ScopeKind::Resources],
        Kind::Member => &[ScopeKind::Members, ScopeKind::Groups],
        Kind::Share => &[ScopeKind::Shares, ScopeKind::Groups],
        Kind::Own => &[ScopeKind::Owns, ScopeKind::Users],
        Kind::Key => &[ScopeKind::Keys, ScopeKind::Users],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coverage::{Effort, Scope, Status};

    fn coverage(scopes: &[(Scope, Status)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (scope, status) in scopes {
            coverage.record(scope.clone(), status.clone(), Effort::default());
        }
        coverage
    }

    #[track_caller]
    fn check(scopes: &[(Scope, Status)], kind: Kind, known: u64, expected: &str, unread: &str) {
        let coverage = coverage(scopes);
        assert_eq!(coverage.count(kind, known).to_string(), expected);
        assert_eq!(coverage.unread(kind).map(|unread| unread.to_string()).unwrap_or_default(), unread);
    }

    #[test]
    fn nothing_is_0_that_was_not_read() {
        use Status::{Complete, Forbidden, NotApplicable};
        let shares = |group: &str| Scope::Shares(group.into());
        let keys = |user: &str| Scope::Keys(user.into());
        let all = [(Scope::Groups, Complete), (shares("a"), Complete), (shares("b"), Complete)];
        check(&all, Kind::Share, 0, "0", "");
        check(&all, Kind::Share, 3, "3", "");
        let some = [(Scope::Groups, Complete), (shares("a"), Complete), (shares("b"), Forbidden)];
        check(&some, Kind::Share, 0, "not read", "1 of 2 groups");
        check(&some, Kind::Share, 3, "at least 3", "1 of 2 groups");
        check(&[(Scope::Groups, Forbidden)], Kind::Share, 0, "not read", "1 of 1 lists of groups");
        check(&[(Scope::Groups, Complete)], Kind::Share, 0, "0", "");
        check(&[(Scope::Users, Complete), (keys("a"), NotApplicable)], Kind::Key, 0, "not read", "1 of 1 users");
        let listed = [(Scope::Users, Complete), (keys("a"), NotApplicable), (keys("b"), Complete)];
        check(&listed, Kind::Key, 0, "0", "");
    }

    #[test]
    fn a_count_of_things_reads_as_words() {
        assert_eq!(Count::Known(2).of_things("users"), "2 users");
        assert_eq!(Count::AtLeast(2).of_things("users"), "at least 2 users");
        assert_eq!(Count::NotRead.of_things("users"), "users not read");
    }
}
