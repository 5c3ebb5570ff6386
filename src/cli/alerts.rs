//! `keyholder alerts`: what was announced, what became of it, and what is to be held back.

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::contract::ContractArg;
use super::json::{self, DeliveryV1, MuteV1};
use super::sinks::standard_output;
use super::table::{ListFormat, Table};
use super::{Context, Failure};
use crate::app::alerts::muting;
use crate::app::alerts::render::Renderer;
use crate::app::alerts::setup::{Alerting, announcer, contract_names};
use crate::app::collect::reasons;
use crate::config::duration;
use crate::domain::alert::{Alert, AlertClass, Details};
use crate::domain::id::ContractNumber;
use crate::domain::time::to_seconds;
use crate::domain::untrusted::visible_within;
use crate::exit::Exit;
use crate::report::Format;
use crate::store::deliveries::DeliveryRow;
use crate::store::mutes::Mute;
use crate::store::{Access, Store};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum Alerts {
    /// List alerts and their deliveries, newest first
    List(List),
    /// Show one alert, with names, and every attempt to deliver it
    Show(Show),
    /// Deliver everything that is due now, once
    Deliver,
    /// Try dead letters again; their sinks count as enabled again
    Retry(Retry),
    /// Hold alerts back from one sink for a while; critical ones are sent all the same
    Mute(MuteArgs),
    /// List the mutes in force
    Mutes(Mutes),
    /// Take a mute back
    Unmute(Unmute),
}

/// `alerts list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only deliveries in this state
    #[arg(long, value_parser = ["pending", "delivered", "dead", "muted", "in-digest"])]
    state: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: u32,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `alerts show`.
#[derive(Args, Debug)]
pub struct Show {
    /// The id, or its beginning
    id: String,
}

/// `alerts retry`.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub struct Retry {
    /// The id of an alert, or its beginning
    id: Option<String>,
    /// Only at this sink
    #[arg(long)]
    sink: Option<String>,
    /// All dead letters
    #[arg(long)]
    all: bool,
}

/// `alerts mute`.
#[derive(Args, Debug)]
#[command(override_usage = "keyholder alerts mute <SINK> --for <TIME> --by <WHO> --because <WHY>")]
pub struct MuteArgs {
    /// The sink that gets less
    sink: String,
    /// Only alerts of this class, for example key-added
    #[arg(long)]
    class: Option<String>,
    /// Only alerts of this contract
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// For how long: at most 30d
    #[arg(long = "for", value_name = "TIME")]
    lasts: String,
    /// Who asks for it
    #[arg(long = "by", value_name = "WHO")]
    person: String,
    /// Why
    #[arg(long = "because", value_name = "WHY")]
    reason: String,
}

