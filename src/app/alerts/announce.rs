//! Composes alerts: of what a snapshot changed, and of what happened beside it.

use std::collections::{BTreeMap, BTreeSet};

use crate::alerts::digest::{Candidate, gather};
use crate::alerts::route::Routed;
use crate::alerts::{Router, rules};
use crate::analyse::diff::{around, meanings};
use crate::domain::alert::{Alert, AlertClass, AlertId, Details, Event, Identity, Span};
use crate::domain::change::{Change, Class, Meaning, Op};
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::Notice;
use crate::domain::principal::ChangeOutcome;
use crate::domain::severity::Severity;
use crate::domain::state::Around;
use crate::store::mutes::Mute;
use crate::store::outbox::{Outgoing, Start};
use crate::store::seal::announce::{Announce, ComposeError, Sealed};

/// More alerts of one snapshot than this become one digest, where nobody says otherwise.
pub const DEFAULT_DIGEST_ABOVE: u32 = 20;

/// Composes the alerts of snapshots and events, and says where they go.
#[derive(Clone, Debug)]
pub struct Announcer {
    router: Router,
    digest_above: u32,
    /// Names of the configured contracts by number.
    contracts: BTreeMap<ContractNumber, String>,
    /// The name of the contract whose alerts it composes; `None` if they may be of any.
    contract: Option<String>,
}

impl Default for Announcer {
    /// No sink: alerts are recorded and go nowhere.
    fn default() -> Self {
        Self::new(Router::default(), DEFAULT_DIGEST_ABOVE)
    }
}

impl Announcer {
    /// Alerts go by these routes.
    pub fn new(router: Router, digest_above: u32) -> Self {
        Self { router, digest_above, contracts: BTreeMap::new(), contract: None }
    }

    /// Knows the configured contracts by their numbers.
    #[must_use]
    pub fn with_contracts(self, contracts: BTreeMap<ContractNumber, String>) -> Self {
        Self { contracts, ..self }
    }

    /// Composes the alerts of the contract with that name in the configuration, also while its number is not known.
    #[must_use]
    pub fn of_contract(self, name: Option<&str>) -> Self {
        Self { contract: name.map(str::to_owned), ..self }
    }

    /// Where alerts go.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// An alert of an event, with where it goes. `attribute` tells it from others of its class.
    pub fn event(&self, origin: &[u8; 32], event: Happened, mutes: &[Mute]) -> Outgoing {
        let Happened { event, contract, attribute, span, at, mut details } = event;
        if contract.is_none() && details.contract_name.is_empty() {
            details.contract_name = self.contract.clone().unwrap_or_default();
        }
        let contract = contract.or_else(|| self.number_of(&details.contract_name));
        let class = AlertClass::Event(event);
        let severity = rules::severity_of(event);
        let identity = Identity { class, fact: None, attribute: &attribute, span: span.as_ref() };
        let id = identity.id(origin);
        let alert = Alert { id, contract, class, severity, fact: None, attribute, span, raised: at, details };
        // A report goes to whom its job names, not by the routes.
        let is_default = event != Event::ReportReady;
        self.addressed(alert, is_default, mutes)
    }

    /// The alert that reports were written; it goes to the sinks that their job names.
    pub fn report_ready(&self, origin: &[u8; 32], ready: Happened, deliver_to: &[String], mutes: &[Mute]) -> Outgoing {
        let mut outgoing = self.event(origin, ready, mutes);
        let Alert { class, severity, contract, .. } = outgoing.alert;
        let is_muted = |sink: &str| mutes.iter().any(|mute| mute.covers(sink, class, severity, contract));
        let named: BTreeSet<&String> = deliver_to.iter().collect();
        let start = |sink: &str| if is_muted(sink) { Start::Muted } else { Start::Pending };
        outgoing.recipients = named.into_iter().map(|sink| (sink.clone(), start(sink))).collect();
        outgoing
    }

    fn addressed(&self, alert: Alert, is_default: bool, mutes: &[Mute]) -> Outgoing {
        let Alert { class, severity, contract, .. } = alert;
        let owner = self.owner(&alert);
        let sinks = self.router.sinks_of(&Routed { class, severity, contract: owner.as_deref(), is_default });
        let recipients = sinks.into_iter().map(|sink| {
            let is_muted = mutes.iter().any(|mute| mute.covers(&sink, class, severity, contract));
            (sink, if is_muted { Start::Muted } else { Start::Pending })
        });
        Outgoing { recipients: recipients.collect(), alert }
    }

