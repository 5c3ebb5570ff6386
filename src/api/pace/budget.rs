//! How many retries a run has: they may help a server that stumbles, and they bury one that is down.
//!
//! Counts and nothing else; what follows when it is used up is decided by the caller.

/// One retry for so many requests: a fifth, so that retries never add more than a fifth to the load of a run.
const REQUESTS_PER_RETRY: u64 = 5;

/// Retries that every run has, however short: twenty, or twice what can be under way. A server that restarts breaks
/// everything that is under way at once, and must be able to do that twice.
const MIN_RETRIES: u64 = 20;

/// The requests and retries of a run.
#[derive(Debug)]
pub(super) struct Budget {
    floor: u64,
    requests: u64,
    retries: u64,
}

impl Budget {
    /// The budget of a run with at most so many requests at once.
    pub(super) fn new(concurrency: usize) -> Self {
        let twice = u64::try_from(concurrency).unwrap_or(u64::MAX).saturating_mul(2);
        Self { floor: MIN_RETRIES.max(twice), requests: 0, retries: 0 }
    }

    /// Counts a request that is sent, be it the first or a repeated one.
    pub(super) fn count(&mut self) {
        self.requests += 1;
    }

    /// Takes one retry, or says how many there were if none is left.
    pub(super) fn take(&mut self) -> Result<(), u64> {
        if self.retries >= self.floor.max(self.requests / REQUESTS_PER_RETRY) {
            return Err(self.retries);
        }
        self.retries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Retries that are granted after so many requests.
    #[track_caller]
    fn check(concurrency: usize, requests: u64, expected: u64) {
        let mut budget = Budget::new(concurrency);
        for _ in 0..requests {
            budget.count();
        }
        let mut granted = 0;
        let spent = loop {
            match budget.take() {
                Ok(()) => granted += 1,
                Err(spent) => break spent,
            }
        };
        assert_eq!((granted, spent), (expected, expected), "{concurrency} at once, {requests} requests");
    }

    #[test]
    fn a_fifth_of_the_requests_may_be_repeated_and_a_short_run_a_few() {
        check(1, 0, 20);
        check(1, 100, 20);
        check(1, 104, 20);
        check(1, 105, 21);
        check(64, 0, 128);
        check(64, 640, 128);
        check(64, 21_106, 4_221);
    }

    #[test]
    fn more_requests_bring_more_retries() {
        let mut budget = Budget::new(1);
        while budget.take().is_ok() {}
        for _ in 0..104 {
            budget.count();
        }
        assert_eq!(budget.take(), Err(20));
        budget.count();
        assert_eq!(budget.take(), Ok(()));
    }
}
