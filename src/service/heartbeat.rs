//! The heartbeat: a tick every few seconds, and nothing else.
//!
//! The only place that knows the scheduler library. Its job sends on a channel; what is due is decided elsewhere, because the
//! library freezes time zones, loses missed runs, lets runs overlap, and stands still while the clock is set back.

use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver};
use tokio::time::Instant;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Ticks are missing when there was none for so many intervals: the loop then ticks by its own clock.
const MAX_SILENT_INTERVALS: u32 = 3;

/// A heartbeat that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("start the heartbeat of the service")]
pub struct HeartbeatError(#[from] JobSchedulerError);

/// Ticks at a fixed interval.
pub struct Heartbeat {
    scheduler: JobScheduler,
    ticks: Receiver<()>,
    interval: Duration,
    last: Instant,
}

impl Heartbeat {
    /// Starts to tick every so many seconds, from 1 to 30.
    pub async fn start(interval: Duration) -> Result<Self, HeartbeatError> {
        // Ticks that nobody has taken yet are one.
        let (sender, ticks) = mpsc::channel(1);
        let expression = format!("*/{} * * * * *", interval.as_secs().clamp(1, 30));
        let job = Job::new_async(expression.as_str(), move |_, _| {
            let sender = sender.clone();
            Box::pin(async move {
                if sender.try_send(()).is_err() {
                    tracing::trace!("The tick before was not taken yet");
                }
            })
        })?;
        let scheduler = JobScheduler::new().await?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, ticks, interval, last: Instant::now() })
    }

    /// Waits for the next tick, or for the time after which one should have come. Nothing is lost if it is dropped.
    pub async fn tick(&mut self) {
        let silence = self.interval * MAX_SILENT_INTERVALS;
        match tokio::time::timeout_at(self.last + silence, self.ticks.recv()).await {
            Ok(Some(())) => {}
            Ok(None) => tokio::time::sleep(self.interval).await,
            Err(_) => {
                tracing::debug!("No tick for {} s: the clock was set back, or the machine slept", silence.as_secs());
            }
        }
        self.last = Instant::now();
    }

    /// Stops to tick.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "The heartbeat did not stop in order");
        }
    }
}
