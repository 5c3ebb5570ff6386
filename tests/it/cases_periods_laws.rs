//! Laws of kind E: over any snapshots, complete or not, at any instants, in any zone, consecutive reviews tile, so that each
//! change lies in exactly one of them.

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use keyholder::domain::id::ContractNumber;
use keyholder::domain::period::{Calendar, EndOfPeriod, MAX_WAIT, Period, Reviewed, Span, review};
use keyholder::domain::snapshot::Snapshot;
use proptest::prelude::*;

use crate::cases_periods::made_up;

const CONTRACT: ContractNumber = ContractNumber(1);

/// Zones whose clocks go forward and back, skip midnight or a whole day, or differ by odd minutes.
const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::America__Santiago,
    Tz::America__St_Johns,
    Tz::Asia__Kathmandu,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::Pacific__Kiritimati,
    Tz::Africa__Cairo,
];

/// Days before ends of months, with leap years, one that is none by its century, days on which clocks change, and the day
/// that Samoa left out.
const BEGINNINGS: [(i32, u32, u32); 9] = [
    (2000, 2, 27),
    (2023, 12, 20),
    (2024, 2, 10),
    (2025, 2, 27),
    (2100, 2, 26),
    (2026, 3, 20),
    (2026, 10, 20),
    (2026, 9, 1),
    (2011, 12, 20),
];

/// Snapshots with some minutes between them: bursts, days and gaps of months.
fn histories() -> impl Strategy<Value = Vec<Snapshot>> {
    let wait = prop_oneof![2 => 1..90_i64, 6 => 600..3_000_i64, 1 => 20_000..120_000_i64];
    let runs = prop::collection::vec((wait, prop::bool::weighted(0.75)), 1..70);
    (prop::sample::select(BEGINNINGS.to_vec()), 0..2_880_i64, runs).prop_map(|((year, month, day), minute, runs)| {
        let begin = NaiveDate::from_ymd_opt(year, month, day).unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
        let mut at = begin + TimeDelta::minutes(minute);
        let mut next = |(seq, (wait, is_complete)): (u32, (i64, bool))| {
            at += TimeDelta::minutes(wait);
            made_up(seq, at, is_complete)
        };
        (1..).zip(runs).map(&mut next).collect()
    })
}

/// The months from the one before the first snapshot to one after the last.
fn months(snapshots: &[Snapshot], zone: Tz) -> Vec<Span> {
    let last = snapshots.last().unwrap().finished + TimeDelta::days(70);
    let before = Period::Month.before(snapshots[0].finished, zone);
    let next = |span: &Span| Period::Month.around(span.end, zone).filter(|span| span.begin < last);
    std::iter::successors(before, next).collect()
}

/// Changes by the snapshot that saw them, which lie in a review: those after its earlier snapshot, up to the later one.
fn covered(reviewed: &Reviewed<'_>) -> std::ops::RangeInclusive<u32> {
    let from = reviewed.since.map_or(reviewed.current.seq.0, |since| since.seq.0);
    from + 1..=reviewed.current.seq.0
}

