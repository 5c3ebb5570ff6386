//! Compares what a scope was known to hold with what was seen of it. Pure.
//!
//! Here stands the promise of the product: only a scope that proves absence can end a fact.

use super::parts::Row;

/// A fact that is open in the store, with the ids it has there.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) row: Row,
    pub(super) subject: i64,
    pub(super) object: i64,
    pub(super) since: i64,
    pub(super) body: Option<i64>,
}

/// One difference.
#[derive(Clone, Debug)]
pub(super) enum Difference {
    /// Seen, and not known before.
    Began {
        /// As it was seen.
        seen: Row,
        /// Nobody could look before, so it may have been there all along.
        first_look: bool,
    },
    /// Known, and proved to be absent.
    Ended(Open),
    /// Known with another body.
    Changed {
        /// As it was known.
        open: Open,
        /// As it was seen.
        seen: Row,
    },
}

/// What became of a part.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    /// Differences in order of subject and object.
    pub(super) differences: Vec<Difference>,
    /// What holds now, in order.
    pub(super) rows: Vec<Row>,
}

/// Merges two ordered lists. Where absence is not proven, what was not seen is carried on.
pub(super) fn merge(open: Vec<Open>, seen: Vec<Row>, absence_proven: bool, first_look: bool) -> Merged {
    let mut merged = Merged::default();
    let mut open = open.into_iter().peekable();
    let mut seen = seen.into_iter().peekable();
    loop {
        let order = match (open.peek(), seen.peek()) {
            (None, None) => return merged,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(open), Some(seen)) => open.row.key().cmp(&seen.key()),
        };
        let (known, sighted) = match order {
            std::cmp::Ordering::Less => (open.next(), None),
            std::cmp::Ordering::Greater => (None, seen.next()),
            std::cmp::Ordering::Equal => (open.next(), seen.next()),
        };
        merged.take(known, sighted, absence_proven, first_look);
    }
}

impl Merged {
    fn take(&mut self, open: Option<Open>, seen: Option<Row>, absence_proven: bool, first_look: bool) {
        match (open, seen) {
            (Some(open), None) if absence_proven => self.differences.push(Difference::Ended(open)),
            (Some(open), None) => self.rows.push(open.row),
            (Some(open), Some(seen)) if open.row.body == seen.body => self.rows.push(seen),
            (Some(open), Some(seen)) => {
                self.rows.push(seen.clone());
                self.differences.push(Difference::Changed { open, seen });
            }
            (None, Some(seen)) => {
                self.rows.push(seen.clone());
                self.differences.push(Difference::Began { seen, first_look });
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::body::Body;

    fn row(subject: &str, body: &str) -> Row {
        Row { subject: subject.into(), object: "".into(), body: Some(Body::from_canonical(body)) }
    }

    fn open(subject: &str, body: &str) -> Open {
        Open { row: row(subject, body), subject: 1, object: 0, since: 1, body: Some(1) }
    }

    #[track_caller]
    fn check(absence_proven: bool, first_look: bool, expect: &str) {
        let known = vec![open("a", "1"), open("b", "1"), open("c", "1")];
        let seen = vec![row("b", "1"), row("c", "2"), row("d", "1")];
        let merged = merge(known, seen, absence_proven, first_look);
        let differences: Vec<String> = merged
            .differences
            .iter()
            .map(|difference| match difference {
                Difference::Began { seen, first_look: false } => format!("{} began", seen.subject),
                Difference::Began { seen, first_look: true } => format!("{} first seen", seen.subject),
                Difference::Ended(open) => format!("{} ended", open.row.subject),
                Difference::Changed { seen, .. } => format!("{} changed", seen.subject),
            })
            .collect();
        let rows: String = merged.rows.iter().map(|row| row.subject.to_string()).collect();
        assert_eq!(format!("{} | {rows}", differences.join(", ")), expect);
    }

    #[test]
    fn a_proven_scope_ends_what_is_absent() {
        check(true, false, "a ended, c changed, d began | bcd");
    }

    #[test]
    fn an_unproven_scope_ends_nothing_but_still_adds() {
        check(false, false, "c changed, d began | abcd");
    }

    #[test]
    fn a_first_look_finds_what_may_have_been_there_all_along() {
        check(true, true, "a ended, c changed, d first seen | bcd");
    }
}
