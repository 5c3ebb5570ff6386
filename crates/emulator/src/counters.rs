//! Counting what the server is asked and what it answers, so that tests and budgets can assert it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was counted since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests by method and path template (`/um/users/{userId}`, without the version; `(unmatched)` for the rest).
    pub requests: BTreeMap<(String, String), u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// All requests.
    pub total: u64,
    /// Requests other than GET, HEAD and OPTIONS.
    pub writes: u64,
    /// Bytes of answer bodies.
    pub bytes: u64,
    /// The most requests under way at once.
    pub peak_concurrency: u64,
    /// Connections accepted.
    pub connections: u64,
}

impl Counters {
    /// Requests with that method and path template.
    pub fn of(&self, method: &str, template: &str) -> u64 {
        self.requests.get(&(method.to_owned(), template.to_owned())).copied().unwrap_or_default()
    }
}

/// The counters of a running server.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counters: Counters,
    running: u64,
    pulse: u64,
}

/// A request under way; it ends when this is dropped, answered or not.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a Tally);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}

impl Tally {
    pub(crate) fn begin(&self, method: &str, template: &str) -> Running<'_> {
        let mut state = self.state();
        state.running += 1;
        state.pulse += 1;
        let running = state.running;
        let counters = &mut state.counters;
        counters.total += 1;
        counters.writes += u64::from(!matches!(method, "GET" | "HEAD" | "OPTIONS"));
        counters.peak_concurrency = counters.peak_concurrency.max(running);
        *counters.requests.entry((method.to_owned(), template.to_owned())).or_default() += 1;
        Running(self)
    }

    pub(crate) fn answered(&self, status: u16, bytes: u64) {
        let mut state = self.state();
        state.pulse += 1;
        let counters = &mut state.counters;
        *counters.statuses.entry(status).or_default() += 1;
        counters.bytes += bytes;
    }

    pub(crate) fn connected(&self) {
        self.state().counters.connections += 1;
    }

    /// A number that grows with every request that comes and every answer that goes; resets leave it alone.
    pub(crate) fn pulse(&self) -> u64 {
        self.state().pulse
    }

    pub(crate) fn snapshot(&self) -> Counters {
        self.state().counters.clone()
    }

    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.counters = Counters { peak_concurrency: state.running, ..Counters::default() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
