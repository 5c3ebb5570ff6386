//! How fast and how often to ask: requests at once, pauses that the server demands, and when a failed read is asked again.
//!
//! One pace is shared by all clones of a client.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until};

use super::answer::Rate;
use super::error::Fault;

/// The ceiling of the first random wait; each further one doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The highest ceiling.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The order in which requests may go out.
#[derive(Debug)]
pub(super) struct Pace {
    permits: Semaphore,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    not_before: Option<Instant>,
    rate: Option<Rate>,
}

impl Pace {
    pub(super) fn new(concurrency: usize) -> Self {
        Self { permits: Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)), shared: Mutex::default() }
    }

    /// Waits until a request may be sent. It counts as being in flight until the permit is dropped.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        loop {
            let permit = self.permits.acquire().await.expect("the semaphore is never closed");
            match self.pause() {
                None => return permit,
                Some(until) => {
                    drop(permit);
                    sleep_until(until).await;
                }
            }
        }
    }

    /// Holds all requests back, because the server said to one of them that there are too many.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut shared = self.lock();
        shared.not_before = Some(shared.not_before.map_or(until, |before| before.max(until)));
    }

    /// Remembers the limits of the newest answer.
    pub(super) fn note_rate(&self, rate: Option<Rate>) {
        if rate.is_some() {
            self.lock().rate = rate;
        }
    }

    /// The limits of the newest answer that told them.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.lock().rate
    }

    fn pause(&self) -> Option<Instant> {
        let mut shared = self.lock();
        if shared.not_before.is_some_and(|until| until <= Instant::now()) {
            shared.not_before = None;
        }
        shared.not_before
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What follows a failed attempt.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Ask again after that time.
    Again(Duration),
    /// The failure stands.
    Final(Fault),
}

/// Decides about the attempt with that number (from 1). `unit` is a random number in `0.0..1.0`.
pub(super) fn verdict(fault: Fault, attempt: u32, attempts: u32, longest: Duration, unit: f64) -> Verdict {
    if let Fault::Busy { status, retry_after: Some(asked) } = fault
        && asked > longest
    {
        return Verdict::Final(Fault::WaitTooLong { status, asked, longest });
    }
    if !fault.is_retryable() || attempt >= attempts {
        return Verdict::Final(fault);
    }
    match fault {
        Fault::Busy { retry_after: Some(asked), .. } => Verdict::Again(asked),
        _ => Verdict::Again(jitter(attempt, unit)),
    }
}

/// Full jitter: anything between nothing and a ceiling that doubles with every attempt.
fn jitter(attempt: u32, unit: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT).mul_f64(unit.clamp(0.0, 1.0))
}

/// Waits, unless there is nothing to wait for.
pub(super) async fn wait(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::Phase;

    const LONGEST: Duration = Duration::from_mins(5);

    fn busy(seconds: Option<u64>) -> Fault {
        Fault::Busy { status: 429, retry_after: seconds.map(Duration::from_secs) }
    }

    /// The wait after that attempt of five, or the fault that stands.
    #[track_caller]
    fn check(fault: Fault, attempt: u32, unit: f64, expected: Result<u128, &str>) {
        match (verdict(fault, attempt, 5, LONGEST, unit), expected) {
            (Verdict::Again(wait), Ok(millis)) => assert_eq!(wait.as_millis(), millis),
            (Verdict::Final(fault), Err(text)) => assert_eq!(fault.to_string(), text),
            (verdict, expected) => panic!("{verdict:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn waits_are_random_below_a_ceiling_that_doubles() {
        check(busy(None), 1, 0.5, Ok(125));
        check(busy(None), 2, 0.5, Ok(250));
        check(busy(None), 3, 0.5, Ok(500));
        check(busy(None), 4, 0.0, Ok(0));
        assert_eq!(jitter(8, 1.0), LONGEST_WAIT);
        assert_eq!(jitter(u32::MAX, 1.0), LONGEST_WAIT);
        assert_eq!(jitter(7, 1.0), Duration::from_secs(16));
    }

    #[test]
    fn the_last_attempt_stands() {
        check(busy(None), 5, 0.5, Err("the server is busy or broken (status 429)"));
        check(Fault::Timeout(Phase::FirstByte), 4, 0.0, Ok(0));
        check(Fault::Timeout(Phase::FirstByte), 5, 0.0, Err("no answer in time"));
    }

    #[test]
    fn what_the_server_asks_for_is_waited_for_up_to_the_limit() {
        check(busy(Some(3)), 1, 0.5, Ok(3000));
        check(busy(Some(0)), 1, 0.5, Ok(0));
        check(busy(Some(300)), 1, 0.5, Ok(300_000));
        let too_long = "the server asks to wait 86400 s (status 429), longer than the 300 s allowed";
        check(busy(Some(86_400)), 1, 0.5, Err(too_long));
        check(busy(Some(86_400)), 5, 0.5, Err(too_long));
    }

    #[test]
    fn what_does_not_change_is_not_asked_again() {
        check(Fault::Unauthorised { code: None }, 1, 0.5, Err("credentials refused (401)"));
        check(Fault::Forbidden { code: Some("451".into()) }, 1, 0.5, Err("access refused (403, code 451)"));
        check(Fault::NotFound, 1, 0.5, Err("not found"));
        check(Fault::Redirected { status: 302 }, 1, 0.5, Err("the server redirects (status 302)"));
        check(Fault::TooLarge, 1, 0.5, Err("the answer is larger than 32 MiB"));
    }

    #[tokio::test]
    async fn a_hold_keeps_everyone_back_and_the_longest_wins() {
        let pace = Pace::new(2);
        assert!(pace.pause().is_none());
        pace.hold(Duration::from_mins(2));
        let until = pace.pause().unwrap();
        pace.hold(Duration::from_mins(1));
        assert_eq!(pace.pause(), Some(until));
        let waiting = tokio::time::timeout(Duration::from_millis(5), pace.turn()).await;
        assert!(waiting.is_err(), "a request got through while all are held back");
        assert_eq!(pace.permits.available_permits(), 2, "who waits must not take a place");
    }
}
