//! The pace against a server that is only a bucket, in time that does not pass: how much of what is allowed is used, and
//! how often the server has to say that there are too many.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::{Pace, Signal, Verdict, verdict};
use crate::api::answer::Rate;
use crate::api::error::Fault;
use crate::seams::{Seams, SeededRandom, SetClock};

/// What the server says about its bucket.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// Limit, what is left, and burst, with every good answer.
    headers: bool,
    /// Whole seconds to wait, with every 429.
    retry_after: bool,
}

/// A run of requests and what it came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    requests: u32,
    concurrency: usize,
    /// Requests per second that the server allows; nothing but chance limits them if it is 0.
    rate: u32,
    burst: u32,
    latency: Duration,
    manners: Manners,
    /// One in so many good answers becomes 429, and another one 503, by chance; 0 for none.
    chance: u32,
    seed: u64,
}

impl Run {
    const fn of(requests: u32, concurrency: usize, burst: u32, latency_ms: u64, manners: Manners) -> Self {
        let latency = Duration::from_millis(latency_ms);
        Self { requests, concurrency, rate: 50, burst, latency, manners, chance: 0, seed: 1 }
    }
}

struct Server<'a> {
    run: &'a Run,
    seams: &'a Seams,
    /// How full the bucket was, and when.
    bucket: RefCell<(f64, Instant)>,
    answered: Cell<u32>,
    too_many: Cell<u32>,
    lost: Cell<u32>,
}

impl Server<'_> {
    /// One request arrives: what it is answered with.
    fn answer(&self) -> (Result<(), Fault>, Option<Rate>) {
        self.answered.set(self.answered.get() + 1);
        let by_chance = |share: u32| self.run.chance > 0 && self.unit() * f64::from(self.run.chance) < f64::from(share);
        if by_chance(2) {
            let status = if self.unit() < 0.5 { 429 } else { 503 };
            self.too_many.set(self.too_many.get() + u32::from(status == 429));
            return (Err(Fault::Busy { status, retry_after: None }), None);
        }
        if self.run.rate == 0 {
            return (Ok(()), None);
        }
        let now = Instant::now();
        let rate = f64::from(self.run.rate);
        let (level, at) = *self.bucket.borrow();
        let level = (level + (now - at).as_secs_f64() * rate).min(f64::from(self.run.burst));
        if level < 1.0 {
            *self.bucket.borrow_mut() = (level, now);
            self.too_many.set(self.too_many.get() + 1);
            let wait = Duration::from_secs_f64(((1.0 - level) / rate).ceil());
            return (Err(Fault::Busy { status: 429, retry_after: self.run.manners.retry_after.then_some(wait) }), None);
        }
        *self.bucket.borrow_mut() = (level - 1.0, now);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the burst")]
        let left = Some((level - 1.0) as u64);
        let rate =
            Rate { limit: Some(u64::from(self.run.rate) * 60), remaining: left, burst: Some(self.run.burst.into()) };
        (Ok(()), self.run.manners.headers.then_some(rate))
    }

    fn unit(&self) -> f64 {
        self.seams.unit().unwrap()
    }

    /// The way of one request as the transport goes it.
    async fn request(&self, pace: &Pace) {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Ok(permit) = pace.permit().await else { return self.lose() };
            // There and back, a third more or less.
            let latency = self.run.latency.mul_f64(self.unit().mul_add(2.0 / 3.0, 2.0 / 3.0));
            sleep(latency / 2).await;
            let (outcome, rate) = self.answer();
            sleep(latency / 2).await;
            permit.end(outcome.as_ref().map_or_else(Signal::of, |()| Signal::Working), false, rate);
            let Err(fault) = outcome else { return };
            let Verdict::Again { wait, last } = verdict(fault, attempt, 5, Duration::from_mins(5), self.unit()) else {
                return self.lose();
            };
            if pace.retry(last).is_err() {
                return self.lose();
            }
            pace.rest(wait).await;
        }
    }

    fn lose(&self) {
        self.lost.set(self.lost.get() + 1);
    }
}

