//! Periods of reports: a month, week or day in a time zone, and the snapshots that stand for it. The one rule for every
//! command; `docs/changes.md` has it in words.
//!
//! Pure. Consecutive periods tile: the end of one is the beginning of the next, and each change lies in exactly one.

mod review;
mod select;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use self::review::{EndOfPeriod, ReviewPeriod, Reviewed, review, review_span};
pub use self::select::{NoSnapshot, Reason, Selected, end_named, select};
use super::snapshot::Snapshot;

/// So long after the end of a period its last snapshot is waited for.
pub const MAX_WAIT: TimeDelta = TimeDelta::hours(36);

/// When a question is asked, and in which zone its months and days begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// The present.
    pub now: DateTime<Utc>,
    /// The zone.
    pub zone: Tz,
}

impl Calendar {
    /// Months and days begin in UTC.
    pub fn utc(now: DateTime<Utc>) -> Self {
        Self { now, zone: Tz::UTC }
    }
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A calendar month.
    Month,
    /// Monday to Sunday.
    Week,
    /// A calendar day.
    Day,
}

/// From when until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How long it is.
    pub period: Period,
    /// Its first day.
    pub first_day: NaiveDate,
    /// The zone in which its days begin.
    pub zone: Tz,
    /// The first instant.
    pub begin: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// When its last day begins.
    pub last_day: DateTime<Utc>,
    /// When the last day of the period before begins.
    pub last_day_before: DateTime<Utc>,
}

/// What stands for the beginning of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The snapshot at the end of the period before.
    EndBefore,
    /// The first complete snapshot, because there is none up to the end of the period before.
    First,
}

/// The snapshots that stand for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The one at its end.
    pub end: &'a Snapshot,
    /// The one that it is compared with; none where that is not an earlier one.
    pub begin: Option<&'a Snapshot>,
    /// What the earlier one is.
    pub baseline: Baseline,
    /// Whether a snapshot that stands for the end of the period may still come.
    pub provisional: bool,
}

/// No complete snapshot stands for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingChosen {
    /// Whether one may still come.
    pub may_come: bool,
}

impl Chosen<'_> {
    /// Whether the period before ends with the same snapshot: nothing was collected completely since.
    pub fn ends_with_period_before(&self) -> bool {
        self.begin.is_none() && self.baseline == Baseline::EndBefore
    }
}

impl Period {
    /// The period of this kind that ended last before an instant.
    pub fn before(self, instant: DateTime<Utc>, zone: Tz) -> Option<Span> {
        let around = self.around(instant, zone)?;
        self.starting_on(self.step_back(around.first_day)?, zone)
    }

    /// The period of this kind in which an instant lies.
    pub fn around(self, instant: DateTime<Utc>, zone: Tz) -> Option<Span> {
        let day = instant.with_timezone(&zone).date_naive();
        let first = match self {
            Self::Month => day.with_day(1)?,
            Self::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))?,
            Self::Day => day,
        };
        self.starting_on(first, zone)
    }

    /// The period that begins on a day.
    fn starting_on(self, first_day: NaiveDate, zone: Tz) -> Option<Span> {
        let end = match self {
            Self::Month => first_day.checked_add_months(Months::new(1))?,
            Self::Week => first_day.checked_add_days(Days::new(7))?,
            Self::Day => first_day.succ_opt()?,
        };
        Some(Span {
            period: self,
            first_day,
            zone,
            begin: midnight(first_day, zone)?,
            end: midnight(end, zone)?,
            last_day: midnight(end.pred_opt()?, zone)?,
            last_day_before: midnight(first_day.pred_opt()?, zone)?,
        })
    }

    fn step_back(self, first_day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Month => first_day.checked_sub_months(Months::new(1)),
            Self::Week => first_day.checked_sub_days(Days::new(7)),
            Self::Day => first_day.pred_opt(),
        }
    }
}

