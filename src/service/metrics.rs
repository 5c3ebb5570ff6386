//! What the service counts, as a page in Prometheus' text format.
//!
//! Labels are names from the configuration and fixed words; nothing of a user ever is one. A contract is its name in the
//! configuration, or its number where it has none. Counters begin
//! at zero with the process; everything that the database knows is read from there when the page is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::job::DELIVER;
use super::planner::{self, PlannedJob};
use crate::app::freshness::{ContractStatus, Expectations, Freshness};
use crate::domain::job::{JobId, JobOutcome};
use crate::store::{Store, StoreError};

/// Upper bounds of the durations of collections, in seconds.
const BUCKETS: [u32; 8] = [1, 5, 15, 60, 300, 600, 1_200, 1_800];

/// Without a sign of life for so long the loop counts as hung.
const MAX_SILENCE: Duration = Duration::from_mins(1);

/// What is counted since the process began.
#[derive(Debug)]
pub struct Metrics {
    began: DateTime<Utc>,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    /// The last sign of life of the loop.
    alive: Instant,
    /// When a tick went through or a run of it ended.
    progress: Option<Instant>,
    /// When the run under way has to be over; of the loop, not of its lane for deliveries.
    deadline: Option<Instant>,
    failed_ticks: u64,
    reload_failed: bool,
    runs: BTreeMap<(JobId, JobOutcome), u64>,
    collections: BTreeMap<String, Histogram>,
    jobs: Vec<PlannedJob>,
    expected: Expectations,
}

