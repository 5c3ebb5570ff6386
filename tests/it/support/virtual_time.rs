//! Half an hour of waiting in no time, over real sockets.
//!
//! The paused clock of tokio moves by itself whenever no task is ready, and a task whose bytes are on their way through the
//! kernel is not ready: every timeout would fire. Here the clock stands still, and a governor moves it, a little at first
//! and then more, only after nothing has happened for a while. What counts as happening is the caller's to say.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use emulator::Emulator;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, advance};

/// How often the runtime looks at its sockets in vain, at least, before nothing counts as happening.
const LOOKS: u32 = 24;

/// The first and the largest step of the clock. The smallest timeout of the client is five seconds.
const FIRST_STEP: Duration = Duration::from_millis(1);
const LARGEST_STEP: Duration = Duration::from_secs(1);

/// How long something may take, and how much may happen meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Virtual time until it counts as hung.
    pub(crate) time: Duration,
    /// Requests until it counts as hung.
    pub(crate) requests: u64,
    /// Real time in which nothing happens before the clock is moved.
    pub(crate) quiet: Duration,
}

/// Why something did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hung(pub(crate) String);

/// Runs a future to its end under a clock that stands still.
pub(crate) fn frozen<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // As long as a blocking task is under way, tokio leaves the clock alone.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || held.recv().is_err());
        let outcome = future.await;
        drop(release);
        assert!(blocking.await.unwrap());
        outcome
    })
}

/// Waits for a future that speaks to that emulator; the clock moves on whenever both have nothing to do, and `may_move`
/// says that the future waits for nothing else, such as a database.
pub(crate) async fn passing<T>(
    emulator: &Emulator,
    patience: Patience,
    may_move: impl Fn() -> bool,
    future: impl Future<Output = T>,
) -> Result<T, Hung> {
    let polls = Cell::new(0_u64);
    let mut future = pin!(future);
    // In a set of its own, so that it is polled when it was woken, and not whenever the governor was.
    let mut alone: FuturesUnordered<_> = std::iter::once(poll_fn(|context| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(context)
    }))
    .collect();
    let begun = Instant::now();
    let before = emulator.pulse();
    let mut step = FIRST_STEP;
    loop {
        tokio::select! {
            biased;
            Some(outcome) = alone.next() => return Ok(outcome),
            quiet = is_quiet(emulator, &polls, patience.quiet) => {
                if quiet && may_move() {
                    advance(step).await;
                    step = (step * 2).min(LARGEST_STEP);
                } else {
                    step = FIRST_STEP;
                }
            }
        }
        // Each request is one beat when it comes, and one when it is answered.
        let (time, requests) = (begun.elapsed(), (emulator.pulse() - before) / 2);
        if time > patience.time || requests > patience.requests {
            return Err(Hung(format!("no end after {} s and {requests} requests", time.as_secs())));
        }
    }
}

/// Whether nothing happens, as far as many looks at the sockets can tell.
async fn is_quiet(emulator: &Emulator, polls: &Cell<u64>, time: Duration) -> bool {
    let happened = || (polls.get(), emulator.pulse());
    let (before, begun) = (happened(), std::time::Instant::now());
    let mut looks = 0;
    while looks < LOOKS || begun.elapsed() < time {
        // Yielding to everything that is ready includes a look at the sockets.
        tokio::task::yield_now().await;
        looks += 1;
        if happened() != before {
            return false;
        }
    }
    true
}