/// `alerts mutes`.
#[derive(Args, Debug)]
pub struct Mutes {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `alerts unmute`.
#[derive(Args, Debug)]
pub struct Unmute {
    /// The number that `alerts mutes` shows
    number: i64,
}

/// Digits of an id that tell alerts apart in a table.
const SHORT_ID: usize = 12;

/// Characters of what an event is about, in a table.
const MAX_HEADLINE_CHARS: usize = 80;

const FOR_PEOPLE: [&str; 8] = ["alert", "raised_utc", "contract", "severity", "class", "sink", "state", "subject"];

const FOR_PROGRAMS: [&str; 15] = [
    "alert_id",
    "raised_utc",
    "contract",
    "severity",
    "class",
    "kind",
    "subject_id",
    "object_id",
    "attribute",
    "snapshot",
    "sink",
    "state",
    "attempts",
    "due_utc",
    "detail",
];

pub(super) async fn run(command: Alerts, context: &mut Context) -> Result<Exit, Failure> {
    match command {
        Alerts::List(list) => run_list(&list, context).await,
        Alerts::Show(show) => run_show(&show, context).await,
        Alerts::Deliver => run_deliver(context).await,
        Alerts::Retry(retry) => run_retry(&retry, context).await,
        Alerts::Mute(mute) => run_mute(mute, context).await,
        Alerts::Mutes(mutes) => run_mutes(&mutes, context).await,
        Alerts::Unmute(unmute) => run_unmute(&unmute, context).await,
    }
}

async fn run_list(list: &List, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let rows = store.delivery_rows(list.state.as_deref(), list.limit).await?;
    if list.format == ListFormat::Json {
        let name = |row: &DeliveryRow| row.alert.contract.map(|number| context.name_of(number)).unwrap_or_default();
        let json = json::pretty(&rows.iter().map(|row| DeliveryV1::of(row, name(row))).collect::<Vec<_>>())?;
        context.document(Format::Json, json.as_bytes())?;
        return Ok(Exit::Done);
    }
    let is_table = list.format == ListFormat::Table;
    let mut table = if is_table { Table::new(&FOR_PEOPLE) } else { Table::new(&FOR_PROGRAMS) };
    for row in rows {
        let alert = &row.alert;
        let id = alert.id.to_string();
        let subject = alert.fact.as_ref().map(|fact| fact.subject.to_string()).unwrap_or_default();
        let sink = row.sink.clone().unwrap_or_default();
        if is_table {
            table.push([
                id[..SHORT_ID].into(),
                to_seconds(alert.raised).into(),
                alert.contract.map(|number| context.title_of(number)).unwrap_or_default().into(),
                alert.severity.as_str().into(),
                alert.class.as_str().into(),
                sink.into(),
                row.state.into(),
                if alert.fact.is_some() { subject } else { event_headline(alert) }.into(),
            ]);
            continue;
        }
        let fact = alert.fact.as_ref();
        table.push([
            id.into(),
            to_seconds(alert.raised).into(),
            alert.contract.map(|contract| contract.to_string()).unwrap_or_default().into(),
            alert.severity.as_str().into(),
            alert.class.as_str().into(),
            fact.map(|fact| fact.kind.as_str()).unwrap_or_default().into(),
            subject.into(),
            fact.and_then(|fact| fact.object.as_deref()).unwrap_or_default().into(),
            alert.attribute.clone().into(),
            alert.span.as_ref().map(|span| span.to.to_string()).unwrap_or_default().into(),
            sink.into(),
            row.state.into(),
            u64::from(row.attempts).into(),
            row.due.map(to_seconds).unwrap_or_default().into(),
            row.detail.into(),
        ]);
    }
    table.write(&mut context.out, list.format, context.width)?;
    Ok(Exit::Done)
}

/// What an event is about, in a few words.
fn event_headline(alert: &Alert) -> String {
    let Details { reason, counts, .. } = &alert.details;
    let text = match (reason.as_str(), counts.is_empty()) {
        ("", true) => alert.class.title(),
        ("", false) => counts.iter().map(|(label, value)| format!("{label} {value}")).collect::<Vec<_>>().join(", "),
        (reason, _) => reason.to_owned(),
    };
    visible_within(&text, MAX_HEADLINE_CHARS)
}

/// The alert whose id begins like that.
async fn find(store: &Store, prefix: &str) -> Result<Alert, Failure> {
    let found = store.alerts_beginning_with(&prefix.to_lowercase()).await?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::Usage {
            what: format!("find alert {prefix:?}: there is none whose id begins like that"),
            hint: "`keyholder alerts list` shows them",
        }),
        several => Err(Failure::Usage {
            what: format!("find alert {prefix:?}: the ids of {} begin like that", several.len()),
            hint: "give more digits of the id",
        }),
    }
}

async fn run_show(show: &Show, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let alert = find(&store, &show.id).await?;
    let names = contract_names(&context.config()?.config);
    let message = Renderer::new(&store, &names).message(&alert, true).await?;
    context.line(&format!("alert {}", alert.id))?;
    context.line(&message.headline())?;
    for (label, value) in message.lines() {
        context.line(&format!("{label:<10} {value}"))?;
    }
    let mut table = Table::new(&["sink", "attempt", "at_utc", "outcome", "detail"]);
    for attempt in store.attempts(&alert).await? {
        table.push([
            attempt.sink.into(),
            u64::from(attempt.number).into(),
            to_seconds(attempt.at).into(),
            attempt.outcome.into(),
            attempt.detail.into(),
        ]);
    }
    if !table.is_empty() {
        context.line("")?;
        table.write(&mut context.out, ListFormat::Table, context.width)?;
    }
    Ok(Exit::Done)
}

