//! What this machine shows: configuration, credentials, the database and its surroundings. What a collection needs is decided
//! in [`Preconditions`]; here it is put into words, with what is odd without being wrong.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::check::Check;
use crate::api::settings::Credentials;
use crate::app::alerts::setup::destinations;
use crate::app::collect::reasons;
use crate::app::preconditions::{ApiAccess, Precondition, PreconditionError, Preconditions};
use crate::cli::Failure;
use crate::cli::sinks::standard_output;
use crate::config::{ConfigError, Loaded};
use crate::credentials::{self, Lifetime, legacy_variables, lifetime};
use crate::exit::Exit;
use crate::seams::Environment;
use crate::store::place::{FileSystem, Trust, existing_folder, file_system, free_room};
use crate::store::{Access, LockWait, Store, StoreError, in_use, reading, runner};

/// One failed check for each problem.
pub(super) fn broken_configuration(error: &ConfigError) -> Vec<Check> {
    let failure = Failure::Config(error.clone());
    let mut checks: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| Check::fail(Precondition::Configuration.name(), failure.exit(), problem.to_string()))
        .collect();
    if let Some(last) = checks.last_mut() {
        *last = last.clone().hint_if_any(failure.hint());
    }
    checks
}

pub(super) fn configuration(loaded: &Loaded) -> Vec<Check> {
    let file = match &loaded.file {
        Some(path) => format!("file {}", path.display()),
        None => "no file, which is fine".to_owned(),
    };
    let mut checks = vec![Check::ok("configuration", file)];
    checks.extend(loaded.warnings.iter().map(|warning| Check::warn("configuration", warning)));
    checks
}

pub(super) fn legacy_names(environment: &Environment) -> Option<Check> {
    let names = legacy_variables(environment);
    (!names.is_empty()).then(|| {
        Check::warn("credentials", format!("{} set and not read", names.join(", ")))
            .hint("the names of the time before IONOS are not used; set IONOS_TOKEN instead")
    })
}

/// Where the credentials of a contract are from, and how long a token is good for. Only the API knows whether a token that has
/// ended is refused, so that it is a failure only where that is not asked.
pub(super) fn access(preconditions: &Preconditions, now: DateTime<Utc>, online: bool) -> Vec<Check> {
    let access = match &preconditions.access {
        Ok(access) => access,
        Err(PreconditionError::Config(error)) => return broken_configuration(error),
        Err(error) => return vec![unmet(error)],
    };
    let source = access.settings.credentials_origin.as_deref().unwrap_or("given by hand");
    let is_token = matches!(access.settings.credentials, Credentials::Bearer(_));
    let mut checks = vec![if is_token {
        Check::ok("credentials", format!("a token, {source}"))
    } else {
        Check::warn("credentials", format!("user name and password, {source}"))
            .hint("IONOS refuses them for accounts with two-factor authentication; a token is better")
    }];
    checks.extend(access.notices.iter().map(|notice| Check::warn("credentials", notice)));
    checks.extend(exposed_source(access));
    checks.extend(is_token.then(|| token(lifetime(access.expires, now), now, online)));
    checks
}

/// What is not met, with the code and the hint that `collect` would end with.
fn unmet(error: &PreconditionError) -> Check {
    Check::error(error.precondition().name(), error.exit(), error).hint_if_any(error.hint())
}

/// The shared file belongs to other tools, so its rights are a warning and no error.
fn exposed_source(access: &ApiAccess) -> Option<Check> {
    let path = access.shared_file.as_deref()?;
    let mode = credentials::mode_of(path)?;
    (mode & 0o077 != 0).then(|| {
        Check::warn("credentials", format!("{} has mode {mode:04o}: others can get at it", path.display()))
            .hint(format!("chmod 600 {}", path.display()))
    })
}

