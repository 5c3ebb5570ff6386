//! How fast and how often to ask: requests at once, pauses that the server demands, and when a failed read is asked again.
//!
//! One pace is shared by all clones of a client. A circuit breaker and a budget of retries belong into [`Pace::turn`] and [`verdict`].

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
