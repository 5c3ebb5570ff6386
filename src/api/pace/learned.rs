//! The rate that a server allows without telling it: learned from how much it answered when it said that there are too
//! many.
//!
//! A pure state machine. A lone 429 is chance and teaches nothing; a 429 that says how long to wait, or several among
//! the last answers, are a limit. From then on requests are spaced by what was delivered in the second before, a little
//! below it, slowly back up to it, and beyond it after a while (the curve of CUBIC, RFC 9438, over time instead of
//! windows).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{NEXT_TO_NOTHING, after};

/// 429s among the last 128 answers that are no longer chance: with one lone 429 among a thousand answers that happens
/// about once in twenty walks of twenty thousand requests.
const NO_CHANCE: u32 = 3;

/// What is used of the delivered rate at first, so that the server's bucket is not empty all the time.
const USED: f64 = 0.95;

/// What one 429 takes of the rate at most: what was delivered before may have been little for other reasons.
const LEAST_LEFT: f64 = 0.5;

/// What is left of a rate that brought the next 429 so soon that it must have been too high: a server that holds us back
/// for a second fills its bucket in the meantime, and then delivers more than it can for long.
const TOO_FAST: f64 = 0.7;

/// Seconds until the delivered rate is reached again; as many later it is exceeded by as much. Long, because every 429
/// that says how long to wait costs a second.
const BACK: f64 = 30.0;

/// Seconds after which a limit that was not felt again begins to be forgotten.
const FORGET: f64 = 60.0;

/// Seconds in which the rate doubles while it is being forgotten.
const DOUBLING: f64 = 5.0;

/// How much faster all that goes after less than [`CERTAIN`] seconds of deliveries.
const HASTE: f64 = 10.0;

/// The rate at which no limit is worth keeping, in requests per second.
const NO_LIMIT: f64 = 1e6;

/// The lowest rate, in requests per second.
const SLOWEST: f64 = 1.0;

/// Requests that may catch up when a timer was late, in seconds of the rate.
const CATCH_UP: f64 = 0.02;

/// What is counted together when deliveries are measured, and over how many of them: five seconds.
const SLOT: Duration = Duration::from_millis(500);
const SLOTS: u64 = 10;

/// Seconds of deliveries that make a measurement.
const CERTAIN: f64 = 1.0;

/// Good answers that must have come before the first lesson: a server that complains at once says nothing about its rate.
const ENOUGH: u32 = 10;

/// The shortest time that anything is measured over, in seconds.
const SHORTEST: f64 = 0.1;

/// What was learned.
#[derive(Debug)]
pub(super) struct Learned {
    limit: Option<Limit>,
    /// One bit for each of the last answers, set where it was 429.
    complaints: u128,
    /// The newest request that was sent when something was last learned.
    last_lesson: u64,
    /// When the counting of deliveries began.
    begun: Instant,
    /// Good answers by slot since then, the oldest first.
    delivered: VecDeque<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Requests per second that were delivered.
    peak: f64,
    since: Instant,
    /// Whether the peak was measured over long enough to mean something.
    certain: bool,
    /// Requests that may be sent now.
    level: f64,
    at: Instant,
}

impl Learned {
    pub(super) fn new(now: Instant) -> Self {
        Self { limit: None, complaints: 0, last_lesson: 0, begun: now, delivered: VecDeque::new() }
    }

