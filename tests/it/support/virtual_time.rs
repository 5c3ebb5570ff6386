//! Half an hour of waiting in no time, over real sockets.
//!
//! The paused clock of tokio moves by itself whenever no task is ready, and a task whose bytes are on their way through the
//! kernel is not ready: every timeout would fire. Here the clock stands still, and a governor moves it, a little at first
//! and then more, only after nothing has happened for a while: no request, no progress, and no work of the store, which
//! runs in threads of its own and says by its spans that it is at it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use emulator::Emulator;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, advance};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// How often the runtime looks at its sockets in vain, at least, before nothing counts as happening.
const LOOKS: u32 = 24;

/// The first and the largest step of the clock. The smallest timeout of the client is five seconds.
const FIRST_STEP: Duration = Duration::from_millis(1);
const MAX_STEP: Duration = Duration::from_secs(1);

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

thread_local! {
    /// How many things the store is at, on behalf of this thread.
    static IN_STORE: RefCell<Arc<AtomicUsize>> = RefCell::default();
}

/// Counts the handles of spans of the store. The last to let go of one may be the thread of a database.
struct StoreAtWork(Arc<AtomicUsize>);

impl Subscriber for StoreAtWork {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("keyholder::store")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.0.fetch_add(1, Ordering::SeqCst);
        // One name for all of them: nothing but their number matters.
        Id::from_u64(1)
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.fetch_add(1, Ordering::SeqCst);
        id.clone()
    }

    fn try_close(&self, _: Id) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Runs a future to its end under a clock that stands still.
pub(crate) fn frozen<T>(future: impl Future<Output = T>) -> T {
    // With a single listener, a span that another thread is the first to come by counts as unheard for all.
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(StoreAtWork(Arc::default())));
    let at_work = Arc::default();
    IN_STORE.set(Arc::clone(&at_work));
    let _listening = tracing::subscriber::set_default(StoreAtWork(at_work));
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

/// Waits for a future that speaks to that emulator; the clock moves on whenever both and the store have nothing to do.
pub(crate) async fn passing<T>(
    emulator: &Emulator,
    patience: Patience,
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
                if quiet {
                    advance(step).await;
                    step = (step * 2).min(MAX_STEP);
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

/// Whether nothing happens, as far as the store and many looks at the sockets can tell.
async fn is_quiet(emulator: &Emulator, polls: &Cell<u64>, time: Duration) -> bool {
    let store = IN_STORE.with_borrow(Arc::clone);
    let happened = || (polls.get(), emulator.pulse());
    let (before, begun) = (happened(), std::time::Instant::now());
    let mut looks = 0;
    while looks < LOOKS || begun.elapsed() < time {
        // Yielding to everything that is ready includes a look at the sockets.
        tokio::task::yield_now().await;
        looks += 1;
        if happened() != before || store.load(Ordering::SeqCst) > 0 {
            return false;
        }
    }
    true
}
