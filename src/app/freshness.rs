//! How young what is known of each contract is, by its own schedules where it has some. `status`, the alert and the metrics
//! have this one judgement.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::{COLLECT_JOB, Config, JobWork};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::job::{JobId, JobState};
use crate::domain::schedule::Schedule;
use crate::domain::time::to_seconds;
use crate::store::overview::{Newest, Recorded};
use crate::store::{Store, StoreError};

/// The contracts that are to be collected, and by when.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    contracts: Vec<ExpectedContract>,
    /// How long after the start of its next run a contract is overdue.
    grace: TimeDelta,
    /// How long after its last complete snapshot a contract without a schedule is overdue.
    overdue_after: TimeDelta,
}

/// A contract that is to be collected.
#[derive(Clone, Debug, Default)]
struct ExpectedContract {
    /// Its name; `None` for what `[api]` and `[credentials]` give, where there is no `[[contract]]`.
    name: Option<String>,
    number: Option<ContractNumber>,
    /// When the service collects it.
    schedules: Vec<(JobId, Schedule)>,
}

/// The newest snapshots of a contract, judged by their age.
#[derive(Clone, Debug)]
pub struct ContractStatus {
    /// Its name in the configuration, if it has one.
    pub name: Option<String>,
    /// Its number, if that is configured or there is a snapshot.
    pub contract: Option<ContractNumber>,
    /// How it stands.
    pub freshness: Freshness,
    /// The last complete snapshot, and when it ended.
    pub complete: Option<(Seq, DateTime<Utc>)>,
    /// By when the next complete snapshot is expected; `None` if nothing was ever planned or tried.
    pub deadline: Option<DateTime<Utc>>,
    /// In words, with the snapshot and its age.
    pub detail: String,
}

/// Whether what is known of a contract is complete and young.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The newest snapshot is complete and young.
    Fresh,
    /// The newest snapshot is not complete, or there is none because the last attempt failed.
    Incomplete,
    /// There is no snapshot yet, and it is not time for one.
    Expected,
    /// A complete snapshot should be there.
    Overdue,
    /// The configuration has contracts, and this one is not among them any more: nothing is expected.
    NotConfigured,
}

impl Freshness {
    /// The word printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Incomplete => "incomplete",
            Self::Expected => "expected",
            Self::Overdue => "overdue",
            Self::NotConfigured => "not configured",
        }
    }

    /// Whether it needs a person.
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::Incomplete | Self::Overdue)
    }
}

/// What the database knows beside the newest snapshots.
struct Known {
    jobs: BTreeMap<JobId, JobState>,
    recorded: Recorded,
}

impl Expectations {
    /// What the configuration expects.
    pub fn of(config: &Config) -> Self {
        let named = config.contracts.iter().map(|contract| {
            let own = contract.collect.iter().map(|schedule| (COLLECT_JOB, schedule));
            let jobs = config.jobs.iter().filter_map(|job| match &job.work {
                JobWork::Collect { contracts } if contracts.contains(&contract.name) => {
                    Some((job.name.as_str(), &job.schedule))
                }
                _ => None,
            });
            ExpectedContract {
                name: Some(contract.name.clone()),
                number: contract.number,
                schedules: own.chain(jobs).map(|(job, schedule)| scheduled(job, &contract.name, schedule)).collect(),
            }
        });
        let mut contracts: Vec<_> = named.collect();
        if contracts.is_empty() {
            let jobs = config.jobs.iter().filter(|job| matches!(job.work, JobWork::Collect { .. }));
            contracts.push(ExpectedContract {
                name: None,
                number: config.api.contract_number.map(ContractNumber),
                schedules: jobs.map(|job| scheduled(&job.name, "", &job.schedule)).collect(),
            });
        }
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let (grace, overdue_after) = (delta(config.alerts.overdue_grace), delta(config.alerts.overdue_after));
        Self { contracts, grace, overdue_after }
    }

    /// How every contract stands that is configured or has a snapshot: first the configured ones, in their order, then the
    /// others by number.
    pub async fn judge(&self, store: &Store, now: DateTime<Utc>) -> Result<Vec<ContractStatus>, StoreError> {
        let newest: BTreeMap<_, _> =
            store.newest_snapshots().await?.into_iter().map(|one| (one.contract, one)).collect();
        let known = Known { jobs: store.job_states().await?, recorded: store.recorded_contracts().await? };
        let mut rest = newest.clone();
        let mut judged = Vec::new();
        for expected in &self.contracts {
            let by_name = expected.name.as_ref().and_then(|name| known.recorded.numbers.get(name).copied());
            let Some(number) = expected.number.or(by_name) else {
                let was_due = !expected.schedules.is_empty() || known.recorded.failures.contains_key(&None);
                if expected.name.is_some() || (rest.is_empty() && was_due) {
                    judged.push(self.status(expected, None, &known, now));
                }
                continue;
            };
            rest.remove(&number);
            let found = newest.get(&number).cloned().unwrap_or_else(|| Newest::none(number));
            judged.push(self.status(expected, Some(&found), &known, now));
        }
        let is_named = self.contracts.iter().any(|contract| contract.name.is_some());
        for found in rest.into_values() {
            judged.push(match self.contracts.first().filter(|_| !is_named) {
                Some(expected) => self.status(expected, Some(&found), &known, now),
                None => not_configured(&found),
            });
        }
        Ok(judged)
    }

