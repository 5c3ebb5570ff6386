//! The budgets, as data: what is measured, in which unit, and which figure is good enough.

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Seconds,
    Milliseconds,
    Mebibytes,
    Kibibytes,
    Bytes,
    Times,
    Percent,
}

/// Which figures are good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    AtMost(f64),
    AtLeast(f64),
    /// At most what the measurement computes, for example from a number of requests.
    AtMostComputed,
    /// Exactly what the measurement computes.
    Exactly,
    /// Nothing was promised; the figure is shown for what it explains.
    Shown,
}

/// One budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// The name by which measurements find it, with the part that measures it before the dot.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    pub(crate) rule: Rule,
}

const fn budget(name: &'static str, what: &'static str, unit: Unit, rule: Rule) -> Budget {
    Budget { name, what, unit, rule }
}

use Rule::{AtLeast, AtMost, AtMostComputed, Exactly, Shown};
use Unit::{Bytes, Count, Kibibytes, Mebibytes, Milliseconds, Percent, Seconds, Times};

/// All of them, in the order of the table. They are for contract L: 10,000 users, 500 groups, 100,000 memberships, 50,000
/// shares, 20,000 keys, 20,000 owned resources.
pub(crate) const BUDGETS: &[Budget] = &[
    budget("help.wall", "`keyholder --help`, median of 20", Milliseconds, AtMost(20.0)),
    budget("help.cpu", "… CPU", Milliseconds, Shown),
    budget("collect.requests", "requests of a collection: exactly its plan", Count, Exactly),
    budget("collect.cpu", "CPU of a first `collect`, store included", Seconds, Shown),
    budget("collect.walk", "… of it the walk alone: requests, decoding", Seconds, Shown),
    budget("collect.peak", "peak memory of a first `collect`", Mebibytes, AtMost(48.0)),
    budget("collect.file", "the file after it", Mebibytes, Shown),
    budget("collect.again", "CPU of `collect` on an unchanged day", Seconds, Shown),
    budget("collect.again-peak", "… its peak memory", Mebibytes, Shown),
    budget("collect.churn", "CPU of `collect` on a day with 0.1 % churn", Seconds, Shown),
    budget("collect.sdk", "CPU of the Python SDK's walk, 16 threads, against `collect`", Times, AtLeast(100.0)),
    budget("collect.sdk-one", "… of the SDK's walk one by one", Times, Shown),
    budget("collect.sdk-peak", "peak memory of the SDK's walk against `collect`", Times, Shown),
    budget("collect.urllib3", "CPU of urllib3 + json, 16 threads, against `collect`", Times, AtLeast(10.0)),
    budget("latency.20", "wall of `collect` at 20 ms, 64 connections", Seconds, AtMostComputed),
    budget("latency.80", "wall of `collect` at 80 ms, 64 connections", Seconds, AtMostComputed),
    budget("faults.wall", "wall with 0.1 % 503 and 0.1 % 429, against the fault-free", Times, AtMost(1.10)),
    budget("faults.lost", "scopes lost to those faults", Count, AtMost(0.0)),
    budget("faults.bucket", "of a bucket of 50 requests/s, what is used", Percent, AtLeast(95.0)),
    budget("faults.refused", "… answers that were 429", Percent, AtMost(1.0)),
    budget("days.first", "sealing a first snapshot, CPU", Milliseconds, Shown),
    budget("days.unchanged", "an unchanged day beyond its walk, CPU", Milliseconds, AtMost(5.0)),
    budget("days.unchanged-facts", "… facts written", Count, AtMost(0.0)),
    budget("days.unchanged-bytes", "… bytes of the file per such day", Kibibytes, AtMost(16.0)),
    budget("days.churn", "a day with 0.1 % churn beyond its walk, CPU", Milliseconds, AtMost(20.0)),
    budget(
        "days.year",
        "the file after all those days (366 unless asked otherwise), against the first snapshot",
        Times,
        AtMost(1.6),
    ),
    budget("days.change", "bytes per change", Bytes, AtMost(48.0)),
    budget("days.readers", "a reader during seals, 99 of 100 answers within", Milliseconds, AtMost(2.0)),
    budget("diff.neighbours", "diff of neighbouring days, names resolved", Milliseconds, AtMost(0.5)),
    budget("diff.any", "diff of the first and the last day", Milliseconds, AtMost(60.0)),
    budget("diff.key", "… per changed fact", Milliseconds, Shown),
    budget("diff.except", "`EXCEPT` over full copies against the diff of neighbours", Times, Shown),
    budget("diff.process", "`keyholder diff` of the first and the last day, CPU", Seconds, Shown),
    budget("diff.process-peak", "… its peak memory", Mebibytes, Shown),
    budget("past.state", "state of a past day, equal to what was sealed", Milliseconds, AtMost(100.0)),
    budget("past.group", "members of one group on a past day", Milliseconds, AtMost(0.1)),
    budget("review.csv", "access review as CSV, CPU", Seconds, AtMost(3.0)),
    budget("review.csv-peak", "… its peak memory", Mebibytes, AtMost(128.0)),
    budget("review.rows", "… its rows", Count, Shown),
    budget("review.html", "access review as HTML, CPU", Seconds, AtMost(3.0)),
    budget("review.html-peak", "… its peak memory", Mebibytes, AtMost(128.0)),
    budget("review.html-size", "… its size", Mebibytes, Shown),
    budget("review.python", "rows per CPU second, against Python's csv over sqlite3", Times, AtLeast(10.0)),
    budget("million.peak", "peak memory of a collection of 1 M memberships", Mebibytes, AtMost(96.0)),
];

/// The budget of that name.
pub(crate) fn named(name: &str) -> Option<&'static Budget> {
    BUDGETS.iter().find(|budget| budget.name == name)
}
