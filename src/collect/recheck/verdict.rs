//! What the collapse check found, as notices: one for each list, and one for all of a kind where there are many.

use std::collections::BTreeMap;

use super::MIN_COLLAPSE;
use crate::collect::walk::Walk;
use crate::domain::coverage::{Scope, ScopeKind};
use crate::domain::notice::Notice;

/// Scopes of one kind with a notice of their own, at most.
const MAX_SINGLE_NOTICES: usize = 5;

/// How a scope that collapsed was settled.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) scope: Scope,
    pub(super) before: u64,
    pub(super) vanished: u64,
    pub(super) asked: u64,
    pub(super) present: u64,
    pub(super) is_confirmed: bool,
}

impl Verdict {
    /// Whether it is worth a notice of its own: everything that was not confirmed, and whatever deserves the word `mass`. That
    /// a user's only key is gone is a change like any other.
    fn matters_alone(&self) -> bool {
        !self.is_confirmed || self.vanished >= MIN_COLLAPSE || self.scope.parent().is_none()
    }

    fn notice(self) -> Notice {
        let Self { scope, before, vanished, asked, present, is_confirmed } = self;
        if is_confirmed {
            Notice::MassRemoval { scope, before, vanished, asked }
        } else {
            Notice::SuspiciousAnswer { scope, before, vanished, asked, present }
        }
    }
}

/// Adds the notices.
pub(super) fn add_notices(walk: &mut Walk, verdicts: Vec<Verdict>) {
    let mut groups: BTreeMap<(ScopeKind, bool), Vec<Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        groups.entry((verdict.scope.kind(), verdict.is_confirmed)).or_default().push(verdict);
    }
    for ((kind, is_confirmed), verdicts) in groups {
        let (alone, small): (Vec<Verdict>, Vec<Verdict>) = verdicts.into_iter().partition(Verdict::matters_alone);
        let (alone, together) =
            if alone.len() > MAX_SINGLE_NOTICES { (Vec::new(), [alone, small].concat()) } else { (alone, small) };
        walk.notices.extend(alone.into_iter().map(Verdict::notice));
        walk.notices.extend(across(kind, is_confirmed, &together));
    }
}

/// One notice for many scopes, if they are worth one together.
fn across(kind: ScopeKind, is_confirmed: bool, verdicts: &[Verdict]) -> Option<Notice> {
    let sum = |of: fn(&Verdict) -> u64| verdicts.iter().map(of).sum();
    let (before, vanished, asked) = (sum(|it| it.before), sum(|it| it.vanished), sum(|it| it.asked));
    if is_confirmed {
        (vanished >= MIN_COLLAPSE).then_some(Notice::MassRemovalAcross { kind, before, vanished, asked })
    } else {
        let present = sum(|it| it.present);
        (!verdicts.is_empty()).then_some(Notice::SuspiciousAcross { kind, before, vanished, asked, present })
    }
}
