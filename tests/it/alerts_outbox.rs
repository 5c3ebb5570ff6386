//! The outbox: what is announced, to whom, under which id, and what becomes of a delivery.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use keyholder::alerts::{Route, Router};
use keyholder::app::alerts::Announcer;
use keyholder::domain::alert::{Alert, AlertClass, Event};
use keyholder::domain::change::{Change, Class};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::ContractNumber;
use keyholder::domain::severity::Severity;
use keyholder::domain::state::Around;
use keyholder::store::StoreError;
use keyholder::store::deliveries::{CLAIM_LASTS, Settled};
use keyholder::store::mutes::Mute;
use keyholder::store::outbox::Outgoing;
use keyholder::store::seal::announce::{Announce, ComposeError, Sealed};

use crate::support::model::{Bench, CONTRACT, Model, lose, start};

const OTHER: ContractNumber = ContractNumber(7);

fn announcer() -> Announcer {
    Announcer::new(Router::new(["mail", "soc"].map(str::to_owned), Vec::new()), 20)
}

/// A bench whose baseline is sealed.
async fn with_baseline(model: &Model) -> Bench {
    let bench = Bench::new().await;
    bench.seal_announced(CONTRACT, model.sightings(), &announcer()).await.unwrap();
    bench
}

/// Seals a state and answers with the alerts that it raised, oldest first.
async fn raised(bench: &Bench, model: &Model, announcer: &dyn Announce) -> Vec<Alert> {
    let known: BTreeSet<_> = all(bench).await.into_iter().map(|alert| alert.id).collect();
    bench.seal_announced(CONTRACT, model.sightings(), announcer).await.unwrap();
    all(bench).await.into_iter().filter(|alert| !known.contains(&alert.id)).collect()
}

async fn all(bench: &Bench) -> Vec<Alert> {
    let rows = bench.store.delivery_rows(None, 100_000).await.unwrap();
    let mut alerts: Vec<Alert> = rows.into_iter().map(|row| row.alert).rev().collect();
    alerts.dedup_by_key(|alert| alert.id);
    alerts
}

fn words(alerts: &[Alert]) -> Vec<&'static str> {
    let mut words: Vec<_> = alerts.iter().map(|alert| alert.class.as_str()).collect();
    words.sort_unstable();
    words
}

/// What is pending for a sink, by class.
async fn pending(bench: &Bench, sink: &str) -> Vec<&'static str> {
    let rows = bench.store.delivery_rows(Some("pending"), 100_000).await.unwrap();
    let alerts: Vec<Alert> =
        rows.into_iter().filter(|row| row.sink.as_deref() == Some(sink)).map(|row| row.alert).collect();
    words(&alerts)
}

fn later() -> DateTime<Utc> {
    start() + TimeDelta::days(400)
}

fn with_key(model: &Model, user: &str, key: &str) -> Model {
    let mut model = model.clone();
    model.keys.insert((user.into(), key.into()), true);
    model
}

#[tokio::test]
async fn the_first_snapshot_raises_one_baseline_with_its_numbers() {
    let bench = with_baseline(&Model::small()).await;
    let alerts = all(&bench).await;
    assert_eq!(words(&alerts), ["baseline-established"]);
    let counts: Vec<_> = alerts[0].details.counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
    assert_eq!(counts, ["S3 keys 1", "administrators 1", "groups 2", "shares 1", "users 2"]);
    assert_eq!(pending(&bench, "mail").await, ["baseline-established"]);
}

#[tokio::test]
async fn an_unchanged_snapshot_raises_nothing() {
    let bench = with_baseline(&Model::small()).await;
    assert_eq!(words(&raised(&bench, &Model::small(), &announcer()).await), [""; 0]);
}

#[tokio::test]
async fn two_keys_and_two_shares_in_one_snapshot_are_four_alerts() {
    let mut base = Model::small();
    base.resources.extend(["dc2".to_owned(), "dc3".to_owned()]);
    let bench = with_baseline(&base).await;
    let mut model = with_key(&with_key(&base, "bob", "K2"), "bob", "K3");
    model.shares.insert(("ops".into(), "dc2".into()), false);
    model.shares.insert(("ops".into(), "dc3".into()), false);
    let alerts = raised(&bench, &model, &announcer()).await;
    assert_eq!(words(&alerts), ["key-added", "key-added", "share-added", "share-added"]);
    assert_eq!(pending(&bench, "soc").await.len(), 5, "and each goes to every sink");
    let span = alerts[0].span.as_ref().unwrap();
    assert!(span.root_before.len() == 64 && span.root_after.len() == 64 && span.root_before != span.root_after);
}

