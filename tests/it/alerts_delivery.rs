//! Delivery from the outbox to a real receiver: nothing is lost, whenever the process ends, and a name goes only where it may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use keyholder::alerts::Router;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::deliver::{Courier, Delivered, Destination, Destinations};
use keyholder::domain::id::ContractNumber;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::sinks::target::{Network, TargetPolicy};
use keyholder::sinks::{Settings, Sink, webhook};
use keyholder::store::Store;
use keyholder::store::deliveries::CLAIM_LASTS;
use secrecy::SecretString;

use crate::support::model::{Bench, CONTRACT, Model, start};
use crate::support::receiver::Receiver;
use crate::support::repeats;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn announcer(sinks: &[&str], digest_above: u32) -> Announcer {
    Announcer::new(Router::new(sinks.iter().map(|name| (*name).to_owned()), Vec::new()), digest_above)
}

pub(crate) fn webhook(name: &str, port: u16, names: bool) -> (String, Destination) {
    let settings = Settings::Webhook(webhook::Settings {
        url: SecretString::from(format!("http://127.0.0.1:{port}/hook")),
        keys: vec![SecretString::from(KEY)],
        targets: TargetPolicy { allow_loopback: true, ..TargetPolicy::default() },
        authorities: Vec::new(),
    });
    (name.to_owned(), Destination { sink: Sink::new(name, settings, &Network::system()).unwrap(), names })
}

/// A courier with a clock of its own.
pub(crate) struct Deliverer {
    destinations: Destinations,
    contracts: BTreeMap<ContractNumber, String>,
    clock: std::sync::Arc<SetClock>,
    pub(crate) seams: Seams,
}

impl Deliverer {
    pub(crate) fn new(destinations: Vec<(String, Destination)>) -> Self {
        let clock = SetClock::at(start() + TimeDelta::days(300));
        let seams = Seams::new(clock.clone(), SeededRandom::new(3));
        let contracts = [(CONTRACT, "production".to_owned())].into();
        let destinations = destinations.into_iter().map(|(name, one)| (name, Ok(one))).collect();
        Self { destinations, contracts, clock, seams }
    }

    pub(crate) fn pass_time(&self, time: TimeDelta) {
        self.clock.set(self.seams.now() + time);
    }

    pub(crate) async fn deliver(&self, store: &Store) -> Delivered {
        let courier =
            Courier { store, destinations: &self.destinations, contracts: &self.contracts, seams: &self.seams };
        courier.deliver().await.unwrap()
    }
}

/// A bench with so many new keys in so many snapshots, each of them an alert.
async fn with_alerts(snapshots: usize, keys: usize, announcer: &Announcer) -> Bench {
    let bench = Bench::new().await;
    let mut model = Model::small();
    for snapshot in 0..=snapshots {
        bench.seal_announced(CONTRACT, model.sightings(), announcer).await.unwrap();
        model.keys = (0..keys).map(|key| (("bob".to_owned(), format!("K{snapshot}-{key}")), true)).collect();
    }
    bench
}

#[tokio::test]
async fn a_delivered_alert_says_who_what_when_and_why() {
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let bench = with_alerts(1, 1, &announcer(&["soc"], 20)).await;
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, true)]);
    let outcome = deliverer.deliver(&bench.store).await;
    assert_eq!(outcome, Delivered { delivered: 2, postponed: 0, dead: 0 });
    let added = receiver.received().into_iter().map(|one| one.json()).find(|one| one["class"] == "key-added").unwrap();
    assert_eq!(added["contract"]["name"], "production");
    assert_eq!(added["contract"]["number"], CONTRACT.0);
    assert_eq!(added["severity"], "medium");
    assert!(added.to_string().contains("bob@example.org"), "{added}");
    assert_eq!(added["seen"]["from"], 1);
    assert_eq!(added["seen"]["to"], 2);
    assert_eq!(added["seen"]["state_root"].as_str().map(str::len), Some(64));
    assert_eq!(deliverer.deliver(&bench.store).await, Delivered::default(), "and only once");
}