    /// When the next request may be sent; `None` if now.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Instant> {
        let limit = self.limit.as_mut()?;
        let rate = limit.rate(now);
        if rate >= NO_LIMIT {
            self.limit = None;
            return None;
        }
        let grown = now.saturating_duration_since(limit.at).as_secs_f64() * rate;
        limit.level = (limit.level + grown).min((rate * CATCH_UP).max(1.0));
        limit.at = now;
        let missing = 1.0 - limit.level;
        (missing > NEXT_TO_NOTHING).then(|| after(now, missing / rate))
    }

    /// A request is being sent.
    pub(super) fn sent(&mut self) {
        if let Some(limit) = &mut self.limit {
            limit.level -= 1.0;
        }
    }

    /// A request was answered and the server did not complain.
    pub(super) fn answered(&mut self, now: Instant) {
        self.complaints <<= 1;
        let slot = self.slot(now);
        match self.delivered.back_mut() {
            Some((last, count)) if *last == slot => *count += 1,
            _ => self.delivered.push_back((slot, 1)),
        }
        while self.delivered.front().is_some_and(|(first, _)| first + SLOTS < slot) {
            self.delivered.pop_front();
        }
    }

    /// 429 to the request with that number; `wait` is how long it says to wait, `newest` the number of the newest request
    /// that was sent.
    pub(super) fn too_many(&mut self, number: u64, newest: u64, wait: Option<Duration>, now: Instant) {
        self.complaints = self.complaints << 1 | 1;
        if number <= self.last_lesson || (wait.is_none() && self.complaints.count_ones() < NO_CHANCE) {
            return;
        }
        let (count, seconds) = self.delivered(now);
        if count < ENOUGH && self.limit.is_none() {
            return;
        }
        let (delivered, certain) = (f64::from(count) / seconds.max(SHORTEST), seconds >= CERTAIN);
        let peak = match self.limit.map(|limit| limit.rate(now)) {
            None => delivered,
            Some(rate) if certain || wait.is_none() => delivered.max(rate * LEAST_LEFT),
            Some(rate) => (delivered.min(rate) * TOO_FAST).max(rate * LEAST_LEFT),
        };
        self.limit = Some(Limit { peak: peak.max(SLOWEST), since: now, certain, level: 0.0, at: now });
        self.last_lesson = newest;
        self.complaints = 0;
        self.delivered.clear();
        self.begun = now + wait.unwrap_or_default();
    }

    /// Good answers since the last lesson, but not longer ago than [`SLOTS`], and over how many seconds they came.
    fn delivered(&self, now: Instant) -> (u32, f64) {
        let first = self.slot(now).saturating_sub(SLOTS);
        let count = self.delivered.iter().filter(|(slot, _)| *slot >= first).map(|(_, count)| count).sum();
        let since = self.begun + SLOT * u32::try_from(first).unwrap_or(u32::MAX);
        (count, now.saturating_duration_since(since).as_secs_f64())
    }

    fn slot(&self, now: Instant) -> u64 {
        let slots = now.saturating_duration_since(self.begun).as_millis() / SLOT.as_millis();
        u64::try_from(slots).unwrap_or(u64::MAX)
    }
}

