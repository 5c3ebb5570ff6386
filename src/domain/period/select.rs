//! The snapshot that a word names: `latest`, `previous`, a number, a label, a month, a date or an instant.
//!
//! A label is looked for before a month and a date: it was chosen on purpose. Nothing in the future names a snapshot.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Calendar, Span, midnight};
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;

/// A snapshot, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The month whose end it stands for, if a month was named.
    pub month: Option<Span>,
    /// Whether a month, a date or an instant was named, so that only the rule says which snapshot that is.
    pub by_time: bool,
    /// Whether a snapshot that stands for the end of the month may still come.
    pub provisional: bool,
}

/// A word that names no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("find snapshot {asked:?}: {reason}")]
pub struct NoSnapshot {
    /// The word.
    pub asked: String,
    /// Why.
    pub reason: Reason,
}

/// Why a word names no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing was ever sealed.
    #[error("contract {0} has no snapshot yet")]
    None(ContractNumber),
    /// There is no second one.
    #[error("contract {0} has only one snapshot")]
    One(ContractNumber),
    /// It is a time that has not come.
    #[error("that is in the future; it is {} now", to_seconds(*now))]
    Future {
        /// The present.
        now: DateTime<Utc>,
    },
    /// It is a time before the first snapshot.
    #[error("the first snapshot of contract {contract} is of {}", to_seconds(*first))]
    TooEarly {
        /// The contract.
        contract: ContractNumber,
        /// The end of the first run.
        first: DateTime<Utc>,
    },
    /// It is a month up to whose end nothing was collected completely.
    #[error("contract {contract} has no complete snapshot up to the end of that month; its first snapshot is of {}", to_seconds(*first))]
    NoneComplete {
        /// The contract.
        contract: ContractNumber,
        /// The end of the first run.
        first: DateTime<Utc>,
    },
    /// It is written like a month, and is none.
    #[error("there is no such month")]
    NoSuchMonth,
    /// It is written like a day, and is none.
    #[error("there is no such day")]
    NoSuchDay,
    /// It is no known form, and no label.
    #[error(
        "contract {contract} has snapshots 1 to {count}, and none is called that; expected a number, `latest`, `previous`, \
         a label, a month like 2026-11, a date like 2026-11-23 or an RFC 3339 time"
    )]
    Unknown {
        /// The contract.
        contract: ContractNumber,
        /// How many snapshots it has.
        count: usize,
    },
}

/// The snapshot that a word names, out of those of a contract in order of sequence: the end of a month by the rule of
/// periods, the last one up to the end of a day, or the last one up to an instant.
pub fn select<'a>(
    snapshots: &'a [Snapshot],
    contract: ContractNumber,
    asked: &str,
    calendar: Calendar,
) -> Result<Selected<'a>, NoSnapshot> {
    find(snapshots, contract, asked, calendar).map_err(|reason| NoSnapshot { asked: asked.to_owned(), reason })
}

fn find<'a>(
    snapshots: &'a [Snapshot],
    contract: ContractNumber,
    asked: &str,
    calendar: Calendar,
) -> Result<Selected<'a>, Reason> {
    let [first, ..] = snapshots else { return Err(Reason::None(contract)) };
    let named = |snapshot| Selected { snapshot, month: None, by_time: false, provisional: false };
    let count = snapshots.len();
    match asked {
        "latest" => return Ok(named(&snapshots[count - 1])),
        "previous" if count < 2 => return Err(Reason::One(contract)),
        "previous" => return Ok(named(&snapshots[count - 2])),
        _ => {}
    }
    let by_number = snapshots.iter().find(|one| one.seq.to_string() == asked);
    if let Some(found) = by_number.or_else(|| snapshots.iter().find(|one| one.label.as_deref() == Some(asked))) {
        return Ok(named(found));
    }
    if let Some(month) = Span::month(asked, calendar.zone) {
        return end_of(month, snapshots, contract, calendar);
    }
    let Some((from, until)) = until(asked, calendar) else {
        return Err(impossible(asked).unwrap_or(Reason::Unknown { contract, count }));
    };
    if from > calendar.now {
        return Err(Reason::Future { now: calendar.now });
    }
    let found = snapshots.iter().rfind(|snapshot| snapshot.finished < until);
    let snapshot = found.ok_or(Reason::TooEarly { contract, first: first.finished })?;
    Ok(Selected { by_time: true, ..named(snapshot) })
}

fn end_of(
    month: Span,
    snapshots: &[Snapshot],
    contract: ContractNumber,
    calendar: Calendar,
) -> Result<Selected<'_>, Reason> {
    if month.begin > calendar.now {
        return Err(Reason::Future { now: calendar.now });
    }
    let none = Reason::NoneComplete { contract, first: snapshots[0].finished };
    let chosen = month.choose(snapshots, calendar.now).map_err(|_| none)?;
    Ok(Selected { snapshot: chosen.end, month: Some(month), by_time: true, provisional: chosen.provisional })
}

/// Why a word names no time although it is written like a month or a day.
fn impossible(asked: &str) -> Option<Reason> {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = asked.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    match *lengths {
        _ if !parts.into_iter().all(is_number) => None,
        [4, 2] => Some(Reason::NoSuchMonth),
        [4, 2, 2] => Some(Reason::NoSuchDay),
        _ => None,
    }
}

/// The end of a day, or the instant, that a word names; `None` for every other word.
pub fn end_named(asked: &str, calendar: Calendar) -> Option<DateTime<Utc>> {
    until(asked, calendar).map(|(_, until)| until)
}

/// The instant at which a date or a time begins, and the one before which a snapshot must have ended.
fn until(asked: &str, calendar: Calendar) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    if let Ok(day) = asked.parse::<NaiveDate>() {
        return Some((midnight(day, calendar.zone)?, midnight(day.succ_opt()?, calendar.zone)?));
    }
    let at = DateTime::parse_from_rfc3339(asked).ok()?.with_timezone(&Utc);
    Some((at, at + TimeDelta::milliseconds(1)))
}