/// Durations by upper bound.
#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// Nothing is counted yet.
    pub fn new(began: DateTime<Utc>) -> Self {
        let counted = Counted {
            alive: Instant::now(),
            progress: None,
            deadline: None,
            failed_ticks: 0,
            reload_failed: false,
            runs: BTreeMap::new(),
            collections: BTreeMap::new(),
            jobs: Vec::new(),
            expected: Expectations::default(),
        };
        Self { began, counted: Mutex::new(counted) }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs that are planned from now on. What was counted of others is dropped.
    pub(super) fn set_jobs(&self, jobs: &[PlannedJob]) {
        let mut counted = self.counted();
        counted.jobs = jobs.to_vec();
        let Counted { jobs, runs, collections, .. } = &mut *counted;
        runs.retain(|(id, _), _| jobs.iter().any(|job| job.id == *id));
        collections.retain(|contract, _| jobs.iter().any(|job| job.id.contract == *contract));
    }

    /// The contracts that are expected from now on.
    pub(super) fn expect(&self, expected: Expectations) {
        self.counted().expected = expected;
    }

    /// The loop is alive.
    pub(super) fn alive(&self) {
        self.counted().alive = Instant::now();
    }

    /// A tick went through.
    pub(super) fn ticked(&self) {
        self.counted().progress = Some(Instant::now());
    }

    /// A tick failed, of the loop or of its lane for deliveries.
    pub(super) fn tick_failed(&self) {
        self.counted().failed_ticks += 1;
    }

    /// A run of a job of that kind begins, and takes at most so long.
    pub(super) fn begun(&self, kind: &str, limit: Duration) {
        if kind != DELIVER {
            self.counted().deadline = Some(Instant::now() + limit);
        }
    }

    /// The run under way, of a job of that kind, is over, whatever came of it.
    pub(super) fn left(&self, kind: &str) {
        if kind != DELIVER {
            let mut counted = self.counted();
            counted.deadline = None;
            counted.progress = Some(Instant::now());
        }
    }

    /// The configuration was read again.
    pub(super) fn reloaded(&self, succeeded: bool) {
        self.counted().reload_failed = !succeeded;
    }

    /// A run of a job of that kind ended.
    pub(super) fn ended(&self, job: &JobId, kind: &str, outcome: JobOutcome, took: Duration) {
        let mut counted = self.counted();
        *counted.runs.entry((job.clone(), outcome)).or_default() += 1;
        if kind == "collect" {
            let histogram = counted.collections.entry(job.contract.clone()).or_default();
            for (bound, count) in BUCKETS.into_iter().zip(&mut histogram.counts) {
                *count += u64::from(took.as_secs_f64() <= f64::from(bound));
            }
            histogram.count += 1;
            histogram.sum += took.as_secs_f64();
        }
    }

    /// Instants of a job passed without a run.
    pub(super) fn passed(&self, job: &JobId, outcome: JobOutcome, instants: u64) {
        *self.counted().runs.entry((job.clone(), outcome)).or_default() += instants;
    }

    /// Whether the loop is alive; if not, why.
    pub(super) fn health(&self) -> Result<(), String> {
        match self.counted().alive.elapsed() {
            silence if silence <= MAX_SILENCE => Ok(()),
            silence => Err(format!("the loop is silent for {} s\n", silence.as_secs())),
        }
    }

    /// Whether the loop is alive, and either a tick is young or a run is within its time limit; if not, why.
    pub(super) fn readiness(&self, max_tick_age: Duration) -> Result<(), String> {
        self.health()?;
        let counted = self.counted();
        if counted.deadline.is_some_and(|deadline| Instant::now() <= deadline) {
            return Ok(());
        }
        match counted.progress.map(|progress| progress.elapsed()) {
            Some(age) if age <= max_tick_age => Ok(()),
            Some(age) => Err(format!("the last tick was {} s ago\n", age.as_secs())),
            None => Err("no tick yet\n".to_owned()),
        }
    }

    /// The page.
    pub async fn page(&self, store: &Store, now: DateTime<Utc>) -> Result<String, StoreError> {
        // First: a configuration that is reported as read is the one that everything after it comes from.
        let mut page = Page::default();
        self.add_process(&mut page);
        let states = store.job_states().await?;
        let expected = self.counted().expected.clone();
        let contracts = expected.judge(store, now).await?;
        let size = store.file_sizes();
        let deliveries = store.delivery_counts().await?;
        page.gauge("database_size_bytes", "Size of the database file.", [(String::new(), as_f64(size.database))]);
        page.gauge("database_wal_size_bytes", "Size of the write-ahead log.", [(String::new(), as_f64(size.log))]);
        let pending = [(String::new(), as_f64(deliveries.pending))];
        page.gauge("alert_outbox_pending", "Deliveries of alerts that are still to be made.", pending);
        let dead = [(String::new(), as_f64(deliveries.dead))];
        page.gauge("dead_letters", "Deliveries of alerts that were given up.", dead);
        add_contracts(&mut page, &contracts);
        let counted = self.counted();
        let next = counted.jobs.iter().filter_map(|job| {
            let (_, start) = planner::next(job, states.get(&job.id), now)?;
            Some((job_label(&job.id, None), seconds(start)))
        });
        page.gauge("schedule_next_run_timestamp_seconds", "When the next run of a job starts.", next);
        Ok(page.text)
    }

    fn add_process(&self, page: &mut Page) {
        let counted = self.counted();
        let version = label(&[("version", env!("CARGO_PKG_VERSION"))]);
        page.gauge("build_info", "The version of the program.", [(version, 1.0)]);
        page.gauge("start_time_seconds", "When the service began.", [(String::new(), seconds(self.began))]);
        let succeeded = if counted.reload_failed { 0.0 } else { 1.0 };
        let about = "Whether the last reading of the configuration succeeded.";
        page.gauge("config_last_reload_successful", about, [(String::new(), succeeded)]);
        let failed = [(String::new(), as_f64(counted.failed_ticks))];
        page.counter("tick_failures_total", "Ticks that the database failed.", failed);
        let runs = counted.runs.iter().map(|((job, outcome), count)| (job_label(job, Some(*outcome)), as_f64(*count)));
        page.counter("runs_total", "Runs of jobs, and instants without a run, by outcome.", runs);
        page.histograms("collect_duration_seconds", "How long collections took.", &counted.collections);
    }
}

