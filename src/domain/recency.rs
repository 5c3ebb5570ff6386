//! How recent a snapshot is: when the next one was due, and what happened beside it that it cannot show.
//!
//! Pure. A comparison of two snapshots says nothing of the runs that made none; this does.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::id::ContractNumber;
use super::period::{Calendar, Span, end_named};
use super::snapshot::Snapshot;
use super::time::to_seconds;
use super::untrusted::visible_within;

/// So many of the latest intervals between complete snapshots say how often a contract is collected.
const MAX_INTERVALS: usize = 5;

/// Characters of the reason of a failed attempt that are shown.
const MAX_REASON_CHARS: usize = 200;

/// Since when and up to when what happened beside the snapshots counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The snapshot after which it happened: the latest where no snapshot was named.
    pub after: Snapshot,
    /// The instant or the end of the day that was asked for, else when the next snapshot was begun, else now.
    pub until: DateTime<Utc>,
    /// Whether the snapshot stands for the present or for a time. One that was named by its number or label, or that ends a
    /// month that was named, is what it is, however old.
    pub is_present: bool,
    /// Whether it counts up to the next snapshot.
    pub is_followed: bool,
}

impl Horizon {
    /// That of a snapshot out of all, and the word that named it. Without a word, what happened up to now counts.
    pub fn of(asked: Option<&str>, current: &Snapshot, snapshots: &[Snapshot], calendar: Calendar) -> Self {
        let after = if asked.is_none() { snapshots.last().unwrap_or(current) } else { current };
        let next = snapshots.iter().find(|one| one.seq > after.seq).map(|next| next.started);
        let instant = asked.and_then(|asked| end_named(asked, calendar));
        let until = instant.or(next).map_or(calendar.now, |until| until.min(calendar.now));
        let lacks_end =
            |asked: &str| Span::month(asked, calendar.zone).is_some_and(|month| after.finished < month.last_day);
        let is_latest = asked.is_none_or(|asked| asked == "latest" || lacks_end(asked)) && next.is_none();
        Self {
            after: after.clone(),
            until,
            is_present: is_latest || instant.is_some(),
            is_followed: instant.is_none() && next.is_some(),
        }
    }
}

/// What happened after a snapshot that no snapshot shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recency {
    /// When the run of the snapshot ended.
    pub collected: DateTime<Utc>,
    /// Whether this is what happened before the next snapshot.
    pub is_followed: bool,
    /// By when the next complete snapshot was due; `None` if it has come, or is not due yet.
    pub overdue_since: Option<DateTime<Utc>>,
    /// Attempts that ended without a snapshot.
    pub failed: Option<FailedAttempts>,
    /// A schedule that made snapshots of the contract and has missed runs.
    pub stopped: Option<StoppedSchedule>,
    /// Another contract that is collected in its place.
    pub replaced: Option<OtherContract>,
}

/// Attempts to collect a contract that ended without a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempts {
    /// How many.
    pub count: u64,
    /// When the first began.
    pub first: DateTime<Utc>,
    /// When the last began.
    pub last: DateTime<Utc>,
    /// Why the last one failed.
    pub reason: String,
}

/// A schedule whose runs did not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedSchedule {
    /// What the runs of the schedule are recorded under.
    pub name: String,
    /// How many runs were missed.
    pub missed: u64,
    /// The first instant that was missed.
    pub since: DateTime<Utc>,
}

/// A contract that the credentials see now, where they saw this one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherContract {
    /// Its number.
    pub number: ContractNumber,
    /// How many snapshots it has.
    pub snapshots: u64,
    /// When the first of them was sealed.
    pub since: DateTime<Utc>,
}

impl Recency {
    /// A snapshot of that time beside which nothing happened.
    pub fn recent(collected: DateTime<Utc>) -> Self {
        Self { collected, is_followed: false, overdue_since: None, failed: None, stopped: None, replaced: None }
    }

    /// Whether the snapshot is older than its period: the next one should be there and is not.
    pub fn is_outdated(&self) -> bool {
        self.overdue_since.is_some() || self.stopped.is_some() || self.replaced.is_some()
    }

