//! Judges what a sealed snapshot says beside its state: the change log, the comparison with an earlier snapshot, the outbox,
//! the gaps and the exit code. Pure, so that planted violations can be shown to it.

use std::collections::BTreeMap;

use keyholder::domain::alert::{Alert, AlertClass, Event};
use keyholder::domain::change::{Class, Meaning};
use keyholder::domain::coverage::Scope;
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::Seq;
use keyholder::domain::notice::Notice;
use keyholder::domain::severity::Severity;
use keyholder::exit::Exit;

use super::expected::{Earlier, Line, lines};
use super::ledger::{Ledger, Sealed};
use crate::support::truth::{line, thing};

/// What a sealed snapshot says.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    /// The snapshots up to this one.
    pub(super) ledger: Ledger,
    pub(super) seq: Seq,
    /// Its change log.
    pub(super) log: Vec<Meaning>,
    /// A comparison with an earlier snapshot.
    pub(super) net: Option<(Seq, Vec<Meaning>)>,
    /// The alerts that came into the outbox with it.
    pub(super) alerts: Vec<Alert>,
    pub(super) notices: Vec<Notice>,
    /// The code that its collection ends with.
    pub(super) exit: Exit,
}

impl Observation {
    fn sealed(&self) -> &Sealed {
        self.ledger.of(self.seq).expect("the snapshot is in the ledger")
    }

    /// Everything that must not be.
    pub(super) fn judge(&self) -> Vec<String> {
        let mut wrong = self.changes();
        wrong.extend(self.comparison());
        wrong.extend(self.log.iter().filter_map(|meaning| self.dating(meaning)));
        wrong.extend(self.log.iter().filter_map(|meaning| self.severity(meaning)));
        wrong.extend(self.change_alerts());
        wrong.extend(self.event_alerts());
        wrong.extend(self.ending());
        wrong
    }

    /// Each real change that was shown stands in the log once, with its class, and nothing else does.
    fn changes(&self) -> Vec<String> {
        let Some(earlier) = self.ledger.before(self.seq).next() else {
            return self.log.iter().map(|meaning| format!("a change in a first snapshot: {meaning:?}")).collect();
        };
        let found: Vec<Line> = self.log.iter().filter_map(Line::of_meaning).collect();
        compared("change", self.between(earlier), found)
    }

    fn between(&self, earlier: &Sealed) -> Vec<Line> {
        let was_read = |key: &FactKey| self.ledger.was_ever_read(Seq(earlier.seq.0 + 1), key);
        let is_marked = |key: &FactKey, name: &str| earlier.is_marked(key, name);
        lines(&earlier.stored, &self.sealed().stored, &Earlier { is_marked: &is_marked, was_read: &was_read })
    }

    /// The comparison with an earlier snapshot has what differs between the two.
    fn comparison(&self) -> Vec<String> {
        let Some((seq, net)) = &self.net else { return Vec::new() };
        let Some(earlier) = self.ledger.of(*seq) else {
            return vec![format!("compared with unknown snapshot {}", seq.0)];
        };
        let expected = self.between(earlier).into_iter().map(Line::net).collect();
        let found = net.iter().filter_map(Line::of_meaning).map(Line::net).collect();
        compared("difference", expected, found)
    }

    /// A change is dated between the last snapshot that knew and this one, and its values were so in these.
    fn dating(&self, meaning: &Meaning) -> Option<String> {
        let reported = Line::of_meaning(meaning)?;
        let at = format!("{} {} from {} to {}", line(&reported.key), reported.field, meaning.from.0, meaning.to.0);
        if meaning.to != self.seq {
            return Some(format!("wrong end: {at}, in the log of {}", self.seq.0));
        }
        let is_of_a_user =
            meaning.field == "administrator" && (reported.before.is_empty() || reported.after.is_empty());
        let attribute = if is_of_a_user { "" } else { reported.field.as_str() };
        let proof = self.ledger.last_proof(self.seq, &reported.key, attribute);
        if meaning.class != Class::FirstSeen && proof != Some(meaning.from) && !reported.before.is_empty() {
            return Some(format!("wrong beginning: {at}, last known in {proof:?}"));
        }
        if meaning.class != Class::FirstSeen && reported.field.is_empty() && proof != Some(meaning.from) {
            return Some(format!("wrong beginning: {at}, last read in {proof:?}"));
        }
        let (earlier, now) = (self.ledger.of(meaning.from)?, self.sealed());
        let (was_so, is_so) = if attribute.is_empty() {
            let went = !now.stored.contains_key(&reported.key);
            let was_so = if went {
                earlier.was_there(&reported.key)
            } else {
                earlier.was_missing(&reported.key) || earlier.hides_new
            };
            (was_so, if went { now.was_missing(&reported.key) } else { now.was_there(&reported.key) })
        } else {
            let was_so = reported.before.is_empty() || earlier.was_real(&reported.key, attribute, &reported.before);
            (was_so, now.was_real(&reported.key, attribute, &reported.after))
        };
        let was_so = was_so || meaning.class == Class::FirstSeen;
        (!was_so || !is_so).then(|| format!("never so: {at}: {} to {}", reported.before, reported.after))
    }

