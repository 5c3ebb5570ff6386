//! The plan under virtual time: years, zones, clock changes, clocks that are wrong, processes that die.

use std::time::Duration;

use super::*;
use crate::domain::job::{Begun, LastRun};

/// The state that a store would keep, and what was run.
struct Record {
    jobs: Vec<PlannedJob>,
    states: BTreeMap<JobId, JobState>,
    runs: Vec<(String, DateTime<Utc>)>,
    passed: Vec<JobRun>,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn job(name: &str, expression: &str, zone: &str, jitter: Duration) -> PlannedJob {
    PlannedJob {
        id: JobId { name: name.to_owned(), contract: String::new() },
        schedule: Schedule::parse(expression, zone, jitter).expect("a schedule"),
    }
}

impl Record {
    /// Jobs that are first seen at that time.
    fn of(jobs: Vec<PlannedJob>, now: DateTime<Utc>) -> Self {
        let mut record = Self { jobs, states: BTreeMap::new(), runs: Vec::new(), passed: Vec::new() };
        record.see(now);
        record
    }

    fn see(&mut self, now: DateTime<Utc>) {
        for job in &self.jobs {
            let schedule = job.schedule.to_string();
            let new = JobState { schedule, since: now, nominal: None, begun: None, last: None };
            self.states.entry(job.id.clone()).or_insert(new);
        }
    }

    /// Runs what is due at that time, each for that long.
    fn tick(&mut self, now: DateTime<Utc>, lasts: TimeDelta) {
        let plan = plan(&self.jobs, &self.states, now);
        for id in &plan.ahead {
            let state = self.states.get_mut(id).expect("seen");
            (state.since, state.nominal) = (now, None);
        }
        for run in &plan.passed {
            self.states.get_mut(&run.job).expect("seen").nominal = Some(run.nominal);
        }
        self.passed.extend(plan.passed);
        for due in plan.due {
            self.runs.push((due.job.name.clone(), due.nominal));
            let state = self.states.get_mut(&due.job).expect("seen");
            state.nominal = Some(due.nominal);
            state.last = Some(LastRun {
                nominal: due.nominal,
                started: now,
                finished: now + lasts,
                outcome: JobOutcome::Done,
                detail: String::new(),
            });
        }
    }

    /// Ticks from one instant to another; every restart forgets nothing, because nothing but the record is kept.
    fn ticks(&mut self, from: DateTime<Utc>, to: DateTime<Utc>, step: TimeDelta) {
        let mut now = from;
        while now <= to {
            self.tick(now, TimeDelta::zero());
            now += step;
        }
    }

    /// Expects that each nominal instant of the span ran exactly once, and none was missed.
    #[track_caller]
    fn check_each_ran_once(&self, from: DateTime<Utc>, to: DateTime<Utc>) {
        assert_eq!(self.passed, []);
        for job in &self.jobs {
            let expected: Vec<_> = job.schedule.instants_in(from, to).collect();
            let ran: Vec<_> =
                self.runs.iter().filter(|(name, _)| *name == job.id.name).map(|(_, nominal)| *nominal).collect();
            assert_eq!(ran, expected, "{}", job.id);
        }
    }

