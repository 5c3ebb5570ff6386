//! Lines of effective access against those of an earlier snapshot: new, widened, narrowed, unchanged, ended.

use std::fmt;

use crate::domain::grant::Grant;
use crate::domain::share::Access;

/// How a grant stands against the earlier snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineChange {
    /// The user did not hold it then.
    New,
    /// The user can do more with it than then, whatever else was taken away.
    Widened,
    /// The user can do less with it than then.
    Narrowed,
    /// As it was then; paths may differ.
    Unchanged,
}

impl LineChange {
    /// The stable word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl fmt::Display for LineChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Grants of two snapshots compared by who holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantComparison<'a> {
    /// For every grant of the later snapshot, in the order given, how it stands against the earlier one.
    pub lines: Vec<LineChange>,
    /// Grants of the earlier snapshot that nobody holds any more, in order of user and entitlement.
    pub ended: Vec<&'a Grant>,
}

/// Compares grants by user and entitlement; both sides may come in any order, each line at most once per side.
pub fn compare<'a>(before: &'a [Grant], after: &[Grant]) -> GrantComparison<'a> {
    let mut earlier: Vec<&Grant> = before.iter().collect();
    earlier.sort_by(|a, b| a.key().cmp(&b.key()));
    let mut lasting = vec![false; earlier.len()];
    let lines = after
        .iter()
        .map(|grant| match earlier.binary_search_by(|old| old.key().cmp(&grant.key())) {
            Ok(at) => {
                lasting[at] = true;
                change(earlier[at].access, grant.access)
            }
            Err(_) => LineChange::New,
        })
        .collect();
    let ended = earlier.into_iter().zip(lasting).filter_map(|(grant, lasting)| (!lasting).then_some(grant)).collect();
    GrantComparison { lines, ended }
}

fn change(before: Option<Access>, after: Option<Access>) -> LineChange {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before == after {
        LineChange::Unchanged
    } else if before.union(after) == before {
        LineChange::Narrowed
    } else {
        LineChange::Widened
    }
}
