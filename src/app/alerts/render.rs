//! Puts names and meaning to an alert when it is sent, out of what is sealed.
//!
//! The outbox holds ids; what a change meant is understood again from the two snapshots it lies between, which never change.
//! What was erased since is not sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::nameless::{is_naming, nameless};
use crate::analyse::diff::{AnalyseError, around, meanings};
use crate::domain::alert::{Alert, AlertClass, Details, Event, Span};
use crate::domain::change::{Change, Class, Meaning, Named};
use crate::domain::fact::FactKey;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::state::State;
use crate::sinks::message::{Actor, Between, Contract, Message, ReportFile, Thing};
use crate::store::{Store, StoreError};

/// Why an alert could not be put into words.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored cannot be interpreted.
    #[error(transparent)]
    Analyse(#[from] AnalyseError),
}

/// The snapshot pair that was understood last, with and without names.
struct Understood {
    contract: ContractNumber,
    to: Seq,
    named: Meanings,
    nameless: Meanings,
}

/// Meanings by class, fact and property.
type Meanings = BTreeMap<(Class, FactKey, String), Meaning>;

/// Renders alerts of one database. Remembers the last pair of snapshots, since alerts come in their order.
pub struct Renderer<'a> {
    store: &'a Store,
    /// Names of contracts in the configuration.
    contracts: &'a BTreeMap<ContractNumber, String>,
    last: Option<Understood>,
    times: BTreeMap<ContractNumber, BTreeMap<Seq, DateTime<Utc>>>,
}

impl<'a> Renderer<'a> {
    /// A renderer that has understood nothing yet.
    pub fn new(store: &'a Store, contracts: &'a BTreeMap<ContractNumber, String>) -> Self {
        Self { store, contracts, last: None, times: BTreeMap::new() }
    }

    /// The message of an alert; with names of people, groups and resources only if they are wanted.
    pub async fn message(&mut self, alert: &Alert, with_names: bool) -> Result<Message, RenderError> {
        let mut message = self.single(alert, with_names).await?;
        if !alert.details.items.is_empty() {
            for item in self.store.alerts_with_ids(&alert.details.items).await? {
                message.items.push(self.single(&item, with_names).await?);
            }
            message.title = format!("digest of {} changes", message.items.len());
            message.items.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.headline().cmp(&b.headline())));
        }
        Ok(message)
    }

    /// What the outbox itself says of an alert: for one whose snapshots cannot be read any more.
    pub fn outline(&self, alert: &Alert) -> Message {
        let mut message = self.beginning(alert);
        if let Some(key) = &alert.fact {
            bare(&mut message, key, &alert.attribute);
        }
        message
    }

    fn beginning(&self, alert: &Alert) -> Message {
        let (id, class) = (alert.id.to_string(), alert.class.as_str());
        let mut message = Message::new(&id, class, &alert.class.title(), alert.severity, alert.raised);
        message.contract = alert.contract.map(|contract| {
            let name = self.contracts.get(&contract).cloned();
            Contract { number: contract.0, name: name.or_else(|| some(&alert.details.contract_name)) }
        });
        details(&mut message, &alert.details);
        if message.contract.is_none() {
            message.subject = configured(&alert.details);
        }
        message
    }

    async fn single(&mut self, alert: &Alert, with_names: bool) -> Result<Message, RenderError> {
        let mut message = self.beginning(alert);
        if with_names && let Some(number) = alert.details.mute {
            self.put_mute(&mut message, number).await?;
        }
        if let (Some(contract), Some(span)) = (alert.contract, &alert.span) {
            if with_names && alert.class == AlertClass::Event(Event::CollectingPrincipalChanged) {
                self.put_acceptance(&mut message, contract, span.to).await?;
            }
            let mut from = span.from;
            if let (AlertClass::Change(class), Some(key)) = (alert.class, &alert.fact) {
                let meaning = self.meaning(contract, span, class, key, &alert.attribute, with_names).await?;
                match meaning {
                    Some(meaning) => {
                        // The last snapshot that knew, which need not be the one before.
                        from = span.from.and(Some(meaning.from));
                        tell(&mut message, &meaning, with_names);
                    }
                    None => bare(&mut message, key, &alert.attribute),
                }
            }
            message.seen = self.between(contract, from, span).await?;
        }
        Ok(message)
    }

    /// Who muted, and why: as far as it is not erased.
    async fn put_mute(&self, message: &mut Message, number: i64) -> Result<(), RenderError> {
        if let Some(mute) = self.store.mute_numbered(number).await? {
            message.counts.extend(some(&mute.person).map(|person| ("person".to_owned(), person)));
            message.because = some(&mute.reason);
        }
        Ok(())
    }

    /// The person who accepted the principal of a snapshot, if it was accepted by hand.
    async fn put_acceptance(
        &self,
        message: &mut Message,
        contract: ContractNumber,
        seq: Seq,
    ) -> Result<(), RenderError> {
        let acceptance = self.store.collector(contract, seq).await?.and_then(|collector| collector.acceptance);
        message.counts.extend(acceptance.map(|acceptance| ("accepted by".to_owned(), acceptance.by)));
        Ok(())
    }

    async fn between(
        &mut self,
        contract: ContractNumber,
        from: Option<Seq>,
        span: &Span,
    ) -> Result<Option<Between>, RenderError> {
        let needed = [Some(span.to), from];
        let known = self.times.get(&contract);
        let is_known = needed.iter().flatten().all(|seq| known.is_some_and(|times| times.contains_key(seq)));
        if !is_known {
            let snapshots = self.store.snapshots(contract).await?;
            self.times.insert(contract, snapshots.into_iter().map(|one| (one.seq, one.finished)).collect());
        }
        let times = self.times.get(&contract);
        let at = |seq: Seq| times.and_then(|times| times.get(&seq)).copied();
        Ok(at(span.to).map(|to_at| Between {
            from: from.map(|seq| seq.0),
            from_at: from.and_then(at),
            to: span.to.0,
            to_at,
            state_root: span.root_after.clone(),
        }))
    }

    async fn meaning(
        &mut self,
        contract: ContractNumber,
        span: &Span,
        class: Class,
        key: &FactKey,
        field: &str,
        with_names: bool,
    ) -> Result<Option<Meaning>, RenderError> {
        let is_last = self.last.as_ref().is_some_and(|last| (last.contract, last.to) == (contract, span.to));
        if !is_last {
            self.last = Some(understand(self.store, contract, span).await?);
        }
        let Some(last) = &self.last else { return Ok(None) };
        let meanings = if with_names { &last.named } else { &last.nameless };
        Ok(meanings.get(&(class, key.clone(), field.to_owned())).cloned())
    }
}

