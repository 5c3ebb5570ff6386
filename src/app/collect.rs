//! One collection: begin a run, walk, seal. Whatever happens, the run is on record.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::{BoxFuture, FutureExt as _};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::alerts::Announcer;
use super::alerts::failure::{FailedCollection, FailureAlerts};
use super::alerts::watch::raise_expiry;
use super::principal::{Compared, compare};
use super::stop::Stop;
use super::terms::Terms;
use crate::api::Fault;
use crate::api::read::Client;
use crate::api::settings::Settings;
use crate::api::wire::Notes;
use crate::collect::plausibility;
use crate::collect::principal::hold_back;
use crate::collect::recheck::{Recheck, doubt_the_gone};
use crate::collect::{Checkpoint, CollectError, Journal, JournalError, Limits, Progress, Walk, WalkOptions, walk_on};
use crate::credentials::claims;
use crate::domain::id::ContractNumber;
use crate::domain::notice::Notice;
use crate::domain::principal::Claims;
use crate::domain::snapshot::{RunState, Snapshot, Source};
use crate::domain::vanishing::VanishingByScope;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::outbox::Outgoing;
use crate::store::place::MIN_ROOM_BYTES;
use crate::store::runner::Runner;
use crate::store::runs::{MIN_REGRESSION, Moment, Occasion, RunId};
use crate::store::seal::Sealing;
use crate::store::staging::MAX_RESUME_AGE;
use crate::store::{Store, StoreError};

/// Name and version of this program, as snapshots record it.
pub const TOOL: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// A run that is resumed has at least that long for what is left of it: with seconds left most of it would be gaps.
pub const MIN_LEFT: Duration = Duration::from_mins(10);

/// Clocks that differ by more date everything wrongly: nothing is sealed then.
pub const MAX_SKEW: Duration = Duration::from_hours(24);

/// What is to be collected, and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// What caused it, and for which instant.
    pub occasion: Occasion,
    /// A name for the snapshot.
    pub label: Option<String>,
    /// Where the facts come from.
    pub source: Source,
    /// Bounds of the walk, and the contract where it is known beforehand.
    pub limits: Limits,
    /// Whether memberships are read from the users' side too.
    pub cross_check: bool,
    /// How long to wait before a list is read again of which much is missing.
    pub reread_after: Duration,
    /// Whether to begin anew, even if an interrupted run could be resumed.
    pub fresh: bool,
    /// Stops it.
    pub stop: Stop,
    /// Bytes that have to be free on the database's file system; zero for no such condition.
    pub least_room: u64,
    /// Composes the alerts of the snapshot, or of the failure.
    pub announcer: Announcer,
    /// When the token ends, if that is soon enough to be alerted.
    pub token_ends: Option<DateTime<Utc>>,
    /// What the credentials say of themselves.
    pub claims: Claims,
    /// The person who accepts another principal than before, if it is accepted.
    pub accept_principal: Option<String>,
}

impl Order {
    /// A collection that somebody asked for, now.
    pub fn manual(now: DateTime<Utc>, settings: &Settings) -> Self {
        Self {
            occasion: Occasion { schedule: "manual".to_owned(), nominal: now, contract_name: None },
            label: None,
            source: Source { api: settings.base.to_string(), tool: TOOL.to_owned() },
            limits: Limits {
                contract: settings.contract_number.map(ContractNumber),
                at_once: settings.concurrency,
                max_skew: Some(MAX_SKEW),
                ..Limits::default()
            },
            cross_check: false,
            reread_after: Duration::from_mins(1),
            fresh: false,
            stop: Stop::default(),
            least_room: MIN_ROOM_BYTES,
            announcer: Announcer::default(),
            token_ends: None,
            claims: claims(&settings.credentials),
            accept_principal: None,
        }
    }
}

