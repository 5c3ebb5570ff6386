//! Alerts around scopes that could not be read: what was really new is alerted once, and what was not is not.

use std::collections::{BTreeMap, BTreeSet};

use keyholder::alerts::Router;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::render::Renderer;
use keyholder::domain::alert::{Alert, AlertClass};
use keyholder::domain::change::Class;
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::sighting::Sightings;

use crate::support::model::{Bench, CONTRACT, Model, lose};

/// A database into which one day after the other is sealed.
struct Days {
    bench: Bench,
    known: BTreeSet<String>,
}

impl Days {
    async fn begin() -> Self {
        Self { bench: Bench::new().await, known: BTreeSet::new() }
    }

    /// Seals a day; the alerts that it raised, as class, fact and attribute.
    async fn raised(&mut self, seen: Sightings) -> Vec<String> {
        let announcer = Announcer::new(Router::new(["soc".to_owned()], Vec::new()), 20);
        self.bench.seal_announced(CONTRACT, seen, &announcer).await.unwrap();
        let rows = self.bench.store.delivery_rows(None, 1_000).await.unwrap();
        let new = rows.into_iter().map(|row| row.alert).filter(|alert| self.known.insert(alert.id.to_string()));
        let mut words: Vec<String> = new.map(|alert| word(&alert)).collect();
        words.sort_unstable();
        words
    }

    #[track_caller]
    fn check(found: &[String], expected: &[&str]) {
        assert_eq!(found, expected);
    }
}

fn word(alert: &Alert) -> String {
    let fact = alert.fact.as_ref().map(|key| {
        let object = key.object.as_deref().map(|object| format!(">{object}")).unwrap_or_default();
        format!(" {}{object}", key.subject)
    });
    let attribute = if alert.fact.is_some() { &*alert.attribute } else { "" };
    format!("{}{} {attribute}", alert.class, fact.unwrap_or_default()).trim_end().to_owned()
}

/// The model as a walk sees it that reads none of the users.
fn without_users(model: &Model) -> Sightings {
    let mut seen = model.sightings();
    for user in model.users.keys() {
        lose(&mut seen, Scope::Owns(user.as_str().into()), Status::NotAttempted);
        lose(&mut seen, Scope::Keys(user.as_str().into()), Status::NotAttempted);
        seen.scopes.retain(|scope, _| !matches!(scope, Scope::Owns(_) | Scope::Keys(_)));
    }
    lose(&mut seen, Scope::Users, Status::Forbidden);
    seen
}

/// The model as a walk sees it in which one list breaks off after everything that it shows.
fn broken_off(model: &Model, scope: &Scope) -> Sightings {
    let mut seen = model.sightings();
    seen.scopes.get_mut(scope).unwrap().0 = Status::Failed("page 2: timeout".into());
    seen
}

#[tokio::test]
async fn a_first_list_that_failed_raises_its_alerts_once() {
    let (mut days, model) = (Days::begin().await, Model::small());
    Days::check(&days.raised(without_users(&model)).await, &["baseline-established", "run-partial"]);
    // Nobody knows whether the key is new: it is shown once as seen for the first time, and no user is new.
    Days::check(&days.raised(model.sightings()).await, &["first-seen bob>K1"]);
    Days::check(&days.raised(model.sightings()).await, &[]);
}

#[tokio::test]
async fn what_is_new_after_a_first_list_that_failed_is_alerted_once() {
    let (mut days, mut model) = (Days::begin().await, Model::small());
    days.raised(without_users(&model)).await;
    days.raised(model.sightings()).await;
    model.keys.insert(("ann".into(), "K2".into()), true);
    model.users.insert("bob".into(), true);
    let expected = ["administrator-gained bob administrator", "key-added ann>K2"];
    Days::check(&days.raised(model.sightings()).await, &expected);
    Days::check(&days.raised(model.sightings()).await, &[]);
}

#[tokio::test]
async fn what_a_partial_list_shows_is_alerted_at_once_and_once() {
    let (mut days, mut model) = (Days::begin().await, Model::small());
    days.raised(model.sightings()).await;
    model.users.insert("eve".into(), true);
    let expected = ["administrator-gained eve administrator", "run-partial", "user-added eve"];
    Days::check(&days.raised(broken_off(&model, &Scope::Users)).await, &expected);
    Days::check(&days.raised(model.sightings()).await, &[]);
}

#[tokio::test]
async fn what_appeared_while_a_scope_was_unread_is_alerted_when_it_is_read() {
    let (mut days, mut model) = (Days::begin().await, Model::small());
    days.raised(model.sightings()).await;
    model.shares.insert(("dev".into(), "dc1".into()), true);
    model.keys.insert(("bob".into(), "K2".into()), true);
    let mut seen = model.sightings();
    lose(&mut seen, Scope::Shares("dev".into()), Status::Failed("timeout".into()));
    lose(&mut seen, Scope::Keys("bob".into()), Status::Failed("timeout".into()));
    Days::check(&days.raised(seen.clone()).await, &["run-partial"]);
    Days::check(&days.raised(seen).await, &[]);
    Days::check(&days.raised(model.sightings()).await, &["key-added bob>K2", "share-added dev>dc1"]);
    Days::check(&days.raised(model.sightings()).await, &[]);
}

#[tokio::test]
async fn keys_that_cannot_be_listed_are_no_partial_run() {
    let (mut days, mut model) = (Days::begin().await, Model::small());
    model.keys.clear();
    days.raised(model.sightings()).await;
    let mut seen = model.sightings();
    lose(&mut seen, Scope::Keys("bob".into()), Status::NotApplicable);
    Days::check(&days.raised(seen).await, &[]);
}

#[tokio::test]
async fn an_alert_says_which_snapshot_knew_last() {
    let (mut days, mut model) = (Days::begin().await, Model::small());
    days.raised(model.sightings()).await;
    model.keys.insert(("bob".into(), "K2".into()), true);
    let mut seen = model.sightings();
    lose(&mut seen, Scope::Keys("bob".into()), Status::Failed("timeout".into()));
    days.raised(seen).await;
    days.raised(model.sightings()).await;
    let rows = days.bench.store.delivery_rows(None, 1_000).await.unwrap();
    let added = AlertClass::Change(Class::KeyAdded);
    let alert = rows.into_iter().map(|row| row.alert).find(|alert| alert.class == added).unwrap();
    let names = BTreeMap::new();
    let message = Renderer::new(&days.bench.store, &names).message(&alert, true).await.unwrap();
    let seen = message.seen.unwrap();
    assert_eq!((seen.from, seen.to), (Some(1), 3));
    assert!(seen.from_at.is_some_and(|at| at < seen.to_at));
}
