//! `keyholder doctor`: sees why it does not work, from the configuration to what the token can see.
//!
//! Looks at the very preconditions of `collect`, in its order, and ends with the code of the first that is not met. Changes
//! nothing, and never shows a secret. What was seen is a list of [`Check`]s; only [`run`] writes.

mod check;
mod local;
mod remote;

use std::io::{self, Write};

use super::Failure;
use super::contract::{Chosen, ContractArg};
use crate::app::preconditions::{DatabaseState, Preconditions};
use crate::app::prepare::CollectRequest;
use crate::config::{ConfigError, Loaded};
use crate::exit::Exit;
use crate::seams::{Environment, Seams};

pub use check::{Check, Outcome, exit};

/// Arguments of `keyholder doctor`.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Do not ask the API; look at the configuration, the credentials and the database only
    #[arg(long)]
    pub offline: bool,
    /// Print a JSON list instead of text
    #[arg(long)]
    pub json: bool,
    /// Which contract, as `collect` takes it; without it the one that `collect` takes, or all of the configuration
    #[arg(long, value_name = "NAME or NUMBER")]
    pub contract: Option<String>,
}

/// Examines everything and writes what was seen to `out`. `loaded` is what reading the configuration gave.
pub async fn run(
    args: &Args,
    loaded: &Result<Loaded, ConfigError>,
    environment: &Environment,
    seams: &Seams,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    let checks = examine(args, loaded, environment, seams).await;
    if args.json {
        print_json(&checks, out)?;
    } else {
        print_text(&checks, out)?;
    }
    Ok(exit(&checks))
}

/// Looks at everything, in the order in which `collect` finds out. Unless it is to stay offline it asks the API as well, with
/// eight requests for each contract.
pub async fn examine(
    args: &Args,
    loaded: &Result<Loaded, ConfigError>,
    environment: &Environment,
    seams: &Seams,
) -> Vec<Check> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return local::broken_configuration(error),
    };
    let mut checks = local::configuration(loaded);
    checks.extend(local::legacy_names(environment));
    let all = match chosen(loaded, args.contract.as_deref()) {
        Ok(all) => all,
        Err(failure) => {
            checks.push(Check::failure("contract", &failure));
            return checks;
        }
    };
    let requests: Vec<_> = all.into_iter().map(request).collect();
    let look = |request| Preconditions::look(loaded, environment, request, seams, DatabaseState::Closed);
    let looks: Vec<_> = requests.iter().map(look).collect();
    for (request, look) in requests.iter().zip(&looks) {
        let own = local::access(look, seams.now(), !args.offline);
        checks.extend(own.into_iter().map(|check| check.of_contract(request.contract_name())));
    }
    // The database is the same for all of them.
    let mut held = None;
    if let Some(look) = looks.first() {
        checks.extend(local::surroundings(look).await);
        held = local::lock(look);
    }
    for (request, look) in requests.iter().zip(looks) {
        let own = match look.access {
            Ok(_) if args.offline => vec![Check::skipped("api", "not asked")],
            Ok(access) => remote::examine(access.settings, seams).await,
            Err(_) => Vec::new(),
        };
        checks.extend(own.into_iter().map(|check| check.of_contract(request.contract_name())));
    }
    checks.extend(local::sinks(loaded, environment));
    checks.extend(held);
    checks
}

/// What `collect` would collect; where it wants one to be chosen, all of them.
fn chosen(loaded: &Loaded, asked: Option<&str>) -> Result<Vec<Chosen>, Failure> {
    let usage = |what: &'static str| Failure::Usage {
        what: format!("find the contract: {what}"),
        hint: "give the name of a [[contract]] of the configuration, or the number of a contract",
    };
    let asked = asked.map(|asked| asked.parse::<ContractArg>().map_err(usage)).transpose()?;
    match Chosen::of(&loaded.config, asked.as_ref()) {
        Ok(one) => Ok(vec![one]),
        Err(_) if asked.is_none() => Chosen::all(&loaded.config),
        Err(failure) => Err(failure),
    }
}

fn request(chosen: Chosen) -> CollectRequest {
    CollectRequest { contract: chosen.config, number: chosen.number, ..CollectRequest::default() }
}

/// What a check found is shown already.
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
