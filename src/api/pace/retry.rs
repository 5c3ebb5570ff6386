//! Whether and when a failed request is asked again, judged by its own failures only.
//!
//! Decides; waiting is for others. Whether the run has a retry left is the [budget](super::budget)'s business.

use std::time::Duration;

use crate::api::error::Fault;

/// The ceiling of the first random wait; each further one doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The highest ceiling.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// What follows a failed attempt.
#[derive(Debug)]
pub(in crate::api) enum Verdict {
    /// Ask again, if the run has a retry left.
    Again {
        /// After that time.
        wait: Duration,
        /// The failure, which stands if there is none left.
        last: Fault,
    },
    /// The failure stands.
    Final(Fault),
}

/// Decides about the attempt with that number (from 1). `unit` is a random number in `0.0..1.0`.
pub(in crate::api) fn verdict(fault: Fault, attempt: u32, attempts: u32, longest: Duration, unit: f64) -> Verdict {
    if let Fault::Busy { status, retry_after: Some(asked) } = fault
        && asked > longest
    {
        return Verdict::Final(Fault::WaitTooLong { status, asked, longest });
    }
    if !fault.is_retryable() || attempt >= attempts {
        return Verdict::Final(fault);
    }
    let wait = match fault {
        Fault::Busy { retry_after: Some(asked), .. } => asked,
        _ => jitter(attempt, unit),
    };
    Verdict::Again { wait, last: fault }
}

/// Full jitter: anything between nothing and a ceiling that doubles with every attempt.
fn jitter(attempt: u32, unit: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(MAX_WAIT).mul_f64(unit.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::Phase;

    const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

    fn busy(seconds: Option<u64>) -> Fault {
        Fault::Busy { status: 429, retry_after: seconds.map(Duration::from_secs) }
    }

    /// The wait after that attempt of five, or the fault that stands.
    #[track_caller]
    fn check(fault: Fault, attempt: u32, unit: f64, expected: Result<u128, &str>) {
        match (verdict(fault, attempt, 5, MAX_RETRY_AFTER, unit), expected) {
            (Verdict::Again { wait, .. }, Ok(millis)) => assert_eq!(wait.as_millis(), millis),
            (Verdict::Final(fault), Err(text)) => assert_eq!(fault.to_string(), text),
            (verdict, expected) => panic!("{verdict:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn waits_are_random_below_a_ceiling_that_doubles() {
        check(busy(None), 1, 0.5, Ok(125));
        check(busy(None), 2, 0.5, Ok(250));
        check(busy(None), 3, 0.5, Ok(500));
        check(busy(None), 4, 0.0, Ok(0));
        assert_eq!(jitter(8, 1.0), MAX_WAIT);
        assert_eq!(jitter(u32::MAX, 1.0), MAX_WAIT);
        assert_eq!(jitter(7, 1.0), Duration::from_secs(16));
    }

    #[test]
    fn the_last_attempt_stands() {
        check(busy(None), 5, 0.5, Err("the server is busy or broken (status 429)"));
        check(Fault::Timeout(Phase::FirstByte), 4, 0.0, Ok(0));
        check(Fault::Timeout(Phase::FirstByte), 5, 0.0, Err("no answer in time"));
    }

    #[test]
    fn what_the_server_asks_for_is_waited_for_up_to_the_limit() {
        check(busy(Some(3)), 1, 0.5, Ok(3000));
        check(busy(Some(0)), 1, 0.5, Ok(0));
        check(busy(Some(300)), 1, 0.5, Ok(300_000));
        let too_long = "the server asks to wait 86400 s (status 429), longer than the 300 s allowed";
        check(busy(Some(86_400)), 1, 0.5, Err(too_long));
        check(busy(Some(86_400)), 5, 0.5, Err(too_long));
    }

    #[test]
    fn what_does_not_change_is_not_asked_again() {
        check(Fault::Unauthorised { code: None }, 1, 0.5, Err("credentials refused (401)"));
        check(Fault::Forbidden { code: Some("451".into()) }, 1, 0.5, Err("access refused (403, code 451)"));
        check(Fault::NotFound, 1, 0.5, Err("not found"));
        check(Fault::Redirected { status: 302 }, 1, 0.5, Err("the server redirects (status 302)"));
        check(Fault::TooLarge, 1, 0.5, Err("the answer is larger than 32 MiB"));
    }
}
