//! The server's own bucket, as far as its headers tell: how many requests it would take now, and when the next one.
//!
//! A pure state machine. There is no header that says when more are allowed, so what is left is spread by the limit per
//! minute. We keep a bucket of our own, foresee what every answer will say, and correct ours by what it says instead.

use std::time::Duration;

use tokio::time::Instant;

use super::{NEXT_TO_NOTHING, after};
use crate::api::answer::Rate;

/// Requests that are left in the bucket on purpose: two, because requests overtake each other and somebody else may use
/// the same contract. Of a small bucket at most a quarter.
const RESERVE: u64 = 2;

/// How much of a difference is believed at once when the server has more than was foreseen. Requests that overtake each
/// other make single answers wrong in both directions, and too many costs more than too few.
const BELIEVE_MORE: f64 = 0.125;

/// How much when it has less.
const BELIEVE_LESS: f64 = 0.25;

/// The server tells whole requests: half of one is cut off on average.
const CUT_OFF: f64 = 0.5;

/// The bucket, as soon as an answer has told of it.
#[derive(Debug, Default)]
pub(super) struct Announced(Option<Bucket>);

/// What was foreseen when a request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreseen {
    /// What the bucket would hold after that request, if it arrived at once.
    level: f64,
    /// All corrections before it.
    corrected: f64,
}

#[derive(Debug)]
struct Bucket {
    per_second: f64,
    /// What it holds at most, as far as we know.
    capacity: f64,
    reserve: f64,
    /// What it would hold if everything under way arrived now; below nothing if that is more than it has now.
    level: f64,
    /// The sum of all corrections: what was foreseen before one is corrected by it as well.
    corrected: f64,
    at: Instant,
    /// Half of the shortest round trip, in seconds: what fills the bucket before a request arrives.
    one_way: f64,
}

impl Announced {
    /// When the next request may be sent; `None` if now.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Instant> {
        let bucket = self.0.as_mut()?;
        bucket.fill(now);
        let missing = 1.0 + bucket.reserve - bucket.on_arrival(bucket.level);
        (missing > NEXT_TO_NOTHING).then(|| after(now, missing / bucket.per_second))
    }

    /// A request is being sent.
    pub(super) fn sent(&mut self) -> Option<Foreseen> {
        let bucket = self.0.as_mut()?;
        bucket.level -= 1.0;
        Some(Foreseen { level: bucket.level, corrected: bucket.corrected })
    }

    /// The server told its limits in an answer that took so long. Without a limit and what is left of it there is
    /// nothing to go by. `unanswered` requests are under way.
    pub(super) fn told(
        &mut self,
        rate: Rate,
        foreseen: Option<Foreseen>,
        unanswered: usize,
        took: Duration,
        now: Instant,
    ) {
        let (Some(limit @ 1..), Some(remaining)) = (rate.limit, rate.remaining) else { return };
        let burst = rate.burst.unwrap_or(limit);
        let left = number_of(remaining);
        let one_way = took.as_secs_f64() / 2.0;
        let bucket = self.0.get_or_insert_with(|| Bucket {
            per_second: 0.0,
            capacity: 0.0,
            reserve: 0.0,
            level: left - number_of(unanswered as u64),
            corrected: 0.0,
            at: now,
            one_way,
        });
        bucket.per_second = number_of(limit) / 60.0;
        bucket.capacity = number_of(burst.max(remaining).max(1));
        bucket.reserve = number_of(RESERVE.min(burst / 4));
        bucket.one_way = bucket.one_way.min(one_way);
        bucket.fill(now);
        if let Some(foreseen) = foreseen {
            bucket.correct(left + CUT_OFF - one_way * bucket.per_second, foreseen);
        }
    }

    /// 429: there was not even one request left.
    pub(super) fn too_many(&mut self, foreseen: Option<Foreseen>, now: Instant) {
        if let (Some(bucket), Some(Foreseen { level, corrected })) = (&mut self.0, foreseen) {
            bucket.fill(now);
            // It was not counted, and so takes nothing out.
            bucket.level += 1.0;
            let foreseen = Foreseen { level: level + 1.0, corrected };
            bucket.correct(CUT_OFF - bucket.one_way * bucket.per_second, foreseen);
        }
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let grown = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = (self.level + grown).min(self.capacity);
        self.at = now;
    }

    /// What there will be when a request arrives that is sent now.
    fn on_arrival(&self, level: f64) -> f64 {
        (level + self.one_way * self.per_second).min(self.capacity)
    }

    /// There was so much where something else was foreseen.
    fn correct(&mut self, level: f64, foreseen: Foreseen) {
        let difference = level - (foreseen.level + self.corrected - foreseen.corrected);
        let step = difference * if difference > 0.0 { BELIEVE_MORE } else { BELIEVE_LESS };
        self.level = (self.level + step).min(self.capacity);
        self.corrected += step;
    }
}

