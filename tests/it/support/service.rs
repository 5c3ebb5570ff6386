//! The service in this process and in virtual time: jobs, sinks and contracts out of a configuration file, over served
//! contracts whose clocks go along.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use emulator::Emulator;
use keyholder::app::alerts::setup::announcer;
use keyholder::app::stop::Stop;
use keyholder::config::{Flags, load};
use keyholder::exit::Exit;
use keyholder::seams::{Environment, Seams, SeededRandom, SetClock};
use keyholder::service::engine::Engine;
use keyholder::service::metrics::Metrics;
use keyholder::service::setup;
use keyholder::store::{Access, Store};

use super::private_folder;

/// The key of webhooks.
pub(crate) const WEBHOOK_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A service in virtual time: it runs when its clock is set.
pub(crate) struct VirtualService {
    pub(crate) store: Store,
    pub(crate) emulators: Vec<Emulator>,
    clock: Arc<SetClock>,
    engine: Engine,
    folder: tempfile::TempDir,
}

impl VirtualService {
    /// Begins at that time. Each contract is collected on that schedule and is called `c1`, `c2` and so on; `rest` is the rest
    /// of the configuration.
    pub(crate) async fn start(begin: DateTime<Utc>, emulators: Vec<Emulator>, collect: &str, rest: &str) -> Self {
        let folder = private_folder();
        let contracts = emulators.iter().zip(1..).map(|(emulator, index)| {
            let (name, url) = (format!("c{index}"), emulator.base_url(emulator::Version::V6));
            put(&folder.path().join(&name), emulator.token());
            let number = emulator.contract_number();
            format!(
                "[[contract]]\nname = '{name}'\nnumber = {number}\ntoken_file = '{name}'\nurl = '{url}'\n\
                 collect = '{collect}'\n"
            )
        });
        let text = "[collect]\nreread_after = '0s'\n[store]\npath = 'test.db'\n".to_owned()
            + &contracts.collect::<String>()
            + rest;
        put(&folder.path().join("key"), WEBHOOK_KEY);
        let file = folder.path().join("keyholder.toml");
        fs::write(&file, text).unwrap();
        let environment = Environment::default();
        let loaded = Arc::new(load(&Flags::new(Some(file)), &environment).unwrap());
        let store = Store::open(&loaded.config.store.path.clone().unwrap(), Access::Write).await.unwrap();
        let clock = SetClock::at(begin);
        let seams = Seams::new(Arc::clone(&clock) as Arc<_>, SeededRandom::new(7));
        let mut engine = Engine::new(store.clone(), seams, Stop::default(), Arc::new(Metrics::new(begin)));
        let output: keyholder::sinks::stdout::Output = Arc::new(Mutex::new(std::io::sink()));
        let jobs = setup::jobs(&loaded, &environment, &output).unwrap();
        engine.use_jobs(jobs, announcer(&loaded.config)).await.unwrap();
        Self { store, emulators, clock, engine, folder }
    }

    /// Runs what is due at that time.
    pub(crate) async fn tick_at(&mut self, now: DateTime<Utc>) -> Vec<Exit> {
        self.clock.set(now);
        for emulator in &self.emulators {
            emulator.set_now(now);
        }
        self.engine.tick().await.unwrap()
    }

    /// A place in the folder of the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The alerts in a file of JSON Lines.
    pub(crate) fn alerts_in(&self, name: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn put(path: &std::path::Path, secret: &str) {
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