async fn understand(store: &Store, contract: ContractNumber, span: &Span) -> Result<Understood, RenderError> {
    let from = span.from.unwrap_or(Seq(span.to.0.saturating_sub(1)));
    let changes: Vec<Change> = store.events(contract, from, span.to).await?;
    let (around_before, around_after) = around(&changes);
    let before = store.state_around(contract, from, &around_before).await?;
    let after = store.state_around(contract, span.to, &around_after).await?;
    let understood = |before: &State, after: &State| -> Result<Meanings, AnalyseError> {
        let found = meanings(&changes, before, after, from)?;
        Ok(found.into_iter().map(|one| ((one.class, one.key.clone(), one.field.clone()), one)).collect())
    };
    let named = understood(&before, &after)?;
    let nameless = understood(&nameless(before), &nameless(after))?;
    Ok(Understood { contract, to: span.to, named, nameless })
}

fn details(message: &mut Message, details: &Details) {
    message.counts = details.counts.iter().map(|(label, count)| (label.clone(), count.clone())).collect();
    message.because = some(&details.reason);
    message.files = details
        .files
        .iter()
        .map(|file| ReportFile { path: file.path.clone(), sha256: file.sha256.clone(), bytes: file.bytes })
        .collect();
}

/// Says what a change means.
fn tell(message: &mut Message, meaning: &Meaning, with_names: bool) {
    let thing = |named: &Named| Thing {
        kind: named.what.to_owned(),
        id: named.id.clone(),
        name: (with_names && named.label != named.id).then(|| named.label.clone()),
    };
    message.subject = Some(thing(&meaning.subject));
    message.object = meaning.object.as_ref().map(thing);
    message.attribute = some(&meaning.field);
    if with_names || !is_naming(meaning.class, &meaning.field) {
        message.before = some(&meaning.before);
        message.after = some(&meaning.after);
    }
    message.because = some(&meaning.because);
    message.actor = meaning.actor.as_ref().map(|actor| Actor {
        id: (!with_names).then(|| actor.who.clone()),
        name: with_names.then(|| actor.who.clone()),
        source: actor.source.to_owned(),
        at: actor.at,
    });
}

/// Says which fact changed, where its meaning is not to be had any more.
fn bare(message: &mut Message, key: &FactKey, attribute: &str) {
    message.subject = Some(Thing { kind: key.kind.as_str().to_owned(), id: key.subject.to_string(), name: None });
    message.object =
        key.object.as_ref().map(|object| Thing { kind: "object".to_owned(), id: object.to_string(), name: None });
    message.attribute = some(attribute);
}

/// A contract that is known by its name in the configuration only.
fn configured(details: &Details) -> Option<Thing> {
    let name = some(&details.contract_name)?;
    Some(Thing { kind: "contract".to_owned(), id: name, name: None })
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