impl Span {
    /// The month that is written `2026-11`.
    pub fn month(text: &str, zone: Tz) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        if (year.len(), month.len()) != (4, 2) || !text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
            return None;
        }
        Period::Month.starting_on(NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?, zone)
    }

    /// The month that a snapshot is about: the one that just ended, if the snapshot stands for its end, or the one in which it
    /// lies.
    pub fn month_of(snapshot: &Snapshot, snapshots: &[Snapshot], zone: Tz) -> Option<Self> {
        let before = Period::Month.before(snapshot.finished, zone)?;
        let stands_for_it = before.last(snapshots).is_some_and(|end| end.seq == snapshot.seq);
        if stands_for_it { Some(before) } else { Period::Month.around(snapshot.finished, zone) }
    }

    /// The month that is reviewed where none is named: the one that just ended, if the latest snapshot is not too late to
    /// stand for its end, or the one in which the latest snapshot lies.
    pub fn of_default(latest: &Snapshot, zone: Tz) -> Option<Self> {
        let before = Period::Month.before(latest.finished, zone)?;
        if latest.finished < before.end + MAX_WAIT { Some(before) } else { Period::Month.around(latest.finished, zone) }
    }

    /// The last complete snapshot before the period ends; where its last day has none, the first one soon after it.
    fn last<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a Snapshot> {
        at_end(snapshots, self.last_day, self.end)
    }

    /// What a snapshot is compared with that stands for the period's end.
    pub fn baseline<'a>(&self, snapshots: &'a [Snapshot], end: &Snapshot) -> (Option<&'a Snapshot>, Baseline) {
        let (begin, baseline) = match at_end(snapshots, self.last_day_before, self.begin) {
            Some(begin) => (Some(begin), Baseline::EndBefore),
            None => (complete(snapshots).next(), Baseline::First),
        };
        (begin.filter(|begin| begin.seq < end.seq), baseline)
    }

    /// The snapshots that stand for the period, from those of a contract in order of sequence.
    pub fn choose<'a>(&self, snapshots: &'a [Snapshot], now: DateTime<Utc>) -> Result<Chosen<'a>, NothingChosen> {
        let may_come = now < self.end + MAX_WAIT;
        let end = self.last(snapshots).ok_or(NothingChosen { may_come })?;
        let (begin, baseline) = self.baseline(snapshots, end);
        let is_over = now >= self.end;
        let provisional = !is_over || (may_come && end.finished < self.last_day);
        Ok(Chosen { end, begin, baseline, provisional })
    }
}

impl fmt::Display for Span {
    /// `2026-11`, `week from 2026-11-23`, `2026-11-30`; with the zone where it is not UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            Period::Month => write!(f, "{}", self.first_day.format("%Y-%m"))?,
            Period::Week => write!(f, "week from {}", self.first_day)?,
            Period::Day => write!(f, "{}", self.first_day)?,
        }
        if self.zone == Tz::UTC { Ok(()) } else { write!(f, " ({})", self.zone.name()) }
    }
}

fn complete(snapshots: &[Snapshot]) -> impl DoubleEndedIterator<Item = &Snapshot> {
    snapshots.iter().filter(|snapshot| snapshot.is_complete())
}

fn at_end(snapshots: &[Snapshot], last_day: DateTime<Utc>, end: DateTime<Utc>) -> Option<&Snapshot> {
    let before = complete(snapshots).rfind(|snapshot| snapshot.finished < end);
    if before.is_some_and(|before| before.finished >= last_day) {
        return before;
    }
    let after = complete(snapshots).find(|snapshot| snapshot.finished >= end && snapshot.finished < end + MAX_WAIT);
    after.or(before)
}

/// When a day begins in a zone; where the clock skips midnight, the first instant after it.
fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    (0..=3)
        .find_map(|hours| {
            let local = day.and_time(NaiveTime::MIN) + TimeDelta::hours(hours);
            local.and_local_timezone(zone).earliest()
        })
        .map(|at| at.to_utc())
}
