//! How fast and how often to ask: requests at once, their rate, pauses that the server demands, retries, and when to stop
//! asking at all.
//!
//! One pace is shared by all clones of a client, and is meant for one run: its budget and its breaker never start over.
//! The rules are in pure state machines, one idea a file; here is what waits for them.

mod announced;
mod breaker;
mod budget;
mod flow;
mod learned;
mod retry;
#[cfg(test)]
mod simulation;
mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turnstile, Notify};
use tokio::time::{Instant, sleep, sleep_until};

pub(super) use self::flow::Heard;
use self::flow::{Admission, Flow, Ticket};
pub(super) use self::retry::{Verdict, verdict};
use super::answer::Rate;
use super::error::Fault;

/// The longest single wait between two looks at the rules; a limit of less than one request in an hour is none to work with.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The shortest: the tick of the timer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Of a request; sums of many small steps end a hair below a whole.
const NEXT_TO_NOTHING: f64 = 1e-6;

/// The order in which requests may go out.
#[derive(Debug)]
pub(super) struct Pace {
    flow: Mutex<Flow>,
    /// Who wants to send stands in line here, and only the first one looks at the rules.
    turnstile: Turnstile<()>,
    /// Tells the first in line that the rules may have another answer now.
    changed: Notify,
    /// Tells those who wait for a retry that there will be none.
    over: Notify,
}

/// The leave to send a request. Dropping it without [`Turn::end`] means that the request was given up.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    ticket: Option<Ticket>,
}

impl Pace {
    /// At most so many requests at once; no `Retry-After` is obeyed that is longer than `longest`.
    pub(super) fn new(concurrency: usize, longest: Duration) -> Self {
        Self {
            flow: Mutex::new(Flow::new(concurrency, longest, Instant::now())),
            turnstile: Turnstile::default(),
            changed: Notify::new(),
            over: Notify::new(),
        }
    }

    /// Waits until a request may be sent. Everyone is served in the order of asking, so a future that waits here must
    /// be polled or dropped. Fails at once when the breaker has ended the run.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Fault> {
        let _first = self.turnstile.lock().await;
        loop {
            // Made before looking: what changes in between is not missed.
            let changed = self.changed.notified();
            let admission = self.lock().ask(Instant::now());
            match admission {
                Admission::Go(ticket) => return Ok(Turn { pace: self, ticket: Some(ticket) }),
                Admission::Over => return Err(Fault::Breaker { openings: breaker::OPENINGS }),
                Admission::Full => changed.await,
                Admission::Later(until) => tokio::select! {
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

    /// The limits of the newest answer that told them.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.lock().rate
    }

    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The request ended. `again` if it is not the first time that the same one found the server broken.
    pub(super) fn end(mut self, heard: Heard, again: bool, rate: Option<Rate>) {
        if let Some(ticket) = self.ticket.take() {
            let mut flow = self.pace.lock();
            flow.settle(ticket, heard, again, rate, Instant::now());
            let over = flow.is_over();
            drop(flow);
            self.pace.changed.notify_one();
            if over {
                self.pace.over.notify_waiters();
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.pace.lock().forget(ticket);
            self.pace.changed.notify_one();
        }
    }
}

/// So many seconds later, within reason.
fn after(now: Instant, seconds: f64) -> Instant {
    now + Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LONGEST: Duration = Duration::from_mins(5);

    /// Sends a request that comes back with that.
    async fn send(pace: &Pace, heard: Heard) {
        pace.turn().await.unwrap().end(heard, false, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_to_wait_holds_everyone_back_and_the_longest_wait_wins() {
        let pace = Pace::new(2, LONGEST);
        let begun = Instant::now();
        let under_way = pace.turn().await.unwrap();
        send(&pace, Heard::TooMany { wait: Some(Duration::from_mins(2)) }).await;
        under_way.end(Heard::TooMany { wait: Some(Duration::from_mins(1)) }, false, None);
        assert!(timeout(Duration::from_secs(119), pace.turn()).await.is_err());
        pace.turn().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_makes_room_for_the_next() {
        let pace = Pace::new(1, LONGEST);
        let under_way = pace.turn().await.unwrap();
        assert!(timeout(Duration::from_secs(1), pace.turn()).await.is_err());
        let (next, ()) = tokio::join!(pace.turn(), async { drop(under_way) });
        next.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_server_is_probed_twice_and_then_never_again() {
        let pace = Pace::new(16, LONGEST);
        let begun = Instant::now();
        for _ in 0..5 {
            send(&pace, Heard::Broken { wait: None }).await;
        }
        assert_eq!(begun.elapsed().as_secs(), 0);
        send(&pace, Heard::Broken { wait: None }).await;
        assert_eq!(begun.elapsed().as_secs(), 30);
        let rest = pace.rest(LONGEST);
        let probe = send(&pace, Heard::Broken { wait: None });
        let next = async {
            tokio::task::yield_now().await;
            pace.turn().await.unwrap_err()
        };
        let (fault, (), ()) = tokio::join!(next, probe, rest);
        assert_eq!(fault.to_string(), "not asked, because the server was found broken 3 times");
        pace.rest(LONGEST).await;
        pace.turn().await.unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 60, "nobody waits for a run that is over");
    }

    #[tokio::test(start_paused = true)]
    async fn the_retries_of_a_run_are_counted_for_all() {
        let pace = Pace::new(1, LONGEST);
        for _ in 0..20 {
            pace.retry(Fault::Empty).unwrap();
        }
        let fault = pace.retry(Fault::Busy { status: 503, retry_after: None }).unwrap_err();
        let expected = "the server is busy or broken (status 503), and the 20 retries of this run are used up";
        assert_eq!(fault.to_string(), expected);
    }
}
