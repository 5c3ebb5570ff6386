//! The real binary with a database of its own, pointed at an emulator; and others in its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use emulator::{Emulator, Version};
use keyholder::store::{Access, Store};

use crate::child::{Ran, Took, run};
use crate::facts::Facts;
use crate::support::site::{CONNECTIONS, folder, private};
use crate::support::{Outcome, site};

/// A folder with a database, and who is asked.
pub(crate) struct Desk<'a> {
    emulator: &'a Emulator,
    folder: PathBuf,
}

impl<'a> Desk<'a> {
    /// An empty folder of that name.
    pub(crate) fn new(emulator: &'a Emulator, name: &str) -> Outcome<Self> {
        let folder = folder()?.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        private(&folder)?;
        Ok(Self { emulator, folder })
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("keyholder.db")
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs the binary in an environment of its own.
    pub(crate) fn keyholder(&self, arguments: &[&str]) -> Outcome<Ran> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyholder"));
        command.arg("--db").arg(self.database()).args(arguments).env_clear().env("HOME", &self.folder);
        command.env("KEYHOLDER_API_CONCURRENCY", CONNECTIONS.to_string());
        self.run(command)
    }

    /// Collects once.
    pub(crate) fn collect(&self) -> Outcome<Took> {
        Ok(self.keyholder(&["collect"])?.took)
    }

    /// Walks without a store, in a process of its own.
    pub(crate) fn walk(&self) -> Outcome<Took> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--walk").arg(self.emulator.base_url(Version::V6));
        Ok(self.run(command)?.took)
    }

    /// Runs one of the programs in `contenders`.
    pub(crate) fn python(&self, python: &Path, script: &str, arguments: &[&str]) -> Outcome<Ran> {
        let mut command = Command::new(python);
        command.arg(crate::python::script(script)).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        self.run(command)
    }

    /// The same with the address of the API before its arguments.
    pub(crate) fn contender(&self, python: &Path, script: &str, threads: usize) -> Outcome<(Took, Facts)> {
        let ran = self.python(python, script, &[&self.emulator.base_url(Version::V6), &threads.to_string()])?;
        Ok((ran.took, serde_json::from_slice(&ran.out)?))
    }

    fn run(&self, mut command: Command) -> Outcome<Ran> {
        command.current_dir(&self.folder).env("IONOS_API_URL", self.emulator.base_url(Version::V6));
        command.env("IONOS_TOKEN", self.emulator.token());
        run(command, &self.folder)
    }

    /// What the database holds of its last snapshot.
    pub(crate) async fn held(&self) -> Outcome<Facts> {
        let store = Store::open(&self.database(), Access::Read).await?;
        let contract = store.choose_contract(None).await?;
        let last = store.snapshots(contract).await?.pop().ok_or("the database has no snapshot")?;
        let state = store.state(contract, last.seq).await?;
        store.close().await;
        Ok(Facts::held(&state))
    }

    /// Fails unless both are what is really there.
    pub(crate) fn same(&self, who: &str, found: &Facts) -> Outcome<()> {
        let there = self.emulator.read(Facts::there);
        if *found == there {
            return Ok(());
        }
        Err(format!("{who} did not find what is there: {:?} instead of {:?}", found.counts, there.counts).into())
    }
}

/// Walks that contract and drops what was seen.
pub(crate) async fn walk_alone(url: &str, token: &str) -> Outcome<()> {
    let seen = site::walked_at(url, token).await?;
    if seen.sightings.users.is_empty() { Err("nobody was seen".into()) } else { Ok(()) }
}