    /// What happened, one sentence each; none if nothing did.
    pub fn sentences(&self) -> Vec<String> {
        let failed = self.failed.as_ref().map(|failed| {
            let collected = to_seconds(self.collected);
            if self.is_followed {
                format!("Between the snapshot of {collected} and the next one, {failed}")
            } else {
                format!("Nothing could be collected since {collected}: {failed}")
            }
        });
        let overdue = self
            .overdue_since
            .map(|due| format!("The next complete snapshot was due by {} and has not come", to_seconds(due)));
        let stopped = self.stopped.as_ref().map(|StoppedSchedule { name, missed, since }| {
            let runs = if *missed == 1 { "run" } else { "runs" };
            let name = visible_within(name, MAX_REASON_CHARS);
            format!("The schedule {name} has missed {missed} {runs} since {}", to_seconds(*since))
        });
        let replaced = self.replaced.map(|OtherContract { number, snapshots, since }| {
            let noun = if snapshots == 1 { "snapshot" } else { "snapshots" };
            let since = to_seconds(since);
            format!("Another contract than before is collected since {since}: contract {number}, {snapshots} {noun}")
        });
        [failed, overdue, stopped, replaced].into_iter().flatten().collect()
    }
}

impl fmt::Display for FailedAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, first, last, reason } = self;
        let (first, last, reason) = (to_seconds(*first), to_seconds(*last), visible_within(reason, MAX_REASON_CHARS));
        if *count == 1 {
            return write!(f, "1 attempt failed on {last}, with: {reason}");
        }
        write!(f, "{count} attempts failed from {first} to {last}, the last with: {reason}")
    }
}

/// By when a snapshot is due after the last complete one: within one and a half times the usual interval between complete
/// snapshots, but not before the contract counts as overdue anyway. `None` without a complete snapshot.
pub fn next_due(snapshots: &[Snapshot], overdue_after: TimeDelta) -> Option<DateTime<Utc>> {
    let complete: Vec<DateTime<Utc>> =
        snapshots.iter().filter(|one| one.is_complete()).map(|one| one.finished).collect();
    let last = *complete.last()?;
    let mut intervals: Vec<TimeDelta> =
        complete.windows(2).rev().take(MAX_INTERVALS).map(|pair| pair[1] - pair[0]).collect();
    intervals.sort_unstable();
    let usual = intervals.get(intervals.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    last.checked_add_signed(overdue_after.max(usual + usual / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::snapshot::RunState;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn snapshot((seq, (day, state)): (u32, &(i64, RunState))) -> Snapshot {
        Snapshot::made_up(seq, *state, at(*day))
    }

    /// Hours after the last complete snapshot, collected on these days.
    #[track_caller]
    fn check(days: &[(i64, RunState)], expected: Option<i64>) {
        let snapshots: Vec<Snapshot> = (1..).zip(days).map(snapshot).collect();
        let last = days.iter().rev().find(|(_, state)| *state == RunState::Complete);
        let due = next_due(&snapshots, TimeDelta::hours(36));
        assert_eq!(due.zip(last).map(|(due, (day, _))| (due - at(*day)).num_hours()), expected);
    }

    fn complete(days: &[i64]) -> Vec<(i64, RunState)> {
        days.iter().map(|day| (*day, RunState::Complete)).collect()
    }

    #[test]
    fn the_usual_interval_says_when_the_next_snapshot_is_due() {
        check(&complete(&[0]), Some(36));
        check(&complete(&[0, 1, 2]), Some(36));
        check(&complete(&[0, 30, 61]), Some(45 * 24));
        check(&complete(&[0, 1, 2, 3, 40]), Some(36));
        check(&complete(&[0, 7, 14, 14]), Some(7 * 36));
        check(&[], None);
    }

    #[test]
    fn only_complete_snapshots_count() {
        check(&[(0, RunState::Partial)], None);
        check(&[(0, RunState::Complete), (1, RunState::Complete), (9, RunState::Partial)], Some(36));
    }

    #[test]
    fn each_thing_that_happened_is_a_sentence() {
        let mut recency = Recency::recent(at(0));
        assert!(!recency.is_outdated() && recency.sentences().is_empty());
        recency.failed =
            Some(FailedAttempts { count: 3, first: at(1), last: at(3), reason: "refused\u{202e}".to_owned() });
        assert!(!recency.is_outdated(), "the next snapshot may still come in time");
        let [failed] = recency.sentences().try_into().expect("one sentence");
        assert_eq!(
            failed,
            "Nothing could be collected since 1970-01-01T00:00:00Z: 3 attempts failed from 1970-01-02T00:00:00Z to \
             1970-01-04T00:00:00Z, the last with: refused⟨U+202E⟩"
        );
        recency.overdue_since = Some(at(2));
        recency.stopped = Some(StoppedSchedule { name: "collect of a".to_owned(), missed: 1, since: at(2) });
        recency.replaced = Some(OtherContract { number: ContractNumber(5), snapshots: 2, since: at(2) });
        assert!(recency.is_outdated());
        assert_eq!(recency.sentences().len(), 4);
    }
}
