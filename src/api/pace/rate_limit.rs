//! How many requests may be in flight, and how soon the next one may be sent: a slow start, and one token bucket.
//!
//! A pure state machine; it neither waits nor sends. The bucket holds what the server announces in its headers. Without
//! such headers its rate is learned from 429s: what was answered between two of them is what the server allows.

use std::time::Duration;

use tokio::time::Instant;

use super::after;
use crate::api::answer::Rate;

/// Requests in flight before anything is known of the server; one more with each answer.
const FIRST_PERMITS: usize = 4;

/// 429s without a time to wait among the last 128 answers that are no longer chance: with one in a thousand, three
/// happen about once in twenty walks of twenty thousand requests.
const MIN_COMPLAINTS: u32 = 3;

/// Share of the measured rate that is used.
const USED_SHARE: f64 = 0.95;

/// Share of a learned rate that one 429 leaves at least: a measurement over a few answers says little.
const MIN_SHARE_LEFT: f64 = 0.5;

/// Growth of a learned rate per second: a limit that is gone is forgotten within minutes.
const GROWTH_PER_SECOND: f64 = 0.01;

/// The lowest learned rate, in requests per second.
const MIN_RATE: f64 = 1.0;

/// What a learned bucket holds at most, in seconds of its rate: timers are late by that much.
const CATCH_UP_SECONDS: f64 = 0.02;

/// The shortest time over which a rate is measured, in seconds.
const MIN_MEASURED_SECONDS: f64 = 0.1;

/// Of a request; sums of many small steps end a hair below a whole.
const ROUNDING: f64 = 1e-6;

/// When the next request may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Admission {
    /// Now.
    Now,
    /// Not before that instant.
    At(Instant),
    /// After a request in flight has ended.
    AfterOne,
}

/// The limit on requests in flight and on their rate.
#[derive(Debug)]
pub(super) struct RateLimit {
    max_in_flight: usize,
    permits: usize,
    in_flight: usize,
    bucket: Option<Bucket>,
    /// The server asked for a pause until then.
    not_before: Option<Instant>,
    /// One bit for each of the last answers, set where it was 429.
    complaints: u128,
    /// Answers other than 429 since the last measurement, when that was, and the newest request sent before it.
    answered: u32,
    measured_at: Instant,
    measured_before: u64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Learned from 429s, and not announced by the server.
    learned: bool,
    per_second: f64,
    capacity: f64,
    level: f64,
    at: Instant,
}

impl RateLimit {
    /// At most so many requests in flight, however much the server allows.
    pub(super) fn new(max_in_flight: usize, now: Instant) -> Self {
        let max_in_flight = max_in_flight.max(1);
        Self {
            max_in_flight,
            permits: max_in_flight.min(FIRST_PERMITS),
            in_flight: 0,
            bucket: None,
            not_before: None,
            complaints: 0,
            answered: 0,
            measured_at: now,
            measured_before: 0,
        }
    }

    /// Whether a request may be sent now.
    pub(super) fn ask(&mut self, now: Instant) -> Admission {
        if let Some(until) = self.not_before.filter(|until| now < *until) {
            return Admission::At(until);
        }
        if self.in_flight >= self.permits {
            return Admission::AfterOne;
        }
        match self.bucket.as_mut().and_then(|bucket| bucket.pause(now)) {
            Some(until) => Admission::At(until),
            None => Admission::Now,
        }
    }

