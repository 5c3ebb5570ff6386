//! How many requests may be under way: few at first, half as many when the server says that there are too many, and
//! step by step more while it does not.
//!
//! A pure state machine. It knows nothing of time: what it calls a round trip is over when the answer to a request comes
//! that was sent after the last change.

use crate::api::answer::Rate;

/// Requests under way before anything is known of the server: as many as a walk begins with.
const FIRST: usize = 4;

/// Round trips in which the window would grow from nothing to its ceiling. Half of it is back after two: a lone 429
/// among a thousand answers then costs less than one round trip.
const ROUND_TRIPS: usize = 4;

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    /// What the settings allow.
    most: usize,
    /// What the server allows as well.
    ceiling: usize,
    size: usize,
    /// Whether the server has neither told its limits nor said that there are too many.
    searching: bool,
    /// Good answers since the window last grew.
    answers: usize,
    /// The newest request that was sent when the window last shrank.
    shrank_after: u64,
}

impl Window {
    pub(super) fn new(concurrency: usize) -> Self {
        let most = concurrency.max(1);
        Self { most, ceiling: most, size: most.min(FIRST), searching: true, answers: 0, shrank_after: 0 }
    }

    /// Requests that may be under way.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The server told its limits. Who knows them need not search.
    pub(super) fn announced(&mut self, rate: Rate) {
        if let Some(burst) = rate.burst {
            self.ceiling = self.most.min(usize::try_from(burst).unwrap_or(usize::MAX)).max(1);
        }
        self.size = self.size.min(self.ceiling);
        if self.searching && rate.limit.is_some() && rate.remaining.is_some() {
            self.searching = false;
            self.size = self.ceiling;
        }
    }

    /// A request was answered and the server did not complain.
    pub(super) fn answered(&mut self) {
        if self.searching {
            // One more for every answer: twice as many after every round trip.
            self.size = (self.size + 1).min(self.ceiling);
            return;
        }
        self.answers += 1;
        if self.answers >= self.size {
            self.answers = 0;
            self.size = (self.size + self.ceiling.div_ceil(ROUND_TRIPS)).min(self.ceiling);
        }
    }

    /// 429 to the request with that number; `newest` is the number of the newest request that was sent. The answers to
    /// what was sent before the window shrank belong to the same complaint.
    pub(super) fn too_many(&mut self, number: u64, newest: u64) {
        if number <= self.shrank_after {
            return;
        }
        self.shrank_after = newest;
        self.searching = false;
        self.answers = 0;
        self.size = (self.size / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(burst: u64) -> Rate {
        Rate { limit: Some(3_000), remaining: Some(9), burst: Some(burst) }
    }

    /// The sizes of a window after each of so many good round trips.
    fn grow(window: &mut Window, round_trips: usize) -> Vec<usize> {
        (0..round_trips)
            .map(|_| {
                for _ in 0..window.size() {
                    window.answered();
                }
                window.size()
            })
            .collect()
    }

    #[test]
    fn a_server_that_says_nothing_is_asked_twice_as_much_after_every_round_trip() {
        assert_eq!(Window::new(1).size(), 1);
        assert_eq!(Window::new(3).size(), 3);
        let mut window = Window::new(40);
        assert_eq!(window.size(), 4);
        assert_eq!(grow(&mut window, 5), [8, 16, 32, 40, 40]);
    }

    #[test]
    fn a_server_that_tells_its_limits_is_asked_as_much_as_it_allows_at_once() {
        for (concurrency, burst, expected) in [(64, 10_000, 64), (64, 10, 10), (2, 10, 2), (64, 0, 1)] {
            let mut window = Window::new(concurrency);
            window.announced(rate(burst));
            assert_eq!(window.size(), expected, "{concurrency} at once, burst {burst}");
            assert_eq!(grow(&mut window, 1), [expected]);
        }
        let mut window = Window::new(64);
        window.announced(Rate { burst: Some(32), ..Rate::default() });
        assert_eq!(grow(&mut window, 4), [8, 16, 32, 32], "what is left is not known");
    }

    #[test]
    fn too_many_halves_it_once_in_a_round_trip() {
        let mut window = Window::new(64);
        window.announced(rate(64));
        for number in 1..=64 {
            window.too_many(number, 64);
        }
        assert_eq!(window.size(), 32);
        window.too_many(65, 80);
        assert_eq!(window.size(), 16);
        for newest in 81..90 {
            window.too_many(newest, newest);
        }
        assert_eq!(window.size(), 1);
    }

    #[test]
    fn it_comes_back_step_by_step_and_never_beyond_what_is_allowed() {
        let mut window = Window::new(64);
        window.announced(rate(64));
        window.too_many(1, 64);
        assert_eq!(grow(&mut window, 3), [48, 64, 64]);
        window.announced(rate(5));
        assert_eq!(window.size(), 5);
        window.announced(rate(64));
        assert_eq!(grow(&mut window, 4), [21, 37, 53, 64]);
    }
}
