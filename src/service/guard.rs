//! Runs one job so that nothing it does ends the service: a time-out, a panic and a stop all become an outcome.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio::task::{JoinError, JoinHandle, LocalSet};

use super::job::{Ended, JobFailure, JobResult};
use crate::app::stop::Stop;
use crate::exit::Exit;

/// How long a run that was stopped may take to end in order; the service ends within 15 s of a signal.
pub(super) const MAX_STOPPING: Duration = Duration::from_secs(12);

/// Runs the work in a task of its own. `run` stops this run only, `service` stops all of them.
pub(super) async fn guarded(
    work: LocalBoxFuture<'static, JobResult>,
    timeout: Duration,
    run: &Stop,
    service: &Stop,
) -> JobResult {
    let local = LocalSet::new();
    let task = local.spawn_local(work);
    local.run_until(supervised(task, timeout, run, service)).await
}

async fn supervised(mut task: JoinHandle<JobResult>, timeout: Duration, run: &Stop, service: &Stop) -> JobResult {
    let timed_out = tokio::select! {
        biased;
        joined = &mut task => return outcome(joined),
        () = service.token().cancelled() => {
            run.stop(service.why().unwrap_or("the service"));
            false
        }
        () = tokio::time::sleep(timeout) => {
            run.stop("the time-out of the job");
            true
        }
    };
    let ended = if let Ok(joined) = tokio::time::timeout(MAX_STOPPING, &mut task).await {
        outcome(joined)
    } else {
        task.abort();
        Ok(Ended::Stopped)
    };
    match ended {
        Ok(Ended::Stopped) if timed_out => {
            let reason = format!("stopped after its time-out of {} s", timeout.as_secs_f64());
            Err(JobFailure { reason, exit: Exit::Unreachable })
        }
        ended => ended,
    }
}

/// What a task came to; a panic is a failure of this run.
fn outcome(joined: Result<JobResult, JoinError>) -> JobResult {
    joined.unwrap_or_else(|error| {
        if error.is_cancelled() {
            return Ok(Ended::Stopped);
        }
        let panic = error.into_panic();
        let words =
            panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let reason = format!("the job panicked: {}", words.unwrap_or("no message"));
        Err(JobFailure { reason, exit: Exit::Unexpected })
    })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[track_caller]
    fn failure(result: JobResult) -> JobFailure {
        result.expect_err("a failure")
    }

    #[tokio::test]
    #[expect(clippy::panic, reason = "a job that panics is what is tried")]
    async fn a_panic_is_a_failure_with_its_message() {
        let work = async { panic!("planted {}", 7) }.boxed_local();
        let failure = failure(guarded(work, LONG, &Stop::default(), &Stop::default()).await);
        assert_eq!(failure.reason, "the job panicked: planted 7");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_over_its_time_is_stopped_and_has_failed() {
        let run = Stop::default();
        let stopped = run.clone();
        let work = async move {
            stopped.token().cancelled().await;
            Ok(Ended::Stopped)
        };
        let failure = failure(guarded(work.boxed_local(), LONG, &run, &Stop::default()).await);
        assert_eq!(failure.reason, "stopped after its time-out of 3600 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_ignores_its_stop_is_abandoned_in_time() {
        let (service, begun) = (Stop::default(), tokio::time::Instant::now());
        service.stop("SIGTERM");
        let ended = guarded(std::future::pending().boxed_local(), LONG, &Stop::default(), &service).await;
        assert_eq!(ended, Ok(Ended::Stopped));
        assert!(begun.elapsed() <= Duration::from_secs(15), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn what_ended_in_order_while_stopping_counts() {
        let (service, run) = (Stop::default(), Stop::default());
        service.stop("SIGTERM");
        let stopped = run.clone();
        let done = Ended::Done { detail: "sealed".to_owned(), exit: Exit::Done };
        let sealed = done.clone();
        let work = async move {
            stopped.token().cancelled().await;
            assert_eq!(stopped.why(), Some("SIGTERM"));
            Ok(sealed)
        };
        assert_eq!(guarded(work.boxed_local(), LONG, &run, &service).await, Ok(done));
    }
}