    fn count(&self, outcome: JobOutcome) -> u64 {
        self.passed.iter().filter(|run| run.outcome == outcome).map(|run| run.instants).sum()
    }
}

#[test]
fn a_year_in_four_zones_runs_each_instant_once() {
    let jobs = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
        .into_iter()
        .flat_map(|zone| {
            let jitter = Duration::from_mins(10);
            [
                job(&format!("nightly {zone}"), "30 2 * * *", zone, jitter),
                job(&format!("hourly {zone}"), "45 * * * *", zone, Duration::ZERO),
                job(&format!("monthly {zone}"), "@monthly", zone, jitter),
            ]
        })
        .collect();
    let (from, to) = (at("2026-01-01T12:00:00Z"), at("2027-01-01T12:45:00Z"));
    let mut record = Record::of(jobs, from);
    record.ticks(from, to, TimeDelta::minutes(29));
    record.check_each_ran_once(from, to - TimeDelta::minutes(45));
    assert_eq!(record.runs.iter().filter(|(name, _)| name == "nightly Europe/Berlin").count(), 365);
}

#[test]
fn both_clock_changes_run_every_half_hour_once() {
    for (zone, day) in [
        ("Europe/Berlin", "2026-03-28T22:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("America/New_York", "2026-03-08T04:00:00Z"),
        ("America/New_York", "2026-11-01T03:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00Z"),
    ] {
        let (from, to) = (at(day), at(day) + TimeDelta::hours(8));
        let mut record = Record::of(vec![job("steps", "*/30 * * * *", zone, Duration::ZERO)], from);
        record.ticks(from, to, TimeDelta::seconds(5));
        record.check_each_ran_once(from, to);
        assert_eq!(record.runs.len(), 16, "{zone} on {day}");
    }
}

#[test]
fn forty_missed_runs_are_caught_up_once_and_listed() {
    let from = at("2026-01-01T12:00:00Z");
    let mut record = Record::of(vec![job("nightly", "0 3 * * *", "UTC", Duration::ZERO)], from);
    record.ticks(from, from + TimeDelta::days(2), TimeDelta::minutes(10));
    let back = from + TimeDelta::days(43);
    record.tick(back, TimeDelta::zero());
    let nominal: Vec<_> = record.runs.iter().map(|(_, nominal)| nominal.to_rfc3339()).collect();
    assert_eq!(nominal, ["2026-01-02T03:00:00+00:00", "2026-01-03T03:00:00+00:00", "2026-02-13T03:00:00+00:00"]);
    assert_eq!(record.count(JobOutcome::Missed), 40);
    assert!(record.passed.iter().all(|run| run.instants == 1 && run.finished == back));
    record.tick(back, TimeDelta::zero());
    assert_eq!((record.runs.len(), record.passed.len()), (3, 40));
}

#[test]
fn a_clock_back_an_hour_repeats_no_instant() {
    let from = at("2026-06-01T00:00:30Z");
    let jobs = vec![job("often", "*/15 * * * *", "UTC", Duration::from_mins(5))];
    let mut record = Record::of(jobs, from);
    let turned = from + TimeDelta::hours(10);
    record.ticks(from, turned, TimeDelta::seconds(30));
    let end = turned + TimeDelta::hours(5);
    record.ticks(turned - TimeDelta::hours(1), end, TimeDelta::seconds(30));
    record.check_each_ran_once(from, end - TimeDelta::minutes(5));
}

#[test]
fn a_clock_ahead_by_a_year_catches_up_once() {
    let from = at("2026-01-01T12:00:00Z");
    let mut record = Record::of(vec![job("nightly", "0 3 * * *", "Europe/Berlin", Duration::ZERO)], from);
    record.ticks(from, from + TimeDelta::days(1), TimeDelta::minutes(10));
    record.tick(from + TimeDelta::days(366), TimeDelta::zero());
    assert_eq!((record.runs.len(), record.count(JobOutcome::Missed)), (2, 364));
}

#[test]
fn a_clock_that_was_a_year_ahead_does_not_stop_the_job() {
    let from = at("2026-01-01T12:00:00Z");
    let mut record = Record::of(vec![job("nightly", "0 3 * * *", "UTC", Duration::ZERO)], from);
    record.tick(from + TimeDelta::days(365), TimeDelta::zero());
    let before = record.runs.len();
    record.ticks(from, from + TimeDelta::days(3), TimeDelta::minutes(10));
    assert_eq!(record.runs.len() - before, 3);
}

#[test]
fn a_year_of_missed_minutes_is_counted() {
    let from = at("2026-01-01T00:00:00Z");
    let mut record = Record::of(vec![job("minutely", "* * * * *", "Europe/Berlin", Duration::ZERO)], from);
    record.tick(from + TimeDelta::days(365), TimeDelta::zero());
    assert_eq!(record.count(JobOutcome::Missed), 365 * 24 * 60 - 1);
    assert_eq!((record.runs.len(), record.passed.len()), (1, MAX_LISTED + 1));
    let last = record.passed.last().expect("counted");
    assert_eq!(
        last.detail,
        "524599 instants without a run, counted from here on".replace("524599", &last.instants.to_string())
    );
}

#[test]
fn a_new_job_has_no_instants_before_it_was_seen() {
    let seen = at("2026-06-01T03:00:00.5Z");
    let mut record = Record::of(vec![job("nightly", "0 3 * * *", "UTC", Duration::ZERO)], seen);
    record.tick(seen, TimeDelta::zero());
    record.tick(seen + TimeDelta::hours(23), TimeDelta::zero());
    assert_eq!((record.runs.len(), record.passed.len()), (0, 0));
    record.tick(at("2026-06-02T03:00:00Z"), TimeDelta::zero());
    assert_eq!(record.runs.len(), 1);
}

#[test]
fn a_job_that_is_not_recorded_has_nothing_due() {
    let jobs = [job("nightly", "* * * * *", "UTC", Duration::ZERO)];
    assert_eq!(plan(&jobs, &BTreeMap::new(), at("2026-06-01T03:00:00Z")), Plan::default());
}

#[test]
fn instants_during_the_previous_run_are_skipped_not_missed() {
    let from = at("2026-06-01T00:00:00Z");
    let mut record = Record::of(vec![job("often", "*/10 * * * *", "UTC", Duration::ZERO)], from);
    record.tick(from + TimeDelta::minutes(10), TimeDelta::minutes(35));
    record.tick(from + TimeDelta::minutes(45), TimeDelta::zero());
    let nominal: Vec<_> = record.runs.iter().map(|(_, nominal)| (*nominal - from).num_minutes()).collect();
    assert_eq!((nominal, record.count(JobOutcome::Skipped), record.count(JobOutcome::Missed)), (vec![10, 40], 2, 0));
}

#[test]
fn a_run_waits_for_its_delay_and_every_process_waits_as_long() {
    let from = at("2026-06-01T00:00:00Z");
    let delayed = job("delayed", "@hourly", "UTC", Duration::from_mins(50));
    let nominal = at("2026-06-01T01:00:00Z");
    let start = delayed.schedule.start_of("delayed", nominal);
    assert!(start > nominal);
    let record = Record::of(vec![delayed], from);
    let early = plan(&record.jobs, &record.states, start - TimeDelta::milliseconds(1));
    let [first, second] = [(); 2].map(|()| plan(&record.jobs, &record.states, start));
    assert_eq!((early, &first), (Plan::default(), &second));
    assert_eq!(first.due, [Due { job: record.jobs[0].id.clone(), nominal, start }]);
}

#[test]
fn a_run_that_kills_the_process_is_given_up() {
    let from = at("2026-06-01T00:00:00Z");
    let mut record = Record::of(vec![job("deadly", "@hourly", "UTC", Duration::ZERO)], from);
    let (now, id) = (at("2026-06-01T01:00:00Z"), record.jobs[0].id.clone());
    for attempts in 1..=MAX_ATTEMPTS {
        assert_eq!(plan(&record.jobs, &record.states, now).due.len(), 1);
        record.states.get_mut(&id).expect("seen").begun = Some(Begun { nominal: now, attempts });
    }
    record.tick(now, TimeDelta::zero());
    assert_eq!((record.runs.len(), record.count(JobOutcome::Failed)), (0, 1));
    record.tick(now + TimeDelta::hours(1), TimeDelta::zero());
    assert_eq!(record.runs.len(), 1);
}

#[test]
fn several_jobs_start_in_the_order_of_their_starts() {
    let from = at("2026-06-01T00:00:00Z");
    let jobs = vec![
        job("b", "0 1 * * *", "UTC", Duration::ZERO),
        job("a", "0 1 * * *", "UTC", Duration::ZERO),
        job("c", "30 0 * * *", "UTC", Duration::ZERO),
    ];
    let record = Record::of(jobs, from);
    let plan = plan(&record.jobs, &record.states, from + TimeDelta::hours(2));
    assert_eq!(plan.due.iter().map(|due| due.job.name.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
}

#[test]
fn the_next_run_is_after_all_that_is_decided() {
    let from = at("2026-06-01T00:00:00Z");
    let mut record = Record::of(vec![job("nightly", "0 3 * * *", "UTC", Duration::ZERO)], from);
    let planned = record.jobs[0].clone();
    let first = at("2026-06-01T03:00:00Z");
    assert_eq!(next(&planned, None, from), Some((first, first)));
    record.tick(first, TimeDelta::zero());
    let second = first + TimeDelta::days(1);
    let state = record.states.get(&planned.id);
    assert_eq!(next(&planned, state, first - TimeDelta::hours(1)), Some((second, second)));
}

#[test]
fn the_runs_to_come_are_those_of_the_zone() {
    let nightly = job("nightly", "30 2 * * *", "Europe/Berlin", Duration::ZERO);
    let starts: Vec<_> = upcoming(&nightly, None, at("2026-03-27T12:00:00Z")).map(|(_, start)| start).take(3).collect();
    // The clock goes forward on 29 March: half past two does not exist that day.
    assert_eq!(starts, [at("2026-03-28T01:30:00Z"), at("2026-03-29T01:00:00Z"), at("2026-03-30T00:30:00Z")]);
}
