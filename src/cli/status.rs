//! `keyholder status`: what the service ran, what is next, and what needs a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;

use super::json::{self, StatusV1};
use super::sinks::standard_output;
use super::table::{ListFormat, Table};
use super::{Context, Failure};
use crate::app::freshness::Expectations;
use crate::app::status::Status as State;
use crate::domain::job::{JobId, JobState};
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::report::Format;
use crate::service::planner::{self, PlannedJob};
use crate::service::setup;
use crate::store::Access;

/// Shows the service, each contract with the age of its last complete snapshot, and the last and next run of each job.
///
/// Exit code 7 if an alert could not be delivered and was given up, 15 if one has been waiting for its delivery for more than
/// 2 h, 9 if a contract is incomplete or overdue, was never collected and the last attempt failed, or the last run of a job
/// failed.
#[derive(Args, Debug)]
pub struct Status {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
    /// Also list so many of the next runs of each job
    #[arg(long, value_name = "N", default_value_t = 0)]
    next: u8,
}

const COLUMNS: [&str; 7] = ["what", "name", "contract", "state", "last_utc", "next_utc", "detail"];

pub(super) async fn run(command: Status, context: &mut Context) -> Result<Exit, Failure> {
    let expected = Expectations::of(&context.config()?.config);
    let planned = planned(context)?;
    let store = context.store(Access::Read).await?;
    let now = context.seams.now();
    let state = State::of(&store, now, &expected).await?;
    let states: BTreeMap<_, _> = state.jobs.iter().map(|(id, state)| (id, state)).collect();
    if command.format == ListFormat::Json {
        let mut json = StatusV1::of(&state);
        for job in &planned {
            let known = states.get(&job.id).copied();
            let next = planner::next(job, known, now).map(|(_, start)| start);
            let planned = planner::upcoming(job, known, now).take(command.next.into());
            json.add_job(&job.id, (word(known), known), next, planned);
        }
        context.document(Format::Json, json::pretty(&json)?.as_bytes())?;
        return Ok(state.exit());
    }
    let mut table = Table::new(&COLUMNS);
    let served = if state.is_served { "running" } else { "stopped" };
    table.push(["service".into(), "".into(), "".into(), served.into(), "".into(), "".into(), "".into()]);
    for one in &state.contracts {
        table.push([
            "contract".into(),
            one.name.clone().unwrap_or_default().into(),
            one.contract.map(|number| number.to_string()).unwrap_or_default().into(),
            one.freshness.as_str().into(),
            one.complete.map(|(_, at)| to_seconds(at)).unwrap_or_default().into(),
            "".into(),
            one.detail.clone().into(),
        ]);
    }
    push_deliveries(&mut table, &state);
    for job in &planned {
        let known = states.get(&job.id).copied();
        let next = planner::next(job, known, now).map(|(_, start)| to_seconds(start)).unwrap_or_default();
        push_job(&mut table, &job.id, known, next);
        for (nominal, start) in planner::upcoming(job, known, now).take(command.next.into()) {
            push_planned(&mut table, &job.id, nominal, start);
        }
    }
    table.write(&mut context.out, command.format, context.width)?;
    Ok(state.exit())
}

fn push_deliveries(table: &mut Table, state: &State) {
    let counts = state.deliveries;
    let word = match (counts.dead, counts.pending) {
        (0, 0) => "delivered",
        (0, _) => "pending",
        _ => "dead letters",
    };
    table.push([
        "alerts".into(),
        "".into(),
        "".into(),
        word.into(),
        counts.oldest_pending.map(to_seconds).unwrap_or_default().into(),
        "".into(),
        format!("{} pending, {} given up", counts.pending, counts.dead).into(),
    ]);
}

/// The jobs of the configuration.
fn planned(context: &Context) -> Result<Vec<PlannedJob>, Failure> {
    let jobs = setup::jobs(&Arc::new(context.load()?), &context.environment, &standard_output())?;
    Ok(jobs.into_iter().map(|job| job.planned).collect())
}

fn push_planned(table: &mut Table, id: &JobId, nominal: DateTime<Utc>, start: DateTime<Utc>) {
    table.push([
        "run".into(),
        id.name.clone().into(),
        id.contract.clone().into(),
        "planned".into(),
        "".into(),
        to_seconds(start).into(),
        format!("for {}", to_seconds(nominal)).into(),
    ]);
}

/// How a job stands, in a word.
fn word(state: Option<&JobState>) -> &'static str {
    match (state.and_then(|state| state.last.as_ref()), state.and_then(|state| state.begun)) {
        (_, Some(_)) => "running",
        (Some(last), None) => last.outcome.as_str(),
        (None, None) => "never ran",
    }
}

fn push_job(table: &mut Table, id: &JobId, state: Option<&JobState>, next: String) {
    let last = state.and_then(|state| state.last.as_ref());
    table.push([
        "job".into(),
        id.name.clone().into(),
        id.contract.clone().into(),
        word(state).into(),
        last.map(|last| to_seconds(last.finished)).unwrap_or_default().into(),
        next.into(),
        last.map(|last| last.detail.clone()).unwrap_or_default().into(),
    ]);
}