async fn run_deliver(context: &mut Context) -> Result<Exit, Failure> {
    let alerting = Alerting::of(&context.config()?.config, &context.environment, &standard_output());
    let store = context.store(Access::Write).await?;
    let outcome = alerting.deliver(&store, &context.seams).await;
    let counts = store.delivery_counts().await;
    store.close().await;
    let (delivered, counts) = (outcome?, counts?);
    tracing::info!(
        "Delivered {}, postponed {}, given up {}; {} still pending",
        delivered.delivered,
        delivered.postponed,
        delivered.dead,
        counts.pending
    );
    let mut unprepared = alerting.into_unprepared();
    if let Some(first) = unprepared.next() {
        unprepared.for_each(|other| tracing::error!("{}", reasons(&other)));
        return Err(first.into());
    }
    Ok(if delivered.dead > 0 { Exit::Delivery } else { Exit::Done })
}

async fn run_retry(retry: &Retry, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Write).await?;
    let id = match &retry.id {
        Some(prefix) => Some(find(&store, prefix).await?.id.to_string()),
        None => None,
    };
    let count = store.retry_dead(id.as_deref(), retry.sink.as_deref(), context.seams.now()).await?;
    store.close().await;
    tracing::info!("{count} dead letters are pending again; `keyholder alerts deliver` sends them");
    Ok(Exit::Done)
}

async fn run_mute(mute: MuteArgs, context: &mut Context) -> Result<Exit, Failure> {
    let config = &context.config()?.config;
    let usage = |what: String, hint: &'static str| Failure::Usage { what, hint };
    let lasts = duration::parse(&mute.lasts)
        .ok()
        .and_then(|lasts| TimeDelta::from_std(lasts).ok())
        .ok_or_else(|| usage(format!("mute for {:?}: that is no duration", mute.lasts), "for example 7d or 12h"))?;
    let class = mute.class.as_deref().map(|word| {
        AlertClass::from_word(word).ok_or_else(|| {
            usage(format!("mute class {word:?}: there is none of that name"), "`keyholder alerts list` shows classes")
        })
    });
    let announcer = announcer(config);
    let store = context.store(Access::Write).await?;
    let contract = match &mute.contract {
        Some(asked) => Some(context.known_contract(&store, asked).await?),
        None => None,
    };
    let now = context.seams.now();
    let wanted = Mute {
        number: 0,
        sink: mute.sink,
        class: class.transpose()?,
        contract,
        person: mute.person,
        reason: mute.reason,
        since: now,
        until: now + lasts,
        ended: None,
    };
    let outcome = muting::mute(&store, &announcer, wanted, &context.seams).await;
    store.close().await;
    let number = outcome?;
    context.line(&format!("mute {number}"))?;
    Ok(Exit::Done)
}

async fn run_mutes(mutes: &Mutes, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let in_force = store.mutes_at(context.seams.now()).await?;
    if mutes.format == ListFormat::Json {
        let json = json::pretty(&in_force.iter().map(MuteV1::of).collect::<Vec<_>>())?;
        context.document(Format::Json, json.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["mute", "sink", "class", "contract", "until_utc", "person", "reason"]);
    for mute in in_force {
        table.push([
            mute.number.unsigned_abs().into(),
            mute.sink.into(),
            mute.class.map_or("all", AlertClass::as_str).into(),
            mute.contract.map_or_else(|| "all".to_owned(), |contract: ContractNumber| contract.to_string()).into(),
            to_seconds(mute.until).into(),
            mute.person.into(),
            mute.reason.into(),
        ]);
    }
    table.write(&mut context.out, mutes.format, context.width)?;
    Ok(Exit::Done)
}

async fn run_unmute(unmute: &Unmute, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Write).await?;
    let done = store.unmute(unmute.number, context.seams.now()).await?;
    store.close().await;
    if !done {
        return Err(Failure::Usage {
            what: format!("take back mute {}: it is not in force", unmute.number),
            hint: "`keyholder alerts mutes` shows those in force",
        });
    }
    Ok(Exit::Done)
}
