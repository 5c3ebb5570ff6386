//! A small model of a contract, from which tests make the sightings of a walk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use keyholder::domain::contract::Contract;
use keyholder::domain::coverage::{Effort, Scope, Status};
use keyholder::domain::group::Group;
use keyholder::domain::id::ContractNumber;
use keyholder::domain::key::Key;
use keyholder::domain::notice::Notice;
use keyholder::domain::principal::Collector;
use keyholder::domain::resource::Resource;
use keyholder::domain::share::Share;
use keyholder::domain::sighting::Sightings;
use keyholder::domain::snapshot::{Snapshot, Source};
use keyholder::domain::unknown::Nullable;
use keyholder::domain::user::{Attribution, Person, User};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::runner::Runner;
use keyholder::store::runs::Occasion;
use keyholder::store::seal::Sealing;
use keyholder::store::seal::announce::{Announce, Silent};
use keyholder::store::{Access, Store, StoreError};

pub(crate) const CONTRACT: ContractNumber = ContractNumber(31_884_421);

/// A contract in a test's own words: names are ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    /// Id to administrator flag.
    pub(crate) users: BTreeMap<String, bool>,
    /// Id to granted privileges.
    pub(crate) groups: BTreeMap<String, BTreeSet<String>>,
    pub(crate) resources: BTreeSet<String>,
    pub(crate) members: BTreeSet<(String, String)>,
    /// (group, resource) to edit flag.
    pub(crate) shares: BTreeMap<(String, String), bool>,
    pub(crate) owns: BTreeSet<(String, String)>,
    /// (user, key) to active flag.
    pub(crate) keys: BTreeMap<(String, String), bool>,
}

impl Model {
    /// Two users, two groups, a resource, a share, a key.
    pub(crate) fn small() -> Self {
        let mut model = Self::default();
        model.users.insert("ann".into(), true);
        model.users.insert("bob".into(), false);
        model.groups.insert("ops".into(), BTreeSet::from(["reserveIp".to_owned()]));
        model.groups.insert("dev".into(), BTreeSet::new());
        model.resources.insert("dc1".into());
        model.members.insert(("ops".into(), "bob".into()));
        model.shares.insert(("ops".into(), "dc1".into()), false);
        model.owns.insert(("ann".into(), "dc1".into()));
        model.keys.insert(("bob".into(), "K1".into()), true);
        model
    }

    /// What a walk without any fault sees.
    pub(crate) fn sightings(&self) -> Sightings {
        let mut seen = Sightings {
            contract: Some(Contract {
                number: CONTRACT,
                owner: Person { email: Some("ann@example.org".into()), ..Person::default() },
                status: Some("BILLABLE".into()),
                reg_domain: Some("ionos.de".into()),
            }),
            users: self.users.iter().map(|(id, administrator)| user(id, *administrator)).collect(),
            groups: self.groups.iter().map(|(id, privileges)| group(id, privileges)).collect(),
            resources: self.resources.iter().map(|id| resource(id)).collect(),
            members: self.members.iter().map(|(g, u)| (g.as_str().into(), u.as_str().into())).collect(),
            shares: self.shares.iter().map(|((g, r), edit)| share(g, r, *edit)).collect(),
            owns: self.owns.iter().map(|(u, r)| (u.as_str().into(), r.as_str().into())).collect(),
            keys: self.keys.iter().map(|((u, k), active)| key(u, k, *active)).collect(),
            scopes: BTreeMap::new(),
        };
        let mut scopes = vec![Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources];
        for group in &seen.groups {
            scopes.extend([Scope::Members(group.id.clone()), Scope::Shares(group.id.clone())]);
        }
        for user in &seen.users {
            scopes.extend([Scope::Owns(user.id.clone()), Scope::Keys(user.id.clone())]);
        }
        seen.scopes = scopes.into_iter().map(|scope| (scope, (Status::Complete, Effort::default()))).collect();
        seen
    }
}

/// Takes a scope out of a walk: nothing was seen of it, and its status says why.
pub(crate) fn lose(seen: &mut Sightings, scope: Scope, status: Status) {
    match &scope {
        Scope::Contract => seen.contract = None,
        Scope::Users => seen.users.clear(),
        Scope::Groups => seen.groups.clear(),
        Scope::Resources => seen.resources.clear(),
        Scope::Members(group) => seen.members.retain(|(of, _)| of != group),
        Scope::Shares(group) => seen.shares.retain(|share| share.group != *group),
        Scope::Owns(user) => seen.owns.retain(|(of, _)| of != user),
        Scope::Keys(user) => seen.keys.retain(|key| key.user != *user),
        Scope::UserGroups(_) => {}
    }
    seen.scopes.insert(scope, (status, Effort::default()));
}

pub(crate) fn user(id: &str, administrator: bool) -> User {
    User {
        id: id.into(),
        person: Person {
            email: Some(format!("{id}@example.org")),
            firstname: Some(id.to_owned()),
            lastname: Some("Test".to_owned()),
        },
        administrator: Some(administrator),
        force_sec_auth: Some(false),
        sec_auth_active: Some(true),
        active: Some(true),
        s3_canonical_user_id: Nullable::Null,
        created: Some(start()),
        last_login: Nullable::Null,
        attribution: Attribution::default(),
        extra: BTreeMap::new(),
    }
}

