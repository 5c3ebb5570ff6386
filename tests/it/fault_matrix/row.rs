//! What every row has: a contract with its baseline in a store, the row's faults, and collections under a clock that
//! moves only when nothing happens.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use emulator::{Emulator, Schedule};
use keyholder::api::read::Client;
use keyholder::api::settings::{Settings, Version};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::domain::change::Op;
use keyholder::domain::coverage::Coverage;
use keyholder::domain::fact::Kind;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::snapshot::Snapshot;
use keyholder::domain::state::State;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};
use tokio::time::Instant;

use crate::support::api::settings;
use crate::support::model::start;
use crate::support::truth::{held, line, there};
use crate::support::virtual_time::{Patience, frozen, passing};

const DOCUMENTATION: &str = include_str!("../../../docs/emulator.md");

/// No row takes longer, and none needs more requests.
const PATIENCE: Patience =
    Patience { time: Duration::from_mins(40), requests: 50_000, quiet: Duration::from_millis(1) };

/// The example of a row, as the documentation has it.
pub(super) fn example(row: &str) -> String {
    let section = DOCUMENTATION.split(&format!("### {row}:")).nth(1).unwrap();
    section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// A contract that was collected once.
pub(super) struct Row {
    pub(super) emulator: Emulator,
    pub(super) store: Store,
    client: Client,
    seams: Seams,
    settings: Settings,
    clock: Arc<SetClock>,
    _folder: tempfile::TempDir,
}

/// What one collection came to.
pub(super) struct Collected {
    pub(super) outcome: Result<Snapshot, CollectFailure>,
    /// Requests that reached the emulator.
    pub(super) requests: u64,
    /// Virtual time.
    pub(super) took: Duration,
}

/// Plays a row: users of the contract, requests at once, and what is done and expected.
pub(super) fn play(users: usize, concurrency: usize, scene: impl AsyncFnOnce(&Row)) {
    play_with(users, |settings| settings.concurrency = concurrency, scene);
}

/// Plays a row with other settings of the client.
pub(super) fn play_with(users: usize, dress: impl FnOnce(&mut Settings), scene: impl AsyncFnOnce(&Row)) {
    frozen(async {
        let emulator = Emulator::builder().seed(5).users(users).start().await.unwrap();
        let folder = crate::support::private_folder();
        let store = Store::open(&folder.path().join("row.db"), Access::Write).await.unwrap();
        let clock = SetClock::at(start());
        let seams = Seams::new(clock.clone(), SeededRandom::new(3));
        let mut settings = settings(&emulator, Version::V6);
        dress(&mut settings);
        let client = Client::new(&settings, seams.clone()).unwrap();
        let row = Row { emulator, store, client, seams, settings, clock, _folder: folder };
        let first = row.collect().await.sealed();
        assert!(first.is_complete(), "the baseline");
        scene(&row).await;
    });
}

impl Row {
    /// Puts the faults of an example in force.
    pub(super) fn arm(&self, example: &str) {
        self.emulator.follow(Schedule::parse(example).unwrap_or_else(|error| panic!("{error}: {example}")));
    }

    /// Collects once more, a day later.
    pub(super) async fn collect(&self) -> Collected {
        self.clock.set(self.seams.now() + TimeDelta::days(1));
        let mut order = Order::manual(self.seams.now(), &self.settings);
        // The emulator's clock goes its own way.
        order.limits.max_skew = None;
        let (begun, before) = (Instant::now(), self.emulator.counters().total);
        let collected = collect(&self.store, &self.client, &self.seams, order, &|_| ());
        let outcome = passing(&self.emulator, PATIENCE, collected).await.expect("every collection ends");
        Collected { outcome, requests: self.emulator.counters().total - before, took: begun.elapsed() }
    }

    /// Requests for a list since the start.
    pub(super) fn asked(&self, template: &str) -> u64 {
        self.emulator.counters().of("GET", template)
    }

    pub(super) async fn coverage(&self, snapshot: &Snapshot) -> Coverage {
        self.store.coverage(snapshot.contract, snapshot.seq).await.unwrap()
    }

    /// The gaps of a snapshot, as `scope: status`.
    pub(super) async fn gaps(&self, snapshot: &Snapshot) -> Vec<String> {
        self.coverage(snapshot).await.gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect()
    }

    /// Facts of a kind that ended with a snapshot.
    pub(super) async fn ended(&self, snapshot: &Snapshot, kind: Kind) -> Vec<String> {
        self.lines(snapshot, kind, |op| op == Op::Ended).await
    }

    /// Facts of a kind that began with a snapshot.
    pub(super) async fn began(&self, snapshot: &Snapshot, kind: Kind) -> Vec<String> {
        self.lines(snapshot, kind, |op| matches!(op, Op::Began | Op::FirstSeen)).await
    }

    async fn lines(&self, snapshot: &Snapshot, kind: Kind, is_meant: fn(Op) -> bool) -> Vec<String> {
        let from = Seq(snapshot.seq.0 - 1);
        let changes = self.store.net(snapshot.contract, from, snapshot.seq).await.unwrap();
        changes.iter().filter(|it| it.key.kind == kind && is_meant(it.op)).map(|it| line(&it.key)).collect()
    }

    /// Expects that the faults fired so often, in the order of their names.
    #[track_caller]
    pub(super) fn check_fired(&self, expected: &[u32]) {
        let fired = self.emulator.faults_fired();
        assert_eq!(fired.values().copied().collect::<Vec<_>>(), expected, "{fired:?}");
    }

    /// Without faults, the next collection is complete and the store says exactly what is there.
    pub(super) async fn check_recovers(&self) -> Snapshot {
        let (last, state) = self.recovered().await;
        assert_eq!(held(&state), self.emulator.read(there));
        last
    }

    /// The same after faults that made up a privilege: it is not reported any more, so it is carried and marked.
    pub(super) async fn check_recovers_carrying(&self, privilege: &str) {
        let (_, mut state) = self.recovered().await;
        for (id, group) in &mut state.groups {
            assert_eq!(group.value.privileges.remove(privilege), Some(true));
            let known = state.unknown.last_known(Kind::Group, id.as_str(), None, privilege);
            assert!(known.is_some_and(|last| last.is_some()), "{privilege} of {id} is not marked");
        }
        assert_eq!(held(&state), self.emulator.read(there));
    }

    async fn recovered(&self) -> (Snapshot, State) {
        self.emulator.clear_faults();
        let last = self.collect().await.sealed();
        assert_eq!(self.gaps(&last).await, [""; 0]);
        let state = self.store.state(last.contract, last.seq).await.unwrap();
        (last, state)
    }

    pub(super) fn contract(&self) -> ContractNumber {
        ContractNumber(self.emulator.contract_number())
    }

    /// Groups of the contract.
    pub(super) fn groups(&self) -> u64 {
        self.emulator.read(|world| world.groups().count() as u64)
    }
}

impl Collected {
    #[track_caller]
    pub(super) fn sealed(self) -> Snapshot {
        self.outcome.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    #[track_caller]
    pub(super) fn failed(self) -> CollectFailure {
        self.outcome.expect_err("a collection that seals nothing")
    }
}

/// State, and how many facts began, ended and changed.
pub(super) fn sum(snapshot: &Snapshot) -> String {
    format!("{} +{} -{} ~{}", snapshot.state, snapshot.began, snapshot.ended, snapshot.changed)
}