    /// A request is being sent.
    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
        if let Some(bucket) = &mut self.bucket {
            bucket.level -= 1.0;
        }
    }

    /// A request has ended, or was given up.
    pub(super) fn ended(&mut self) {
        self.in_flight -= 1;
    }

    /// An answer other than 429.
    pub(super) fn answered(&mut self) {
        self.complaints <<= 1;
        self.answered += 1;
        self.permits = (self.permits + 1).min(self.max_in_flight);
    }

    /// An answer announced the limit. Requests in flight may not have been counted in what remains.
    pub(super) fn announced(&mut self, rate: Rate, now: Instant) {
        if let Some(burst) = rate.burst {
            self.max_in_flight = self.max_in_flight.min(usize::try_from(burst).unwrap_or(usize::MAX)).max(1);
            self.permits = self.permits.min(self.max_in_flight);
        }
        let (Some(limit @ 1..), Some(remaining)) = (rate.limit, rate.remaining) else { return };
        // Nothing is left to find out.
        self.permits = self.max_in_flight;
        let left = as_f64(remaining) - as_f64(self.in_flight as u64);
        let known = self.bucket.filter(|bucket| !bucket.learned).map(|mut bucket| bucket.fill(now));
        self.bucket = Some(Bucket {
            learned: false,
            per_second: as_f64(limit) / 60.0,
            capacity: as_f64(rate.burst.unwrap_or(limit).max(remaining).max(1)),
            level: known.map_or(left, |level| level.min(left)),
            at: now,
        });
    }

    /// 429 to the request with that number; `newest` is the number of the newest request that was sent. What was sent
    /// before the last measurement belongs to the same complaint.
    pub(super) fn too_many(&mut self, number: u64, newest: u64, wait: Option<Duration>, now: Instant) {
        self.complaints = self.complaints << 1 | 1;
        if let Some(wait) = wait {
            self.not_before = self.not_before.max(Some(now + wait));
        }
        if let Some(bucket) = self.bucket.as_mut().filter(|bucket| !bucket.learned) {
            bucket.level = bucket.fill(now).min(-as_f64(self.in_flight as u64));
            return;
        }
        let by_chance = wait.is_none() && self.complaints.count_ones() < MIN_COMPLAINTS;
        if number <= self.measured_before || by_chance {
            return;
        }
        let seconds = now.saturating_duration_since(self.measured_at).as_secs_f64().max(MIN_MEASURED_SECONDS);
        let measured = USED_SHARE * f64::from(self.answered) / seconds;
        let per_second = match self.bucket {
            Some(bucket) => measured.clamp(bucket.per_second * MIN_SHARE_LEFT, bucket.per_second),
            None => measured,
        };
        let per_second = per_second.max(MIN_RATE);
        self.bucket = Some(Bucket { learned: true, per_second, capacity: 1.0, level: 0.0, at: now });
        (self.complaints, self.answered) = (0, 0);
        (self.measured_at, self.measured_before) = (now, newest);
    }
}

impl Bucket {
    /// Adds what has come in since it was last asked; the level after that.
    fn fill(&mut self, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        if self.learned {
            self.per_second *= (GROWTH_PER_SECOND * seconds).exp();
            self.capacity = (self.per_second * CATCH_UP_SECONDS).max(1.0);
        }
        self.level = (self.level + seconds * self.per_second).min(self.capacity);
        self.at = now;
        self.level
    }

    /// When there is a whole request in it; `None` if now.
    fn pause(&mut self, now: Instant) -> Option<Instant> {
        let missing = 1.0 - self.fill(now);
        (missing > ROUNDING).then(|| after(now, missing / self.per_second))
    }
}

