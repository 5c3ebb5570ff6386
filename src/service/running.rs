//! The loop of the service: ticks, reloading, signs of life, and an end in order.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::engine::{Engine, ServiceJob, tick_failure};
use super::heartbeat::{Heartbeat, HeartbeatError};
use super::lane::Lane;
use super::metrics::Metrics;
use super::notify;
use crate::app::alerts::Announcer;
use crate::app::freshness::Expectations;
use crate::app::stop::Stop;
use crate::exit::Exit;
use crate::store::StoreError;

/// The loop gives a sign of life at least that often.
const MAX_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// The kind of jobs that have a lane of their own.
const DELIVERIES: &str = "deliver";

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
    use_work(&mut engine, &mut lane, work).await?;
    let mut heartbeat = Heartbeat::start(interval).await?;
    let every = notify::watchdog_interval().map_or(MAX_ALIVE_INTERVAL, |every| every.min(MAX_ALIVE_INTERVAL));
    let mut alive = tokio::time::interval(every);
    alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    notify::ready();
    let mut reload = false;
    while !control.stop.token().is_cancelled() {
        if std::mem::take(&mut reload) {
            read_again(&mut engine, &mut lane, metrics, &control).await;
        }
        {
            let mut ticking = std::pin::pin!(engine.tick());
            let ticked = loop {
                tokio::select! {
                    biased;
                    ticked = &mut ticking => break ticked,
                    () = lane.turn() => {}
                    _ = alive.tick() => {
                        sign(metrics);
                        lane.start();
                    }
                    Some(()) = control.reload.recv() => reload = true,
                }
            };
            if let Err(error) = &ticked {
                tracing::error!("The tick failed: {}", tick_failure(error));
            }
            metrics.ticked(ticked.is_ok());
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

/// Runs what is due now, once: the worst code of the runs.
pub async fn run_once(mut engine: Engine, work: Work) -> Result<Exit, ServiceError> {
    engine.use_jobs(work.jobs, work.announcer).await?;
    Ok(Exit::worst(engine.tick().await?))
}

/// Registers all jobs, and gives those that deliver a lane of their own.
async fn use_work(engine: &mut Engine, lane: &mut Lane, work: Work) -> Result<(), StoreError> {
    engine.register(&work.jobs).await?;
    engine.expect(work.expected);
    let (delivering, others) = work.jobs.into_iter().partition(|job| job.work.kind() == DELIVERIES);
    lane.use_jobs(delivering, work.announcer.clone());
    engine.set_jobs(others, work.announcer);
    Ok(())
}

fn sign(metrics: &Metrics) {
    metrics.alive();
    notify::watchdog();
}

/// Uses a new configuration if it is valid; otherwise the old one stays.
async fn read_again(engine: &mut Engine, lane: &mut Lane, metrics: &Metrics, control: &Control<'_>) {
    notify::reloading();
    let used = match (control.read)() {
        Some(work) => match use_work(engine, lane, work).await {
            Ok(()) => true,
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
