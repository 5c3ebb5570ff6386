//! What a run knows of the server, asked before each request and updated after it: rate limit, breaker and retry budget.
//!
//! A pure state machine: time comes in as an argument. It neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Decision};
use super::budget::Budget;
use super::rate_limit::{Admission, RateLimit};
use crate::api::answer::Rate;
use crate::api::error::Fault;

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Requests are numbered from 1 in the order in which they are sent.
    number: u64,
    probe: bool,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate {
    /// It may, and counts as in flight until it is settled or dropped.
    Open(Sent),
    /// Ask again at that instant.
    ClosedUntil(Instant),
    /// Ask again when a request in flight has ended.
    Full,
    /// Never: the breaker has ended the run.
    Over,
}

/// What the outcome of a request says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Signal {
    /// It works: an answer, good or not.
    Working,
    /// 429, and how long it asks to wait.
    TooMany { wait: Option<Duration> },
    /// No answer, half an answer, or 5xx, and how long it asks to wait.
    Broken { wait: Option<Duration> },
}

impl Signal {
    /// What a fault says about the server.
    pub(in crate::api) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Busy { status: 429, retry_after } => Self::TooMany { wait: *retry_after },
            Fault::Busy { status: 500.., retry_after } => Self::Broken { wait: *retry_after },
            Fault::Unreachable { .. }
            | Fault::Tls { .. }
            | Fault::NoTls
            | Fault::CertificateMismatch(_)
            | Fault::Timeout(_)
            | Fault::Truncated { .. }
            | Fault::Garbled { .. } => Self::Broken { wait: None },
            _ => Self::Working,
        }
    }
}

/// Rate limit, breaker and retry budget of a run.
#[derive(Debug)]
pub(super) struct RunHealth {
    max_wait: Duration,
    limit: RateLimit,
    breaker: Breaker,
    pub(super) budget: Budget,
    /// The limits of the newest answer that announced them.
    pub(super) rate: Option<Rate>,
    newest: u64,
}

impl RunHealth {
    /// Nothing sent yet; at most so many at once, and no `Retry-After` is obeyed that is longer than `max_wait`.
    pub(super) fn new(concurrency: usize, max_wait: Duration, now: Instant) -> Self {
        Self {
            max_wait,
            limit: RateLimit::new(concurrency, now),
            breaker: Breaker::new(),
            budget: Budget::new(concurrency),
            rate: None,
            newest: 0,
        }
    }

    /// Whether a request may be sent now.
    pub(super) fn ask(&mut self, now: Instant) -> Gate {
        let decision = self.breaker.ask(now);
        match decision {
            Decision::Over => return Gate::Over,
            Decision::Wait(until) => return Gate::ClosedUntil(until),
            Decision::Busy => return Gate::Full,
            Decision::Go | Decision::Probe => {}
        }
        match self.limit.ask(now) {
            Admission::Now => {}
            Admission::At(until) => return Gate::ClosedUntil(until),
            Admission::AfterOne => return Gate::Full,
        }
        let probe = decision == Decision::Probe;
        if probe {
            self.breaker.probe();
        }
        self.newest += 1;
        self.budget.count();
        self.limit.sent();
        Gate::Open(Sent { number: self.newest, probe })
    }

    /// A request ended. `again` if it is not the first time that the same one found the server broken.
    pub(super) fn settle(&mut self, sent: Sent, signal: Signal, again: bool, rate: Option<Rate>, now: Instant) {
        self.limit.ended();
        if let Some(rate) = rate {
            self.rate = Some(rate);
            self.limit.announced(rate, now);
        }
        match signal {
            Signal::Working => {
                self.breaker.succeeded(sent.number);
                self.limit.answered();
            }
            // A server that is closed to us for longer than we wait is as good as broken.
            Signal::TooMany { wait: Some(wait) } if wait > self.max_wait => {
                self.broken(sent.number, again, Some(wait), now);
            }
            Signal::TooMany { wait } => {
                self.breaker.succeeded(sent.number);
                self.limit.too_many(sent.number, self.newest, wait, now);
            }
            Signal::Broken { wait } => self.broken(sent.number, again, wait, now),
        }
    }

