//! The two snapshots of a report where the baseline is not named: those of a month, or of the month of a snapshot.

use super::{Baseline, Calendar, MAX_WAIT, NoSnapshot, NothingChosen, Reason, Span, select};
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use chrono::{DateTime, Utc};

/// Two snapshots, and the period that they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reviewed<'a> {
    /// The snapshot reported on.
    pub current: &'a Snapshot,
    /// The one it is compared with.
    pub since: Option<&'a Snapshot>,
    /// The period.
    pub period: ReviewPeriod,
}

/// How two snapshots stand for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewPeriod {
    /// The period.
    pub span: Span,
    /// What stands for its beginning.
    pub baseline: Baseline,
    /// What stands for its end.
    pub end: EndOfPeriod,
    /// Whether a snapshot that stands for its end may still come.
    pub provisional: bool,
}

/// What the snapshot reported on is to the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfPeriod {
    /// The complete snapshot that the rule chooses.
    Complete,
    /// The same, and the period before ends with it as well.
    SameAsBefore,
    /// The latest one, which is incomplete: the period has no complete one of its own.
    Incomplete,
    /// Another one within the period, which was asked for.
    Within,
}

impl ReviewPeriod {
    /// The period by name, unless the snapshot reported on is only one within it.
    pub fn name(&self) -> Option<String> {
        (self.end != EndOfPeriod::Within).then(|| self.span.to_string())
    }

    /// What a reader has to know about the choice, as sentences.
    pub fn remarks(&self) -> Vec<String> {
        let span = self.span;
        let mut remarks = Vec::new();
        if self.provisional {
            let until = to_seconds(span.end + MAX_WAIT);
            remarks.push(format!(
                "The period {span} is provisional: a complete snapshot before {until} can still stand for its end."
            ));
        }
        match self.end {
            EndOfPeriod::SameAsBefore => remarks.push(format!(
                "The period {span} has no complete snapshot of its own: it ends with the one with which the period before ends."
            )),
            EndOfPeriod::Incomplete => remarks.push(format!(
                "The period {span} has no complete snapshot of its own: the latest one stands for its end, although it is incomplete."
            )),
            EndOfPeriod::Complete | EndOfPeriod::Within => {}
        }
        if self.baseline == Baseline::First {
            remarks.push(format!(
                "No complete snapshot stands for the end of the period before {span}: the first complete one takes its place."
            ));
        }
        remarks
    }
}

/// The snapshots of a review: of the month of a snapshot that is named, or of the month that is reviewed by default.
pub fn review<'a>(
    snapshots: &'a [Snapshot],
    contract: ContractNumber,
    as_of: Option<&str>,
    calendar: Calendar,
) -> Result<Reviewed<'a>, NoSnapshot> {
    let failed = |reason| NoSnapshot { asked: as_of.unwrap_or("latest").to_owned(), reason };
    let latest = snapshots.last().ok_or_else(|| failed(Reason::None(contract)))?;
    let absurd = || failed(Reason::Unknown { contract, count: snapshots.len() });
    let Some(asked) = as_of else {
        let span = Span::of_default(latest, calendar.zone).ok_or_else(absurd)?;
        return Ok(match review_span(snapshots, span, calendar.now) {
            Ok(reviewed) if latest.is_complete() || reviewed.period.end == EndOfPeriod::Complete => reviewed,
            _ => of_snapshot(snapshots, span, latest, calendar.now),
        });
    };
    let selected = select(snapshots, contract, asked, calendar)?;
    let current = selected.snapshot;
    let span = selected.month.or_else(|| Span::month_of(current, snapshots, calendar.zone)).ok_or_else(absurd)?;
    Ok(of_snapshot(snapshots, span, current, calendar.now))
}

/// The snapshots that stand for a period.
pub fn review_span(snapshots: &[Snapshot], span: Span, now: DateTime<Utc>) -> Result<Reviewed<'_>, NothingChosen> {
    Ok(of_snapshot(snapshots, span, span.choose(snapshots, now)?.end, now))
}

fn of_snapshot<'a>(snapshots: &'a [Snapshot], span: Span, current: &'a Snapshot, now: DateTime<Utc>) -> Reviewed<'a> {
    let chosen = span.choose(snapshots, now);
    let own = chosen.as_ref().ok().filter(|chosen| chosen.end.seq == current.seq);
    let end = match own {
        Some(chosen) if chosen.ends_with_period_before() => EndOfPeriod::SameAsBefore,
        Some(_) => EndOfPeriod::Complete,
        None if current.is_complete() => EndOfPeriod::Within,
        None if chosen.is_ok_and(|chosen| !chosen.ends_with_period_before()) => EndOfPeriod::Within,
        None => EndOfPeriod::Incomplete,
    };
    let provisional = match (own, chosen) {
        (Some(own), _) => own.provisional,
        (None, Err(nothing)) => nothing.may_come,
        (None, Ok(chosen)) => end == EndOfPeriod::Incomplete && chosen.provisional,
    };
    let (since, baseline) = span.baseline(snapshots, current);
    Reviewed { current, since, period: ReviewPeriod { span, baseline, end, provisional } }
}