/// A count as it is calculated with; what is larger than four thousand million is as good as endless.
fn number_of(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(limit: u64, remaining: u64, burst: Option<u64>) -> Rate {
        Rate { limit: Some(limit), remaining: Some(remaining), burst }
    }

    /// What was told by the first answer, which took no time, with so many more requests under way.
    fn told(rate: Rate, unanswered: usize, now: Instant) -> Announced {
        let mut announced = Announced::default();
        announced.told(rate, None, unanswered, Duration::ZERO, now);
        announced
    }

    /// Milliseconds until the next request.
    #[track_caller]
    fn check(rate: Rate, unanswered: usize, expected: u128) {
        let now = Instant::now();
        let pause = told(rate, unanswered, now).pause(now).map_or(0, |until| (until - now).as_millis());
        assert_eq!(pause, expected, "{rate:?}, {unanswered} under way");
    }

    #[test]
    fn requests_are_spread_by_the_limit_when_few_are_left() {
        check(rate(3_000, 40, Some(50)), 0, 0);
        check(rate(3_000, 3, Some(50)), 0, 0);
        check(rate(3_000, 2, Some(50)), 0, 20);
        check(rate(3_000, 0, Some(50)), 0, 60);
        check(rate(60, 0, Some(50)), 0, 3_000);
    }

    #[test]
    fn what_is_under_way_may_not_have_been_counted() {
        check(rate(3_000, 40, Some(50)), 37, 0);
        check(rate(3_000, 40, Some(50)), 40, 60);
    }

    #[test]
    fn a_small_bucket_is_used_whole() {
        check(rate(3_000, 1, Some(1)), 0, 0);
        check(rate(3_000, 0, Some(1)), 0, 20);
        check(rate(3_000, 0, Some(0)), 0, 20);
        check(rate(3_000, 0, Some(4)), 0, 40);
        check(rate(3_000, 2, None), 0, 20);
    }

    #[test]
    fn without_a_limit_or_what_is_left_of_it_nothing_is_held_back() {
        check(Rate { limit: Some(3_000), ..Rate::default() }, 99, 0);
        check(Rate { remaining: Some(0), ..Rate::default() }, 99, 0);
        check(rate(0, 0, Some(1)), 99, 0);
    }

    #[test]
    fn it_fills_with_time_but_not_beyond_what_it_holds() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut announced = told(rate(3_000, 2, Some(8)), 0, begun);
        assert_eq!(announced.pause(at(0)), Some(at(20)));
        assert_eq!(announced.pause(at(20)), None);
        announced.sent();
        assert_eq!(announced.pause(at(20)), Some(at(40)));
        for _ in 0..6 {
            assert_eq!(announced.pause(at(60_000)), None);
            announced.sent();
        }
        assert_eq!(announced.pause(at(60_000)), Some(at(60_020)));
    }

    /// The level after one request that was answered with so much left, where eight were foreseen.
    #[track_caller]
    fn check_correction(left: Option<u64>, expected: f64) {
        let now = Instant::now();
        let mut announced = told(rate(3_000, 9, Some(50)), 0, now);
        let foreseen = announced.sent();
        match left {
            Some(left) => announced.told(rate(3_000, left, Some(50)), foreseen, 0, Duration::ZERO, now),
            None => announced.too_many(foreseen, now),
        }
        let level = announced.0.unwrap().level;
        assert!((level - expected).abs() < 0.01, "{level} after {left:?}");
    }

    #[test]
    fn what_an_answer_says_is_believed_in_part() {
        check_correction(Some(8), 8.06);
        check_correction(Some(16), 9.06);
        check_correction(Some(0), 6.13);
        check_correction(None, 6.88);
    }

    #[test]
    fn one_mistake_is_corrected_once_however_many_answers_tell_of_it() {
        let now = Instant::now();
        let mut announced = told(rate(3_000, 50, Some(50)), 0, now);
        let all: Vec<_> = (0..40).map(|_| announced.sent()).collect();
        // Somebody else has taken twenty.
        for (index, foreseen) in (0..40).zip(all) {
            let left = 29_u64.saturating_sub(index);
            announced.told(rate(3_000, left, Some(50)), foreseen, 0, Duration::ZERO, now);
        }
        let level = announced.0.unwrap().level;
        assert!((-10.5..1.0).contains(&level), "{level}");
    }
}