#[tokio::test]
async fn the_same_change_of_two_contracts_has_two_ids() {
    let bench = with_baseline(&Model::small()).await;
    let model = with_key(&Model::small(), "bob", "K2");
    bench.seal_announced(OTHER, Model::small().sightings(), &announcer()).await.unwrap();
    bench.seal_announced(CONTRACT, model.sightings(), &announcer()).await.unwrap();
    bench.seal_announced(OTHER, model.sightings(), &announcer()).await.unwrap();
    let keys: Vec<Alert> =
        all(&bench).await.into_iter().filter(|alert| alert.class == AlertClass::Change(Class::KeyAdded)).collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0].id, keys[1].id);
}

#[tokio::test]
async fn a_restored_database_alerts_under_other_ids() {
    let base = Model::small();
    let (bench, twin) = (with_baseline(&base).await, with_baseline(&base).await);
    twin.store.renew_origins(&twin.seams).await.unwrap();
    let mut model = with_key(&base, "bob", "K2");
    model.groups.insert("new".into(), BTreeSet::new());
    let (original, restored) = (raised(&bench, &model, &announcer()).await, raised(&twin, &model, &announcer()).await);
    assert_eq!(words(&original), ["key-added"]);
    assert_eq!(words(&restored), ["database-restored", "group-added", "key-added"], "every change since the backup");
    assert!(restored.iter().all(|alert| original.iter().all(|other| other.id != alert.id)));
    assert_eq!(words(&raised(&twin, &model, &announcer()).await), [""; 0], "only the first snapshot tells of it");
}

#[tokio::test]
async fn a_short_lived_share_gives_two_alerts() {
    let bench = with_baseline(&Model::small()).await;
    let mut model = Model::small();
    model.shares.insert(("dev".into(), "dc1".into()), true);
    assert_eq!(words(&raised(&bench, &model, &announcer()).await), ["share-added"]);
    assert_eq!(words(&raised(&bench, &Model::small(), &announcer()).await), ["share-removed"]);
    model = Model::small();
    model.shares.clear();
    assert_eq!(words(&raised(&bench, &model, &announcer()).await), [""; 0], "what the baseline had ends in silence");
}

#[tokio::test]
async fn many_changes_become_a_digest_but_critical_ones_stay_single() {
    let bench = with_baseline(&Model::small()).await;
    let mut model = Model::small();
    for number in 0..25 {
        model.keys.insert(("bob".into(), format!("N{number}")), true);
    }
    model.users.insert("bob".into(), true);
    let alerts = raised(&bench, &model, &announcer()).await;
    let digests: Vec<&Alert> = alerts.iter().filter(|alert| alert.class == AlertClass::Event(Event::Digest)).collect();
    assert_eq!(digests.len(), 2, "one for each sink");
    assert_ne!(digests[0].id, digests[1].id);
    assert_eq!(digests[0].details.items.len(), 25);
    let listed = bench.store.alerts_with_ids(&digests[0].details.items).await.unwrap();
    assert!(listed.iter().all(|alert| alert.class == AlertClass::Change(Class::KeyAdded)));
    assert_eq!(pending(&bench, "mail").await, ["administrator-gained", "baseline-established", "digest"]);
}

#[tokio::test]
async fn a_gap_is_alerted_when_it_is_new() {
    let bench = with_baseline(&Model::small()).await;
    let mut seen = Model::small().sightings();
    lose(&mut seen, Scope::Shares("ops".into()), Status::Forbidden);
    for expected in [1, 1] {
        bench.seal_announced(CONTRACT, seen.clone(), &announcer()).await.unwrap();
        let partial = words(&all(&bench).await).into_iter().filter(|word| *word == "run-partial").count();
        assert_eq!(partial, expected);
    }
}

#[tokio::test]
async fn a_mute_holds_back_what_it_names_but_never_what_is_critical() {
    let bench = with_baseline(&Model::small()).await;
    let mute = Mute {
        number: 0,
        sink: "mail".to_owned(),
        class: None,
        contract: None,
        person: "Ann".to_owned(),
        reason: "migration".to_owned(),
        since: start(),
        until: start() + TimeDelta::days(10),
        ended: None,
    };
    bench.store.mute(&mute, |_| Vec::new()).await.unwrap();
    let mut model = with_key(&Model::small(), "bob", "K2");
    model.users.insert("bob".into(), true);
    raised(&bench, &model, &announcer()).await;
    assert_eq!(pending(&bench, "mail").await, ["administrator-gained", "baseline-established"]);
    assert!(pending(&bench, "soc").await.contains(&"key-added"));
    let muted = bench.store.delivery_rows(Some("muted"), 10).await.unwrap();
    assert!(muted.iter().any(|row| row.alert.class == AlertClass::Change(Class::KeyAdded)), "and it is on record");
    let long = Mute { until: start() + TimeDelta::days(31), ..mute };
    assert!(matches!(bench.store.mute(&long, |_| Vec::new()).await, Err(StoreError::Sql { .. })), "30 days at most");
}