/// The privileges that every group of a model is said to have or not to have.
const PRIVILEGES: [&str; 3] = ["createPcc", "newThing", "reserveIp"];

pub(crate) fn group(id: &str, privileges: &BTreeSet<String>) -> Group {
    let others = PRIVILEGES.map(|name| (name.to_owned(), false));
    Group {
        id: id.into(),
        name: Some(format!("{id} team")),
        privileges: others.into_iter().chain(privileges.iter().map(|name| (name.clone(), true))).collect(),
        extra: BTreeMap::new(),
    }
}

pub(crate) fn resource(id: &str) -> Resource {
    Resource {
        id: id.into(),
        kind: Some("datacenter".into()),
        name: Some(format!("{id} name")),
        sec_auth_protection: Nullable::Value(false),
        created: Some(start()),
        attribution: Attribution::default(),
        extra: BTreeMap::new(),
    }
}

pub(crate) fn share(group: &str, resource: &str, edit: bool) -> Share {
    Share {
        group: group.into(),
        resource: resource.into(),
        edit_privilege: Some(edit),
        share_privilege: Some(false),
        extra: BTreeMap::new(),
    }
}

pub(crate) fn key(user: &str, id: &str, active: bool) -> Key {
    Key {
        user: user.into(),
        id: id.into(),
        active: Some(active),
        created: Some(start()),
        attribution: Attribution::default(),
        extra: BTreeMap::new(),
    }
}

/// When everything in these tests begins.
pub(crate) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 3, 0, 0).single().expect("a valid date")
}

/// A store in a temporary folder, with a clock that stands still and randomness that repeats.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) seams: Seams,
    runner: Runner,
    days: std::cell::Cell<i64>,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::within(super::private_folder()).await
    }

    /// With a copy of a database that holds so many snapshots, or of none; in memory as far as the system has a file
    /// system for that. For tests by the thousand that are not about the disk.
    pub(crate) async fn in_memory(database: Option<&[u8]>, snapshots: i64) -> Self {
        let memory = super::private_folder_in(Path::new("/dev/shm"));
        let folder = memory.unwrap_or_else(|_| super::private_folder());
        if let Some(database) = database {
            let path = folder.path().join("test.db");
            fs::write(&path, database).expect("room for a copy");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file of our own");
        }
        let bench = Self::within(folder).await;
        bench.days.set(snapshots);
        bench
    }

    /// Closes the database and gives its bytes.
    pub(crate) async fn into_bytes(self) -> Vec<u8> {
        let path = self.store.path().to_owned();
        drop(self.runner);
        self.store.close().await;
        fs::read(path).expect("the database is a file")
    }

    async fn within(folder: tempfile::TempDir) -> Self {
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.expect("a fresh database");
        let seams = Seams::new(SetClock::at(start()), SeededRandom::new(7));
        let runner = store.runner(start()).await.expect("nobody else runs");
        Self { store, seams, runner, days: std::cell::Cell::new(0), folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Seals what was seen, one day after the last.
    pub(crate) async fn seal(&self, sightings: Sightings) -> Snapshot {
        self.seal_of(CONTRACT, sightings).await
    }

    pub(crate) async fn seal_of(&self, contract: ContractNumber, sightings: Sightings) -> Snapshot {
        self.seal_noticing(contract, sightings, Vec::new()).await
    }

    /// Seals what was seen, and composes its alerts.
    pub(crate) async fn seal_announced(
        &self,
        contract: ContractNumber,
        sightings: Sightings,
        announcer: &dyn Announce,
    ) -> Result<Snapshot, StoreError> {
        self.try_seal(contract, sightings, Vec::new(), announcer).await
    }

    /// Seals what was seen by a run that noticed something.
    pub(crate) async fn seal_noticing(
        &self,
        contract: ContractNumber,
        sightings: Sightings,
        notices: Vec<Notice>,
    ) -> Snapshot {
        self.try_seal(contract, sightings, notices, &Silent).await.expect("a snapshot is sealed")
    }

    async fn try_seal(
        &self,
        contract: ContractNumber,
        sightings: Sightings,
        notices: Vec<Notice>,
        announcer: &dyn Announce,
    ) -> Result<Snapshot, StoreError> {
        let day = self.days.get();
        self.days.set(day + 1);
        let at = start() + TimeDelta::days(day);
        let occasion = Occasion { schedule: "manual".into(), nominal: at, contract_name: None };
        let source = Source { api: "http://127.0.0.1/cloudapi/v6".into(), tool: "keyholder test".into() };
        let run = self.store.begin_run(&self.runner, &occasion, None, at, &source).await.expect("a run begins");
        let finished = at + TimeDelta::minutes(1);
        let sealing = Sealing {
            run,
            contract,
            sightings,
            finished,
            label: None,
            notices,
            collector: Collector::default(),
            accepted: None,
        };
        self.store.seal(sealing, announcer, &self.seams).await
    }
}