/// A count as it is calculated with; what is larger than four thousand million is as good as endless.
fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(limit: u64, remaining: u64, burst: Option<u64>) -> Rate {
        Rate { limit: Some(limit), remaining: Some(remaining), burst }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Requests that may be in flight after so many answers, with that header in each.
    #[track_caller]
    fn check_permits(max: usize, rate: Option<Rate>, answers: usize, expected: usize) {
        let now = Instant::now();
        let mut limit = RateLimit::new(max, now);
        for _ in 0..answers {
            limit.answered();
            if let Some(rate) = rate {
                limit.announced(rate, now);
            }
        }
        let mut sent = 0;
        while limit.ask(now) == Admission::Now {
            limit.sent();
            sent += 1;
        }
        assert_eq!(sent, expected, "{max} at most, {rate:?}, {answers} answers");
    }

    #[test]
    fn each_answer_allows_one_more_request_in_flight() {
        check_permits(1, None, 0, 1);
        check_permits(64, None, 0, 4);
        check_permits(64, None, 8, 12);
        check_permits(16, None, 99, 16);
    }

    #[test]
    fn an_announced_limit_ends_the_slow_start() {
        check_permits(64, Some(rate(60_000, 1_000, Some(1_000))), 1, 64);
        check_permits(64, Some(rate(60_000, 10, Some(10))), 1, 10);
        check_permits(64, Some(rate(60_000, 1, Some(0))), 1, 1);
        check_permits(64, Some(Rate { burst: Some(8), ..Rate::default() }), 9, 8);
    }

    /// Milliseconds until the next request, where an answer announced that with so many requests in flight.
    #[track_caller]
    fn check_announced(rate: Rate, in_flight: usize, expected: u128) {
        let now = Instant::now();
        let mut limit = RateLimit::new(64, now);
        (0..in_flight).for_each(|_| limit.sent());
        limit.announced(rate, now);
        let pause = match limit.ask(now) {
            Admission::Now => 0,
            Admission::At(until) => (until - now).as_millis(),
            Admission::AfterOne => u128::MAX,
        };
        assert_eq!(pause, expected, "{rate:?}, {in_flight} in flight");
    }

    #[test]
    fn requests_wait_for_what_the_server_announces() {
        check_announced(rate(3_000, 40, Some(50)), 0, 0);
        check_announced(rate(3_000, 1, Some(50)), 0, 0);
        check_announced(rate(3_000, 0, Some(50)), 0, 20);
        check_announced(rate(60, 0, None), 0, 1_000);
        check_announced(rate(3_000, 40, Some(50)), 39, 0);
        check_announced(rate(3_000, 40, Some(50)), 40, 20);
        check_announced(rate(0, 0, Some(1)), 0, 0);
        check_announced(Rate { remaining: Some(0), ..Rate::default() }, 0, 0);
    }

    #[test]
    fn another_client_of_the_same_limit_is_noticed_at_once() {
        let now = Instant::now();
        let mut limit = RateLimit::new(64, now);
        limit.announced(rate(3_000, 40, Some(50)), now);
        limit.announced(rate(3_000, 0, Some(50)), now);
        assert_eq!(limit.ask(now), Admission::At(now + millis(20)));
        limit.announced(rate(3_000, 40, Some(50)), now);
        assert_eq!(limit.ask(now), Admission::At(now + millis(20)), "an older answer that comes later adds nothing");
    }

    #[test]
    fn a_pause_that_the_server_asks_for_holds_for_all_requests() {
        let now = Instant::now();
        let mut limit = RateLimit::new(64, now);
        limit.too_many(1, 1, Some(millis(2_000)), now);
        limit.too_many(2, 2, Some(millis(1_000)), now);
        assert_eq!(limit.ask(now), Admission::At(now + millis(2_000)), "the longest pause wins");
    }

    /// A limit after so many answers in one second, and the instant after it.
    fn after_a_second(answers: u32) -> (RateLimit, Instant) {
        let begun = Instant::now();
        let mut limit = RateLimit::new(64, begun);
        (0..answers).for_each(|_| limit.answered());
        (limit, begun + millis(1_000))
    }

    fn learned(limit: &RateLimit) -> Option<f64> {
        limit.bucket.map(|bucket| bucket.per_second)
    }

    #[test]
    fn a_429_with_a_pause_teaches_the_rate_that_was_answered() {
        let (mut limit, now) = after_a_second(100);
        limit.too_many(101, 110, Some(Duration::ZERO), now);
        assert_eq!(learned(&limit), Some(95.0));
        limit.too_many(110, 110, Some(Duration::ZERO), now);
        assert_eq!(learned(&limit), Some(95.0), "requests sent before belong to the same complaint");
        limit.too_many(111, 111, Some(Duration::ZERO), now + millis(100));
        assert_eq!(learned(&limit), Some(47.5), "one complaint takes half at most");
    }

    #[test]
    fn a_lone_429_without_a_pause_is_chance() {
        let (mut limit, now) = after_a_second(100);
        limit.too_many(101, 101, None, now);
        limit.too_many(102, 102, None, now);
        assert_eq!(learned(&limit), None);
        limit.too_many(103, 103, None, now);
        assert_eq!(learned(&limit), Some(95.0));
    }

    #[test]
    fn a_learned_rate_grows_and_never_falls_below_one() {
        let (mut limit, now) = after_a_second(0);
        limit.too_many(1, 1, Some(Duration::ZERO), now);
        assert_eq!(learned(&limit), Some(1.0));
        limit.ask(now + Duration::from_mins(5));
        let grown = learned(&limit).unwrap();
        assert!((grown - 20.1).abs() < 0.1, "{grown} after five minutes");
    }

    #[test]
    fn learned_requests_are_spaced_and_not_saved_up() {
        let (mut limit, now) = after_a_second(100);
        limit.too_many(101, 101, Some(Duration::ZERO), now);
        let later = now + Duration::from_secs(10);
        let mut sent = 0;
        while limit.ask(later) == Admission::Now {
            limit.sent();
            sent += 1;
        }
        assert_eq!(sent, 2, "a hundred a second for 20 ms");
    }
}