#[tokio::test]
async fn outbox_rows_hold_no_name_and_no_address() {
    let bench = with_baseline(&Model::small()).await;
    let mut model = with_key(&Model::small(), "bob", "K2");
    model.users.insert("eve".into(), true);
    raised(&bench, &model, &announcer()).await;
    let alerts = all(&bench).await;
    let kept: String = alerts
        .iter()
        .map(|alert| format!("{:?} {} {:?}", alert.fact, alert.attribute, alert.details))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(alerts.len() > 3 && kept.contains("eve"), "ids are there: {kept}");
    for name in ["@example.org", "Test", " team", " name"] {
        assert!(!kept.contains(name), "{name} in {kept}");
    }
}

/// Cannot compose anything.
struct Broken;

impl Announce for Broken {
    fn around(&self, _: &[Change]) -> (Around, Around) {
        (Around::default(), Around::default())
    }

    fn compose(&self, _: &Sealed) -> Result<Vec<Outgoing>, ComposeError> {
        Err("no words".into())
    }
}

#[tokio::test]
async fn a_snapshot_is_not_sealed_without_its_alerts() {
    let bench = with_baseline(&Model::small()).await;
    let model = with_key(&Model::small(), "bob", "K2");
    let failed = bench.seal_announced(CONTRACT, model.sightings(), &Broken).await;
    assert!(matches!(failed, Err(StoreError::Compose(_))), "{failed:?}");
    assert_eq!(bench.store.snapshots(CONTRACT).await.unwrap().len(), 1);
    assert_eq!(words(&raised(&bench, &model, &announcer()).await), ["key-added"], "nothing was lost by that");
}

#[tokio::test]
async fn a_claim_that_is_not_settled_runs_out() {
    let bench = with_baseline(&Model::small()).await;
    let first = bench.store.claim("mail", later(), 10).await.unwrap();
    assert_eq!(first.len(), 1);
    assert!(bench.store.claim("mail", later(), 10).await.unwrap().is_empty(), "nobody else sends it meanwhile");
    let again = bench.store.claim("mail", later() + CLAIM_LASTS, 10).await.unwrap();
    assert_eq!(
        (again.len(), again[0].attempt, again[0].alert.id),
        (1, 1, first[0].alert.id),
        "nothing was settled yet"
    );
    let settled = Settled::Delivered { detail: "204".to_owned() };
    bench.store.settle("mail", &again[0], &settled, later()).await.unwrap();
    bench.store.settle("mail", &first[0], &Settled::Dead { detail: "late".to_owned() }, later()).await.unwrap();
    assert!(pending(&bench, "mail").await.is_empty());
    let attempts = bench.store.attempts(&again[0].alert).await.unwrap();
    assert_eq!(attempts.iter().map(|one| one.outcome.as_str()).collect::<Vec<_>>(), ["delivered"]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_sink_until_a_retry() {
    let bench = with_baseline(&Model::small()).await;
    let claimed = bench.store.claim("soc", later(), 10).await.unwrap();
    bench.store.settle("soc", &claimed[0], &Settled::Gone { detail: "410".to_owned() }, later()).await.unwrap();
    raised(&bench, &with_key(&Model::small(), "bob", "K2"), &announcer()).await;
    assert!(pending(&bench, "soc").await.is_empty(), "what comes later is a dead letter as well");
    let counts = bench.store.delivery_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (2, 2));
    assert_eq!(bench.store.retry_dead(None, Some("soc"), later()).await.unwrap(), 2);
    assert_eq!(pending(&bench, "soc").await, ["baseline-established", "key-added"]);
    raised(&bench, &with_key(&with_key(&Model::small(), "bob", "K2"), "bob", "K3"), &announcer()).await;
    assert_eq!(pending(&bench, "soc").await.len(), 3, "the sink is enabled again");
}

#[tokio::test]
async fn routes_decide_which_sink_gets_what() {
    let bench = with_baseline(&Model::small()).await;
    let critical = Route { sinks: vec!["soc".into()], severity: Some(Severity::Critical), ..Route::default() };
    let routed = Announcer::new(Router::new(["mail", "soc"].map(str::to_owned), vec![critical]), 20);
    let mut model = with_key(&Model::small(), "bob", "K2");
    model.users.insert("eve".into(), true);
    let before = pending(&bench, "soc").await.len();
    let alerts = raised(&bench, &model, &routed).await;
    assert!(words(&alerts).contains(&"key-added"), "what nobody gets is on record all the same");
    assert!(pending(&bench, "soc").await.len() > before);
    assert_eq!(pending(&bench, "mail").await, ["baseline-established"]);
}
