//! An emulator and a store between which the whole of a collection runs, asking again included.

use std::time::Duration;

use chrono::TimeDelta;
use emulator::faults::{Distortion, Effect, Items};
use emulator::{Emulator, Fault, Rule};
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::api::settings::{Credentials, Settings};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::domain::coverage::Coverage;
use keyholder::domain::notice::Notice;
use keyholder::domain::snapshot::Snapshot;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};

use super::api::{seams, settings};
use super::model::start;

/// A contract that is collected day by day.
pub(crate) struct Site {
    pub(crate) emulator: Emulator,
    pub(crate) store: Store,
    pub(crate) client: Client,
    days: std::cell::Cell<i64>,
    /// Whether memberships are read from both sides.
    pub(crate) cross_check: bool,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn of(emulator: Emulator) -> Self {
        let folder = crate::support::private_folder();
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
        let client = Client::new(&settings(&emulator, Version::V6), seams()).unwrap();
        Self { emulator, store, client, days: std::cell::Cell::new(0), cross_check: false, _folder: folder }
    }

    /// Collected once, without a fault.
    pub(crate) async fn begun(emulator: Emulator) -> Self {
        let site = Self::of(emulator).await;
        assert_eq!(site.collect().await.endings(), "complete -0 ~0");
        site
    }

    /// Collects, one day after the last; nobody waits before a list is read again.
    pub(crate) async fn try_collect(&self) -> Result<Snapshot, CollectFailure> {
        self.try_collect_as(&self.client, settings(&self.emulator, Version::V6), |_| ()).await
    }

    /// The same with that client, which has those settings, and what is to be different about the order.
    async fn try_collect_as(
        &self,
        client: &Client,
        settings: Settings,
        edit: impl FnOnce(&mut Order),
    ) -> Result<Snapshot, CollectFailure> {
        let day = self.days.get();
        self.days.set(day + 1);
        let at = start() + TimeDelta::days(day);
        let seams = Seams::new(SetClock::at(at), SeededRandom::new(7));
        let mut order =
            Order { reread_after: Duration::ZERO, cross_check: self.cross_check, ..Order::manual(at, &settings) };
        edit(&mut order);
        collect(&self.store, client, &seams, order, &|_| ()).await
    }

    pub(crate) async fn collect(&self) -> Collected {
        let before = self.emulator.counters().total;
        let snapshot = self.try_collect().await.unwrap();
        self.collected(snapshot, before).await
    }

    /// Collects with other credentials, and what is to be different about the order.
    pub(crate) async fn collect_as(&self, credentials: Credentials, edit: impl FnOnce(&mut Order)) -> Collected {
        let settings = Settings { credentials, ..settings(&self.emulator, Version::V6) };
        let client = Client::new(&settings, seams()).unwrap();
        let before = self.emulator.counters().total;
        let snapshot = self.try_collect_as(&client, settings, edit).await.unwrap();
        self.collected(snapshot, before).await
    }

    async fn collected(&self, snapshot: Snapshot, before: u64) -> Collected {
        let coverage = self.store.coverage(snapshot.contract, snapshot.seq).await.unwrap();
        let notices = self.store.notices(snapshot.contract, snapshot.seq).await.unwrap();
        let requests = self.emulator.counters().total - before;
        assert_eq!(coverage.attempts(), requests, "the certificate counts every request");
        Collected { snapshot, coverage, notices, requests }
    }
}

/// A snapshot with what is reported of it.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) snapshot: Snapshot,
    pub(crate) coverage: Coverage,
    pub(crate) notices: Vec<Notice>,
    pub(crate) requests: u64,
}

impl Collected {
    /// State, ended and changed facts: what a lie must never bring about.
    pub(crate) fn endings(&self) -> String {
        format!("{} -{} ~{}", self.snapshot.state, self.snapshot.ended, self.snapshot.changed)
    }

    /// The scopes that are not complete, with their status.
    pub(crate) fn gaps(&self) -> Vec<String> {
        self.coverage.gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect()
    }
}

/// A list of so few users that one page holds them, in which the last of so many is on no page.
pub(crate) fn hide_last_user(emulator: &Emulator, count: usize) -> Fault {
    let end = format!("offset={}&", count - 2);
    emulator.fail(lie("/um/users", Items::Keep(1)).query(&end));
    emulator.fail(lie("/um/users", Items::Keep(count - 1)).query("offset=0&"))
}

/// A list that says something else about its items.
pub(crate) fn lie(path: &str, items: Items) -> Rule {
    Rule::on("GET", path).effect(Effect::Distort(Distortion::Items(items)))
}
