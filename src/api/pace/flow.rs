//! All rules about when a request may be sent, asked together and told together.
//!
//! A pure state machine: time comes in as an argument. It neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use super::announced::{Announced, Foreseen};
use super::breaker::{Breaker, Word};
use super::budget::Budget;
use super::learned::Learned;
use super::window::Window;
use crate::api::answer::Rate;
use crate::api::error::Fault;

/// The leave to send one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// Requests are numbered from 1 in the order in which they are sent.
    number: u64,
    at: Instant,
    probe: bool,
    foreseen: Option<Foreseen>,
}

/// The answer to whoever wants to send a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Admission {
    /// Send it.
    Go(Ticket),
    /// Ask again then.
    Later(Instant),
    /// Ask again when a request that is under way has ended.
    Full,
    /// Never: the breaker has ended the run.
    Over,
}

/// What a request came back with, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Heard {
    /// An answer, good or not, of a server that works.
    Answer,
    /// 429.
    TooMany {
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// No answer, half an answer, or 5xx.
    Broken {
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
}

impl Heard {
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
            _ => Self::Answer,
        }
    }
}

/// The rules with what they know.
#[derive(Debug)]
pub(super) struct Flow {
    longest: Duration,
    window: Window,
    announced: Announced,
    learned: Learned,
    breaker: Breaker,
    pub(super) budget: Budget,
    not_before: Option<Instant>,
    /// The limits of the newest answer that told them.
    pub(super) rate: Option<Rate>,
    under_way: usize,
    newest: u64,
}

impl Flow {
    /// Nothing sent yet; at most so many at once, and no `Retry-After` is obeyed that is longer.
    pub(super) fn new(concurrency: usize, longest: Duration, now: Instant) -> Self {
        Self {
            longest,
            window: Window::new(concurrency),
            announced: Announced::default(),
            learned: Learned::new(now),
            breaker: Breaker::new(),
            budget: Budget::new(concurrency),
            not_before: None,
            rate: None,
            under_way: 0,
            newest: 0,
        }
    }

    /// Whether a request may be sent now. If so, it counts as being under way until it is settled or forgotten.
    pub(super) fn ask(&mut self, now: Instant) -> Admission {
        let word = self.breaker.ask(now);
        match word {
            Word::Over => return Admission::Over,
            Word::Wait(until) => return Admission::Later(until),
            Word::Busy => return Admission::Full,
            Word::Go | Word::Probe => {}
        }
        if let Some(until) = self.not_before.filter(|until| now < *until) {
            return Admission::Later(until);
        }
        if self.under_way >= self.window.size() {
            return Admission::Full;
        }
        if let Some(until) = self.announced.pause(now).max(self.learned.pause(now)) {
            return Admission::Later(until);
        }
        let probe = word == Word::Probe;
        if probe {
            self.breaker.probe();
        }
        self.under_way += 1;
        self.newest += 1;
        self.budget.count();
        self.learned.sent();
        Admission::Go(Ticket { number: self.newest, at: now, probe, foreseen: self.announced.sent() })
    }

    /// A request ended. `again` if it is not the first time that the same one found the server broken.
    pub(super) fn settle(&mut self, ticket: Ticket, heard: Heard, again: bool, rate: Option<Rate>, now: Instant) {
        self.under_way -= 1;
        let Ticket { number, at, foreseen, .. } = ticket;
        if let Some(rate) = rate {
            self.rate = Some(rate);
            self.window.announced(rate);
            self.announced.told(rate, foreseen, self.under_way, now - at, now);
        }
        match heard {
            Heard::Answer => {
                self.breaker.succeeded(number);
                self.window.answered();
                self.learned.answered(now);
            }
            Heard::TooMany { wait } => {
                self.window.too_many(number, self.newest);
                self.announced.too_many(foreseen, now);
                self.learned.too_many(number, self.newest, wait, now);
                match wait {
                    // A server that is closed to us for longer than we wait is as good as broken.
                    Some(wait) if wait > self.longest => self.broken(number, again, Some(wait), now),
                    Some(wait) => {
                        self.not_before = self.not_before.max(Some(now + wait));
                        self.breaker.succeeded(number);
                    }
                    None => self.breaker.succeeded(number),
                }
            }
            Heard::Broken { wait } => self.broken(number, again, wait, now),
        }
    }