impl Limit {
    /// Requests per second that are sent now.
    fn rate(&self, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let age = if self.certain { seconds } else { seconds * HASTE };
        let curve = 1.0 + (1.0 - USED) * ((age.min(FORGET) - BACK) / BACK).powi(3);
        self.peak * curve * ((age - FORGET).max(0.0) / DOUBLING).min(40.0).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server delivered before it complained.
    struct Before {
        per_second: u32,
        seconds: u32,
    }

    /// A state after those deliveries, and the instant after them.
    fn after_deliveries(before: &Before) -> (Learned, Instant) {
        let begun = Instant::now();
        let mut learned = Learned::new(begun);
        let count = before.per_second * before.seconds;
        for index in 0..count {
            learned.answered(begun + Duration::from_secs(1) * index / before.per_second);
        }
        (learned, begun + Duration::from_secs(before.seconds.into()))
    }

    /// Requests per second, so many seconds after a complaint that says how long to wait.
    #[track_caller]
    fn check(before: &Before, seconds: f64, expected: f64) {
        let (mut learned, now) = after_deliveries(before);
        learned.too_many(1, 1, Some(Duration::ZERO), now);
        let rate = learned.limit.unwrap().rate(now + Duration::from_secs_f64(seconds));
        let (per_second, of) = (before.per_second, before.seconds);
        assert!((rate / expected - 1.0).abs() < 0.01, "{rate} after {seconds} s; {per_second}/s for {of} s");
    }

    #[test]
    fn the_rate_is_what_was_delivered_and_comes_back_beyond_it() {
        let before = Before { per_second: 50, seconds: 10 };
        check(&before, 0.0, 47.5);
        check(&before, 15.0, 49.7);
        check(&before, 30.0, 50.0);
        check(&before, 45.0, 50.3);
        check(&before, 60.0, 52.5);
        check(&before, 65.0, 105.0);
        check(&before, 85.0, 1_680.0);
    }

    /// The rate at the second of two lessons, so many milliseconds after the first, with so many deliveries in between.
    #[track_caller]
    fn check_again(millis: u64, deliveries: u32, wait: Option<Duration>, expected: f64) {
        let (mut learned, now) = after_deliveries(&Before { per_second: 100, seconds: 10 });
        learned.too_many(1, 1, Some(Duration::ZERO), now);
        let again = now + Duration::from_millis(millis);
        for _ in 0..deliveries {
            learned.answered(again);
        }
        learned.complaints = u128::MAX;
        learned.too_many(2, 2, wait, again);
        let peak = learned.limit.unwrap().peak;
        assert!((peak / expected - 1.0).abs() < 0.02, "{peak} after {millis} ms and {deliveries} deliveries");
    }

    #[test]
    fn one_lesson_takes_no_more_than_half() {
        check_again(5_000, 400, None, 80.0);
        check_again(5_000, 0, None, 48.4);
        check_again(10, 0, None, 47.5);
    }

    #[test]
    fn a_complaint_right_after_a_wait_means_too_fast_whatever_was_delivered() {
        check_again(500, 80, None, 160.0);
        check_again(500, 80, Some(Duration::ZERO), 66.6);
        check_again(500, 20, Some(Duration::ZERO), 47.5);
    }

    #[test]
    fn who_has_seen_less_than_a_second_goes_on_ten_times_as_fast() {
        let begun = Instant::now();
        let mut learned = Learned::new(begun);
        for index in 0..40 {
            learned.answered(begun + Duration::from_millis(10) * index);
        }
        let now = begun + Duration::from_millis(400);
        learned.too_many(1, 1, Some(Duration::ZERO), now);
        let rate = |millis| format!("{:.0}", learned.limit.unwrap().rate(now + Duration::from_millis(millis)));
        assert_eq!([0, 3_000, 6_000, 6_500].map(rate), ["95", "100", "105", "210"]);
    }

    #[test]
    fn a_server_that_delivers_nothing_any_more_is_asked_once_in_a_second_in_the_end() {
        let (mut learned, now) = after_deliveries(&Before { per_second: 50, seconds: 10 });
        for lesson in 1..=9 {
            learned.too_many(lesson, lesson, Some(Duration::ZERO), now);
        }
        assert!(learned.limit.is_some_and(|limit| limit.peak <= SLOWEST));
    }

    #[test]
    fn a_server_that_complains_at_once_says_nothing_about_its_rate() {
        let now = Instant::now();
        let mut learned = Learned::new(now);
        for number in 1..=9 {
            learned.answered(now);
            learned.too_many(number, number, Some(Duration::ZERO), now);
        }
        assert!(learned.limit.is_none());
        learned.answered(now);
        learned.too_many(10, 10, Some(Duration::ZERO), now);
        assert!(learned.limit.is_some());
    }

    /// Whether anything is learned from complaints among so many good answers.
    #[track_caller]
    fn check_chance(complaints: u64, apart: u64, told: bool, expected: bool) {
        let now = Instant::now();
        let mut learned = Learned::new(now);
        for _ in 0..ENOUGH {
            learned.answered(now);
        }
        for number in 1..=complaints {
            for _ in 1..apart {
                learned.answered(now);
            }
            learned.too_many(number, number, told.then_some(Duration::ZERO), now);
        }
        assert_eq!(learned.limit.is_some(), expected, "{complaints} complaints, one in {apart}");
    }

    #[test]
    fn a_lone_complaint_is_chance_unless_it_says_how_long_to_wait() {
        check_chance(1, 1, false, false);
        check_chance(2, 1, false, false);
        check_chance(3, 1, false, true);
        check_chance(3, 60, false, true);
        check_chance(20, 70, false, false);
        check_chance(1, 1_000, true, true);
    }

    #[test]
    fn requests_are_spaced_by_the_rate() {
        let (mut learned, now) = after_deliveries(&Before { per_second: 50, seconds: 10 });
        assert_eq!(learned.pause(now), None);
        learned.too_many(1, 1, Some(Duration::ZERO), now);
        let mut at = now;
        for _ in 0..475 {
            if let Some(until) = learned.pause(at) {
                at = until;
            }
            assert_eq!(learned.pause(at), None);
            learned.sent();
        }
        let took = (at - now).as_secs_f64();
        assert!((9.5..10.0).contains(&took), "475 requests in {took} s");
    }
}
