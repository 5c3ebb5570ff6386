//! The loop of the service: ticks, reloading, signs of life, and an end in order.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Interval, MissedTickBehavior};

use super::engine::{Engine, ServiceJob, tick_failure};
use super::heartbeat::{Heartbeat, HeartbeatError};
use super::job::DELIVER;
use super::lane::Lane;
use super::metrics::Metrics;
use super::notify;
use crate::app::alerts::Announcer;
use crate::app::freshness::Expectations;
use crate::app::stop::Stop;
use crate::exit::Exit;
use crate::store::{LockWait, StoreError};

/// The loop gives a sign of life at least that often.
const MAX_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// One try to write while another program holds the file; a stop is seen after it.
const MAX_LOCK_TRY: Duration = Duration::from_secs(1);

/// What ends the service, or keeps it from beginning.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The heartbeat.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// The jobs could not be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How the service waits for other programs that hold the file: so long in all, in tries after which it can stop.
pub fn lock_wait(total: Duration) -> LockWait {
    LockWait::up_to(total, MAX_LOCK_TRY)
}

/// What a configuration comes to.
pub struct Work {
    /// The jobs.
    pub jobs: Vec<ServiceJob>,
    /// Where alerts of the service go.
    pub announcer: Announcer,
    /// The contracts that are to be collected, and by when.
    pub expected: Expectations,
}

/// What the loop listens to.
pub struct Control<'a> {
    /// Ends the loop.
    pub stop: Stop,
    /// Asks to read the configuration again.
    pub reload: Receiver<()>,
    /// Reads the configuration: what a valid one comes to, nothing of one that is not, which it has reported.
    pub read: &'a dyn Fn() -> Option<Work>,
}

/// Runs what is due until it is stopped.
pub async fn run(
    mut engine: Engine,
    deliveries: Engine,
    work: Work,
    interval: Duration,
    metrics: &Metrics,
    mut control: Control<'_>,
) -> Result<(), ServiceError> {
    let mut lane = Lane::new(deliveries);
    if let Err(error) = engine.register(&work.jobs).await {
        // A stop ends the waiting for another program that holds the file.
        return if control.stop.token().is_cancelled() { Ok(()) } else { Err(error.into()) };
    }
    use_work(&mut engine, &mut lane, work);
    let mut heartbeat = Heartbeat::start(interval).await?;
    let every = notify::watchdog_interval().map_or(MAX_ALIVE_INTERVAL, |every| every.min(MAX_ALIVE_INTERVAL));
    let mut alive = tokio::time::interval(every);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    notify::ready();
    let mut reload = false;
    while !control.stop.token().is_cancelled() {
        if std::mem::take(&mut reload) {
            read_again(&mut engine, &mut lane, &mut alive, metrics, &control).await;
        }
        match beside(engine.tick(), &mut lane, &mut alive, metrics).await {
            Ok(_) => metrics.ticked(),
            Err(error) => {
                tracing::error!("The tick failed: {}", tick_failure(&error));
                metrics.tick_failed();
            }
        }
        loop {
            tokio::select! {
                biased;
                () = control.stop.token().cancelled() => break,
                () = lane.turn() => {}
                _ = alive.tick() => sign(metrics),
                Some(()) = control.reload.recv() => { reload = true; break }
                () = heartbeat.tick() => {
                    lane.start();
                    break;
                }
            }
        }
    }
    notify::stopping();
    lane.finish().await;
    heartbeat.stop().await;
    Ok(())
}

/// Does the work of the loop; meanwhile deliveries go on, and the loop gives signs of life.
async fn beside<T>(work: impl Future<Output = T>, lane: &mut Lane, alive: &mut Interval, metrics: &Metrics) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = lane.turn() => {}
            _ = alive.tick() => {
                sign(metrics);
                lane.start();
            }
        }
    }
}

/// Runs what is due now, once: the worst code of the runs. Deliveries come last: a slow sink delays nothing, and what the other
/// jobs announce is sent by the same call.
pub async fn run_once(mut engine: Engine, work: Work) -> Result<Exit, ServiceError> {
    engine.register(&work.jobs).await?;
    let (delivering, others) = parted(work.jobs);
    engine.set_jobs(others, work.announcer.clone());
    let mut exits = engine.tick().await?;
    engine.set_jobs(delivering, work.announcer);
    exits.extend(engine.tick().await?);
    Ok(Exit::worst(exits))
}

/// Uses registered jobs, and gives those that deliver a lane of their own.
fn use_work(engine: &mut Engine, lane: &mut Lane, work: Work) {
    engine.expect(work.expected);
    let (delivering, others) = parted(work.jobs);
    lane.use_jobs(delivering, work.announcer.clone());
    engine.set_jobs(others, work.announcer);
}

/// The jobs that deliver, and the others.
fn parted(jobs: Vec<ServiceJob>) -> (Vec<ServiceJob>, Vec<ServiceJob>) {
    jobs.into_iter().partition(|job| job.work.kind() == DELIVER)
}

fn sign(metrics: &Metrics) {
    metrics.alive();
    notify::watchdog();
}

/// Uses a new configuration if it is valid; otherwise the old one stays.
async fn read_again(
    engine: &mut Engine,
    lane: &mut Lane,
    alive: &mut Interval,
    metrics: &Metrics,
    control: &Control<'_>,
) {
    notify::reloading();
    let used = match (control.read)() {
        Some(work) => match beside(engine.register(&work.jobs), lane, alive, metrics).await {
            Ok(()) => {
                use_work(engine, lane, work);
                true
            }
            Err(error) => {
                tracing::error!("The new configuration could not be used: {}", tick_failure(&error));
                false
            }
        },
        None => false,
    };
    if used {
        tracing::info!("The configuration was read again");
    }
    metrics.reloaded(used);
    notify::ready();
}
