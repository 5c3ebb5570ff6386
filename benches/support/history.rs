//! Many days of a contract in one file, sealed one by one through the store as a collection seals them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use keyholder::domain::id::{ContractNumber, GroupId, ResourceId, UserId};
use keyholder::domain::principal::Collector;
use keyholder::domain::sighting::Sightings;
use keyholder::domain::snapshot::{Snapshot, Source};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::runner::Runner;
use keyholder::store::runs::Occasion;
use keyholder::store::seal::Sealing;
use keyholder::store::seal::announce::Silent;
use keyholder::store::{Access, Store};

use super::Outcome;

/// A database that grows by a day at a time.
pub(crate) struct History {
    pub(crate) store: Store,
    pub(crate) contract: ContractNumber,
    /// What the next day sees.
    pub(crate) seen: Sightings,
    runner: Runner,
    clock: Arc<SetClock>,
    seams: Seams,
    day: i64,
    draw: fastrand::Rng,
    /// What is there already, so that nothing comes twice.
    members: HashSet<(GroupId, UserId)>,
    shares: HashSet<(GroupId, ResourceId)>,
}

impl History {
    /// An empty database in the place of whatever was there.
    pub(crate) async fn begin(path: &Path, contract: ContractNumber, seen: Sightings) -> Outcome<Self> {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            if let Err(error) = std::fs::remove_file(&name)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error.into());
            }
        }
        let store = Store::open(path, Access::Write).await?;
        let clock = SetClock::at(start());
        let runner = store.runner(start()).await?;
        let seams = Seams::new(clock.clone(), SeededRandom::new(4));
        let members = seen.members.iter().cloned().collect();
        let shares = seen.shares.iter().map(|share| (share.group.clone(), share.resource.clone())).collect();
        let draw = fastrand::Rng::with_seed(4);
        Ok(Self { store, contract, seen, runner, clock, seams, day: 0, draw, members, shares })
    }

    /// Seals what there is to see as the next day: everything that a collection does once its walk is over.
    pub(crate) async fn seal(&mut self) -> Outcome<Snapshot> {
        let sightings = self.seen.clone();
        self.seal_those(sightings).await
    }

    /// The same of sightings that the caller has made before a clock was started.
    pub(crate) async fn seal_those(&mut self, sightings: Sightings) -> Outcome<Snapshot> {
        let at = start() + TimeDelta::days(self.day);
        self.day += 1;
        self.clock.set(at);
        let occasion = Occasion { schedule: "nightly".to_owned(), nominal: at, contract_name: None };
        let source = Source { api: "http://127.0.0.1/cloudapi/v6".to_owned(), tool: "keyholder bench".to_owned() };
        let run = self.store.begin_run(&self.runner, &occasion, None, at, &source).await?;
        self.store.vanishing(self.contract, &sightings).await?;
        let finished = at + TimeDelta::minutes(1);
        let (contract, collector) = (self.contract, Collector::default());
        let sealing =
            Sealing { run, contract, sightings, finished, label: None, notices: Vec::new(), collector, accepted: None };
        Ok(self.store.seal(sealing, &Silent, &self.seams).await?)
    }

    /// Lets so many things change: of ten, six memberships and three shares go somewhere else, and a key and a user take
    /// turns in being switched.
    pub(crate) fn churn(&mut self, edits: usize) {
        for edit in 0..edits {
            match edit % 10 {
                0..6 => self.move_member(),
                6..9 => self.move_share(),
                _ if edit % 20 < 10 => self.switch_key(),
                _ => self.switch_user(),
            }
        }
    }

    fn move_member(&mut self) {
        let place = self.draw.usize(..self.seen.members.len());
        let group = self.seen.members[place].0.clone();
        let user = self.seen.users[self.draw.usize(..self.seen.users.len())].id.clone();
        let pair = (group, user);
        if self.members.insert(pair.clone()) {
            self.members.remove(&self.seen.members[place]);
            self.seen.members[place] = pair;
        }
    }

    fn move_share(&mut self) {
        let place = self.draw.usize(..self.seen.shares.len());
        let group = self.seen.shares[place].group.clone();
        let resource = self.seen.resources[self.draw.usize(..self.seen.resources.len())].id.clone();
        if self.shares.insert((group.clone(), resource.clone())) {
            let before = std::mem::replace(&mut self.seen.shares[place].resource, resource);
            self.shares.remove(&(group, before));
        }
    }

    fn switch_key(&mut self) {
        let place = self.draw.usize(..self.seen.keys.len());
        let key = &mut self.seen.keys[place];
        key.active = key.active.map(|active| !active);
    }

    fn switch_user(&mut self) {
        let place = self.draw.usize(..self.seen.users.len());
        let user = &mut self.seen.users[place];
        user.force_sec_auth = user.force_sec_auth.map(|forced| !forced);
    }
}

/// The first day.
fn start() -> DateTime<Utc> {
    Utc.timestamp_opt(1_767_236_400, 0).single().unwrap_or_default()
}
