//! Delivers what is due: each sink by itself, one alert after the other, until it is delivered or given up.
//!
//! A sink that does not work is left alone for the rest of a pass, so that it costs one attempt and not one for each alert.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures::future::join_all;

use super::render::{RenderError, Renderer};
use super::setup::SinkError;
use crate::alerts::retry::{MAX_REFUSALS, next_attempt};
use crate::app::collect::reasons;
use crate::domain::id::ContractNumber;
use crate::seams::{RandomError, Seams};
use crate::sinks::{DeliveryError, Sink};
use crate::store::deliveries::{Claimed, Settled};
use crate::store::{Store, StoreError};

/// One delivery at a time is claimed: a claim lasts longer than an attempt, not than many.
const CLAIMED_AT_ONCE: u32 = 1;

/// What else waits for a sink that does not work is not tried for so long.
const MIN_PAUSE_OF_A_SINK: TimeDelta = TimeDelta::seconds(30);

/// From this attempt on, an alert that cannot be rendered is sent with what the outbox says of it: without names, before and
/// after. Until then the database may only have been busy.
const RENDERED_AGAIN: u32 = 2;

/// A sink, and whether it gets names.
#[derive(Debug)]
pub struct Destination {
    /// Ready to deliver.
    pub sink: Sink,
    /// Whether its messages hold names and addresses.
    pub names: bool,
}

/// The configured sinks by name, each with the reason if it cannot be used as it is configured.
pub type Destinations = BTreeMap<String, Result<Destination, SinkError>>;

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Alerts that a sink took.
    pub delivered: u64,
    /// Attempts that did not work and are made again.
    pub postponed: u64,
    /// Alerts that were given up.
    pub dead: u64,
}

impl Delivered {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            postponed: self.postponed + other.postponed,
            dead: self.dead + other.dead,
        }
    }
}

/// Why a pass ended early. What was not settled is claimed for a while and sent again.
#[derive(Debug, thiserror::Error)]
pub enum DeliverFailure {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An alert could not be put into words.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// No randomness for pauses.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Delivers from one database to the configured sinks.
#[derive(Debug)]
pub struct Courier<'a> {
    /// Where the outbox is.
    pub store: &'a Store,
    /// The sinks by name.
    pub destinations: &'a Destinations,
    /// Names of contracts in the configuration.
    pub contracts: &'a BTreeMap<ContractNumber, String>,
    /// The clock, and chance for pauses.
    pub seams: &'a Seams,
}

