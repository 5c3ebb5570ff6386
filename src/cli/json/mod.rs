//! The JSON of the commands that list and show, version 1, frozen: programs read it.
//!
//! A field is never renamed, removed or given another meaning; a new one may appear. That is why these structs are neither the rows
//! of tables nor the types that the program works with. What has no value is null; numbers and flags are no texts; times are RFC 3339.

mod alert;
mod check;
mod job;
mod run;
mod snapshot;

use std::io;

use serde::Serialize;

pub(super) use self::alert::{DeliveryV1, MuteV1};
pub(super) use self::check::CheckV1;
pub(super) use self::job::StatusV1;
pub(super) use self::run::RunV1;
pub(super) use self::snapshot::{Shown, SnapshotDetailV1, SnapshotV1, VerifiedV1, at_least};

/// A value as it is printed: indented, on lines of its own.
pub(super) fn pretty(value: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// A text, if there is any.
fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
