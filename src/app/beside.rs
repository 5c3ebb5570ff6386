//! Up to when it counts what is recorded beside the snapshots that a report shows.

use chrono::{DateTime, Utc};

use crate::domain::period::{Calendar, end_named};
use crate::domain::snapshot::Snapshot;

/// Up to when what is recorded beside a snapshot counts: to the instant or the end of the day that was asked for, else to
/// when the next snapshot was begun, else to now. Never beyond now.
pub fn counted_until(
    asked: Option<&str>,
    current: &Snapshot,
    snapshots: &[Snapshot],
    calendar: Calendar,
) -> DateTime<Utc> {
    let next = snapshots.iter().find(|one| one.seq > current.seq).map(|next| next.started);
    let named = asked.and_then(|asked| end_named(asked, calendar));
    named.or(next).map_or(calendar.now, |until| until.min(calendar.now))
}
