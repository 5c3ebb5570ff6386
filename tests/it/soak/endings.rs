//! The exit codes that are documented for each kind of distortion, where a day has no other one and it struck.

use chrono::TimeDelta;

use super::kinds::Around;

/// Nothing could have been missed: seen through.
const SEEN_THROUGH: &[u8] = &[0];

/// Nobody knows whether something is missing: a gap, unless asking again settles it, or without the contract itself nothing.
const SEEN_THROUGH_OR_NAMED: &[u8] = &[0, 9, 5];

/// Kinds that say nothing about what is there.
const HARMLESS: &[&str] = &[
    "nothing",
    "header Content-Type with a charset",
    "header Connection close",
    "header Set-Cookie",
    "header RateLimit nonsense",
    "an attribute missing",
    "an attribute null",
    "an attribute of another type",
    "an attribute is a list",
    "an attribute is a number",
    "a flag as text",
    "metadata missing",
    "another state",
    "a property of tomorrow",
    "dates to come",
    "dates before time",
    "dates without a zone",
    "dates that are none",
    "dates are numbers",
    "short pages",
    "next on another host",
    "next back to the first",
    "next to itself",
    "next as a path",
    "next is a number",
    "next missing",
    "an older copy",
    "a collector on a copy",
    "a second collector",
    "another order",
    "slow answers",
    "our clock hours ahead",
    "our clock hours behind",
];

/// Clocks that differ by more seal nothing.
const MAX_SKEW: TimeDelta = TimeDelta::hours(24);

/// The codes that a day with that distortion may end with.
pub(super) fn codes(kind: &str, around: Option<Around>) -> &'static [u8] {
    match around {
        Some(Around::OurClock(by) | Around::ServerClock(by)) if by.abs() > MAX_SKEW => return &[3],
        Some(Around::ServerClock(by)) if by.abs() < MAX_SKEW => return SEEN_THROUGH,
        Some(Around::Stop(..)) => return &[0, 143],
        _ => {}
    }
    match kind {
        "status 401" => &[4],
        "status 403 anywhere" => &[0, 9, 4],
        "header Date at the epoch" => &[0, 9, 3],
        kind if HARMLESS.contains(&kind) => SEEN_THROUGH,
        _ => SEEN_THROUGH_OR_NAMED,
    }
}