#[tokio::test]
async fn names_go_only_to_sinks_that_may_have_them() {
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let bench = Bench::new().await;
    let announcer = announcer(&["ids"], 1000);
    let mut model = Model::small();
    bench.seal_announced(CONTRACT, model.sightings(), &announcer).await.unwrap();
    model.users.insert("eve".into(), true);
    model.groups.insert("ops".into(), BTreeSet::from(["createDataCenter".to_owned()]));
    model.resources.insert("dc2".into());
    model.shares.insert(("ops".into(), "dc2".into()), true);
    model.members.insert(("ops".into(), "eve".into()));
    model.owns = [("eve".to_owned(), "dc1".to_owned())].into();
    model.keys.insert(("ann".into(), "K9".into()), true);
    bench.seal_announced(CONTRACT, model.sightings(), &announcer).await.unwrap();
    let deliverer = Deliverer::new(vec![webhook("ids", receiver.port, false)]);
    let outcome = deliverer.deliver(&bench.store).await;
    assert!(outcome.delivered >= 6, "{outcome:?}");
    let bodies: Vec<String> = receiver.received().iter().map(|one| one.json().to_string()).collect();
    assert!(bodies.iter().any(|body| body.contains("\"eve\"")), "ids are there");
    for name in ["@example.org", "Test", " team", " name"] {
        assert!(bodies.iter().all(|body| !body.contains(name)), "{name} in {bodies:#?}");
    }
}

#[tokio::test]
async fn a_sink_that_is_down_costs_one_attempt_and_delays_no_other() {
    let (down, up) = (Receiver::plain(&["503 Service Unavailable"]).await, Receiver::plain(&["200 OK"]).await);
    let bench = with_alerts(1, 30, &announcer(&["down", "up"], 1000)).await;
    let deliverer = Deliverer::new(vec![webhook("down", down.port, false), webhook("up", up.port, false)]);
    let outcome = deliverer.deliver(&bench.store).await;
    assert_eq!(outcome, Delivered { delivered: 31, postponed: 1, dead: 0 });
    assert_eq!(down.received().len(), 1);
    deliverer.pass_time(TimeDelta::seconds(20));
    assert_eq!(deliverer.deliver(&bench.store).await, Delivered::default(), "it is left alone for half a minute");
    deliverer.pass_time(TimeDelta::seconds(15));
    assert_eq!(deliverer.deliver(&bench.store).await.postponed, 1);
}

#[tokio::test]
async fn an_alert_that_is_refused_is_a_dead_letter_after_three_attempts() {
    let receiver = Receiver::plain(&["400 Bad Request", "400 Bad Request", "400 Bad Request", "200 OK"]).await;
    let bench = with_alerts(0, 0, &announcer(&["soc"], 20)).await;
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, false)]);
    let mut dead = 0;
    for _ in 0..4 {
        dead += deliverer.deliver(&bench.store).await.dead;
        deliverer.pass_time(TimeDelta::minutes(15));
    }
    assert_eq!((dead, receiver.received().len()), (1, 3));
    assert_eq!(bench.store.retry_dead(None, None, deliverer.seams.now()).await.unwrap(), 1);
    assert_eq!(deliverer.deliver(&bench.store).await.delivered, 1);
}

#[tokio::test]
async fn an_outage_uses_up_no_tries_of_a_refused_alert() {
    let (down, refused) = ("503 Service Unavailable", "404 Not Found");
    let receiver = Receiver::plain(&[down, down, down, refused, refused, refused]).await;
    let bench = with_alerts(0, 0, &announcer(&["soc"], 20)).await;
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, false)]);
    let mut outcomes = Vec::new();
    for _ in 0..6 {
        let Delivered { postponed, dead, .. } = deliverer.deliver(&bench.store).await;
        outcomes.push((postponed, dead));
        deliverer.pass_time(TimeDelta::hours(25));
    }
    assert_eq!(outcomes, [(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (0, 1)]);
}

#[tokio::test]
async fn crashes_do_not_use_up_the_tries_of_a_refused_alert() {
    let receiver = Receiver::plain(&["400 Bad Request", "400 Bad Request", "200 OK"]).await;
    let bench = with_alerts(0, 0, &announcer(&["soc"], 20)).await;
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, false)]);
    for _ in 0..2 {
        // Claimed, and then the process ends.
        assert_eq!(bench.store.claim("soc", deliverer.seams.now(), 1).await.unwrap().len(), 1);
        deliverer.pass_time(CLAIM_LASTS);
    }
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let Delivered { delivered, postponed, dead } = deliverer.deliver(&bench.store).await;
        outcomes.push((postponed, delivered, dead));
        deliverer.pass_time(TimeDelta::minutes(15));
    }
    assert_eq!(outcomes, [(1, 0, 0), (1, 0, 0), (0, 1, 0)]);
    assert_eq!(bench.store.delivery_rows(None, 1).await.unwrap()[0].attempts, 3);
}

