//! How long a delivery is tried: quickly at first, then daily, for three days.

use chrono::{DateTime, TimeDelta, Utc};

/// The pauses after the first, second, … attempt that failed; after the last one the alert is a dead letter. In sum 72 hours.
const PAUSES: [TimeDelta; 8] = [
    TimeDelta::seconds(30),
    TimeDelta::minutes(2),
    TimeDelta::minutes(10),
    TimeDelta::hours(1),
    TimeDelta::hours(6),
    TimeDelta::hours(24),
    TimeDelta::hours(24),
    TimeDelta::minutes(1007),
];

/// A receiver that says that it will never take a message is asked until it has said so this often, in case it was
/// misconfigured for a while. Attempts that met an outage do not count.
pub const MAX_REFUSALS: u32 = 3;

/// The share of a pause that is left to chance, so that many deliveries do not come at once.
const JITTER: f64 = 0.1;

/// When the next attempt is due after attempt number `attempt` failed; `None` when it was the last. `unit` is random, in
/// `0..1`; a receiver that asks for a longer pause gets it.
pub fn next_attempt(attempt: u32, now: DateTime<Utc>, asked: Option<TimeDelta>, unit: f64) -> Option<DateTime<Utc>> {
    let index = usize::try_from(attempt.max(1)).ok()? - 1;
    let pause = *PAUSES.get(index)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a fraction of at most a day")]
    let shortened = (pause.num_milliseconds() as f64 * JITTER * unit) as i64;
    let pause = pause - TimeDelta::milliseconds(shortened);
    Some(now + pause.max(asked.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn pauses_grow_to_a_day_and_end_after_72_hours() {
        let mut at = NOW;
        let mut attempts = 1;
        while let Some(next) = next_attempt(attempts, at, None, 0.0) {
            assert!(next > at);
            (at, attempts) = (next, attempts + 1);
        }
        assert_eq!(attempts, 9);
        let lasted = at - NOW;
        assert!(lasted > TimeDelta::hours(71) && lasted <= TimeDelta::hours(72), "{lasted}");
    }

    #[test]
    fn chance_shortens_a_pause_by_a_tenth_at_most() {
        assert_eq!(next_attempt(1, NOW, None, 0.0), Some(NOW + TimeDelta::seconds(30)));
        assert_eq!(next_attempt(1, NOW, None, 1.0), Some(NOW + TimeDelta::seconds(27)));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time() {
        let asked = Some(TimeDelta::minutes(5));
        assert_eq!(next_attempt(1, NOW, asked, 0.0), Some(NOW + TimeDelta::minutes(5)));
        assert_eq!(next_attempt(4, NOW, asked, 0.0), Some(NOW + TimeDelta::hours(1)));
    }
}
