//! Muting a sink: with a reason, a person and an end, and never without another sink hearing of it.
//!
//! Person and reason stand in the mute alone: the outbox, of which nothing can be erased, holds its number.

use super::Announcer;
use super::announce::Happened;
use crate::domain::alert::{AlertClass, Details, Event};
use crate::domain::time::{to_millis, to_seconds};
use crate::seams::Seams;
use crate::store::mutes::{MAX_MUTE, Mute};
use crate::store::outbox::Start;
use crate::store::{Store, StoreError};

/// Why alerts are not muted.
#[derive(Debug, thiserror::Error)]
pub enum MuteError {
    /// Nobody knows that sink.
    #[error("mute sink {sink:?}: no sink of that name is configured")]
    UnknownSink {
        /// Its name.
        sink: String,
    },
    /// Nobody else would hear of it.
    #[error("mute sink {sink:?}: no other one works, and a mute is announced to every other sink")]
    OnlySink {
        /// Its name.
        sink: String,
    },
    /// Too long, or over at once.
    #[error("mute sink {sink:?}: it must last more than nothing and at most {} days", MAX_MUTE.num_days())]
    Length {
        /// Its name.
        sink: String,
    },
    /// No person or no reason.
    #[error("mute sink {sink:?}: {what} must not be empty")]
    Empty {
        /// Its name.
        sink: String,
        /// `the person` or `the reason`.
        what: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MuteError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownSink { .. } => Some("`keyholder config show` lists the sinks".to_owned()),
            Self::OnlySink { .. } => Some("configure a second sink, a file for example".to_owned()),
            Self::Length { .. } => Some("give a duration such as --for 7d".to_owned()),
            Self::Empty { .. } => None,
            Self::Store(error) => error.hint(),
        }
    }
}

/// Records a mute and announces it to every other sink. Answers with its number.
pub async fn mute(store: &Store, announcer: &Announcer, mute: Mute, seams: &Seams) -> Result<i64, MuteError> {
    let sink = || mute.sink.clone();
    let sinks = announcer.router().sinks();
    if !sinks.contains(&mute.sink) {
        return Err(MuteError::UnknownSink { sink: sink() });
    }
    let disabled = store.disabled_sinks().await?;
    if !sinks.iter().any(|name| *name != mute.sink && !disabled.contains(name)) {
        return Err(MuteError::OnlySink { sink: sink() });
    }
    if mute.until <= mute.since || mute.until - mute.since > MAX_MUTE {
        return Err(MuteError::Length { sink: sink() });
    }
    for (text, what) in [(&mute.person, "the person"), (&mute.reason, "the reason")] {
        if text.trim().is_empty() {
            return Err(MuteError::Empty { sink: sink(), what });
        }
    }
    let origin = store.origin(mute.contract, seams).await?;
    let counts = [
        ("sink", mute.sink.clone()),
        ("class", mute.class.map_or("all", AlertClass::as_str).to_owned()),
        ("until", to_seconds(mute.until)),
    ];
    let happened = |number| Happened {
        event: Event::AlertsMuted,
        contract: mute.contract,
        attribute: format!(
            "{} {} {} {}",
            mute.sink,
            mute.class.map_or("all", AlertClass::as_str),
            to_millis(mute.since),
            to_millis(mute.until)
        ),
        span: None,
        at: mute.since,
        details: Details {
            counts: counts.iter().map(|(label, value)| ((*label).to_owned(), value.clone())).collect(),
            mute: Some(number),
            ..Details::default()
        },
    };
    let announcement = |number| {
        let mut outgoing = announcer.event(&origin.id, happened(number), &[]);
        let others = sinks.iter().filter(|name| **name != mute.sink);
        outgoing.recipients = others.map(|name| (name.clone(), Start::Pending)).collect();
        vec![outgoing]
    };
    Ok(store.mute(&mute, announcement).await?)
}