fn token(lifetime: Lifetime, now: DateTime<Utc>, online: bool) -> Check {
    let renew = "create a new one in the token manager of the Data Center Designer";
    let day = |end: DateTime<Utc>| end.format("%Y-%m-%d %H:%M UTC");
    let left = |end: DateTime<Utc>| match (end - now).num_days() {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    match lifetime {
        Lifetime::Unknown => Check::ok("token", "does not say when it ends"),
        Lifetime::Fine(end) => Check::ok("token", format!("ends {}, in {}", day(end), left(end))),
        Lifetime::EndsSoon(end) => Check::warn("token", format!("ends {}, in {}", day(end), left(end))).hint(renew),
        Lifetime::Over(end) if online => Check::warn("token", format!("ended {}", day(end))).hint(renew),
        Lifetime::Over(end) => {
            Check::fail(Precondition::Token.name(), Exit::CredentialsRefused, format!("ended {}", day(end))).hint(renew)
        }
    }
}

/// The heartbeat, the database, the disk and the file of the lock: the same for all contracts.
pub(super) async fn surroundings(preconditions: &Preconditions) -> Vec<Check> {
    let mut checks = Vec::new();
    match &preconditions.heartbeat {
        Ok(Some(_)) => checks.push(Check::ok("heartbeat", "configured; it is called after a complete snapshot")),
        Ok(None) => {}
        Err(error) => checks.push(unmet(error)),
    }
    match &preconditions.database {
        Ok(path) => {
            checks.push(contents(path).await);
            checks.extend(disk(path, preconditions.disk.as_ref().err()));
        }
        Err(error) => checks.push(unmet(error)),
    }
    checks.extend(preconditions.lock_file.as_ref().err().map(unmet));
    checks
}

/// What is in the database, if it is there, and that it is not damaged.
async fn contents(path: &Path) -> Check {
    match look(path).await {
        Ok(seen) => Check::ok("database", seen),
        Err(StoreError::Missing { .. }) => {
            Check::ok("database", format!("{} is not there yet; collect makes it", path.display()))
        }
        // A collection brings the schema up to date in the file itself, and needs no copy.
        Err(error @ (StoreError::NoRoomForCopy { .. } | StoreError::Copy { .. })) => {
            Check::warn("database", reasons(&error)).hint_if_any(error.hint())
        }
        // Another program has it: see `others`.
        Err(error) if error.is_busy() => Check::skipped("database", reasons(&error)),
        Err(error) => Check::unmet_by_store(error),
    }
}

async fn look(path: &Path) -> Result<String, StoreError> {
    reading::refuse_damaged(path, &CancellationToken::new()).await?;
    let store = Store::open(path, Access::Read).await?;
    let described = describe(&store).await;
    store.close().await;
    described.map(|contents| format!("{}, schema {}, {contents}", path.display(), crate::store::open::schema_version()))
}

async fn describe(store: &Store) -> Result<String, StoreError> {
    let mut contracts = Vec::new();
    for contract in store.contracts().await? {
        let snapshots = store.snapshots(contract).await?.len();
        contracts.push(format!("contract {contract}: {snapshots} snapshots"));
    }
    Ok(if contracts.is_empty() { "no snapshot yet".to_owned() } else { contracts.join(", ") })
}

/// Room and kind of the file system.
fn disk(path: &Path, error: Option<&PreconditionError>) -> Option<Check> {
    if let Some(error) = error {
        return Some(unmet(error));
    }
    let folder = existing_folder(path);
    let free = free_room(folder)?;
    let kind = file_system(folder);
    let name = kind.map(|kind| format!(" ({})", kind.name)).unwrap_or_default();
    let found = format!("{} MiB free in {}{name}", free >> 20, folder.display());
    Some(match kind {
        Some(FileSystem { trust: Trust::Unknown, .. }) => {
            Check::warn("disk", found).hint("if another machine serves it, move the database to a disk of this one")
        }
        _ => Check::ok("disk", found),
    })
}

/// Whether each sink can be prepared; nothing is sent. What is wrong concerns `alerts deliver`, not `collect`, so that it comes
/// after all that does.
pub(super) fn sinks(loaded: &Loaded, environment: &Environment) -> Vec<Check> {
    let prepared = destinations(&loaded.config, environment, &standard_output());
    let checks = prepared.into_iter().map(|(name, outcome)| match outcome {
        Ok(destination) => Check::ok("sink", format!("{name}, {}", destination.sink.kind())),
        Err(error) => Check::failure("sink", &error.into()),
    });
    checks.collect()
}

/// How long another program may hold the database before that is reported: who writes a little is done sooner.
const MAX_HELD: Duration = Duration::from_secs(2);

/// Whether another process collects, and whether another program writes to the database or reads it as it is. It comes last, so
/// that its code counts only where nothing else is wrong.
pub(super) async fn others(preconditions: &Preconditions, lock_wait: Duration) -> Vec<Check> {
    let (Ok(path), Ok(())) = (&preconditions.database, &preconditions.lock_file) else { return Vec::new() };
    let mut checks = vec![match runner::refuse_held(path) {
        Ok(()) => Check::ok(Precondition::Lock.name(), "no other process is collecting"),
        Err(error) => Check::unmet_by_store(error),
    }];
    let in_use = in_use::refuse_in_use(path, LockWait::of(lock_wait.min(MAX_HELD))).await;
    checks.extend(in_use.err().map(Check::unmet_by_store));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Outcome;

    #[track_caller]
    fn check(end: &str, online: bool, outcome: Outcome, found: &str) {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let now = instant("2026-11-23T12:00:00Z");
        let seen = token(lifetime(Some(instant(end)), now), now, online);
        assert_eq!((seen.outcome, seen.found.as_str()), (outcome, found));
        assert_eq!(seen.hint.is_some(), outcome != Outcome::Ok);
    }

    #[test]
    fn the_end_of_a_token_is_shown_with_what_is_left() {
        check("2027-11-23T12:00:00Z", true, Outcome::Ok, "ends 2027-11-23 12:00 UTC, in 365 days");
        check("2026-12-07T12:00:00Z", true, Outcome::Warn, "ends 2026-12-07 12:00 UTC, in 14 days");
        check("2026-11-24T13:00:00Z", true, Outcome::Warn, "ends 2026-11-24 13:00 UTC, in 1 day");
        check("2026-11-23T13:00:00Z", true, Outcome::Warn, "ends 2026-11-23 13:00 UTC, in less than a day");
        check("2026-11-23T12:00:00Z", true, Outcome::Warn, "ended 2026-11-23 12:00 UTC");
        check("2026-11-23T12:00:00Z", false, Outcome::Fail, "ended 2026-11-23 12:00 UTC");
    }
}