    /// The severity of a sample of classes.
    fn severity(&self, meaning: &Meaning) -> Option<String> {
        let expected = self.expected_severity(meaning)?;
        let at = line(&meaning.key);
        (meaning.severity != expected)
            .then(|| format!("wrong severity: {} {at} is {}, not {expected}", meaning.class, meaning.severity))
    }

    fn expected_severity(&self, meaning: &Meaning) -> Option<Severity> {
        let (now, earlier) = (self.sealed(), self.ledger.before(self.seq).next()?);
        let is_on = |name: &str| now.value(&meaning.key, name) == Some("true");
        let is_everything = |sealed: &Sealed, user: &FactKey| {
            let email = sealed.value(user, "email").map(str::to_lowercase);
            let owner = sealed.stored.iter().find(|(key, _)| key.kind == Kind::Contract);
            let owner = owner.and_then(|(_, values)| values.get("owner")).map(|owner| owner.to_lowercase());
            sealed.value(user, "administrator") == Some("true") || (owner.is_some() && owner == email)
        };
        let holder = thing(Kind::User, &meaning.key.subject);
        Some(match meaning.class {
            Class::AdministratorGained => Severity::Critical,
            Class::UserAdded if is_everything(now, &meaning.key) => Severity::Critical,
            Class::SignInAddressChanged if is_everything(now, &holder) || is_everything(earlier, &holder) => {
                Severity::Critical
            }
            Class::SignInAddressChanged => Severity::High,
            Class::ShareAdded if is_on("sharePrivilege") => Severity::High,
            Class::ShareAdded if is_on("editPrivilege") => Severity::Medium,
            Class::ShareAdded => Severity::Low,
            Class::ShareWidened if meaning.field == "sharePrivilege" => Severity::High,
            Class::KeyAdded if now.value(&meaning.key, "active") == Some("false") => Severity::Low,
            Class::KeyAdded | Class::KeyEnabled
                if is_everything(now, &holder) || now.value(&holder, "active") == Some("false") =>
            {
                Severity::High
            }
            Class::AdministratorLost | Class::UserAdded | Class::ShareWidened | Class::KeyAdded | Class::KeyEnabled => {
                Severity::Medium
            }
            _ => return None,
        })
    }

    /// Each change that is worth an alert has one row in the outbox, and no other change has any.
    fn change_alerts(&self) -> Vec<String> {
        let of = |class: Class, key: &FactKey, field: &str| format!("{class} {} {field}", line(key));
        let worth = self.log.iter().filter(|meaning| self.is_alertable(meaning));
        let expected: Vec<String> = worth.map(|one| of(one.class, &one.key, &one.field)).collect();
        let found = self.alerts.iter().filter_map(|alert| match (alert.class, &alert.fact) {
            (AlertClass::Change(class), Some(key)) => Some(of(class, key, &alert.attribute)),
            (AlertClass::Change(class), None) => Some(format!("{class} of nothing")),
            (AlertClass::Event(_), _) => None,
        });
        compared("alert", expected, found.collect())
    }