/// Why a collection ended without a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum CollectFailure {
    /// The walk saw nothing that could be sealed.
    #[error(transparent)]
    Walk(CollectError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CollectError> for CollectFailure {
    /// What the journal could not do is the database's failure.
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Journal(source) => match source.downcast::<StoreError>() {
                Ok(error) => Self::Store(*error),
                Err(source) => Self::Walk(CollectError::Journal(source)),
            },
            error => Self::Walk(error),
        }
    }
}

impl CollectFailure {
    /// The code the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Walk(CollectError::Stopped) => Exit::Terminated,
            Self::Walk(CollectError::Journal(_)) => Exit::Unexpected,
            Self::Walk(error) => match error.fault() {
                Some(Fault::Unauthorised { .. } | Fault::Forbidden { .. }) => Exit::CredentialsRefused,
                Some(_) => Exit::Unreachable,
                None if error.is_out_of_time() => Exit::Unreachable,
                None if matches!(error, CollectError::ClocksDiffer { .. }) => Exit::Configuration,
                None => Exit::Usage,
            },
            Self::Store(error) => of_store(error),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Walk(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}

/// The code of a collection that sealed a snapshot.
pub fn exit_of(snapshot: &Snapshot) -> Exit {
    if snapshot.is_complete() { Exit::Done } else { Exit::Incomplete }
}

/// The code of a failure of the store: a question about what is not there is usage, a lock is for later.
pub fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Locked { .. } | StoreError::ServiceRunning { .. } => Exit::Locked,
        StoreError::NothingCollected => Exit::Incomplete,
        error if error.is_busy() => Exit::Locked,
        error if error.is_usage() => Exit::Usage,
        _ => Exit::Store,
    }
}

/// Collects once. A failed walk is recorded as a failed run; nothing that was sealed before is touched.
///
/// A run that was interrupted is resumed, if it was collected under the same terms and was interrupted less than half an hour
/// ago; see [`MAX_RESUME_AGE`]. When the order is stopped, or another program holds the file for too long, the run is recorded
/// as interrupted; sealing is not stopped any more.
pub async fn collect(
    store: &Store,
    client: &Client,
    seams: &Seams,
    order: Order,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Snapshot, CollectFailure> {
    let store = &store.waiting_until(order.stop.token());
    if let Some(label) = &order.label {
        store.refuse_taken_label(order.limits.contract, label).await?;
    }
    let runner = match store.runner_until(seams.now(), order.stop.token()).await {
        Err(StoreError::Stopped) => return Err(CollectError::Stopped.into()),
        runner => runner?,
    };
    let desk = Desk { store, client, seams, order, progress, notices: Vec::new() };
    let (desk, begun) = desk.ready(&runner).await?;
    match desk.walk_and_seal(begun).await {
        Err(CollectFailure::Walk(error @ CollectError::AnotherThanBefore { .. })) => {
            tracing::warn!("{error}: beginning a new run");
            let begun = desk.begin(&runner).await?;
            desk.walk_and_seal(begun).await
        }
        outcome => outcome,
    }
}

/// A run that has begun, or goes on.
struct Begun {
    run: RunId,
    /// Its own: what one run was reported and holds says nothing of another one.
    client: Client,
    /// What its snapshot was to be called when it began.
    label: Option<String>,
    /// How long ago it began.
    used: Duration,
    /// What it has read.
    checkpoint: Checkpoint,
}

/// Everything that one collection works with.
struct Desk<'a> {
    store: &'a Store,
    client: &'a Client,
    seams: &'a Seams,
    order: Order,
    progress: &'a (dyn Fn(Progress) + Sync),
    /// What was noticed before the walk.
    notices: Vec<Notice>,
}