    /// A request was given up before its outcome was known.
    pub(super) fn forget(&mut self, sent: Sent) {
        self.limit.ended();
        if sent.probe {
            self.breaker.forget_probe();
        }
    }

    /// Whether the breaker has ended the run.
    pub(super) fn is_over(&self) -> bool {
        self.breaker.is_over()
    }

    fn broken(&mut self, number: u64, again: bool, wait: Option<Duration>, now: Instant) {
        let wait = wait.unwrap_or_default().min(self.max_wait);
        self.breaker.failed(number, again, self.newest, wait, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::Phase;

    const MAX_WAIT: Duration = Duration::from_mins(5);

    /// What it says after a request came back with that: milliseconds to wait, or a word.
    #[track_caller]
    fn check(times: u32, signal: Signal, expected: &str) {
        let now = Instant::now();
        let mut health = RunHealth::new(16, MAX_WAIT, now);
        for _ in 0..times {
            let Gate::Open(sent) = health.ask(now) else { panic!("held back after less than {times}") };
            health.settle(sent, signal, false, None, now);
        }
        let said = match health.ask(now) {
            Gate::Open(_) => "go".to_owned(),
            Gate::ClosedUntil(until) => format!("{} s", (until - now).as_secs_f64()),
            Gate::Full => "full".to_owned(),
            Gate::Over => "over".to_owned(),
        };
        assert_eq!(said, expected, "{signal:?} {times} times");
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_server_that_asks_to_wait_holds_everyone_back() {
        check(1, Signal::TooMany { wait: Some(seconds(120)) }, "120 s");
        check(1, Signal::TooMany { wait: Some(seconds(300)) }, "300 s");
        check(2, Signal::TooMany { wait: None }, "go");
    }

    #[test]
    fn a_server_that_is_broken_five_times_is_left_alone() {
        check(4, Signal::Broken { wait: None }, "go");
        check(5, Signal::Broken { wait: None }, "30 s");
        check(5, Signal::Broken { wait: Some(seconds(200)) }, "200 s");
        check(5, Signal::Broken { wait: Some(seconds(86_400)) }, "300 s");
        check(99, Signal::Working, "go");
    }

    #[test]
    fn only_what_a_broken_server_does_counts_as_broken() {
        let broken = Signal::Broken { wait: None };
        assert_eq!(Signal::of(&Fault::Busy { status: 500, retry_after: None }), broken);
        assert_eq!(
            Signal::of(&Fault::Busy { status: 503, retry_after: Some(seconds(7)) }),
            Signal::Broken { wait: Some(seconds(7)) }
        );
        assert_eq!(Signal::of(&Fault::Timeout(Phase::FirstByte)), broken);
        assert_eq!(
            Signal::of(&Fault::Busy { status: 429, retry_after: Some(seconds(7)) }),
            Signal::TooMany { wait: Some(seconds(7)) }
        );
        assert_eq!(Signal::of(&Fault::Busy { status: 408, retry_after: None }), Signal::Working);
        assert_eq!(Signal::of(&Fault::NotFound), Signal::Working);
        assert_eq!(Signal::of(&Fault::Unauthorised { code: None }), Signal::Working);
    }

    #[test]
    fn no_more_are_under_way_than_the_window_allows() {
        let now = Instant::now();
        let mut health = RunHealth::new(3, MAX_WAIT, now);
        let mut sent: Vec<_> = std::iter::from_fn(|| match health.ask(now) {
            Gate::Open(sent) => Some(sent),
            _ => None,
        })
        .collect();
        assert_eq!(sent.len(), 3);
        health.forget(sent.pop().unwrap());
        assert!(matches!(health.ask(now), Gate::Open(_)));
        assert!(matches!(health.ask(now), Gate::Full));
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let now = Instant::now();
        let mut health = RunHealth::new(16, MAX_WAIT, now);
        for _ in 0..5 {
            let Gate::Open(sent) = health.ask(now) else { panic!("held back") };
            health.settle(sent, Signal::Broken { wait: None }, false, None, now);
        }
        let later = now + Duration::from_secs(30);
        let Gate::Open(probe) = health.ask(later) else { panic!("no probe") };
        assert!(matches!(health.ask(later), Gate::Full));
        health.forget(probe);
        assert!(matches!(health.ask(later), Gate::Open(_)));
    }
}
