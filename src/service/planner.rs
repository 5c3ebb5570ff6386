//! Decides what is due: a pure function of the jobs, what is recorded of them, and the time.
//!
//! It reads no clock and no database and runs nothing. The same input gives the same plan in every process.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::job::{JobId, JobOutcome, JobRun, JobState};
use crate::domain::schedule::Schedule;

/// Instants without a run that are listed one by one; what is more is counted in one entry.
pub const MAX_LISTED: usize = 1_000;

/// A run during which the process ended so often is given up.
pub const MAX_ATTEMPTS: u32 = 3;

/// A clock that goes back by less only waits until it reaches the recorded instants again. Beyond that the recorded
/// instants came from a wrong clock, and the job goes on from now.
pub const MAX_REGRESSION: TimeDelta = TimeDelta::hours(24);

/// A job with its schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedJob {
    /// Its name and contract.
    pub id: JobId,
    /// When.
    pub schedule: Schedule,
}

/// A run that is to start now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The job.
    pub job: JobId,
    /// The nominal instant that it is for.
    pub nominal: DateTime<Utc>,
    /// When it was to start: the nominal instant and the delay.
    pub start: DateTime<Utc>,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Runs that are due, at most one of each job, in the order of their starts.
    pub due: Vec<Due>,
    /// Instants that passed without a run, in order of job and instant.
    pub passed: Vec<JobRun>,
    /// Jobs whose record is ahead of the clock by more than [`MAX_REGRESSION`].
    pub ahead: Vec<JobId>,
}

/// What is due at that time. A job that is not recorded yet has nothing due: its first sight is recorded first.
pub fn plan(jobs: &[PlannedJob], states: &BTreeMap<JobId, JobState>, now: DateTime<Utc>) -> Plan {
    let mut plan = Plan::default();
    for job in jobs {
        let Some(state) = states.get(&job.id) else { continue };
        let decided = decided(state);
        if decided - now > MAX_REGRESSION {
            plan.ahead.push(job.id.clone());
            continue;
        }
        add(&mut plan, job, state, now);
    }
    plan.due.sort_by(|a, b| (a.start, &a.job).cmp(&(b.start, &b.job)));
    plan
}

/// The nominal instant and the start of the next run of a job after that time.
pub fn next(job: &PlannedJob, state: Option<&JobState>, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let from = state.map_or(now, |state| decided(state).max(now));
    let nominal = job.schedule.next_after(from)?;
    Some((nominal, start_of(job, nominal)))
}

/// The runs of a job after that time, in order.
pub fn upcoming(
    job: &PlannedJob,
    state: Option<&JobState>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
    std::iter::successors(next(job, state, now), |(nominal, _)| {
        let following = job.schedule.next_after(*nominal)?;
        Some((following, start_of(job, following)))
    })
}

/// Up to which instant everything is decided.
fn decided(state: &JobState) -> DateTime<Utc> {
    state.nominal.map_or(state.since, |nominal| nominal.max(state.since))
}

/// Adds what a job has due, and what it has missed.
fn add(plan: &mut Plan, job: &PlannedJob, state: &JobState, now: DateTime<Utc>) {
    let decided = decided(state);
    let Some(due) = newest_started(job, now).filter(|newest| *newest > decided) else { return };
    let mut passed = Vec::new();
    for nominal in job.schedule.instants_in(decided, due).take_while(|nominal| *nominal < due) {
        pass(&mut passed, job, state, nominal, now);
    }
    plan.passed.append(&mut passed);
    let attempts = state.begun.filter(|begun| begun.nominal == due).map_or(0, |begun| begun.attempts);
    if attempts >= MAX_ATTEMPTS {
        let detail = format!("given up: the process ended during each of {attempts} runs");
        plan.passed.push(JobRun { outcome: JobOutcome::Failed, detail, ..missed(job, due, now) });
    } else {
        plan.due.push(Due { job: job.id.clone(), nominal: due, start: start_of(job, due) });
    }
}

/// The newest nominal instant whose start has come. The starts have the order of the instants.
fn newest_started(job: &PlannedJob, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let newest = job.schedule.newest_until(now)?;
    if start_of(job, newest) <= now { Some(newest) } else { job.schedule.newest_until(newest - TimeDelta::seconds(1)) }
}

fn start_of(job: &PlannedJob, nominal: DateTime<Utc>) -> DateTime<Utc> {
    job.schedule.start_of(&job.id.to_string(), nominal)
}

/// Adds an instant that passed without a run; once many are listed, it is only counted.
fn pass(passed: &mut Vec<JobRun>, job: &PlannedJob, state: &JobState, nominal: DateTime<Utc>, now: DateTime<Utc>) {
    if passed.len() > MAX_LISTED {
        if let Some(counted) = passed.last_mut() {
            counted.instants += 1;
            counted.detail = format!("{} instants without a run, counted from here on", counted.instants);
        }
        return;
    }
    let overlapped = state.last.as_ref().is_some_and(|last| last.started < nominal && nominal <= last.finished);
    let run = missed(job, nominal, now);
    passed.push(if overlapped {
        let detail = "the previous run was still under way".to_owned();
        JobRun { outcome: JobOutcome::Skipped, detail, ..run }
    } else {
        run
    });
}

fn missed(job: &PlannedJob, nominal: DateTime<Utc>, now: DateTime<Utc>) -> JobRun {
    JobRun {
        job: job.id.clone(),
        nominal,
        instants: 1,
        started: None,
        finished: now,
        outcome: JobOutcome::Missed,
        detail: "not run before the next instant was due".to_owned(),
    }
}

#[cfg(test)]
mod tests;
