//! `keyholder sinks`: where alerts go, and whether that works.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};

use super::table::{ListFormat, Table};
use super::terminal::Terminal;
use super::{Context, Failure};
use crate::app::alerts::setup::Alerting;
use crate::app::collect::reasons;
use crate::domain::severity::Severity;
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::sinks::message::Message;
use crate::sinks::stdout::Output;

/// What to do with sinks.
#[derive(Debug, Subcommand)]
pub enum Sinks {
    /// Send a test message to a sink, or to all, and show what came of it
    Test(Test),
}

/// `sinks test`.
#[derive(Args, Debug)]
pub struct Test {
    /// Only this sink
    name: Option<String>,
    /// How to write the outcome
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// The output of the process, for sinks that write there.
pub(super) fn standard_output() -> Output {
    let stdout = io::stdout();
    if stdout.is_terminal() { Arc::new(Mutex::new(Terminal::new(stdout))) } else { Arc::new(Mutex::new(stdout)) }
}

pub(super) async fn run(command: Sinks, context: &mut Context) -> Result<Exit, Failure> {
    match command {
        Sinks::Test(test) => run_test(&test, context).await,
    }
}

async fn run_test(test: &Test, context: &mut Context) -> Result<Exit, Failure> {
    let alerting = Alerting::of(&context.config()?.config, &context.environment, &standard_output());
    let is_chosen = |name: &str| test.name.as_deref().is_none_or(|chosen| chosen == name);
    let chosen: Vec<_> = alerting.destinations.iter().filter(|(name, _)| is_chosen(name)).collect();
    if chosen.is_empty() {
        return Err(Failure::Usage {
            what: match &test.name {
                Some(name) => format!("test sink {name:?}: no sink of that name is configured"),
                None => "test the sinks: none is configured".to_owned(),
            },
            hint: "add a [[sink]] to the configuration; `keyholder config default` describes its keys",
        });
    }
    let message = message(context)?;
    let mut table = Table::new(&["sink", "kind", "outcome", "detail"]);
    let (mut is_broken, mut is_unprepared) = (false, false);
    for (name, destination) in chosen {
        let sink = match destination {
            Ok(destination) => &destination.sink,
            Err(error) => {
                is_unprepared = true;
                table.push([name.as_str().into(), "".into(), "failed".into(), reasons(error).into()]);
                error.hint().iter().for_each(|hint| tracing::warn!("{name}: {hint}"));
                continue;
            }
        };
        let outcome = sink.deliver(&message, context.seams.now()).await;
        is_broken |= outcome.is_err();
        let (word, detail) = match &outcome {
            Ok(receipt) => ("delivered", receipt.detail.clone()),
            Err(error) => ("failed", error.summary()),
        };
        table.push([sink.name().into(), sink.kind().into(), word.into(), detail.into()]);
        if let Some(hint) = outcome.as_ref().err().and_then(|error| error.reason().hint()) {
            tracing::warn!("{}: {hint}", sink.name());
        }
    }
    table.write(&mut context.out, test.format, context.width)?;
    Ok(match (is_unprepared, is_broken) {
        (true, _) => Exit::Configuration,
        (false, true) => Exit::Delivery,
        (false, false) => Exit::Done,
    })
}

/// A message that nobody takes for an alert; its id is new each time, so that no receiver drops it as known.
fn message(context: &Context) -> Result<Message, Failure> {
    let now = context.seams.now();
    let id = hex::encode(context.seams.secret_bytes()?);
    let mut message = Message::new(&id, "test", "Test message of keyholder", Severity::Info, now);
    message.because = Some("this is a run of `keyholder sinks test`; nothing has changed".to_owned());
    message.counts = [("sent".to_owned(), to_seconds(now))].into();
    Ok(message)
}
