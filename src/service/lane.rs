//! A lane of its own for deliveries: a sink that is slow or down delays no collection, and a long collection no alert.

use futures::future::LocalBoxFuture;

use super::engine::{Engine, ServiceJob, tick_failure};
use crate::app::alerts::Announcer;
use crate::store::StoreError;

/// An engine beside the main one, whose ticks run while the main one is at work.
pub(super) struct Lane {
    idle: Option<Engine>,
    busy: Option<LocalBoxFuture<'static, (Engine, Result<(), StoreError>)>>,
    /// Jobs to use from the next tick on.
    next: Option<(Vec<ServiceJob>, Announcer)>,
}

impl Lane {
    /// A lane without jobs.
    pub(super) fn new(engine: Engine) -> Self {
        Self { idle: Some(engine), busy: None, next: None }
    }

    /// Uses these jobs from the next tick on.
    pub(super) fn use_jobs(&mut self, jobs: Vec<ServiceJob>, announcer: Announcer) {
        self.next = Some((jobs, announcer));
    }

    /// Begins a tick, unless one is under way.
    pub(super) fn start(&mut self) {
        let Some(mut engine) = self.idle.take() else { return };
        if let Some((jobs, announcer)) = self.next.take() {
            engine.set_jobs(jobs, announcer);
        }
        self.busy = Some(Box::pin(async move {
            let ticked = engine.tick().await.map(drop);
            (engine, ticked)
        }));
    }

    /// Waits for the end of the tick under way; for ever if there is none.
    pub(super) async fn turn(&mut self) {
        match &mut self.busy {
            Some(busy) => {
                let (engine, ticked) = busy.await;
                if let Err(error) = ticked {
                    tracing::error!("The tick of the deliveries failed: {}", tick_failure(&error));
                    engine.metrics().tick_failed();
                }
                self.busy = None;
                self.idle = Some(engine);
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until nothing is under way.
    pub(super) async fn finish(&mut self) {
        if self.busy.is_some() {
            self.turn().await;
        }
    }
}