    fn is_alertable(&self, meaning: &Meaning) -> bool {
        match meaning.class {
            _ if meaning.severity >= Severity::High => true,
            Class::ShareAdded
            | Class::ShareWidened
            | Class::KeyAdded
            | Class::KeyEnabled
            | Class::OwnerChanged
            | Class::ContractOwnerChanged
            | Class::TwoFactorWeakened => true,
            Class::MemberAdded => meaning.severity >= Severity::Medium,
            Class::FirstSeen => {
                let gives_power = !meaning.field.is_empty() && meaning.severity >= Severity::Medium;
                gives_power || matches!(meaning.key.kind, Kind::Share | Kind::Key)
            }
            // What was alerted when it came is alerted when it goes within a month: every history is shorter.
            Class::ShareRemoved | Class::KeyRemoved => {
                self.ledger.since(self.seq, &meaning.key).is_some_and(|since| since > Seq(1))
            }
            _ => false,
        }
    }

    /// The alerts that are about no change are those that the snapshot has a reason for.
    fn event_alerts(&self) -> Vec<String> {
        let count = |wanted: Event| self.alerts.iter().filter(|alert| alert.class == AlertClass::Event(wanted)).count();
        let notices = |is_it: fn(&Notice) -> bool| self.notices.iter().filter(|notice| is_it(notice)).count();
        let is_new_gap =
            |scope: &&Scope| !self.ledger.before(self.seq).next().is_some_and(|one| one.gaps.contains(scope));
        let gaps = usize::from(self.sealed().gaps.iter().any(|scope| is_new_gap(&scope)));
        let removals = notices(|one| matches!(one, Notice::MassRemoval { .. } | Notice::MassRemovalAcross { .. }));
        let doubts = notices(|one| matches!(one, Notice::SuspiciousAnswer { .. } | Notice::SuspiciousAcross { .. }));
        let unknown =
            notices(|one| matches!(one, Notice::AttributeUnknown { .. }) && one.severity() >= Severity::Medium);
        let expected = [
            (Event::BaselineEstablished, usize::from(self.seq == Seq(1))),
            (Event::RunPartial, gaps),
            (Event::MassRemoval, removals),
            (Event::SuspiciousAnswer, doubts),
            (Event::AttributeUnknown, unknown),
        ];
        let mut wrong: Vec<String> = expected
            .into_iter()
            .filter(|(event, times)| count(*event) != *times)
            .map(|(event, times)| format!("alerts of {event:?}: {} instead of {times}", count(event)))
            .collect();
        let others = [Event::CollectingPrincipalChanged, Event::Digest];
        let is_known = |event: Event| expected.iter().any(|(known, _)| *known == event) || others.contains(&event);
        wrong.extend(self.alerts.iter().filter_map(|alert| match alert.class {
            AlertClass::Event(event) if !is_known(event) => Some(format!("alert without a reason: {event:?}")),
            _ => None,
        }));
        let principals = notices(|one| matches!(one, Notice::PrincipalChanged { .. }));
        if count(Event::CollectingPrincipalChanged) > principals {
            wrong.push("another principal is alerted, and no notice says so".to_owned());
        }
        wrong
    }

    /// The exit code is 0 where everything was read and 9 where something was not, and that is named.
    fn ending(&self) -> Option<String> {
        let gaps = self.sealed().gaps.len();
        match self.exit {
            Exit::Done if gaps > 0 => Some(format!("exit code 0 with {gaps} gaps")),
            Exit::Incomplete if gaps == 0 => Some("exit code 9, and no gap says why".to_owned()),
            Exit::Done | Exit::Incomplete => None,
            other => Some(format!("sealed, with exit code {}", other.code())),
        }
    }
}

/// What is missing, what is too much, and what is there several times.
fn compared<T: Ord + std::fmt::Debug>(what: &str, expected: Vec<T>, found: Vec<T>) -> Vec<String> {
    let mut balance: BTreeMap<T, [u32; 2]> = BTreeMap::new();
    for one in expected {
        balance.entry(one).or_default()[0] += 1;
    }
    for one in found {
        balance.entry(one).or_default()[1] += 1;
    }
    let unequal = balance.into_iter().filter(|(_, [expected, found])| expected != found);
    unequal
        .map(|(one, [expected, found])| match (expected, found) {
            (0, _) => format!("{what} that is none: {one:?}"),
            (_, 0) => format!("{what} missing: {one:?}"),
            _ => format!("{what} {found} times instead of {expected}: {one:?}"),
        })
        .collect()
}