impl Desk<'_> {
    /// Everything up to the first request: a run that has begun. What fails here is alerted, like what fails in the run.
    async fn ready(mut self, runner: &Runner) -> Result<(Self, Begun), CollectFailure> {
        match self.prepare(runner).await {
            Ok(begun) => Ok((self, begun)),
            Err(failure) => {
                // A file that another program holds takes no alert either, and the next run is for later.
                if failure.exit() != Exit::Locked {
                    let failed = self.failed(None, &failure);
                    self.failure_alerts().raise(self.store, &failed, self.seams).await;
                }
                Err(failure)
            }
        }
    }

    async fn prepare(&mut self, runner: &Runner) -> Result<Begun, CollectFailure> {
        let (store, order) = (self.store, &self.order);
        if let Some(ends) = order.token_ends {
            raise_expiry(store, &order.announcer, order.limits.contract, ends, self.seams).await?;
        }
        store.refuse_cramped(order.least_room)?;
        self.notices.extend(regressed(store.moment(self.seams.now()).await?));
        match self.take_up(runner).await? {
            Some(begun) => Ok(begun),
            None => self.begin(runner).await,
        }
    }

    fn failure_alerts(&self) -> FailureAlerts {
        FailureAlerts {
            announcer: self.order.announcer.clone(),
            contract_name: self.order.occasion.contract_name.clone(),
            contract: self.order.limits.contract,
        }
    }

    fn failed(&self, run: Option<RunId>, failure: &CollectFailure) -> FailedCollection {
        FailedCollection { run, exit: failure.exit(), reason: reasons(failure), at: self.seams.now() }
    }

    /// Resumes the run that was interrupted last, if that is allowed. The contract that the credentials see is compared later.
    async fn take_up(&self, runner: &Runner) -> Result<Option<Begun>, CollectFailure> {
        let (store, order, now) = (self.store, &self.order, self.seams.now());
        if order.fresh {
            return Ok(None);
        }
        let client = self.client_of_a_run();
        let are_same = |kept: &str| Terms::is_kept(kept, &order.source, order.limits.contract, &client);
        let Some(found) = store.take_up(runner, &order.occasion, are_same, now).await? else {
            return Ok(None);
        };
        match read_checkpoint(&client, found.outcomes, found.interrupted, now) {
            Ok(checkpoint) => {
                let interrupted = found.interrupted.or(checkpoint.newest()).unwrap_or(now);
                let used = (interrupted - found.started).to_std().unwrap_or_default();
                let used = used.min(order.limits.longest.saturating_sub(MIN_LEFT));
                tracing::info!("Resuming a run that was interrupted at {interrupted}");
                Ok(Some(Begun { run: found.run, client, label: found.label, used, checkpoint }))
            }
            Err(reason) => {
                tracing::warn!("Cannot resume the interrupted run: {reason}");
                store.end_run(found.run, RunState::Interrupted, reason, now, &[]).await?;
                Ok(None)
            }
        }
    }

    fn client_of_a_run(&self) -> Client {
        self.client.for_a_run_until(self.order.stop.token().clone())
    }

    async fn begin(&self, runner: &Runner) -> Result<Begun, CollectFailure> {
        let (store, order) = (self.store, &self.order);
        let run =
            store.begin_run(runner, &order.occasion, order.limits.contract, self.seams.now(), &order.source).await?;
        let key = self.seams.secret_bytes().map_err(StoreError::from)?;
        let client = self.client_of_a_run();
        let terms = Terms::of(&order.source, order.limits.contract, &client, &key);
        store.stage(run, &terms.text(), order.label.as_deref()).await?;
        Ok(Begun { run, client, label: None, used: Duration::ZERO, checkpoint: Checkpoint::default() })
    }

    /// Walks and seals; if that fails, records how the run ended.
    async fn walk_and_seal(&self, begun: Begun) -> Result<Snapshot, CollectFailure> {
        let run = begun.run;
        // On the heap: a walk with everything that is in flight is large.
        let Occasion { schedule, contract_name, .. } = &self.order.occasion;
        let span = tracing::info_span!("run", run = run.number(), schedule, contract = contract_name.as_deref());
        let outcome = Box::pin(self.sealed(begun).instrument(span)).await;
        if let Err(failure) = &outcome {
            let is_busy = matches!(failure, CollectFailure::Store(error) if error.is_busy());
            let (state, reason) = match failure {
                // What it has read stays, and the next run resumes it.
                _ if is_busy => (RunState::Interrupted, reasons(failure)),
                CollectFailure::Walk(CollectError::Stopped) => {
                    (RunState::Interrupted, format!("stopped by {}", self.order.stop.why().unwrap_or("its caller")))
                }
                // What it has read is kept as long as no other run begins, which the caller does at once.
                CollectFailure::Walk(CollectError::AnotherThanBefore { .. }) => {
                    (RunState::Interrupted, reasons(failure))
                }
                failure => (RunState::Failed, reasons(failure)),
            };
            let now = self.seams.now();
            let announcement = self.announce_failure(run, state, failure).await;
            // Who waited in vain does not wait as long again to record that.
            let store = if is_busy { self.store.trying_once() } else { self.store.clone() };
            if let Err(error) = store.end_run(run, state, &reason, now, announcement.as_slice()).await {
                // The failure itself is what the caller has to hear of; a run without an end is recognised as interrupted.
                tracing::warn!(error = &error as &dyn std::error::Error, "The end of the run could not be recorded");
            }
        }
        match outcome {
            // Who was stopped while it waited has been stopped.
            Err(CollectFailure::Store(error)) if error.is_busy() && self.order.stop.token().is_cancelled() => {
                Err(CollectError::Stopped.into())
            }
            outcome => outcome,
        }
    }

    /// The alert of a run that failed; none if it can be resumed, or has a snapshot already.
    async fn announce_failure(&self, run: RunId, state: RunState, failure: &CollectFailure) -> Option<Outgoing> {
        let has_snapshot = matches!(failure, CollectFailure::Store(StoreError::RanBefore { .. }));
        if state != RunState::Failed || has_snapshot {
            return None;
        }
        let failed = self.failed(Some(run), failure);
        self.failure_alerts().compose(self.store, &failed, self.seams).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "The failure of the run could not be alerted");
            None
        })
    }

    async fn sealed(&self, begun: Begun) -> Result<Snapshot, CollectFailure> {
        let Self { store, seams, order, progress, notices: before, .. } = self;
        let Begun { run, client, label, used, checkpoint } = begun;
        let journal = Staging { store, run };
        let stop = order.stop.token().clone();
        let options = WalkOptions { limits: order.limits, used, checkpoint, journal: Some(&journal), stop };
        let deadline = Instant::now() + order.limits.longest.saturating_sub(used);
        let mut walk = walk_on(&client, seams, options, *progress).await?;
        let recheck = Recheck::new(&client, seams, order.limits.at_once, order.reread_after, deadline);
        // What was read is kept by now: it is asked again when the run goes on.
        let vanishing = async |walk: &Walk| store.vanishing(walk.contract, &walk.sightings).await;
        let person = order.accept_principal.as_deref();
        let mut principal = compare(store, &order.claims, person, &walk, seams).await?;
        let settling = Settling { cross_check: order.cross_check, holds_back: principal.holds_back() };
        let settled = settle(vanishing, recheck, &mut walk, settling);
        principal.collector.held_back =
            order.stop.token().run_until_cancelled(settled).await.unwrap_or(Err(CollectError::Stopped.into()))?;
        // What was stopped in the middle looks like a server that does not answer: nothing is concluded from that.
        if order.stop.token().is_cancelled() {
            return Err(CollectError::Stopped.into());
        }
        let Walk { contract, sightings, notes, repeated, mut notices, .. } = walk;
        tell(&notes, repeated);
        notices.extend(before.iter().cloned());
        let finished = seams.now();
        if before.is_empty() {
            notices.extend(regressed(store.moment(finished).await?));
        }
        // Who asks now decides what it is called; who asked first, if nobody says anything now.
        let label = order.label.clone().or(label);
        let Compared { collector, accepted } = principal;
        let sealing = Sealing { run, contract, sightings, finished, label, notices, collector, accepted };
        Ok(store.seal(sealing, &order.announcer, seams).await?)
    }
}