    fn number_of(&self, name: &str) -> Option<ContractNumber> {
        self.contracts.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// The contract that an alert belongs to: its name in the configuration, else its number.
    fn owner(&self, alert: &Alert) -> Option<String> {
        let named = Some(&alert.details.contract_name).filter(|name| !name.is_empty());
        let by_number = |number: ContractNumber| {
            let name = self.contract.as_ref().or_else(|| self.contracts.get(&number));
            name.cloned().unwrap_or_else(|| number.to_string())
        };
        named.cloned().or_else(|| alert.contract.map(by_number))
    }

    /// The alerts of the changes of a snapshot.
    fn of_changes(&self, sealed: &Sealed, span: &Span) -> Result<Vec<Outgoing>, ComposeError> {
        let from = span.from.unwrap_or(Seq(0));
        // After a restore it is not known what was sent since the backup: then every change is alerted.
        let is_everything = is_after_restore(sealed);
        let found = meanings(&sealed.changes, &sealed.before, &sealed.after, from)?;
        let outgoing = found.into_iter().filter_map(|meaning| {
            let is_default = is_everything || rules::is_alerted(&meaning) || is_short_lived(&meaning, sealed);
            let class = AlertClass::Change(meaning.class);
            let identity = Identity { class, fact: Some(&meaning.key), attribute: &meaning.field, span: Some(span) };
            let alert = Alert {
                id: identity.id(&sealed.origin.id),
                contract: Some(sealed.contract),
                class,
                severity: meaning.severity,
                fact: Some(meaning.key.clone()),
                attribute: meaning.field.clone(),
                span: Some(span.clone()),
                raised: sealed.at,
                details: Details::default(),
            };
            let outgoing = self.addressed(alert, is_default, &sealed.mutes);
            (is_default || !outgoing.recipients.is_empty()).then_some(outgoing)
        });
        Ok(outgoing.collect())
    }

    /// The alerts of what the run itself was like.
    fn of_run(&self, sealed: &Sealed, span: &Span) -> Vec<Outgoing> {
        let mut happened: Vec<(Event, String, Details)> = Vec::new();
        if let Some(totals) = sealed.totals {
            let counts = [
                ("users", totals.users),
                ("administrators", totals.administrators),
                ("groups", totals.groups),
                ("shares", totals.shares),
                ("S3 keys", totals.keys),
            ];
            let counts = counts.into_iter().map(|(label, count)| (label.to_owned(), count.to_string())).collect();
            let event = if is_after_restore(sealed) { Event::DatabaseRestored } else { Event::BaselineEstablished };
            happened.push((event, String::new(), Details { counts, ..Details::default() }));
        }
        if sealed.new_gaps > 0 {
            let counts = [("scopes not read", sealed.gaps), ("of them new", sealed.new_gaps)];
            let counts = counts.into_iter().map(|(label, count)| (label.to_owned(), count.to_string())).collect();
            happened.push((Event::RunPartial, String::new(), Details { counts, ..Details::default() }));
        }
        for (number, notice) in sealed.notices.iter().enumerate() {
            let Some(event) = event_of(notice) else { continue };
            let reason = match notice {
                // Nothing of the outbox can be erased: who accepted is read from the snapshot when the alert is sent.
                Notice::PrincipalChanged { change } => change.without_person().to_string(),
                _ => notice.to_string(),
            };
            happened.push((event, number.to_string(), Details { reason, ..Details::default() }));
        }
        let events = happened.into_iter().map(|(event, attribute, details)| Happened {
            event,
            contract: Some(sealed.contract),
            attribute,
            span: Some(span.clone()),
            at: sealed.at,
            details,
        });
        events.map(|event| self.event(&sealed.origin.id, event, &sealed.mutes)).collect()
    }

    /// Puts digests in the place of many alerts.
    fn gathered(&self, mut outgoing: Vec<Outgoing>, sealed: &Sealed, span: &Span) -> Vec<Outgoing> {
        let candidates: Vec<Candidate<'_>> = outgoing
            .iter()
            .flat_map(|one| {
                let (id, class, severity) = (one.alert.id, one.alert.class, one.alert.severity);
                let pending = one.recipients.iter().filter(|(_, start)| *start == Start::Pending);
                pending.map(move |(sink, _)| Candidate { id, class, severity, sink })
            })
            .collect();
        let digests: Vec<(String, Vec<AlertId>, Severity)> = gather(&candidates, self.digest_above)
            .into_iter()
            .map(|(sink, gathered)| (sink.to_owned(), gathered.items, gathered.severity))
            .collect();
        for (sink, items, severity) in digests {
            let gathered: BTreeSet<&AlertId> = items.iter().collect();
            for one in outgoing.iter_mut().filter(|one| gathered.contains(&one.alert.id)) {
                for (_, start) in one.recipients.iter_mut().filter(|(to, _)| *to == sink) {
                    *start = Start::InDigest;
                }
            }
            outgoing.push(digest(sealed, span, sink, &items, severity));
        }
        outgoing
    }
}

/// One message in the place of many.
fn digest(sealed: &Sealed, span: &Span, sink: String, items: &[AlertId], severity: Severity) -> Outgoing {
    let class = AlertClass::Event(Event::Digest);
    let id = Identity { class, fact: None, attribute: &sink, span: Some(span) }.id(&sealed.origin.id);
    let counts = [("changes".to_owned(), items.len().to_string())].into();
    let details = Details { counts, items: items.iter().map(AlertId::to_string).collect(), ..Details::default() };
    let alert = Alert {
        id,
        contract: Some(sealed.contract),
        class,
        severity,
        fact: None,
        attribute: sink.clone(),
        span: Some(span.clone()),
        raised: sealed.at,
        details,
    };
    Outgoing { alert, recipients: vec![(sink, Start::Pending)] }
}

/// Something that happened beside the changes of a contract.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What.
    pub event: Event,
    /// Whose it is; `None` if it concerns no single contract.
    pub contract: Option<ContractNumber>,
    /// What tells it from others of its class.
    pub attribute: String,
    /// Between which snapshots, if it is about one.
    pub span: Option<Span>,
    /// When.
    pub at: chrono::DateTime<chrono::Utc>,
    /// Numbers and reasons.
    pub details: Details,
}

