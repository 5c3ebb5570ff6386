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
use super::json::{self, CheckV1};
use crate::app::preconditions::{DatabaseState, Precondition, Preconditions};
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
    /// Which contract, as `collect` takes it; without it the one that `collect` takes
    #[arg(long, value_name = "NAME or NUMBER")]
    pub contract: Option<String>,
    /// Every `[[contract]]` of the configuration, as `collect --all`. Without it, of several that are configured all are looked at,
    /// and the exit code is that of `collect`, which wants one to be chosen
    #[arg(long, conflicts_with = "contract")]
    pub all: bool,
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
/// eight requests for each contract, and one or two more where an answer leaves a question.
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
    let chosen = chosen(loaded, args);
    checks.extend(chosen.as_ref().err().map(|failure| Check::unmet(Precondition::Contract, failure)));
    let all = match chosen {
        Ok(all) => all,
        // What stands in the way of each of them is worth knowing all the same.
        Err(_) if args.contract.is_none() => Chosen::all(&loaded.config).unwrap_or_default(),
        Err(_) => return checks,
    };
    let requests: Vec<_> = all.into_iter().map(request).collect();
    let look = |request| Preconditions::look(loaded, environment, request, seams, DatabaseState::Closed);
    let looks: Vec<_> = requests.iter().map(look).collect();
    for (request, look) in requests.iter().zip(&looks) {
        let own = local::access(look, seams.now(), !args.offline);
        checks.extend(own.into_iter().map(|check| check.of_contract(request.contract_name())));
    }
    // The database is the same for all of them.
    let mut others = Vec::new();
    if let Some(look) = looks.first() {
        checks.extend(local::surroundings(look).await);
        others = local::others(look, loaded.config.store.lock_wait).await;
    }
    for (request, look) in requests.iter().zip(looks) {
        let own = match look.access {
            Ok(_) if args.offline => vec![Check::skipped("api", "not asked")],
            Ok(access) => remote::examine(access.settings, look.database.as_deref().ok(), seams).await,
            Err(_) => Vec::new(),
        };
        checks.extend(own.into_iter().map(|check| check.of_contract(request.contract_name())));
    }
    checks.extend(local::sinks(loaded, environment));
    checks.extend(others);
    checks
}

/// What `collect` would collect with the same options.
fn chosen(loaded: &Loaded, args: &Args) -> Result<Vec<Chosen>, Failure> {
    if args.all {
        return Chosen::all(&loaded.config);
    }
    let usage = |what: &'static str| Failure::Usage {
        what: format!("find the contract: {what}"),
        hint: "give the name of a [[contract]] of the configuration, or the number of a contract",
    };
    let asked = args.contract.as_deref().map(|asked| asked.parse::<ContractArg>().map_err(usage)).transpose()?;
    Ok(vec![Chosen::of(&loaded.config, asked.as_ref())?])
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
    let checks: Vec<_> = checks.iter().map(CheckV1::of).collect();
    write!(out, "{}", json::pretty(&checks)?)
}
