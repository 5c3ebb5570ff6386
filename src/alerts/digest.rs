//! Digests: where one snapshot has many alerts for one sink, they arrive as one message with the list.
//!
//! What is critical is never in a digest only, and events stay on their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::{AlertClass, AlertId};
use crate::domain::severity::Severity;

/// An alert for one sink, as far as gathering looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Which alert.
    pub id: AlertId,
    /// What it is about.
    pub class: AlertClass,
    /// How much it matters.
    pub severity: Severity,
    /// To which sink.
    pub sink: &'a str,
}

/// A digest for one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// What it stands for, in the order given.
    pub items: Vec<AlertId>,
    /// The severity of the worst of them.
    pub severity: Severity,
}

/// The digests of a snapshot by sink: for each sink that would get more than `above` changes which are not critical.
pub fn gather<'a>(candidates: &[Candidate<'a>], above: u32) -> BTreeMap<&'a str, Gathered> {
    let fits = |one: &&Candidate<'_>| one.severity < Severity::Critical && matches!(one.class, AlertClass::Change(_));
    let sinks: BTreeSet<&'a str> = candidates.iter().map(|one| one.sink).collect();
    sinks
        .into_iter()
        .filter_map(|sink| {
            let of_sink: Vec<_> = candidates.iter().filter(|one| one.sink == sink).filter(fits).collect();
            let severity = of_sink.iter().map(|one| one.severity).max()?;
            let is_many = u32::try_from(of_sink.len()).unwrap_or(u32::MAX) > above;
            is_many.then(|| (sink, Gathered { items: of_sink.iter().map(|one| one.id).collect(), severity }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::Event;
    use crate::domain::change::Class;

    fn candidate(number: u8, class: AlertClass, severity: Severity, sink: &str) -> Candidate<'_> {
        Candidate { id: AlertId([number; 32]), class, severity, sink }
    }

    fn keys(count: u8, sink: &str) -> Vec<Candidate<'_>> {
        (0..count).map(|n| candidate(n, AlertClass::Change(Class::KeyAdded), Severity::Medium, sink)).collect()
    }

    #[test]
    fn as_many_as_the_limit_stay_single() {
        assert!(gather(&keys(20, "mail"), 20).is_empty());
        assert_eq!(gather(&keys(21, "mail"), 20)["mail"].items.len(), 21);
    }

    #[test]
    fn critical_alerts_and_events_stay_out_of_a_digest() {
        let mut all = keys(21, "mail");
        all.push(candidate(99, AlertClass::Change(Class::AdministratorGained), Severity::Critical, "mail"));
        all.push(candidate(98, AlertClass::Event(Event::RunPartial), Severity::Medium, "mail"));
        let digests = gather(&all, 20);
        assert_eq!(digests["mail"].items.len(), 21);
        assert_eq!(digests["mail"].severity, Severity::Medium);
    }

    #[test]
    fn each_sink_is_counted_by_itself() {
        let mut all = keys(21, "mail");
        all.extend(keys(3, "soc"));
        assert_eq!(gather(&all, 20).keys().copied().collect::<Vec<_>>(), ["mail"]);
    }
}