#[tokio::test]
async fn an_alert_that_cannot_be_rendered_holds_nothing_back() {
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let bench = Bench::new().await;
    let announcer = announcer(&["soc"], 20);
    let mut model = Model::small();
    bench.seal_announced(CONTRACT, model.sightings(), &announcer).await.unwrap();
    model.shares.insert(("dev".into(), "dc1".into()), true);
    bench.seal_announced(CONTRACT, model.sightings(), &announcer).await.unwrap();
    model.keys.insert(("ann".into(), "K9".into()), true);
    bench.seal_announced(CONTRACT, model.sightings(), &announcer).await.unwrap();
    damage_shares(&bench).await;
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, true)]);
    let first = deliverer.deliver(&bench.store).await;
    assert_eq!(first, Delivered { delivered: 2, postponed: 1, dead: 0 }, "the baseline and the key");
    deliverer.pass_time(TimeDelta::minutes(1));
    assert_eq!(deliverer.deliver(&bench.store).await, Delivered { delivered: 1, ..Delivered::default() });
    let shared = receiver.received().into_iter().map(|one| one.json()).find(|one| one["class"] == "share-added");
    let shared = shared.expect("the alert arrives all the same");
    assert_eq!(shared["subject"]["id"], "dev");
    assert!(!shared.to_string().contains(" team"), "with ids alone: {shared}");
}

/// Makes the only share that may edit something that cannot be read.
async fn damage_shares(bench: &Bench) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.store.path());
    let db = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let sealed: String =
        sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = 'body_sealed'").fetch_one(&db).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER body_sealed").execute(&db).await.unwrap();
    let damaged =
        sqlx::query("UPDATE body SET json = replace(json, 'true', '\"often\"') WHERE json ->> '$.editPrivilege' = 1")
            .execute(&db)
            .await
            .unwrap();
    assert_eq!(damaged.rows_affected(), 1);
    sqlx::raw_sql(sqlx::AssertSqlSafe(sealed)).execute(&db).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_sink_that_is_not_configured_any_more_gives_dead_letters() {
    let bench = with_alerts(0, 0, &announcer(&["old"], 20)).await;
    let deliverer = Deliverer::new(Vec::new());
    assert_eq!(deliverer.deliver(&bench.store).await, Delivered { delivered: 0, postponed: 0, dead: 1 });
}

/// How many alerts the crash test delivers.
fn crash_alerts() -> usize {
    usize::try_from(repeats("KEYHOLDER_TEST_ALERTS", 1_000)).unwrap()
}

/// The courier is ended at random places between claim, sending and settling, again and again.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "figures are what this test is run for")]
async fn crashes_between_claim_and_settling_lose_nothing() {
    const PER_SNAPSHOT: usize = 50;
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let snapshots = crash_alerts() / PER_SNAPSHOT;
    let bench = with_alerts(snapshots, PER_SNAPSHOT, &announcer(&["soc"], u32::MAX)).await;
    let raised: BTreeSet<String> = bench
        .store
        .delivery_rows(None, u32::MAX)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.alert.id.to_string())
        .collect();
    assert!(raised.len() >= crash_alerts());
    let deliverer = Deliverer::new(vec![webhook("soc", receiver.port, false)]);
    let mut crashes = 0_u64;
    loop {
        // Longer and longer, so that it comes to an end on any machine.
        let life = Duration::from_millis(5 + (crashes * 37) % 90 + crashes / 4);
        if tokio::time::timeout(life, deliverer.deliver(&bench.store)).await.is_ok() {
            break;
        }
        crashes += 1;
        deliverer.pass_time(CLAIM_LASTS);
    }
    assert!(crashes > crash_alerts() as u64 / 100, "only {crashes} crashes: the test shows nothing");
    let ids: Vec<String> = receiver.received().iter().map(|one| one.header("webhook-id").unwrap().to_owned()).collect();
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(distinct, raised, "nothing lost, nothing made up");
    assert_eq!(bench.store.delivery_counts().await.unwrap().pending, 0);
    println!("{} alerts, {crashes} crashes, {} duplicates", raised.len(), ids.len() - distinct.len());
}