impl Courier<'_> {
    /// Delivers everything that is due now. Sinks do not wait for each other.
    pub async fn deliver(&self) -> Result<Delivered, DeliverFailure> {
        let sinks = self.store.sinks_due(self.seams.now()).await?;
        let passes = sinks.iter().map(|sink| self.deliver_to(sink));
        let mut sum = Delivered::default();
        let mut failure = None;
        for outcome in join_all(passes).await {
            match outcome {
                Ok(delivered) => sum = sum.and(delivered),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(sum), Err)
    }

    async fn deliver_to(&self, name: &str) -> Result<Delivered, DeliverFailure> {
        let mut sum = Delivered::default();
        let mut renderer = Renderer::new(self.store, self.contracts);
        loop {
            let claimed = self.store.claim(name, self.seams.now(), CLAIMED_AT_ONCE).await?;
            if claimed.is_empty() {
                return Ok(sum);
            }
            for (index, one) in claimed.iter().enumerate() {
                let Attempted { settled, sink_pause } = match self.destinations.get(name) {
                    Some(Ok(destination)) => self.attempt(&mut renderer, destination, one).await?,
                    Some(Err(error)) => self.unprepared(error, one)?,
                    None => Attempted::of(Settled::Dead { detail: format!("no sink named {name} is configured") }),
                };
                self.store.settle(name, one, &settled, self.seams.now()).await?;
                sum = sum.and(counted(&settled));
                // Whatever waits for a sink that is gone became a dead letter with it.
                if matches!(settled, Settled::Gone { .. }) {
                    return Ok(sum);
                }
                if let Some(pause) = sink_pause {
                    let due = self.seams.now() + pause;
                    self.store.postpone(name, &claimed[index + 1..], due).await?;
                    return Ok(sum);
                }
            }
        }
    }

    async fn attempt(
        &self,
        renderer: &mut Renderer<'_>,
        destination: &Destination,
        claimed: &Claimed,
    ) -> Result<Attempted, DeliverFailure> {
        let message = match renderer.message(&claimed.alert, destination.names).await {
            Ok(message) => message,
            // One alert that cannot be put into words must not hold back those behind it, and must arrive all the same.
            Err(error) => {
                tracing::error!(alert = %claimed.alert.id, "Alert not rendered: {error}");
                let due = next_attempt(claimed.attempt, self.seams.now(), None, self.seams.unit()?);
                match due.filter(|_| claimed.attempt < RENDERED_AGAIN) {
                    Some(due) => {
                        let detail = format!("the alert could not be rendered: {error}");
                        return Ok(Attempted::of(Settled::Retry { due, detail }));
                    }
                    None => renderer.outline(&claimed.alert),
                }
            }
        };
        let outcome = destination.sink.deliver(&message, self.seams.now()).await;
        let name = destination.sink.name();
        Ok(match outcome {
            Ok(receipt) => {
                tracing::debug!(sink = name, alert = %claimed.alert.id, class = %claimed.alert.class, "Alert delivered");
                Attempted::of(Settled::Delivered { detail: receipt.detail })
            }
            Err(error) => {
                let detail = error.summary();
                tracing::warn!(sink = name, alert = %claimed.alert.id, attempt = claimed.attempt, "Alert not delivered: {detail}");
                let sink_pause = match &error {
                    DeliveryError::Retry { after, .. } => {
                        let asked = after.and_then(|after| TimeDelta::from_std(after).ok()).unwrap_or_default();
                        Some(asked.max(MIN_PAUSE_OF_A_SINK))
                    }
                    _ => None,
                };
                Attempted { settled: self.failed(&error, detail, claimed)?, sink_pause }
            }
        })
    }

    /// An attempt at a sink that cannot be used as it is configured: its alerts wait until that is mended.
    fn unprepared(&self, error: &SinkError, claimed: &Claimed) -> Result<Attempted, DeliverFailure> {
        let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        let detail = format!("{}{hint}", reasons(error));
        tracing::warn!(alert = %claimed.alert.id, attempt = claimed.attempt, "Alert not delivered: {detail}");
        let settled = match next_attempt(claimed.attempt, self.seams.now(), None, self.seams.unit()?) {
            Some(due) => Settled::Retry { due, detail },
            None => Settled::Dead { detail: format!("given up after {} attempts: {detail}", claimed.attempt) },
        };
        Ok(Attempted { settled, sink_pause: Some(MIN_PAUSE_OF_A_SINK) })
    }

    /// What becomes of a delivery that did not work.
    fn failed(&self, error: &DeliveryError, detail: String, claimed: &Claimed) -> Result<Settled, DeliverFailure> {
        let (asked, is_refusal) = match error {
            DeliveryError::Gone { .. } => return Ok(Settled::Gone { detail }),
            DeliveryError::Rejected { .. } if claimed.refusals + 1 >= MAX_REFUSALS => {
                return Ok(Settled::Dead { detail });
            }
            DeliveryError::Rejected { .. } => (None, true),
            DeliveryError::Retry { after, .. } => (after.and_then(|after| TimeDelta::from_std(after).ok()), false),
        };
        let now = self.seams.now();
        Ok(match next_attempt(claimed.attempt, now, asked, self.seams.unit()?) {
            Some(due) if is_refusal => Settled::Refused { due, detail },
            Some(due) => Settled::Retry { due, detail },
            None => Settled::Dead { detail: format!("given up after {} attempts: {detail}", claimed.attempt) },
        })
    }
}

/// How an attempt ended, and how long the sink is to be left alone if it does not work at all.
struct Attempted {
    settled: Settled,
    sink_pause: Option<TimeDelta>,
}

impl Attempted {
    fn of(settled: Settled) -> Self {
        Self { settled, sink_pause: None }
    }
}

fn counted(settled: &Settled) -> Delivered {
    match settled {
        Settled::Delivered { .. } => Delivered { delivered: 1, ..Delivered::default() },
        Settled::Retry { .. } | Settled::Refused { .. } => Delivered { postponed: 1, ..Delivered::default() },
        Settled::Dead { .. } | Settled::Gone { .. } => Delivered { dead: 1, ..Delivered::default() },
    }
}
