//! When to leave a server alone: after failures in a row nothing is sent for a while, then one request at a time, and
//! after the third time nothing at all.
//!
//! A pure state machine: it never reads the clock. Only requests that were sent after it last opened count, because what
//! was under way says nothing about how the server is now. A request that fails again and again counts once: one broken
//! object is not a broken server.

use std::time::Duration;

use tokio::time::Instant;

/// Requests in a row whose failure opens the breaker. Source: the rules of collection of this project.
const FAILURES: u32 = 5;

/// How long nothing is sent, unless the server asks for longer.
const OPEN: Duration = Duration::from_secs(30);

/// The opening that ends the run.
pub(super) const OPENINGS: u32 = 3;

/// What the breaker says to a request that is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Send it.
    Go,
    /// Send it, and nothing else until its outcome is known.
    Probe,
    /// Not before then.
    Wait(Instant),
    /// A probe is under way.
    Busy,
    /// Never.
    Over,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing { under_way: bool },
    Over,
}

/// The breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    openings: u32,
    /// The number of the newest request when it last opened.
    opened_after: u64,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { state: State::Closed { failures: 0 }, openings: 0, opened_after: 0 }
    }

    /// Whether a request may be sent. Changes nothing: another rule may still hold it back.
    pub(super) fn ask(&self, now: Instant) -> Decision {
        match self.state {
            State::Closed { .. } => Decision::Go,
            State::Open { until } if now < until => Decision::Wait(until),
            State::Open { .. } | State::Probing { under_way: false } => Decision::Probe,
            State::Probing { under_way: true } => Decision::Busy,
            State::Over => Decision::Over,
        }
    }

    /// A request is being sent as a probe.
    pub(super) fn probe(&mut self) {
        self.state = State::Probing { under_way: true };
    }

    /// A probe was given up before its outcome was known.
    pub(super) fn forget_probe(&mut self) {
        if let State::Probing { under_way } = &mut self.state {
            *under_way = false;
        }
    }

    /// The request with that number was answered by a server that works.
    pub(super) fn succeeded(&mut self, number: u64) {
        if number > self.opened_after && !self.is_over() {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// The request with that number failed. `again` if it is not the first failure of the same request, `newest` is the
    /// number of the newest request that was sent, `wait` what the server asks for.
    pub(super) fn failed(&mut self, number: u64, again: bool, newest: u64, wait: Duration, now: Instant) {
        if number <= self.opened_after {
            return;
        }
        match &mut self.state {
            State::Closed { failures } => {
                *failures += u32::from(!again);
                if *failures >= FAILURES {
                    self.open(newest, wait, now);
                }
            }
            State::Probing { .. } => self.open(newest, wait, now),
            State::Open { .. } | State::Over => {}
        }
    }

    /// Whether the run is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn open(&mut self, newest: u64, wait: Duration, now: Instant) {
        self.openings += 1;
        self.opened_after = newest;
        self.state = if self.openings >= OPENINGS { State::Over } else { State::Open { until: now + OPEN.max(wait) } };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happened, in the order in which it happened.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// A new request failed.
        Fails,
        /// The same request failed once more.
        FailsAgain,
        /// A server that wants to be left alone for a minute.
        FailsForAMinute,
        /// A new request was answered.
        Works,
        /// A request that was sent before it opened was answered.
        WorkedBefore,
        /// A request that was sent before it opened failed.
        FailedBefore,
        /// The time of the opening passed, and a request is sent.
        Probe,
        /// It is given up.
        GivenUp,
    }
    use Event::{FailedBefore, Fails, FailsAgain, FailsForAMinute, GivenUp, Probe, WorkedBefore, Works};

    /// What the breaker says after these events: a word, and for a wait its seconds.
    #[track_caller]
    fn check(events: &[Event], expected: &str) {
        let mut breaker = Breaker::new();
        let mut now = Instant::now();
        let mut number = 100;
        for event in events {
            number += 1;
            match event {
                Fails => breaker.failed(number, false, number, Duration::ZERO, now),
                FailsAgain => breaker.failed(number, true, number, Duration::ZERO, now),
                FailsForAMinute => breaker.failed(number, false, number, Duration::from_mins(1), now),
                Works => breaker.succeeded(number),
                WorkedBefore => breaker.succeeded(1),
                FailedBefore => breaker.failed(1, false, number, Duration::ZERO, now),
                Probe => {
                    if let Decision::Wait(until) = breaker.ask(now) {
                        now = until;
                    }
                    assert_eq!(breaker.ask(now), Decision::Probe, "{events:?}");
                    breaker.probe();
                }
                GivenUp => breaker.forget_probe(),
            }
        }
        let said = match breaker.ask(now) {
            Decision::Wait(until) => format!("wait {}", (until - now).as_secs()),
            word => format!("{word:?}").to_lowercase(),
        };
        assert_eq!(said, expected, "{events:?}");
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_half_a_minute() {
        check(&[], "go");
        check(&[Fails; 4], "go");
        check(&[Fails; 5], "wait 30");
        check(&[Fails, Fails, Fails, Fails, Works, Fails, Fails, Fails, Fails], "go");
        check(&[Fails, Fails, Fails, Fails, FailsForAMinute], "wait 60");
    }

    #[test]
    fn a_request_that_fails_again_and_again_counts_once() {
        check(&[Fails, FailsAgain, FailsAgain, FailsAgain, FailsAgain, FailsAgain], "go");
        check(&[Fails, FailsAgain, Fails, FailsAgain, Fails, Fails, Fails], "wait 30");
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing() {
        check(&[Fails, Fails, Fails, Fails, Fails, WorkedBefore], "wait 30");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, WorkedBefore], "busy");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, FailedBefore], "busy");
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        check(&[Fails, Fails, Fails, Fails, Fails, Probe], "busy");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, Works], "go");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, Fails], "wait 30");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, FailsAgain], "wait 30");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, GivenUp], "probe");
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, GivenUp, Probe, Works, Fails, Fails], "go");
    }

    #[test]
    fn the_third_opening_is_the_last() {
        check(&[Fails, Fails, Fails, Fails, Fails, Probe, Fails, Probe, Fails], "over");
        let twice = [Fails, Fails, Fails, Fails, Fails, Probe, Works, Fails, Fails, Fails, Fails, Fails, Probe];
        check(&twice, "busy");
        check(&[&twice[..], &[Fails]].concat(), "over");
        check(&[&twice[..], &[Fails, Works, WorkedBefore, GivenUp]].concat(), "over");
    }
}
