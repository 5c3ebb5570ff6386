//! The emulator's own clock: an instant that somebody set, and the time that has run since. Never the wall clock.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// A settable clock that runs on with tokio's time, so that paused time pauses it too.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<(DateTime<Utc>, Instant)>);

impl Clock {
    /// A clock that shows `now` now.
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self(Mutex::new((now, Instant::now())))
    }

    pub(crate) fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().expect("no holder of the clock panics") = (now, Instant::now());
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let (set, at) = *self.0.lock().expect("no holder of the clock panics");
        set + TimeDelta::from_std(at.elapsed()).unwrap_or(TimeDelta::MAX)
    }
}
