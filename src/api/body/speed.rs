//! How fast a body arrives: at least so much in every ten seconds, wherever they begin.
//!
//! A pure state machine; it looks back once in a second.

use std::time::Duration;

use tokio::time::Instant;

/// The time over which the speed is measured, in seconds.
const SECONDS: usize = 10;

/// Bytes that must arrive in that time: 1 KiB per second, as they are sent. Less is a server that holds on to us.
pub(super) const MIN_BYTES: usize = SECONDS << 10;

/// The speed of one body.
#[derive(Debug)]
pub(super) struct Speed {
    begun: Instant,
    /// Whole seconds since then.
    second: u64,
    /// What arrived in each of the last seconds, the present one included.
    arrived: [usize; SECONDS],
}

impl Speed {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, second: 0, arrived: [0; SECONDS] }
    }

    /// When to look again, whatever arrives until then.
    pub(super) fn next_look(&self) -> Instant {
        self.begun + Duration::from_secs(self.second + 1)
    }

    /// Moves on to now; whether there were ten seconds in which too little arrived.
    pub(super) fn is_too_slow(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.begun).as_secs();
        while self.second < seconds {
            self.second += 1;
            if self.second >= SECONDS as u64 && self.arrived.iter().sum::<usize>() < MIN_BYTES {
                return true;
            }
            *self.present() = 0;
        }
        false
    }

    /// So many bytes arrived in the second that was moved on to.
    pub(super) fn arrived(&mut self, bytes: usize) {
        *self.present() += bytes;
    }

    fn present(&mut self) -> &mut usize {
        let index = usize::try_from(self.second % SECONDS as u64).unwrap_or(0);
        &mut self.arrived[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second in which such a body is given up, of sixty. `arrives` says how much arrives in a second.
    #[track_caller]
    fn check(what: &str, arrives: impl Fn(u64) -> usize, expected: Option<u64>) {
        let begun = Instant::now();
        let mut speed = Speed::new(begun);
        let given_up = (1..=60).find(|second| {
            speed.arrived(arrives(second - 1));
            let look = speed.next_look();
            assert_eq!(look, begun + Duration::from_secs(*second));
            speed.is_too_slow(look)
        });
        assert_eq!(given_up, expected, "{what}");
    }

    #[test]
    fn every_ten_seconds_must_bring_enough() {
        check("nothing", |_| 0, Some(10));
        check("a byte in five seconds", |second| usize::from(second % 5 == 0), Some(10));
        check("just enough", |_| 1 << 10, None);
        check("a byte too little", |second| (1 << 10) - usize::from(second == 30), Some(31));
        check("bursts", |second| if second % 10 == 9 { MIN_BYTES } else { 0 }, None);
        check("much and then nothing", |second| if second == 0 { 1 << 20 } else { 0 }, Some(11));
        check("a pause of nine seconds", |second| if (20..29).contains(&second) { 0 } else { MIN_BYTES }, None);
        check("a pause of ten seconds", |second| if (20..30).contains(&second) { 0 } else { MIN_BYTES }, Some(30));
    }

    #[test]
    fn seconds_that_nobody_looked_at_count_as_well() {
        let begun = Instant::now();
        let mut speed = Speed::new(begun);
        speed.arrived(MIN_BYTES);
        assert!(!speed.is_too_slow(begun + Duration::from_millis(10_900)));
        assert!(speed.is_too_slow(begun + Duration::from_secs(40)));
    }
}
