//! The place of a history: the emulator, the database with its copies, clocks and credentials, and one collection.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::faults::{Edit, Effect};
use emulator::world::Profile;
use emulator::{Emulator, Rule};
use fastrand::Rng;
use keyholder::alerts::Router;
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::api::settings::{Credentials, Settings};
use keyholder::app::alerts::Announcer;
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::app::stop::Stop;
use keyholder::domain::alert::AlertId;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::snapshot::Snapshot;
use keyholder::domain::state::State;
use keyholder::exit::Exit;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};
use tokio::sync::Notify;

use super::history::{History, Server};
use super::kinds::Around;
use super::ledger::Ledger;
use crate::support::api::settings;
use crate::support::model::start;
use crate::support::virtual_time::{Hung, Patience, passing};

/// No run takes longer than its half hour and what asking again takes, or sends more requests.
const PATIENCE: Patience =
    Patience { time: Duration::from_mins(40), requests: 12_000, quiet: Duration::from_micros(200) };

/// More alerts of one snapshot than this become one digest.
const DIGEST_ABOVE: u32 = 20;

/// Everything that a history is played with.
pub(super) struct Stage {
    pub(super) emulator: Emulator,
    pub(super) server: Server,
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Option<Store>,
    pub(super) rng: Rng,
    pub(super) now: DateTime<Utc>,
    /// Day of the scripted month.
    pub(super) scripted: u32,
    pub(super) history: History,
    /// The file as it was before the last run.
    pub(super) older: Option<Vec<u8>>,
    pub(super) contract: ContractNumber,
    /// Whether something of this day hides what is new, which nothing known contradicts.
    pub(super) hides_new: bool,
    /// Whose credentials collect, if not the usual ones.
    pub(super) token: Option<String>,
    /// Who accepts the principal that collects.
    pub(super) accepts: Option<&'static str>,
    /// The alerts that were in the outbox before the last run.
    pub(super) alerted: BTreeSet<AlertId>,
    /// Whether the last snapshot says that another principal collected.
    pub(super) holds_back: bool,
    /// Whether observations are kept.
    pub(super) keeps: bool,
    /// The snapshots so far.
    pub(super) ledger: Ledger,
    /// The code that the first run of the day ended with.
    pub(super) exit: Option<Exit>,
}

/// How a run ended.
pub(super) enum Ended {
    Sealed(Box<Snapshot>),
    Failed(CollectFailure),
    Killed,
    Hung(String),
}

impl Stage {
    pub(super) async fn set(seed: u64, server: Server) -> Self {
        let mut rng = Rng::with_seed(seed);
        let size = Emulator::builder().seed(seed).users(rng.usize(24..34)).memberships(40).shares(30).resources(20);
        let emulator = size.keys(12).start().await.unwrap();
        let memory = crate::support::private_folder_in(Path::new("/dev/shm"));
        let folder = memory.unwrap_or_else(|_| crate::support::private_folder());
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
        let contract = ContractNumber(emulator.contract_number());
        let history = History::of(seed);
        Self {
            emulator,
            server,
            folder,
            store: Some(store),
            rng,
            now: start(),
            scripted: 0,
            history,
            older: None,
            contract,
            hides_new: false,
            token: None,
            accepts: None,
            alerted: BTreeSet::new(),
            holds_back: false,
            keeps: false,
            ledger: Ledger::default(),
            exit: None,
        }
    }

    /// Somebody signs in with another address, which nothing in the script does.
    fn change_an_address(&mut self) {
        let users: Vec<_> = self.emulator.read(|world| world.users().map(|user| user.id.clone()).collect());
        let user = &users[self.rng.usize(..users.len())];
        let email = Some(format!("moved.{}@example.org", self.rng.u32(..)));
        let profile = Profile { email, ..Profile::default() };
        self.emulator.edit(|world| world.edit_user(user, profile)).unwrap();
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().expect("open between two steps")
    }

