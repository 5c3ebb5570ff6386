//! What a net comparison hides: events between two snapshots that came and went, or happened more than once.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::change::{Class, Meaning};
use crate::domain::fact::FactKey;

/// Events of a period that its net view does not show, in order of snapshot.
///
/// `events` are the meanings of every step of the period, `net` those of its first state against its last. A net line
/// accounts for the last event that says the same thing; every other event is returned.
pub fn in_between(events: &[Meaning], net: &[Meaning]) -> Vec<Meaning> {
    let mut shown: BTreeMap<Identity<'_>, Vec<&Meaning>> = BTreeMap::new();
    for line in net {
        shown.entry(identity(line)).or_default().push(line);
    }
    let mut steps: Vec<&Meaning> = events.iter().collect();
    // Latest first, so that a net line accounts for the event that brought about what is so at the end.
    steps.sort_by_key(|event| Reverse(event.to));
    steps.retain(|event| {
        let accounted = shown.get_mut(&identity(event)).is_some_and(|lines| {
            let found = lines.iter().position(|line| says_the_same(event, line));
            found.map(|at| lines.swap_remove(at)).is_some()
        });
        !accounted
    });
    let mut left: Vec<Meaning> = steps.into_iter().cloned().collect();
    super::diff::sort(&mut left);
    left.sort_by_key(|event| event.to);
    left
}

type Identity<'a> = (&'a FactKey, Class, &'a str);

fn identity(line: &Meaning) -> Identity<'_> {
    (&line.key, line.class, &line.field)
}

/// Whether a net line tells what an event reported. For whole facts that is so by their identity: what they held may have
/// changed since. A property must end the same, and begin the same unless the fact itself is new in one of the two.
fn says_the_same(event: &Meaning, net: &Meaning) -> bool {
    let whole = event.field.is_empty() && (event.before.is_empty() || event.after.is_empty());
    let begins = event.before == net.before || event.before.is_empty() || net.before.is_empty();
    let ends = event.after == net.after || event.after.is_empty() || net.after.is_empty();
    whole || (begins && ends)
}
