//! `keyholder doctor`: sees why it does not work, from the configuration to what the token can see.
//!
//! Asks the API and the database for as little as shows the answer, changes nothing, and never shows a secret. What was
//! seen is a list of [`Check`]s; only [`run`] writes.

mod check;
mod local;
mod remote;

use std::io::{self, Write};

use crate::api::read::Client;
use crate::config::{ConfigError, ContractConfig, Loaded, settings};
use crate::credentials::{self, Found};
use crate::exit::Exit;
use crate::seams::{Environment, Seams};

pub use check::{Check, Outcome, exit};

/// Arguments of `keyholder doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask the API; look at the configuration, the credentials and the database only
    #[arg(long)]
    pub offline: bool,
    /// Print a JSON list instead of text
    #[arg(long)]
    pub json: bool,
}

/// Examines everything and writes what was seen to `out`. `loaded` is what reading the configuration gave. The exit is that
/// of the first check that failed: configuration, credentials refused, unreachable or store.
pub async fn run(
    args: &Args,
    loaded: &Result<Loaded, ConfigError>,
    environment: &Environment,
    seams: &Seams,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    let checks = examine(loaded, environment, seams, !args.offline).await;
    if args.json {
        print_json(&checks, out)?;
    } else {
        print_text(&checks, out)?;
    }
    Ok(exit(&checks))
}

/// Looks at everything, in the order in which one thing needs the other. `online` asks the API as well, with six
/// requests.
pub async fn examine(
    loaded: &Result<Loaded, ConfigError>,
    environment: &Environment,
    seams: &Seams,
    online: bool,
) -> Vec<Check> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return local::broken_configuration(error),
    };
    let mut checks = local::configuration(loaded);
    checks.extend(local::legacy_names(environment));
    let contracts = &loaded.config.contracts;
    if contracts.is_empty() {
        checks.extend(contract(loaded, None, environment, seams, online).await);
    }
    for config in contracts {
        let own = contract(loaded, Some(config), environment, seams, online).await;
        let named = |check: Check| Check { found: format!("contract {}: {}", config.name, check.found), ..check };
        checks.extend(own.into_iter().map(named));
    }
    checks.extend(local::database(loaded).await);
    checks
}

/// The credentials of a contract of the configuration, or of `[credentials]`, and what they get to see.
async fn contract(
    loaded: &Loaded,
    config: Option<&ContractConfig>,
    environment: &Environment,
    seams: &Seams,
    online: bool,
) -> Vec<Check> {
    let found = credentials::find_for(loaded, config, environment);
    let mut checks = local::credentials(&found, seams.now());
    match found {
        Ok(found) if online => checks.extend(api(loaded, config, found, seams).await),
        Ok(_) => checks.push(Check::skipped("api", "not asked")),
        Err(_) => {}
    }
    checks
}

/// What a client with these settings and credentials gets to see.
async fn api(loaded: &Loaded, contract: Option<&ContractConfig>, found: Found, seams: &Seams) -> Vec<Check> {
    let mut settings = match settings(loaded, contract, found.credentials) {
        Ok(settings) => settings,
        Err(error) => return local::broken_configuration(&error),
    };
    // Whoever asks a doctor wants to know now: one repetition tells a hiccup from a fault.
    settings.attempts = settings.attempts.min(2);
    match Client::new(&settings, seams.clone()) {
        Ok(client) => remote::examine(&client, &settings).await,
        Err(error) => vec![Check::fail("api", Exit::Configuration, check::causes(&error))],
    }
}

fn print_text(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in checks {
        let indent = " ".repeat(6 + width + 2);
        let found = check.found.replace('\n', &format!("\n{indent}"));
        writeln!(out, "{:<4}  {:<width$}  {found}", check.outcome.as_str(), check.name)?;
        if let Some(hint) = &check.hint {
            writeln!(out, "{indent}hint: {hint}")?;
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    writeln!(out, "{} ok, {} to look at, {} failed", count(Outcome::Ok), count(Outcome::Warn), count(Outcome::Fail))
}

fn print_json(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let list: Vec<_> = checks
        .iter()
        .map(|check| {
            serde_json::json!({ "check": check.name, "outcome": check.outcome.as_str(), "found": check.found,
                "hint": check.hint, "exit": check.exit.map(Exit::code) })
        })
        .collect();
    writeln!(out, "{:#}", serde_json::Value::Array(list))
}