/// Expects that reviews follow each other without a gap, and that each change between the first complete snapshot and the
/// last lies in exactly one.
fn check_tiling(snapshots: &[Snapshot], reviews: &[Reviewed<'_>]) -> Result<(), TestCaseError> {
    let mut times = vec![0; snapshots.len() + 1];
    for reviewed in reviews {
        covered(reviewed).for_each(|seq| times[seq as usize] += 1);
    }
    for pair in reviews.windows(2) {
        let [before, after] = pair else { unreachable!("two") };
        let begin = after.since.map_or(after.current.seq, |since| since.seq);
        prop_assert_eq!(begin, before.current.seq, "{} after {}", after.period.span, before.period.span);
    }
    let complete: Vec<usize> = snapshots.iter().filter(|one| one.is_complete()).map(|one| one.seq.0 as usize).collect();
    if let [first, .., last] = complete[..] {
        prop_assert!(times[first + 1..=last].iter().all(|count| *count == 1), "{times:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn e1_a_month_is_whole_in_every_zone(
        snapshots in histories(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let months = months(&snapshots, zone);
        for pair in months.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].begin, "{} and {}", pair[0], pair[1]);
        }
        for span in months {
            let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
            let (first, instant_before) = (day(span.begin), day(span.begin - TimeDelta::milliseconds(1)));
            prop_assert_eq!(first, span.first_day);
            prop_assert!(first.day() == 1 && instant_before.month() != first.month(), "{} begins too late", span);
            let last = day(span.end - TimeDelta::milliseconds(1));
            prop_assert_eq!(day(span.last_day), last, "{}", span);
            prop_assert_eq!(last.month(), first.month());
            let is_leap = first.leap_year();
            prop_assert_eq!(first.month() == 2 && last.day() == 29, first.month() == 2 && is_leap);
            let named = Span::month(&first.format("%Y-%m").to_string(), zone);
            prop_assert_eq!(named, Some(span));
        }
    }

    #[test]
    fn e1_reviews_of_named_months_tile(
        snapshots in histories(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let calendar = Calendar { now: snapshots.last().unwrap().finished + TimeDelta::days(400), zone };
        let months = months(&snapshots, zone);
        let mut reviews = Vec::new();
        for span in &months {
            let name = span.first_day.format("%Y-%m").to_string();
            let Ok(reviewed) = review(&snapshots, CONTRACT, Some(&name), calendar) else { continue };
            prop_assert!(reviewed.current.is_complete() && !reviewed.period.provisional);
            prop_assert_eq!(reviewed.period.span, *span);
            prop_assert_eq!(
                reviewed.period.end == EndOfPeriod::SameAsBefore,
                reviewed.since.is_none() && !reviews.is_empty(),
                "both ends on one snapshot are said"
            );
            reviews.push(reviewed);
        }
        check_tiling(&snapshots, &reviews)?;
    }

    #[test]
    fn e1_default_reviews_of_each_month_tile(
        snapshots in histories(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let mut reviews: Vec<Reviewed<'_>> = Vec::new();
        for span in months(&snapshots, zone) {
            // Asked when nothing can stand for the end of the month any more.
            let now = span.end + MAX_WAIT;
            let so_far = &snapshots[..snapshots.partition_point(|one| one.finished < now)];
            let Ok(reviewed) = review(so_far, CONTRACT, None, Calendar { now, zone }) else { continue };
            prop_assert!(reviewed.since.is_none_or(|since| since.seq < reviewed.current.seq));
            let is_of_the_month = reviewed.period.span == span && reviewed.period.end == EndOfPeriod::Complete;
            if is_of_the_month {
                prop_assert!(reviewed.current.is_complete() && !reviewed.period.provisional);
                reviews.push(reviewed);
            }
        }
        // A month in which nothing was collected any more has no review of its own.
        let follow = |pair: &&[Reviewed<'_>]| pair[0].period.span.end == pair[1].period.span.begin;
        for pair in reviews.windows(2).filter(follow) {
            let begin = pair[1].since.map_or(pair[1].current.seq, |since| since.seq);
            prop_assert_eq!(begin, pair[0].current.seq, "{} after {}", pair[1].period.span, pair[0].period.span);
        }
    }

    #[test]
    fn e1_a_named_snapshot_is_compared_with_an_earlier_one(
        snapshots in histories(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let calendar = Calendar { now: snapshots.last().unwrap().finished + TimeDelta::days(400), zone };
        for one in &snapshots {
            let reviewed = review(&snapshots, CONTRACT, Some(&one.seq.to_string()), calendar).unwrap();
            prop_assert_eq!(reviewed.current.seq, one.seq);
            prop_assert!(reviewed.since.is_none_or(|since| since.is_complete() && since.seq < one.seq));
            let span = reviewed.period.span;
            prop_assert!(span.begin <= one.finished && one.finished < span.end + MAX_WAIT, "{} of {}", span, one.seq.0);
        }
    }
}