fn add_contracts(page: &mut Page, contracts: &[ContractStatus]) {
    let of = |one: &ContractStatus| {
        let number = one.contract.map(|number| number.to_string()).unwrap_or_default();
        label(&[("contract", one.name.as_deref().unwrap_or(&number))])
    };
    let last = contracts.iter().filter_map(|one| Some((of(one), seconds(one.complete?.1))));
    page.gauge("last_success_timestamp_seconds", "When the last complete snapshot of a contract ended.", last);
    let overdue = contracts.iter().map(|one| (of(one), f64::from(u8::from(one.freshness == Freshness::Overdue))));
    page.gauge("contract_overdue", "Whether a complete snapshot of a contract should be there and is not.", overdue);
}

/// Lines in the text format.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, about: &str, values: impl IntoIterator<Item = (String, f64)>) {
        self.metric(name, "gauge", about, values);
    }

    fn counter(&mut self, name: &str, about: &str, values: impl IntoIterator<Item = (String, f64)>) {
        self.metric(name, "counter", about, values);
    }

    fn head(&mut self, name: &str, kind: &str, about: &str) {
        self.line(format_args!("# HELP keyholder_{name} {about}"));
        self.line(format_args!("# TYPE keyholder_{name} {kind}"));
    }

    fn metric(&mut self, name: &str, kind: &str, about: &str, values: impl IntoIterator<Item = (String, f64)>) {
        self.head(name, kind, about);
        for (labels, value) in values {
            self.line(format_args!("keyholder_{name}{labels} {value}"));
        }
    }

    fn histograms(&mut self, name: &str, about: &str, histograms: &BTreeMap<String, Histogram>) {
        self.head(name, "histogram", about);
        for (contract, histogram) in histograms {
            for (bound, count) in BUCKETS.into_iter().zip(histogram.counts) {
                let labels = label(&[("contract", contract), ("le", &bound.to_string())]);
                self.line(format_args!("keyholder_{name}_bucket{labels} {count}"));
            }
            let labels = label(&[("contract", contract), ("le", "+Inf")]);
            self.line(format_args!("keyholder_{name}_bucket{labels} {}", histogram.count));
            let labels = label(&[("contract", contract)]);
            self.line(format_args!("keyholder_{name}_sum{labels} {}", histogram.sum));
            self.line(format_args!("keyholder_{name}_count{labels} {}", histogram.count));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a String takes every write");
    }
}

fn job_label(job: &JobId, outcome: Option<JobOutcome>) -> String {
    let outcome = outcome.map(JobOutcome::as_str);
    let pairs = [("job", job.name.as_str()), ("contract", &job.contract)];
    let pairs: Vec<_> = pairs.into_iter().chain(outcome.map(|word| ("outcome", word))).collect();
    label(&pairs)
}

/// Labels with their values escaped; an empty value is no label.
fn label(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{name}=\"{value}\"")
    });
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn seconds(at: DateTime<Utc>) -> f64 {
    Duration::from_millis(at.timestamp_millis().unsigned_abs()).as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes stay far below 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[track_caller]
    fn check(metrics: &Metrics, expected: Result<(), &str>) {
        metrics.alive();
        assert_eq!(metrics.readiness(30 * SECOND), expected.map_err(str::to_owned));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_within_its_time_limit_is_ready() {
        let metrics = Metrics::new(DateTime::UNIX_EPOCH);
        check(&metrics, Err("no tick yet\n"));
        metrics.begun("collect", 600 * SECOND);
        tokio::time::advance(600 * SECOND).await;
        check(&metrics, Ok(()));
        metrics.left("collect");
        metrics.begun("deliver", 600 * SECOND);
        tokio::time::advance(30 * SECOND).await;
        check(&metrics, Ok(()));
        tokio::time::advance(SECOND).await;
        check(&metrics, Err("the last tick was 31 s ago\n"));
        metrics.begun("collect", SECOND);
        tokio::time::advance(2 * SECOND).await;
        check(&metrics, Err("the last tick was 33 s ago\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_loop_is_not_ready_during_a_run() {
        let metrics = Metrics::new(DateTime::UNIX_EPOCH);
        metrics.begun("collect", 600 * SECOND);
        tokio::time::advance(MAX_SILENCE + SECOND).await;
        assert_eq!(metrics.readiness(30 * SECOND), Err("the loop is silent for 61 s\n".to_owned()));
    }
}
