//! How much one run takes in, all answers together: what a server says is kept in memory, and a server may never stop.
//!
//! Two limits. What is decoded and kept counts against the room of the run; when that is full, nothing more is asked. And
//! of the bodies that are under way, one may be large at a time.
//!
//! What counts is an estimate from what is read, not a measurement: sizes of records, and text. A list of bare references
//! counts by their ids alone, because nothing else of it is kept.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Fault;

/// What a run keeps at most, in bytes. A contract of ten thousand users with fifty thousand shares comes to 60 MiB, with a
/// million memberships to 90. Together with everything that is only there for a moment, a run stays below 256 MiB.
pub const MAX_RUN_BYTES: u64 = 96 << 20;

/// What a user or a group brings along beside itself: two scopes, and how the reading of each ended.
pub const PARENT: u64 = 1 << 10;

/// What a bare reference takes where it is kept: two shared ids.
pub(super) const REFERENCE: u64 = 40;

/// The room of one run.
#[derive(Debug)]
pub(super) struct Room {
    size: u64,
    taken: AtomicU64,
    is_full: AtomicBool,
    large: Semaphore,
}

/// The leave to hold a large body; the next one waits until it is dropped.
pub(super) type Large<'a> = SemaphorePermit<'a>;

impl Room {
    /// Nothing is taken yet.
    pub(super) fn new(size: u64) -> Self {
        Self { size, taken: AtomicU64::new(0), is_full: AtomicBool::new(false), large: Semaphore::new(1) }
    }

    /// Refuses to go on when there was too much already.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.is_full.load(Ordering::Relaxed) { Err(self.fault()) } else { Ok(()) }
    }

    /// Takes what an answer keeps; the first that does not fit is the last.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Fault> {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.size {
            return Ok(());
        }
        self.is_full.store(true, Ordering::Relaxed);
        Err(self.fault())
    }

    /// Waits until no other body is large.
    pub(super) async fn large(&self) -> Option<Large<'_>> {
        // It is never closed.
        self.large.acquire().await.ok()
    }

    fn fault(&self) -> Fault {
        Fault::RunTooLarge { most: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_the_run_and_what_would_still_fit_comes_too_late() {
        let room = Room::new(3 << 20);
        room.take(2 << 20).unwrap();
        room.take(1 << 20).unwrap();
        room.check().unwrap();
        let fault = room.take(1).unwrap_err();
        assert_eq!(fault.to_string(), "the answers of this run hold more than 3 MiB");
        assert_eq!(room.check().unwrap_err().to_string(), fault.to_string());
        assert!(!fault.is_retryable());
    }

    #[tokio::test]
    async fn one_body_is_large_at_a_time() {
        let room = Room::new(0);
        let first = room.large().await;
        assert!(futures::FutureExt::now_or_never(room.large()).is_none());
        drop(first);
        assert!(futures::FutureExt::now_or_never(room.large()).is_some());
    }
}
