//! How fast and how often requests are sent: in flight at once, per second, after pauses that the server demands, as
//! retries; and when to stop.
//!
//! One pace is shared by all clones of a client, and is meant for one run: its retry budget and its breaker never start
//! over. The rules are pure state machines, one idea a file; here is what waits for them.

mod breaker;
mod budget;
mod health;
mod rate_limit;
mod retry;
#[cfg(test)]
mod simulation;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turnstile, Notify};
use tokio::time::{Instant, sleep, sleep_until};

pub(super) use self::health::Signal;
use self::health::{Gate, RunHealth, Sent};
pub(super) use self::retry::{Verdict, verdict};
use super::answer::Rate;
use super::error::Fault;

/// The longest single wait between two looks at the rules; a limit of less than one request in an hour is none to work with.
const MAX_PAUSE: Duration = Duration::from_hours(1);

/// The shortest: the tick of the timer.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// The order in which requests may go out.
#[derive(Debug)]
pub(super) struct Pace {
    health: Mutex<RunHealth>,
    /// Those who want to send queue here, and only the first one asks.
    turnstile: Turnstile<()>,
    /// Tells the first in the queue that the answer may be another one now.
    changed: Notify,
    /// Tells those who wait for a retry that there will be none.
    over: Notify,
}

/// The permission to send one request. Dropping it without [`Permit::end`] means that the request was given up.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    pace: &'a Pace,
    sent: Option<Sent>,
}

impl Pace {
    /// At most so many requests at once; no `Retry-After` is obeyed that is longer than `max_wait`.
    pub(super) fn new(concurrency: usize, max_wait: Duration) -> Self {
        Self {
            health: Mutex::new(RunHealth::new(concurrency, max_wait, Instant::now())),
            turnstile: Turnstile::default(),
            changed: Notify::new(),
            over: Notify::new(),
        }
    }

    /// Waits until a request may be sent. Everyone is served in the order of asking, so a future that waits here must
    /// be polled or dropped. Fails at once when the breaker has ended the run.
    pub(super) async fn permit(&self) -> Result<Permit<'_>, Fault> {
        let _first = self.turnstile.lock().await;
        loop {
            // Made before looking: what changes in between is not missed.
            let changed = self.changed.notified();
            let gate = self.lock().ask(Instant::now());
            match gate {
                Gate::Open(sent) => return Ok(Permit { pace: self, sent: Some(sent) }),
                Gate::Over => return Err(Fault::Breaker { openings: breaker::OPENINGS }),
                Gate::Full => changed.await,
                Gate::ClosedUntil(until) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(until) => {}
                },
            }
        }
    }

    /// Takes a retry out of the run's budget; `last` is why one is wanted.
    pub(super) fn retry(&self, last: Fault) -> Result<(), Fault> {
        let taken = self.lock().budget.take();
        taken.map_err(|spent| Fault::NoRetryLeft { spent, last: Box::new(last) })
    }

    /// Waits before a retry, but not when there will be none.
    pub(super) async fn rest(&self, time: Duration) {
        let over = self.over.notified();
        if time.is_zero() || self.lock().is_over() {
            return;
        }
        tokio::select! {
            () = over => {}
            () = sleep(time) => {}
        }
    }

    /// The limits of the newest answer that reported them.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.lock().rate
    }

    fn lock(&self) -> MutexGuard<'_, RunHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The request ended. `again` if it is not the first time that the same one found the server broken.
    pub(super) fn end(mut self, signal: Signal, again: bool, rate: Option<Rate>) {
        if let Some(sent) = self.sent.take() {
            let mut health = self.pace.lock();
            health.settle(sent, signal, again, rate, Instant::now());
            let over = health.is_over();
            drop(health);
            self.pace.changed.notify_one();
            if over {
                self.pace.over.notify_waiters();
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.pace.lock().forget(sent);
            self.pace.changed.notify_one();
        }
    }
}

/// So many seconds later, within reason.
fn after(now: Instant, seconds: f64) -> Instant {
    now + Duration::try_from_secs_f64(seconds).unwrap_or(MAX_PAUSE).clamp(MIN_PAUSE, MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const MAX_WAIT: Duration = Duration::from_mins(5);

    /// Sends a request that comes back with that.
    async fn send(pace: &Pace, signal: Signal) {
        pace.permit().await.unwrap().end(signal, false, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_to_wait_holds_everyone_back_and_the_longest_wait_wins() {
        let pace = Pace::new(2, MAX_WAIT);
        let begun = Instant::now();
        let under_way = pace.permit().await.unwrap();
        send(&pace, Signal::TooMany { wait: Some(Duration::from_mins(2)) }).await;
        under_way.end(Signal::TooMany { wait: Some(Duration::from_mins(1)) }, false, None);
        assert!(timeout(Duration::from_secs(119), pace.permit()).await.is_err());
        pace.permit().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_makes_room_for_the_next() {
        let pace = Pace::new(1, MAX_WAIT);
        let under_way = pace.permit().await.unwrap();
        assert!(timeout(Duration::from_secs(1), pace.permit()).await.is_err());
        let (next, ()) = tokio::join!(pace.permit(), async { drop(under_way) });
        next.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_server_is_probed_twice_and_then_never_again() {
        let pace = Pace::new(16, MAX_WAIT);
        let begun = Instant::now();
        for _ in 0..5 {
            send(&pace, Signal::Broken { wait: None }).await;
        }
        assert_eq!(begun.elapsed().as_secs(), 0);
        send(&pace, Signal::Broken { wait: None }).await;
        assert_eq!(begun.elapsed().as_secs(), 30);
        let rest = pace.rest(MAX_WAIT);
        let probe = send(&pace, Signal::Broken { wait: None });
        let next = async {
            tokio::task::yield_now().await;
            pace.permit().await.unwrap_err()
        };
        let (fault, (), ()) = tokio::join!(next, probe, rest);
        assert_eq!(fault.to_string(), "not asked, because the server was found broken 3 times");
        pace.rest(MAX_WAIT).await;
        pace.permit().await.unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 60, "nobody waits for a run that is over");
    }

    #[tokio::test(start_paused = true)]
    async fn the_retries_of_a_run_are_counted_for_all() {
        let pace = Pace::new(1, MAX_WAIT);
        for _ in 0..20 {
            pace.retry(Fault::Empty).unwrap();
        }
        let fault = pace.retry(Fault::Busy { status: 503, retry_after: None }).unwrap_err();
        let expected = "the server is busy or broken (status 503), and the 20 retries of this run are used up";
        assert_eq!(fault.to_string(), expected);
    }
}