/// What a run came to.
#[derive(Debug)]
struct Outcome {
    /// Of what the server allowed, in per cent.
    used: f64,
    /// Of all answers, in per cent.
    too_many: f64,
    lost: u32,
    seconds: f64,
}

/// Runs it with twice as many askers as requests may be under way, as a walk does.
async fn simulate(run: &Run) -> Outcome {
    let random = SeededRandom::new(run.seed);
    let seams = Seams::new(SetClock::at(chrono::DateTime::UNIX_EPOCH), random);
    let pace = Pace::new(run.concurrency, Duration::from_mins(5));
    let begun = Instant::now();
    let bucket = RefCell::new((f64::from(run.burst), begun));
    let zero = Cell::new(0);
    let server =
        Server { run, seams: &seams, bucket, answered: zero.clone(), too_many: zero.clone(), lost: zero.clone() };
    let left = Cell::new(run.requests);
    join_all((0..run.concurrency * 2).map(|_| async {
        while left.get() > 0 {
            left.set(left.get() - 1);
            server.request(&pace).await;
        }
    }))
    .await;
    let seconds = begun.elapsed().as_secs_f64();
    let allowed = f64::from(run.burst) + f64::from(run.rate) * seconds;
    let good = f64::from(run.requests - server.lost.get());
    Outcome {
        used: 100.0 * good / allowed,
        too_many: 100.0 * f64::from(server.too_many.get()) / f64::from(server.answered.get()),
        lost: server.lost.get(),
        seconds,
    }
}

/// Requests in flight at most, burst, and milliseconds of latency.
const UNANNOUNCED: [(usize, u32, u64); 6] =
    [(16, 10, 20), (64, 10, 80), (64, 500, 20), (16, 50, 80), (64, 50, 20), (16, 500, 80)];

/// The requests of a walk of a contract with ten thousand users.
const LARGE: u32 = 21_106;

/// Expects at least that share of what is allowed to be used, at most that share of the answers to be 429, both in per
/// cent, and nothing to be lost.
async fn check(run: Run, min_used: f64, max_too_many: f64) {
    let outcome = simulate(&run).await;
    assert!(outcome.used >= min_used && outcome.too_many <= max_too_many && outcome.lost == 0, "{run:?}: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_announced_is_used_up_and_not_exceeded() {
    let manners = Manners { headers: true, retry_after: true };
    for burst in [10, 50, 500] {
        for (concurrency, latency) in [(16, 20), (16, 80), (64, 20), (64, 80)] {
            check(Run::of(3_000, concurrency, burst, latency, manners), 95.0, 1.0).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_only_says_how_long_to_wait_is_learned() {
    let manners = Manners { headers: false, retry_after: true };
    for (concurrency, burst, latency) in UNANNOUNCED {
        check(Run::of(LARGE, concurrency, burst, latency, manners), 85.0, 5.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_says_nothing_is_learned() {
    let manners = Manners { headers: false, retry_after: false };
    for (concurrency, burst, latency) in UNANNOUNCED {
        check(Run::of(LARGE, concurrency, burst, latency, manners), 85.0, 5.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn faults_by_chance_cost_less_than_a_tenth_of_the_time() {
    let manners = Manners { headers: false, retry_after: false };
    for (concurrency, latency, seeds) in [(16, 20, 1), (64, 20, 3)] {
        let quiet = Run { rate: 0, ..Run::of(LARGE, concurrency, 0, latency, manners) };
        let undisturbed = simulate(&quiet).await.seconds;
        for seed in 1..=seeds {
            let outcome = simulate(&Run { chance: 1_000, seed, ..quiet }).await;
            let ratio = outcome.seconds / undisturbed;
            assert!(ratio <= 1.10 && outcome.lost == 0, "{ratio} of {undisturbed} s, seed {seed}: {outcome:?}");
            assert!(outcome.too_many > 0.05, "the faults must have happened: {outcome:?}");
        }
    }
}