impl Announce for Announcer {
    fn around(&self, changes: &[Change]) -> (Around, Around) {
        let (mut before, after) = around(changes);
        // How old the shares and keys are that end.
        for change in changes.iter().filter(|change| change.op == Op::Ended) {
            match change.key.kind {
                Kind::Share => drop(before.shares_of.insert((&*change.key.subject).into())),
                Kind::Key => drop(before.keys_of.insert((&*change.key.subject).into())),
                _ => {}
            }
        }
        (before, after)
    }

    fn compose(&self, sealed: &Sealed) -> Result<Vec<Outgoing>, ComposeError> {
        let span = Span {
            from: sealed.seq.0.checked_sub(1).filter(|seq| *seq > 0).map(Seq),
            to: sealed.seq,
            root_before: sealed.root_before.clone(),
            root_after: sealed.root_after.clone(),
        };
        let mut outgoing = self.of_changes(sealed, &span)?;
        outgoing.extend(self.of_run(sealed, &span));
        Ok(self.gathered(outgoing, sealed, &span))
    }
}

fn is_after_restore(sealed: &Sealed) -> bool {
    sealed.origin.is_restored && sealed.origin.after + 1 == sealed.seq.0
}

/// Whether this is the end of a share or key whose beginning was alerted not long ago: a receiver of the one gets the
/// other as well.
fn is_short_lived(meaning: &Meaning, sealed: &Sealed) -> bool {
    let (subject, object) = (&*meaning.key.subject, meaning.key.object.as_deref().unwrap_or_default());
    let since = match meaning.class {
        Class::ShareRemoved => sealed.before.shares.get(&(subject.into(), object.into())).map(|share| share.since),
        Class::KeyRemoved => sealed.before.keys.get(&(subject.into(), object.into())).map(|key| key.since),
        _ => None,
    };
    // What was in the first snapshot was never alerted.
    since.is_some_and(|since| since.0 > 1 && since >= sealed.recent)
}

/// The event that a notice is alerted as, if it is.
fn event_of(notice: &Notice) -> Option<Event> {
    match notice {
        Notice::MassRemoval { .. } | Notice::MassRemovalAcross { .. } => Some(Event::MassRemoval),
        Notice::SuspiciousAnswer { .. } | Notice::SuspiciousAcross { .. } => Some(Event::SuspiciousAnswer),
        // In each run with it there is the notice; one alert is enough, and one when it is accepted.
        Notice::PrincipalChanged { change }
            if change.is_new || matches!(change.outcome, ChangeOutcome::AcceptedBy(_)) =>
        {
            Some(Event::CollectingPrincipalChanged)
        }
        Notice::AttributeUnknown { .. } if notice.severity() >= Severity::Medium => Some(Event::AttributeUnknown),
        _ => None,
    }
}