/// What an earlier part of a run has read, with room taken for it; or why the run cannot go on. Whatever it was, it can be
/// read again from the API. A process that was killed recorded no interruption: its last answer counts.
fn read_checkpoint(
    client: &Client,
    kept: Vec<String>,
    interrupted: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Checkpoint, &'static str> {
    // Kept by a build that writes it in another way, perhaps.
    let checkpoint = Checkpoint::read(kept).map_err(|_| "what it had read cannot be read")?;
    if checkpoint.newest().is_some_and(|newest| newest > now + MIN_REGRESSION) {
        return Err("the clock went back since: nobody knows how old it is");
    }
    if interrupted.or(checkpoint.newest()).is_some_and(|last| now - last > MAX_RESUME_AGE) {
        return Err("it was interrupted more than half an hour ago");
    }
    client.hold(checkpoint.weight()).map_err(|_| "what it had read is more than a run may hold")?;
    Ok(checkpoint)
}

/// The journal of a walk in the store.
struct Staging<'a> {
    store: &'a Store,
    run: RunId,
}

impl Journal for Staging<'_> {
    fn keep(&self, outcomes: Vec<String>) -> BoxFuture<'_, Result<(), JournalError>> {
        async move { self.store.keep(self.run, &outcomes).await.map_err(Into::into) }.boxed()
    }
}