    /// Time passes, and some of what happens in a month happens.
    pub(super) fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        if time >= TimeDelta::days(1) {
            self.scripted += self.rng.u32(0..4);
            self.emulator.advance_to_day(self.scripted.min(30));
            if self.rng.u8(..3) == 0 {
                self.change_an_address();
            }
        }
        self.emulator.set_now(self.now);
    }

    /// Closes and opens the store; keeps a copy, into which another process may collect.
    pub(super) async fn reopened(&mut self, copy: bool) {
        self.store.take().expect("open").close().await;
        let bytes = std::fs::read(self.path()).unwrap();
        if copy {
            let other = self.folder.path().join("copy.db");
            write_private(&other, &bytes);
            let store = Store::open(&other, Access::Write).await.unwrap();
            let (client, seams) = self.client(self.now);
            let order = Order { reread_after: Duration::from_secs(1), ..self.order(self.now) };
            let collecting = collect(&store, &client, &seams, order, &|_| ());
            // What becomes of the copy is its owner's business.
            drop(passing(&self.emulator, PATIENCE, Box::pin(collecting)).await);
            store.close().await;
            std::fs::remove_file(&other).unwrap();
        }
        self.older = Some(bytes);
        self.store = Some(Store::open(&self.path(), Access::Write).await.unwrap());
    }

    pub(super) fn settings(&self) -> Settings {
        let usual = settings(&self.emulator, Version::V6);
        match &self.token {
            Some(token) => Settings { credentials: Credentials::Bearer(token.as_str().into()), ..usual },
            None => usual,
        }
    }

    pub(super) fn client(&self, at: DateTime<Utc>) -> (Client, Seams) {
        let seams = Seams::new(SetClock::at(at), SeededRandom::new(self.history.seed ^ at.timestamp().unsigned_abs()));
        (Client::new(&self.settings(), seams.clone()).unwrap(), seams)
    }

    pub(super) fn order(&self, at: DateTime<Utc>) -> Order {
        Order {
            reread_after: Duration::from_secs(1),
            least_room: 0,
            accept_principal: self.accepts.map(str::to_owned),
            announcer: Announcer::new(Router::new(["soc".to_owned()], Vec::new()), DIGEST_ABOVE),
            ..Order::manual(at, &self.settings())
        }
    }

    /// Collects, and ends it from outside if that is drawn.
    pub(super) async fn collected(&self, at: DateTime<Utc>, end: Option<Around>, second: bool) -> Ended {
        let (client, seams) = self.client(at);
        let (over, stop) = (Arc::new(Notify::new()), Stop::default());
        if let Some(Around::Kill(requests, _) | Around::Stop(requests, _)) = end {
            let (over, stop, kills) = (Arc::clone(&over), stop.clone(), matches!(end, Some(Around::Kill(..))));
            let edit = Edit::with(move |_| if kills { over.notify_one() } else { stop.stop("SIGTERM") });
            self.emulator.fail(Rule::on("GET", "*").effect(Effect::Edit(edit)).after(requests).times(1).named("end"));
        }
        let order = Order { stop, ..self.order(at) };
        let other = if second { Some(Store::open(&self.path(), Access::Write).await.unwrap()) } else { None };
        let collecting = Box::pin(collect(self.store(), &client, &seams, order, &|_| ()));
        let both = async {
            let Some(other) = &other else { return (collecting.await, None) };
            let rival = Box::pin(collect(other, &client, &seams, self.order(at), &|_| ()));
            let (one, two) = tokio::join!(collecting, rival);
            (one, Some(two))
        };
        let ended = passing(
            &self.emulator,
            PATIENCE,
            Box::pin(async {
                tokio::select! {
                    biased;
                    () = over.notified() => None,
                    outcome = both => Some(outcome),
                }
            }),
        );
        match ended.await {
            Err(Hung(why)) => Ended::Hung(why),
            Ok(None) => Ended::Killed,
            Ok(Some((Ok(_), Some(Ok(_))))) => Ended::Hung("two collected at once".to_owned()),
            Ok(Some((Ok(_), Some(Err(two))))) if two.exit() != Exit::Locked => {
                Ended::Hung(format!("a second collector ended with {}", two.exit().code()))
            }
            Ok(Some((Err(one), Some(Ok(two))))) if one.exit() == Exit::Locked => Ended::Sealed(Box::new(two)),
            Ok(Some((Err(one), Some(Err(two))))) if one.exit() == Exit::Locked => Ended::Failed(two),
            Ok(Some((_, Some(Err(two))))) if two.exit() != Exit::Locked => Ended::Failed(two),
            Ok(Some((Ok(snapshot), _))) => Ended::Sealed(Box::new(snapshot)),
            Ok(Some((Err(failure), _))) => Ended::Failed(failure),
        }
    }

    /// What the store says now; nothing, if there is no snapshot yet.
    pub(super) async fn latest(&self) -> State {
        match self.store().snapshots(self.contract).await.unwrap().last() {
            Some(last) => self.store().state(self.contract, last.seq).await.unwrap(),
            None => State::empty(Seq(0)),
        }
    }
}

pub(super) fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
