//! Instants as the API writes them: with `Z`, with an offset, without a zone (UTC), with or without a fraction, `T` or blank.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};

/// Reads an instant; `None` for anything that is none.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    if !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(digits(&bytes[..4])?).ok()?,
        digits(&bytes[5..7])?,
        digits(&bytes[8..10])?,
    )?;
    let (nanos, rest) = fraction(&bytes[19..])?;
    let at = date.and_hms_nano_opt(digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?, nanos)?;
    in_zone(at, rest)
}

/// Reads what stands behind the seconds and the fraction.
fn in_zone(at: NaiveDateTime, zone: &[u8]) -> Option<DateTime<Utc>> {
    let (sign, hours, minutes) = match zone {
        [] | [b'Z' | b'z'] => return Some(at.and_utc()),
        [sign @ (b'+' | b'-'), hours @ ..] => match hours {
            [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (*sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
            [h1, h2] => (*sign, digits(&[*h1, *h2])?, 0),
            _ => return None,
        },
        _ => return None,
    };
    if minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    let offset = if sign == b'-' { FixedOffset::west_opt(seconds)? } else { FixedOffset::east_opt(seconds)? };
    at.and_local_timezone(offset).single().map(|at| at.with_timezone(&Utc))
}

/// Nanoseconds of a fraction, and what follows it. More than nine digits are cut off.
fn fraction(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let Some((b'.' | b',', rest)) = bytes.split_first() else {
        return Some((0, bytes));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let kept = length.min(9);
    let scale = 10_u32.pow(u32::try_from(9 - kept).ok()?);
    Some((digits(&rest[..kept])? * scale, &rest[length..]))
}

/// A number of at most nine digits.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum: u32, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

    use super::*;

    fn check(text: &str, expected: &str) {
        let read = parse(text).map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        assert_eq!(read.as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn every_documented_form_is_read() {
        check("2020-02-21T13:17:16Z", "2020-02-21T13:17:16Z");
        check("2023-05-31T13:49:52", "2023-05-31T13:49:52Z");
        check("2015-12-04 14:34:09.809000+00:00", "2015-12-04T14:34:09.809Z");
        check("2015-12-04T14:34:09.809Z", "2015-12-04T14:34:09.809Z");
        check("2015-12-04T14:34:09+02:00", "2015-12-04T12:34:09Z");
        check("2015-12-04T14:34:09-0130", "2015-12-04T16:04:09Z");
        check("2015-12-04T23:34:09-01", "2015-12-05T00:34:09Z");
        check("2015-12-04T14:34:09.1234567891234Z", "2015-12-04T14:34:09.123456789Z");
        check("2015-12-04T14:34:09.5", "2015-12-04T14:34:09.500Z");
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "never",
            "2020-02-21",
            "2020-02-21T13:17",
            "2020-02-30T13:17:16Z",
            "2020-13-01T13:17:16Z",
            "2020-02-21T25:17:16Z",
            "2020-02-21T13:17:16.Z",
            "2020-02-21T13:17:16+2",
            "2020-02-21T13:17:16+02:99",
            "2020-02-21T13:17:16 UTC",
            "2020-02-21T13:17:16ZZ",
            "2020-0a-21T13:17:16Z",
            "ä020-02-21T13:17:16Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
