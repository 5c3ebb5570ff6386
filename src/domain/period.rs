//! Periods of reports: the month, week or day that just ended in a time zone, and the snapshots that stand for it.
//!
//! Pure. Consecutive periods tile: the end of one is the beginning of the next, and each change lies in exactly one.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::id::Seq;
use super::snapshot::Snapshot;

/// So long after the end of a period its last snapshot is waited for.
pub const MAX_WAIT: TimeDelta = TimeDelta::hours(36);

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
    /// The first instant.
    pub begin: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    /// When its last day begins.
    pub last_day: DateTime<Utc>,
    /// When the last day of the period before begins.
    pub last_day_before: DateTime<Utc>,
}

/// The snapshots that stand for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// These two. Without an earlier one there is nothing to compare with.
    Snapshots {
        /// The one at the end.
        end: Seq,
        /// The one at the end of the period before, or the first complete one.
        begin: Option<Seq>,
    },
    /// The period has no complete snapshot of its last day yet, and one may still come.
    Provisional,
    /// There is no complete snapshot up to its end.
    Nothing,
}

impl Period {
    /// The period of this kind that ended last before an instant.
    pub fn before(self, instant: DateTime<Utc>, zone: Tz) -> Option<Span> {
        let today = instant.with_timezone(&zone).date_naive();
        let (end, begin) = match self {
            Self::Month => {
                let first = today.with_day(1)?;
                (first, first.checked_sub_months(Months::new(1))?)
            }
            Self::Week => {
                let monday = today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday())))?;
                (monday, monday.checked_sub_days(Days::new(7))?)
            }
            Self::Day => (today, today.pred_opt()?),
        };
        Some(Span {
            begin: midnight(begin, zone)?,
            end: midnight(end, zone)?,
            last_day: midnight(end.pred_opt()?, zone)?,
            last_day_before: midnight(begin.pred_opt()?, zone)?,
        })
    }
}

/// The snapshots that stand for a period, from those of a contract in order of sequence.
pub fn choose(snapshots: &[Snapshot], span: Span, now: DateTime<Utc>) -> Chosen {
    let complete = || snapshots.iter().filter(|snapshot| snapshot.is_complete());
    let Some(end) = at_end(complete(), span.last_day, span.end) else {
        let may_come = now < span.end + MAX_WAIT;
        return if may_come { Chosen::Provisional } else { Chosen::Nothing };
    };
    if end.finished < span.last_day && now < span.end + MAX_WAIT {
        return Chosen::Provisional;
    }
    let begin = at_end(complete(), span.last_day_before, span.begin).or_else(|| complete().next());
    Chosen::Snapshots { end: end.seq, begin: begin.map(|begin| begin.seq).filter(|begin| *begin < end.seq) }
}

/// The last complete snapshot before a period ends; where its last day has none, the first one soon after it.
fn at_end<'a>(
    complete: impl Iterator<Item = &'a Snapshot> + Clone,
    last_day: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Option<&'a Snapshot> {
    let before = complete.clone().filter(|snapshot| snapshot.finished < end).last();
    if before.is_some_and(|before| before.finished >= last_day) {
        return before;
    }
    let after = complete.into_iter().find(|snapshot| snapshot.finished >= end && snapshot.finished < end + MAX_WAIT);
    after.or(before)
}

