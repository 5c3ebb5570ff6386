//! The rule of periods over month ends, leap years, zones and missing days.

use super::*;
use crate::domain::snapshot::RunState;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn snapshots(finished: &[&str]) -> Vec<Snapshot> {
    let snapshot = |(seq, finished): (u32, &&str)| {
        let state = if finished.ends_with('!') { RunState::Partial } else { RunState::Complete };
        Snapshot::made_up(seq, state, at(finished.trim_end_matches('!')))
    };
    (1..).zip(finished).map(snapshot).collect()
}

#[track_caller]
fn check_span(period: Period, zone: Tz, instant: &str, begin: &str, end: &str) {
    let span = period.before(at(instant), zone).expect("a span");
    assert_eq!((span.begin, span.end), (at(begin), at(end)));
}

/// What is chosen for November 2026 in UTC: the end, the beginning, and whether that is provisional.
#[track_caller]
fn check(finished: &[&str], now: &str, expected: Result<(u32, Option<u32>, bool), NothingChosen>) {
    let span = Period::Month.before(at("2026-12-01T06:00:00Z"), Tz::UTC).expect("a span");
    let snapshots = snapshots(finished);
    let chosen = span.choose(&snapshots, at(now));
    let chosen = chosen.map(|one| (one.end.seq.0, one.begin.map(|begin| begin.seq.0), one.provisional));
    assert_eq!(chosen, expected);
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
    check(&days, "2026-12-01T06:00:00Z", Ok((3, Some(2), false)));
}

#[test]
fn a_month_without_a_last_snapshot_is_provisional_for_a_while() {
    let days = ["2026-10-31T03:00:00Z", "2026-11-28T03:00:00Z"];
    check(&days, "2026-12-01T06:00:00Z", Ok((2, Some(1), true)));
    check(&days, "2026-12-02T11:59:59Z", Ok((2, Some(1), true)));
    check(&days, "2026-12-02T12:00:00Z", Ok((2, Some(1), false)));
}

#[test]
fn a_snapshot_soon_after_the_end_stands_for_it() {
    let days = ["2026-10-31T03:00:00Z", "2026-11-28T03:00:00Z", "2026-12-01T03:00:00Z"];
    check(&days, "2026-12-01T06:00:00Z", Ok((3, Some(1), false)));
}

#[test]
fn the_first_complete_snapshot_is_the_baseline_where_there_is_no_other() {
    let days = ["2026-11-05T03:00:00Z!", "2026-11-06T03:00:00Z", "2026-11-30T03:00:00Z"];
    check(&days, "2026-12-01T06:00:00Z", Ok((3, Some(2), false)));
    check(&["2026-11-30T03:00:00Z"], "2026-12-01T06:00:00Z", Ok((1, None, false)));
}

#[test]
fn without_a_complete_snapshot_there_is_nothing() {
    check(&["2026-11-30T03:00:00Z!"], "2026-12-01T06:00:00Z", Err(NothingChosen { may_come: true }));
    check(&["2026-11-30T03:00:00Z!"], "2026-12-03T06:00:00Z", Err(NothingChosen { may_come: false }));
    check(&[], "2026-12-03T06:00:00Z", Err(NothingChosen { may_come: false }));
}

#[test]
fn a_month_that_is_not_over_is_provisional() {
    let days = ["2026-10-31T03:00:00Z", "2026-11-28T03:00:00Z", "2026-11-30T03:00:00Z"];
    check(&days, "2026-11-30T06:00:00Z", Ok((3, Some(1), true)));
}

#[test]
fn a_month_is_read_by_its_four_and_two_digits() {
    let month = |text| Span::month(text, Tz::UTC).map(|span| (span.begin, span.end));
    assert_eq!(month("2024-02"), Some((at("2024-02-01T00:00:00Z"), at("2024-03-01T00:00:00Z"))));
    assert_eq!(month("2026-12"), Some((at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))));
    for text in ["2026-13", "2026-00", "2026-1", "26-01", "+026-01", "2026-+1", "2026-01-01", "2026"] {
        assert_eq!(month(text), None, "{text}");
    }
}