    /// A request was given up before its outcome was known.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.under_way -= 1;
        if ticket.probe {
            self.breaker.forget_probe();
        }
    }

    /// Whether the breaker has ended the run.
    pub(super) fn is_over(&self) -> bool {
        self.breaker.is_over()
    }

    fn broken(&mut self, number: u64, again: bool, wait: Option<Duration>, now: Instant) {
        let wait = wait.unwrap_or_default().min(self.longest);
        self.breaker.failed(number, again, self.newest, wait, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::Phase;

    const LONGEST: Duration = Duration::from_mins(5);

    /// What it says after a request came back with that: milliseconds to wait, or a word.
    #[track_caller]
    fn check(times: u32, heard: Heard, expected: &str) {
        let now = Instant::now();
        let mut flow = Flow::new(16, LONGEST, now);
        for _ in 0..times {
            let Admission::Go(ticket) = flow.ask(now) else { panic!("held back after less than {times}") };
            flow.settle(ticket, heard, false, None, now);
        }
        let said = match flow.ask(now) {
            Admission::Go(_) => "go".to_owned(),
            Admission::Later(until) => format!("{} s", (until - now).as_secs_f64()),
            Admission::Full => "full".to_owned(),
            Admission::Over => "over".to_owned(),
        };
        assert_eq!(said, expected, "{heard:?} {times} times");
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_server_that_asks_to_wait_holds_everyone_back() {
        check(1, Heard::TooMany { wait: Some(seconds(120)) }, "120 s");
        check(1, Heard::TooMany { wait: Some(seconds(300)) }, "300 s");
        check(2, Heard::TooMany { wait: None }, "go");
    }

    #[test]
    fn a_server_that_is_broken_five_times_is_left_alone() {
        check(4, Heard::Broken { wait: None }, "go");
        check(5, Heard::Broken { wait: None }, "30 s");
        check(5, Heard::Broken { wait: Some(seconds(200)) }, "200 s");
        check(5, Heard::Broken { wait: Some(seconds(86_400)) }, "300 s");
        check(99, Heard::Answer, "go");
    }

    #[test]
    fn only_what_a_broken_server_does_counts_as_broken() {
        let broken = Heard::Broken { wait: None };
        assert_eq!(Heard::of(&Fault::Busy { status: 500, retry_after: None }), broken);
        assert_eq!(
            Heard::of(&Fault::Busy { status: 503, retry_after: Some(seconds(7)) }),
            Heard::Broken { wait: Some(seconds(7)) }
        );
        assert_eq!(Heard::of(&Fault::Timeout(Phase::FirstByte)), broken);
        assert_eq!(
            Heard::of(&Fault::Busy { status: 429, retry_after: Some(seconds(7)) }),
            Heard::TooMany { wait: Some(seconds(7)) }
        );
        assert_eq!(Heard::of(&Fault::Busy { status: 408, retry_after: None }), Heard::Answer);
        assert_eq!(Heard::of(&Fault::NotFound), Heard::Answer);
        assert_eq!(Heard::of(&Fault::Unauthorised { code: None }), Heard::Answer);
    }

    #[test]
    fn no_more_are_under_way_than_the_window_allows() {
        let now = Instant::now();
        let mut flow = Flow::new(3, LONGEST, now);
        let mut tickets: Vec<_> = std::iter::from_fn(|| match flow.ask(now) {
            Admission::Go(ticket) => Some(ticket),
            _ => None,
        })
        .collect();
        assert_eq!(tickets.len(), 3);
        flow.forget(tickets.pop().unwrap());
        assert!(matches!(flow.ask(now), Admission::Go(_)));
        assert!(matches!(flow.ask(now), Admission::Full));
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let now = Instant::now();
        let mut flow = Flow::new(16, LONGEST, now);
        for _ in 0..5 {
            let Admission::Go(ticket) = flow.ask(now) else { panic!("held back") };
            flow.settle(ticket, Heard::Broken { wait: None }, false, None, now);
        }
        let later = now + Duration::from_secs(30);
        let Admission::Go(probe) = flow.ask(later) else { panic!("no probe") };
        assert!(matches!(flow.ask(later), Admission::Full));
        flow.forget(probe);
        assert!(matches!(flow.ask(later), Admission::Go(_)));
    }
}
