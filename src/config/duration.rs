//! Durations as people write them: a whole number and one unit, such as `5s`, `2m` or `90d`.

use std::time::Duration;

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number and a unit out of ms, s, m, h, d, w, such as \"30s\" or \"90d\"")]
pub struct DurationError;

/// Reads `5s`, `2m`, `90d`. No blanks, no fractions, no sums, no sign; zero needs a unit as well.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| DurationError)?;
    let (_, milliseconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(DurationError)?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or(DurationError)
}

/// Writes a duration in the largest unit that divides it, weeks left out because nobody counts in them:
/// `120s` and `2m` both come out as `2m`. Parts below a millisecond are cut.
pub fn show(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, milliseconds) = UNITS
        .into_iter()
        .skip(1)
        .find(|(_, milliseconds)| total != 0 && total.is_multiple_of(*milliseconds))
        .unwrap_or(("s", 1000));
    format!("{}{unit}", total / milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, milliseconds: u64, shown: &str) {
        let duration = parse(text).expect("a duration");
        assert_eq!(duration, Duration::from_millis(milliseconds));
        assert_eq!(show(duration), shown);
        assert_eq!(parse(shown), Ok(duration));
    }

    #[test]
    fn a_number_and_a_unit_is_a_duration() {
        check("250ms", 250, "250ms");
        check("5s", 5000, "5s");
        check("0s", 0, "0s");
        check("2m", 120_000, "2m");
        check("36h", 129_600_000, "36h");
        check("90d", 7_776_000_000, "90d");
        check("1w", 604_800_000, "7d");
    }

    #[test]
    fn equal_durations_are_shown_equally() {
        check("120s", 120_000, "2m");
        check("1500ms", 1500, "1500ms");
        check("3000ms", 3000, "3s");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5h",
            "1h30m",
            "5S",
            "5min",
            "99999999999999999999s",
            "18446744073709551615w",
        ] {
            assert_eq!(parse(text), Err(DurationError), "{text}");
        }
    }
}