/// That the clock went back, if it did so by more than a clock is set right by in passing.
fn regressed(moment: Moment) -> Option<Notice> {
    let milliseconds = u64::try_from(moment.behind.num_milliseconds()).ok()?;
    (moment.behind > MIN_REGRESSION).then_some(Notice::ClockRegressed { milliseconds })
}

/// An error and everything that led to it, in one line: what an auditor finds in the record of the run.
pub fn reasons(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How a walk is settled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settling {
    /// Whether memberships are read from the users' side too.
    pub cross_check: bool,
    /// Whether nothing may end, because another principal than the accepted one collected.
    pub holds_back: bool,
}

/// Asks again until it is known what may count as absent. The walk knows nothing of the store, and the store nothing of the
/// API: here the one's sightings meet what the other knew, by `vanishing`. Returns how many things were held back.
pub async fn settle(
    vanishing: impl AsyncFn(&Walk) -> Result<VanishingByScope, StoreError>,
    mut recheck: Recheck<'_>,
    walk: &mut Walk,
    Settling { cross_check, holds_back }: Settling,
) -> Result<u64, CollectFailure> {
    if cross_check {
        recheck.cross_check(walk).await?;
    }
    let mut missing = vanishing(walk).await?;
    // Nothing of that is to end, so nothing of it has to be confirmed.
    let held_back = if holds_back { hold_back(&mut walk.sightings, &std::mem::take(&mut missing)) } else { 0 };
    if recheck.confirm_lists(walk, &missing).await? {
        missing = vanishing(walk).await?;
    }
    recheck.settle_references(walk, &missing).await?;
    recheck.confirm_below(walk, &missing).await?;
    recheck.settle_members(walk).await?;
    doubt_the_gone(walk);
    plausibility::judge(walk, &missing);
    Ok(held_back)
}

/// Tells the operator what the API answered that this program does not know; the values themselves are not shown.
fn tell(notes: &Notes, repeated: u64) {
    for (note, count) in &notes.counts {
        tracing::info!(count, "Noticed: {note}");
    }
    if notes.dropped > 0 {
        tracing::info!("Noticed {} more things that this version does not know", notes.dropped);
    }
    if repeated > 0 {
        let things = if repeated == 1 { "thing was" } else { "things were" };
        tracing::warn!("{repeated} {things} listed twice");
    }
}
