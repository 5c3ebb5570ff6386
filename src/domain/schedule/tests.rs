//! What schedules name: both clock changes, leap days, words, and what is refused.

use super::*;
use crate::domain::time::to_seconds;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone, Duration::ZERO).expect("a schedule")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The instants of a schedule after one and up to another, as text without the seconds.
#[track_caller]
fn check(expression: &str, zone: &str, from: &str, to: &str, expected: &[&str]) {
    let instants: Vec<String> = schedule(expression, zone)
        .instants_in(at(from), at(to))
        .map(|instant| to_seconds(instant).trim_end_matches(":00Z").to_owned())
        .collect();
    assert_eq!(instants, expected, "{expression} in {zone}");
}

/// The message and hint with which a schedule is refused.
#[track_caller]
fn check_refused(expression: &str, zone: &str, message: &str, hint: &str) {
    let error = Schedule::parse(expression, zone, Duration::ZERO).expect_err("refused");
    assert_eq!(error.to_string(), message);
    assert!(error.hint().contains(hint), "{}", error.hint());
}

#[test]
fn instants_are_strictly_later_and_end_inclusively() {
    let day = ["2026-11-02T03:00", "2026-11-03T03:00"];
    check("0 3 * * *", "UTC", "2026-11-01T03:00:00Z", "2026-11-03T03:00:00Z", &day);
    check("0 3 * * *", "UTC", "2026-11-01T03:00:00.999Z", "2026-11-03T03:00:00Z", &day);
    check("0 3 * * *", "UTC", "2026-11-02T02:59:59.999Z", "2026-11-03T02:59:59.999Z", &day[..1]);
    check("0 3 * * *", "UTC", "2026-11-03T00:00:00Z", "2026-11-01T00:00:00Z", &[]);
}

#[test]
fn the_hour_of_a_zone_moves_with_its_clock() {
    let (from, to) = ("2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z");
    check("0 8 * * *", "Europe/Berlin", from, to, &["2026-10-24T06:00", "2026-10-25T07:00", "2026-10-26T07:00"]);
}

