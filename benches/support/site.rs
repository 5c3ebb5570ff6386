//! Contracts of a size, served by the emulator; and folders that the store accepts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::{Emulator, RateLimit, Version};
use keyholder::api::read::Client;
use keyholder::api::settings::{Credentials, Settings};
use keyholder::collect::{Limits, Walk, walk};
use keyholder::seams::Seams;

use super::Outcome;

/// Connections that the budgets are given for.
pub(crate) const CONNECTIONS: usize = 64;

/// The proportions of contract L for so many users: ten memberships, two keys and two owned resources each; twenty users and a
/// hundred shares to a group.
pub(crate) fn size_of(users: usize) -> emulator::Size {
    let groups = (users / 20).max(emulator::Size::FEWEST_GROUPS);
    emulator::Size {
        users,
        groups,
        memberships: (users * 10).min(users * groups / 2),
        shares: groups * 100.min(users),
        keys: users * 2,
        resources: users * 2,
    }
}

/// A contract of that size, served.
pub(crate) async fn serve(users: usize, limit: Option<RateLimit>) -> Outcome<Emulator> {
    let mut builder = Emulator::builder().seed(4).size(size_of(users)).now(Seams::system().now());
    if let Some(limit) = limit {
        builder = builder.rate_limit(limit);
    }
    Ok(builder.start().await?)
}

/// Walks the contract inside this process, without a store.
pub(crate) async fn walked(emulator: &Emulator) -> Outcome<Walk> {
    walked_at(&emulator.base_url(Version::V6), emulator.token()).await
}

/// The same by its address.
pub(crate) async fn walked_at(url: &str, token: &str) -> Outcome<Walk> {
    let seams = Seams::system();
    let mut settings = Settings::new(url.parse()?, keyholder::api::Version::V6, Credentials::Bearer(token.into()));
    settings.concurrency = CONNECTIONS;
    let client = Client::new(&settings, seams.clone())?;
    let limits = Limits { longest: Duration::from_hours(2), ..Limits::default() };
    Ok(walk(&client, &seams, limits, &|_| ()).await?)
}

/// Where benches keep their files.
pub(crate) fn folder() -> Outcome<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    private(&folder)?;
    Ok(folder)
}

/// Makes a folder that others cannot list, which is what a database needs, or makes it one.
pub(crate) fn private(folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}
