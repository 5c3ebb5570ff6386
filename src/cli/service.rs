//! `keyholder service`: runs the jobs of the configuration on their schedules.

use std::sync::Arc;

use clap::Args;

use super::signals::{Signal, Signals};
use super::sinks::standard_output;
use super::{Context, Failure};
use crate::app::alerts::setup::announcer;
use crate::app::freshness::Expectations;
use crate::app::stop::Stop;
use crate::config::{ConfigError, Loaded};
use crate::exit::Exit;
use crate::service::engine::Engine;
use crate::service::http::{Listener, Observed};
use crate::service::metrics::Metrics;
use crate::service::running::{Control, Work, lock_wait, run as run_service, run_once};
use crate::service::setup::{self, SetupError};
use crate::store::runner::service_lock;
use crate::store::{Access, Store};

/// Without a tick for so many intervals the service is not ready.
const MAX_MISSING_TICKS: u32 = 6;

/// Runs the jobs of the configuration on their schedules until it is stopped.
///
/// Each `[[contract]]` with a `collect` schedule and each `[[job]]` is a job. What was missed while no service ran is
/// caught up once and listed as missed. SIGHUP reads the configuration again, SIGTERM ends the service within 15 s.
/// `keyholder status` shows what ran and what is next.
#[derive(Args, Debug)]
pub struct Service {
    /// Run what is due now and end, for cron, a systemd timer or Kubernetes. The exit code is that of the worst run
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(command: Service, context: &mut Context) -> Result<Exit, Failure> {
    let (mut signals, reload) = Signals::listen_for_reload()?;
    let loaded = Arc::new(context.load()?);
    let work = work(&loaded, context)?;
    if work.jobs.is_empty() {
        tracing::warn!("There is nothing to do: no [[contract]] has a schedule, and there is no [[job]]");
    }
    let store = Store::open_with(loaded.database()?, Access::Write, lock_wait(loaded.config.store.lock_wait)).await?;
    let lock = service_lock(store.path(), context.seams.now()).await?;
    let (stop, metrics) = (Stop::default(), Arc::new(Metrics::new(context.seams.now())));
    let engine = Engine::new(store.clone(), context.seams.clone(), stop.clone(), Arc::clone(&metrics));
    let ended = if command.once {
        let (exit, signal) = signals.obey(&stop, run_once(engine, work)).await?;
        (exit.map_err(Failure::from), signal)
    } else {
        let tick = loaded.config.service.tick;
        let max_tick_age = tick * MAX_MISSING_TICKS;
        let observed = Observed {
            store: store.clone(),
            metrics: Arc::clone(&metrics),
            seams: context.seams.clone(),
            max_tick_age,
        };
        let listener = match loaded.config.service.listen.0 {
            Some(address) => Some(Listener::start(address, observed).await?),
            None => None,
        };
        if let Some(listener) = &listener {
            tracing::info!("Listening on http://{}", listener.address());
        }
        tracing::info!("The service has {} jobs", work.jobs.len());
        let deliveries = Engine::new(store.clone(), context.seams.clone(), stop.clone(), Arc::clone(&metrics));
        let read = || read_again(context, &loaded);
        let control = Control { stop: stop.clone(), reload, read: &read };
        let (ended, signal) =
            signals.obey(&stop, Box::pin(run_service(engine, deliveries, work, tick, &metrics, control))).await?;
        (ended.map(|()| Exit::Done).map_err(Failure::from), signal)
    };
    store.close().await;
    drop(lock);
    let (exit, signal) = ended;
    exit.map(|exit| signal.map_or(exit, Signal::exit))
}

/// What a configuration comes to.
fn work(loaded: &Arc<Loaded>, context: &Context) -> Result<Work, SetupError> {
    let jobs = setup::jobs(loaded, &context.environment, &standard_output())?;
    Ok(Work { jobs, announcer: announcer(&loaded.config), expected: Expectations::of(&loaded.config) })
}

/// What the configuration comes to as it is now; nothing, and the problems in the log, if it is not valid.
fn read_again(context: &Context, before: &Loaded) -> Option<Work> {
    let loaded = match context.load() {
        Ok(loaded) => Arc::new(loaded),
        Err(error) => {
            report_invalid(&error);
            return None;
        }
    };
    let fixed =
        |loaded: &Loaded| (loaded.config.store.path.clone(), loaded.config.service.clone(), loaded.config.log.clone());
    if fixed(&loaded) != fixed(before) {
        tracing::warn!("Changes of [store] path, [service] and [log] take effect when the service is started again");
    }
    match work(&loaded, context) {
        Ok(work) => Some(work),
        Err(error) => {
            tracing::error!("The configuration is not valid and the one before stays in use: {error}");
            None
        }
    }
}

fn report_invalid(error: &ConfigError) {
    tracing::error!("The configuration is not valid and the one before stays in use");
    for line in error.to_string().lines() {
        tracing::error!("{line}");
    }
}
