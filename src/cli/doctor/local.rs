//! What this machine shows: configuration, credentials, the database and its surroundings.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::check::{Check, causes};
use crate::api::settings::Credentials;
use crate::config::{ConfigError, Loaded};
use crate::credentials::{self, CredentialsError, Found, Lifetime, legacy_variables, lifetime};
use crate::exit::Exit;
use crate::seams::Environment;
use crate::store::place::{FileSystem, Trust, exposed_folder, file_system, folder_of, free_room, needed_room};
use crate::store::{Access, Store, StoreError};

/// One failed check for each problem.
pub(super) fn broken_configuration(error: &ConfigError) -> Vec<Check> {
    let hint = "keyholder config default shows every key, keyholder config schema is for editors";
    let mut checks: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| Check::fail("configuration", Exit::Configuration, problem.to_string()))
        .collect();
    if let Some(last) = checks.last_mut() {
        last.hint = Some(hint.to_owned());
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

/// Where the credentials are from, and how long a token is good for.
pub(super) fn credentials(found: &Result<Found, CredentialsError>, now: DateTime<Utc>) -> Vec<Check> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            return vec![Check::fail("credentials", Exit::Configuration, causes(error)).hint(error.hint())];
        }
    };
    let kind = match found.credentials {
        Credentials::Bearer(_) => Check::ok("credentials", format!("a token, {}", found.source)),
        Credentials::Basic { .. } => Check::warn("credentials", format!("user name and password, {}", found.source))
            .hint("IONOS refuses them for accounts with two-factor authentication; a token is better"),
    };
    let source = exposed_source(found);
    let mut checks = vec![kind];
    checks.extend(found.notices.iter().map(|notice| Check::warn("credentials", notice)));
    checks.extend(source);
    if matches!(found.credentials, Credentials::Bearer(_)) {
        checks.push(token(lifetime(found.expires, now), now));
    }
    checks
}

/// The shared file belongs to other tools, so its rights are a warning and no error.
fn exposed_source(found: &Found) -> Option<Check> {
    let path = found.shared_file.as_deref()?;
    let mode = credentials::mode_of(path)?;
    (mode & 0o077 != 0).then(|| {
        Check::warn("credentials", format!("{} has mode {mode:04o}: others can get at it", path.display()))
            .hint(format!("chmod 600 {}", path.display()))
    })
}

fn token(lifetime: Lifetime, now: DateTime<Utc>) -> Check {
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
        Lifetime::Over(end) => {
            Check::fail("token", Exit::CredentialsRefused, format!("ended {}", day(end))).hint(renew)
        }
    }
}

/// The file, its rights, its schema and the room around it.
pub(super) async fn database(loaded: &Loaded) -> Vec<Check> {
    let path = match loaded.database() {
        Ok(path) => path,
        Err(error) => return vec![Check::fail("database", Exit::Configuration, error.to_string())],
    };
    let seen = match look(path).await {
        Ok(seen) => Check::ok("database", seen),
        Err(StoreError::Missing { .. }) => missing(path),
        Err(error @ StoreError::Older { .. }) => Check::warn("database", causes(&error)).hint_if_any(error.hint()),
        Err(error) => Check::fail("database", Exit::Store, causes(&error)).hint_if_any(error.hint()),
    };
    let mut checks = vec![seen];
    checks.extend(exposed(path));
    checks.extend(disk(path, loaded.config.store.min_free_mib << 20));
    checks
}

async fn look(path: &Path) -> Result<String, StoreError> {
    let store = Store::open(path, Access::Read).await?;
    let mut contracts = Vec::new();
    for contract in store.contracts().await? {
        let snapshots = store.snapshots(contract).await?.len();
        contracts.push(format!("contract {contract}: {snapshots} snapshots"));
    }
    store.close().await;
    let contents = if contracts.is_empty() { "no snapshot yet".to_owned() } else { contracts.join(", ") };
    Ok(format!("{}, schema {}, {contents}", path.display(), crate::store::open::schema_version()))
}

/// A database that is not there yet is fine where it can be made.
fn missing(path: &Path) -> Check {
    let folder = existing_folder(path);
    match rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => Check::ok("database", format!("{} is not there yet; collect makes it", path.display())),
        Err(error) => {
            let found = format!("{} is not there, and {} cannot be written: {error}", path.display(), folder.display());
            Check::fail("database", Exit::Store, found).hint("name another place with --db, KEYHOLDER_DB or store.path")
        }
    }
}

/// Others in the folder: reports work, collecting is refused.
fn exposed(path: &Path) -> Option<Check> {
    let folder = folder_of(path);
    let mode = exposed_folder(folder)?;
    let found = format!("others can get at folder {} (mode {mode:04o}): collect refuses", folder.display());
    Some(Check::fail("folder", Exit::Store, found).hint(format!("chmod 700 {}", folder.display())))
}

/// Room and kind of the file system, by what collecting asks of them.
fn disk(path: &Path, least: u64) -> Option<Check> {
    let folder = existing_folder(path);
    let free = free_room(folder)?;
    let needed = needed_room(path, least);
    let kind = file_system(folder);
    let name = kind.map(|kind| format!(" ({})", kind.name)).unwrap_or_default();
    let found = format!("{} MiB free in {}{name}", free >> 20, folder.display());
    Some(match kind {
        Some(FileSystem { trust: Trust::Network, .. }) => Check::fail("disk", Exit::Store, found)
            .hint("collect refuses network file systems; keep the database on a disk of this machine"),
        _ if free < needed => Check::fail("disk", Exit::Store, found)
            .hint(format!("collect refuses to begin with less than {} MiB: make room", needed.div_ceil(1 << 20))),
        Some(FileSystem { trust: Trust::Unknown, .. }) => {
            Check::warn("disk", found).hint("if another machine serves it, move the database to a disk of this one")
        }
        _ => Check::ok("disk", found),
    })
}

/// The nearest folder above that exists; the working folder for a bare file name.
fn existing_folder(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Outcome;

    #[track_caller]
    fn check(end: &str, outcome: Outcome, found: &str) {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let now = instant("2026-11-23T12:00:00Z");
        let seen = token(lifetime(Some(instant(end)), now), now);
        assert_eq!((seen.outcome, seen.found.as_str()), (outcome, found));
        assert_eq!(seen.hint.is_some(), outcome != Outcome::Ok);
    }

    #[test]
    fn the_end_of_a_token_is_told_with_what_is_left() {
        check("2027-11-23T12:00:00Z", Outcome::Ok, "ends 2027-11-23 12:00 UTC, in 365 days");
        check("2026-12-07T12:00:00Z", Outcome::Warn, "ends 2026-12-07 12:00 UTC, in 14 days");
        check("2026-11-24T13:00:00Z", Outcome::Warn, "ends 2026-11-24 13:00 UTC, in 1 day");
        check("2026-11-23T13:00:00Z", Outcome::Warn, "ends 2026-11-23 13:00 UTC, in less than a day");
        check("2026-11-23T12:00:00Z", Outcome::Fail, "ended 2026-11-23 12:00 UTC");
    }

    #[test]
    fn the_folder_that_counts_is_the_nearest_that_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(existing_folder(&folder.path().join("a/b/k.db")), folder.path());
        assert_eq!(existing_folder(Path::new("k.db")), Path::new("."));
        assert_eq!(existing_folder(Path::new("/k.db")), Path::new("/"));
    }
}