/// When a day begins in a zone; where the clock skips midnight, when it goes on.
fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    (0..=3)
        .find_map(|hours| {
            let local = day.and_time(NaiveTime::MIN) + TimeDelta::hours(hours);
            local.and_local_timezone(zone).earliest()
        })
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::id::ContractNumber;
    use crate::domain::snapshot::{RunState, Source};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    fn snapshots(finished: &[&str]) -> Vec<Snapshot> {
        let snapshot = |(seq, finished): (u32, &&str)| Snapshot {
            contract: ContractNumber(1),
            seq: Seq(seq),
            state: if finished.ends_with('!') { RunState::Partial } else { RunState::Complete },
            schedule: "manual".to_owned(),
            nominal: at(finished.trim_end_matches('!')),
            started: at(finished.trim_end_matches('!')),
            finished: at(finished.trim_end_matches('!')),
            label: None,
            source: Source { api: String::new(), tool: String::new() },
            requests: 0,
            totals: BTreeMap::new(),
            began: 0,
            ended: 0,
            changed: 0,
            root: String::new(),
        };
        (1..).zip(finished).map(snapshot).collect()
    }

    #[track_caller]
    fn check_span(period: Period, zone: Tz, instant: &str, begin: &str, end: &str) {
        let span = period.before(at(instant), zone).expect("a span");
        assert_eq!((span.begin, span.end), (at(begin), at(end)));
    }

    /// What is chosen for November 2026 in UTC.
    #[track_caller]
    fn check(finished: &[&str], now: &str, expected: Chosen) {
        let span = Period::Month.before(at("2026-12-01T06:00:00Z"), Tz::UTC).expect("a span");
        assert_eq!(choose(&snapshots(finished), span, at(now)), expected);
    }

    fn chosen(end: u32, begin: Option<u32>) -> Chosen {
        Chosen::Snapshots { end: Seq(end), begin: begin.map(Seq) }
    }

    #[test]
    fn a_period_begins_and_ends_at_midnight_of_its_zone() {
        let berlin = Tz::Europe__Berlin;
        check_span(Period::Month, Tz::UTC, "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
        check_span(Period::Month, berlin, "2026-10-31T23:30:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
        check_span(Period::Week, berlin, "2026-11-25T12:00:00Z", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z");
        check_span(Period::Day, berlin, "2026-10-26T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        // In Santiago the clock skips midnight of 6 September 2026.
        let santiago = Tz::America__Santiago;
        check_span(Period::Day, santiago, "2026-09-07T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z");
    }

    #[test]
    fn the_last_complete_snapshots_of_both_months_are_compared() {
        let days = ["2026-10-30T03:00:00Z", "2026-10-31T03:00:00Z", "2026-11-30T03:00:00Z", "2026-11-30T21:00:00Z!"];
        check(&days, "2026-12-01T06:00:00Z", chosen(3, Some(2)));
    }

    #[test]
    fn a_month_without_a_last_snapshot_is_provisional_for_a_while() {
        let days = ["2026-10-31T03:00:00Z", "2026-11-28T03:00:00Z"];
        check(&days, "2026-12-01T06:00:00Z", Chosen::Provisional);
        check(&days, "2026-12-02T11:59:59Z", Chosen::Provisional);
        check(&days, "2026-12-02T12:00:00Z", chosen(2, Some(1)));
    }

    #[test]
    fn a_snapshot_soon_after_the_end_stands_for_it() {
        let days = ["2026-10-31T03:00:00Z", "2026-11-28T03:00:00Z", "2026-12-01T03:00:00Z"];
        check(&days, "2026-12-01T06:00:00Z", chosen(3, Some(1)));
    }

    #[test]
    fn the_first_complete_snapshot_is_the_baseline_where_there_is_no_other() {
        let days = ["2026-11-05T03:00:00Z!", "2026-11-06T03:00:00Z", "2026-11-30T03:00:00Z"];
        check(&days, "2026-12-01T06:00:00Z", chosen(3, Some(2)));
        check(&["2026-11-30T03:00:00Z"], "2026-12-01T06:00:00Z", chosen(1, None));
    }

    #[test]
    fn without_a_complete_snapshot_there_is_nothing() {
        check(&["2026-11-30T03:00:00Z!"], "2026-12-01T06:00:00Z", Chosen::Provisional);
        check(&["2026-11-30T03:00:00Z!"], "2026-12-03T06:00:00Z", Chosen::Nothing);
        check(&[], "2026-12-03T06:00:00Z", Chosen::Nothing);
    }
}