    fn status(
        &self,
        expected: &ExpectedContract,
        found: Option<&Newest>,
        known: &Known,
        now: DateTime<Utc>,
    ) -> ContractStatus {
        let complete = found.and_then(|found| found.complete);
        let sealed = found.and_then(|found| found.sealed);
        let deadline = self.deadline(expected, complete.map(|(_, at)| at), known);
        let by = |deadline: DateTime<Utc>| format!("the next one is expected by {}", to_seconds(deadline));
        let is_late = deadline.is_none_or(|deadline| deadline < now);
        let (freshness, detail) = match (complete, sealed) {
            (Some((seq, at)), Some((newer, sealed_at))) if newer > seq && !is_late => {
                let last = aged(seq, at, now);
                (
                    Freshness::Incomplete,
                    format!("{last}; snapshot {newer} of {} is not complete", to_seconds(sealed_at)),
                )
            }
            (Some((seq, at)), _) => {
                let expected = deadline.map(by).unwrap_or_default();
                let freshness = if is_late { Freshness::Overdue } else { Freshness::Fresh };
                (freshness, format!("{}; {expected}", aged(seq, at, now)))
            }
            (None, Some((seq, _))) => {
                let freshness = if is_late { Freshness::Overdue } else { Freshness::Incomplete };
                (freshness, format!("no complete snapshot yet; snapshot {seq} is not complete"))
            }
            (None, None) => match known.recorded.failures.get(&expected.name) {
                Some(how) => {
                    let freshness = if is_late { Freshness::Overdue } else { Freshness::Incomplete };
                    (freshness, format!("never collected; the last attempt: {how}"))
                }
                None if is_late => (Freshness::Overdue, "never collected".to_owned()),
                None => (Freshness::Expected, format!("not collected yet; {}", deadline.map(by).unwrap_or_default())),
            },
        };
        let collector = found.and_then(|found| found.collector.as_ref());
        let detail = match collector {
            Some(collector) => format!("{detail}; collected by {collector}"),
            None => detail,
        };
        let contract = found.map(|found| found.contract).or(expected.number);
        ContractStatus { name: expected.name.clone(), contract, freshness, complete, deadline, detail }
    }

    /// By when a complete snapshot is expected: some time after the next run of a schedule, counted from the last complete
    /// snapshot and from when the service first saw the schedule. Without a schedule so long after the last complete snapshot,
    /// or after the first attempt.
    fn deadline(
        &self,
        expected: &ExpectedContract,
        complete: Option<DateTime<Utc>>,
        known: &Known,
    ) -> Option<DateTime<Utc>> {
        let attempts = &known.recorded.first_attempts;
        let first = || attempts.get(&expected.name).or(attempts.values().min()).copied();
        let from = complete.or_else(first);
        let after = |(job, schedule): &(JobId, Schedule)| {
            let seen = known.jobs.get(job).map(|state| state.since);
            let nominal = schedule.next_after(from.max(seen)?)?;
            schedule.start_of(&job.to_string(), nominal).checked_add_signed(self.grace)
        };
        let planned = expected.schedules.iter().filter_map(after).min();
        planned.or_else(|| from?.checked_add_signed(self.overdue_after))
    }

    /// The name of a contract in the configuration, by its number.
    pub fn name_of(&self, number: ContractNumber) -> Option<&str> {
        self.contracts.iter().find(|contract| contract.number == Some(number))?.name.as_deref()
    }
}

fn scheduled(job: &str, contract: &str, schedule: &Schedule) -> (JobId, Schedule) {
    (JobId { name: job.to_owned(), contract: contract.to_owned() }, schedule.clone())
}

fn not_configured(found: &Newest) -> ContractStatus {
    let detail = match found.complete {
        Some((seq, at)) => format!("the last complete snapshot is {seq} of {}", to_seconds(at)),
        None => "no complete snapshot".to_owned(),
    };
    let (contract, complete) = (Some(found.contract), found.complete);
    ContractStatus { name: None, contract, freshness: Freshness::NotConfigured, complete, deadline: None, detail }
}

fn aged(seq: Seq, at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("snapshot {seq}, {} h old", (now - at).num_hours().max(0))
}