#[test]
fn a_time_in_the_skipped_hour_runs_when_it_ends() {
    let (from, to) = ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    check("30 2 * * *", "Europe/Berlin", from, to, &["2026-03-29T01:00", "2026-03-30T00:30"]);
    // 02:30 does not exist on 8 March in New York either: 03:00 there is 07:00 UTC.
    check("30 2 8 3 *", "America/New_York", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", &["2026-03-08T07:00"]);
}

#[test]
fn a_time_in_the_doubled_hour_runs_once() {
    let (from, to) = ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    check("30 2 * * *", "Europe/Berlin", from, to, &["2026-10-25T00:30", "2026-10-26T01:30"]);
    check("30 1 1 11 *", "America/New_York", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z", &["2026-11-01T05:30"]);
}

#[test]
fn steps_go_through_the_doubled_hour_twice() {
    let expected = ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"];
    check("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", "2026-10-25T02:00:00Z", &expected);
}

#[test]
fn steps_go_on_through_the_skipped_hour() {
    let expected = ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"];
    check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:59:00Z", &expected);
}

#[test]
fn a_zone_that_moves_by_half_an_hour_has_each_instant_once() {
    // Lord Howe Island turns 02:00 (+11:00) back to 01:30 (+10:30) on 5 April 2026.
    let fixed = ["2026-04-03T14:45", "2026-04-04T14:45", "2026-04-05T15:15"];
    check("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T12:00:00Z", "2026-04-05T20:00:00Z", &fixed);
    let steps = ["2026-04-04T14:30", "2026-04-04T14:45", "2026-04-04T15:00", "2026-04-04T15:15", "2026-04-04T15:30"];
    check("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:15:00Z", "2026-04-04T15:30:00Z", &steps);
}

#[test]
fn a_year_of_days_has_one_instant_each_in_every_zone() {
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
        for expression in ["30 2 * * *", "45 1 * * *", "15 0 * * *"] {
            let from = at("2026-01-01T12:00:00Z");
            let instants: Vec<_> = schedule(expression, zone).instants_in(from, from + TimeDelta::days(365)).collect();
            assert_eq!(instants.len(), 365, "{expression} in {zone}");
            assert!(instants.is_sorted_by(|a, b| a < b), "{expression} in {zone}");
        }
    }
}

#[test]
fn a_leap_day_comes_in_leap_years_only() {
    let days = ["2028-02-29T04:00", "2032-02-29T04:00"];
    check("0 4 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2035-01-01T00:00:00Z", &days);
}

#[test]
fn words_stand_for_expressions() {
    for (word, fields) in SHORTHANDS {
        assert_eq!(schedule(word, "UTC"), schedule(fields, "UTC"));
        assert_eq!(schedule(&word.to_uppercase(), "UTC").to_string(), format!("{fields} UTC"));
    }
    check("@monthly", "Europe/Berlin", "2026-03-15T00:00:00Z", "2026-04-15T00:00:00Z", &["2026-03-31T22:00"]);
    check("@weekly", "UTC", "2026-11-25T00:00:00Z", "2026-12-05T00:00:00Z", &["2026-11-29T00:00"]);
}

#[test]
fn the_last_day_and_names_are_understood() {
    check("0 5 L * *", "UTC", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", &["2026-02-28T05:00"]);
    check("0 5 * FEB mon", "UTC", "2026-01-30T00:00:00Z", "2026-02-08T00:00:00Z", &["2026-02-02T05:00"]);
    check("0 5 * * 7", "UTC", "2026-11-27T00:00:00Z", "2026-12-01T00:00:00Z", &["2026-11-29T05:00"]);
}

#[test]
fn seconds_and_years_are_refused_with_the_way_out() {
    let fields = "expected 5 (minute, hour, day of month, month, day of week)";
    let six = format!("read schedule \"0 0 8 * * *\": 6 fields, {fields}");
    check_refused("0 0 8 * * *", "UTC", &six, "no field for seconds");
    check_refused("0 8 * *", "UTC", &format!("read schedule \"0 8 * *\": 4 fields, {fields}"), "`30 2 * * *`");
    check_refused(" ", "UTC", &format!("read schedule \"\": 0 fields, {fields}"), "`30 2 * * *`");
}

#[test]
fn an_unknown_word_is_refused() {
    let message = "read schedule \"@yearly\": expected @hourly, @daily, @weekly, @monthly or five fields";
    check_refused("@yearly", "UTC", message, "@hourly");
    check_refused("@daily 5", "UTC", &message.replace("@yearly", "@daily 5"), "@hourly");
}

#[test]
fn a_date_that_never_comes_is_refused() {
    check_refused("0 4 30 2 *", "UTC", "read schedule \"0 4 30 2 *\": no date matches it", "`L`");
    check_refused("0 4 31 4,6,9,11 *", "UTC", "read schedule \"0 4 31 4,6,9,11 *\": no date matches it", "`L`");
}

#[test]
fn values_out_of_range_and_garbage_are_refused() {
    for expression in ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a b c d e", "*/0 * * * *"] {
        let error = Schedule::parse(expression, "UTC", Duration::ZERO).expect_err(expression);
        assert!(matches!(error, ScheduleError::Expression { .. }), "{expression}: {error:?}");
    }
}

#[test]
fn an_unknown_zone_is_refused_and_a_similar_one_named() {
    check_refused(
        "@daily",
        "europe/berlin",
        "read time zone \"europe/berlin\": not the name of an IANA time zone",
        "Europe/Berlin",
    );
    check_refused("@daily", "Mars/Base", "read time zone \"Mars/Base\": not the name of an IANA time zone", "use UTC");
    check_refused("@daily", "", "read time zone \"\": not the name of an IANA time zone", "use UTC");
}

#[test]
fn a_long_jitter_is_refused() {
    let error = Schedule::parse("@daily", "UTC", Duration::from_secs(3601)).expect_err("refused");
    assert_eq!(error.to_string(), "read jitter of 3601 s: at most 3600 s");
}

#[test]
fn the_canonical_text_has_fields_zone_and_jitter() {
    let one = Schedule::parse("  0  6 * *  mon-fri", "Europe/Berlin", Duration::from_mins(5)).expect("a schedule");
    assert_eq!(one.to_string(), "0 6 * * MON-FRI Europe/Berlin +300s");
}

#[test]
fn the_delay_repeats_differs_and_stays_before_the_next_instant() {
    let delayed = Schedule::parse("*/10 * * * *", "UTC", Duration::from_hours(1)).expect("a schedule");
    let from = at("2026-11-01T00:00:00Z");
    let instants: Vec<_> = delayed.instants_in(from, from + TimeDelta::days(2)).collect();
    let starts: Vec<_> = instants.iter().map(|nominal| delayed.start_of("collect", *nominal)).collect();
    let again: Vec<_> = instants.iter().map(|nominal| delayed.start_of("collect", *nominal)).collect();
    assert_eq!(starts, again);
    assert!(starts.is_sorted_by(|a, b| a < b));
    for (nominal, start) in instants.iter().zip(&starts) {
        assert!(start >= nominal && *start < *nominal + TimeDelta::minutes(10), "{nominal}: {start}");
    }
    let delays: std::collections::BTreeSet<_> = instants.iter().zip(&starts).map(|(a, b)| *b - *a).collect();
    assert!(delays.len() > instants.len() / 2, "{} delays of {} instants", delays.len(), instants.len());
    assert_ne!(delayed.start_of("verify", instants[0]), starts[0]);
    assert_eq!(schedule("@daily", "UTC").start_of("collect", from), from);
}

#[test]
fn no_more_instants_than_the_limit_are_named() {
    let every_minute = schedule("* * * * *", "UTC");
    let from = at("2026-01-01T00:00:00Z");
    assert_eq!(every_minute.instants_in(from, from + TimeDelta::days(420)).count(), MAX_INSTANTS);
}

#[test]
fn looking_back_finds_the_same_instants_as_looking_ahead() {
    let expressions = [
        "*/20 * * * *",
        "0 * * * *",
        "30 2 * * *",
        "45 1 * * *",
        "0 0 1 * *",
        "15 1-3 * * *",
        "0 5 L * *",
        "0 2,3 * * SUN",
    ];
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] {
        for expression in expressions {
            let schedule = schedule(expression, zone);
            let from = at("2026-01-01T12:00:00Z");
            let instants: Vec<_> = schedule.instants_in(from, from + TimeDelta::days(365)).collect();
            assert!(instants.len() >= 12, "{expression} in {zone}");
            for pair in instants.windows(2) {
                let (earlier, later) = (pair[0], pair[1]);
                let just_before = later - TimeDelta::seconds(1);
                assert_eq!(schedule.newest_until(just_before), Some(earlier), "{expression} in {zone}, before {later}");
                assert_eq!(schedule.newest_until(later), Some(later), "{expression} in {zone}");
            }
        }
    }
}
