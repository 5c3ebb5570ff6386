//! Instants as text: RFC 3339 in UTC, whole seconds or milliseconds, always ending in `Z`.

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant to the second, for people and for CSV: `2026-11-23T09:30:00Z`.
pub fn to_seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An instant to the millisecond, fixed width, so that text order is time order: `2026-11-23T09:30:00.000Z`.
pub fn to_millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Whole days from one instant to a later one; never negative.
pub fn days_between(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_days().max(0)
}
