//! Alerts of what does not happen: a contract that is not collected any more, a token that ends.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use keyholder::alerts::Router;
use keyholder::app::alerts::Announcer;
use keyholder::app::alerts::watch::{raise_expiry, raise_overdue};
use keyholder::app::freshness::Expectations;
use keyholder::domain::coverage::{Scope, Status};
use keyholder::seams::{Seams, SeededRandom, SetClock};

use crate::support::config::config;
use crate::support::model::{Bench, CONTRACT, Model, lose, start};

/// A bench with a baseline, and a clock to watch it by.
struct Watch {
    bench: Bench,
    clock: Arc<SetClock>,
    seams: Seams,
}

impl Watch {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        let clock = SetClock::at(start());
        let seams = Seams::new(clock.clone(), SeededRandom::new(5));
        Self { bench, clock, seams }
    }

    fn announcer() -> Announcer {
        Announcer::new(Router::new(["soc".to_owned()], Vec::new()), 20)
    }

    /// How many alerts of that class there are after looking at that time.
    async fn overdue_at(&self, at: DateTime<Utc>) -> usize {
        self.clock.set(at);
        let expected = Expectations::of(&config(""));
        raise_overdue(&self.bench.store, &Self::announcer(), &expected, &self.seams).await.unwrap();
        self.count("collection-overdue").await
    }

    async fn count(&self, class: &str) -> usize {
        let rows = self.bench.store.delivery_rows(Some("pending"), 100).await.unwrap();
        rows.iter().filter(|row| row.alert.class.as_str() == class).count()
    }
}

#[tokio::test]
async fn a_contract_is_overdue_once_until_it_is_complete_again() {
    let watch = Watch::new().await;
    assert_eq!(watch.overdue_at(start() + TimeDelta::hours(36)).await, 0, "not yet");
    assert_eq!(watch.overdue_at(start() + TimeDelta::hours(37)).await, 1);
    assert_eq!(watch.overdue_at(start() + TimeDelta::hours(60)).await, 1, "once for one gap");
    watch.bench.seal(Model::small().sightings()).await;
    assert_eq!(watch.overdue_at(start() + TimeDelta::hours(80)).await, 2, "the next gap is another one");
}

#[tokio::test]
async fn a_partial_snapshot_does_not_end_being_overdue() {
    let watch = Watch::new().await;
    let mut seen = Model::small().sightings();
    lose(&mut seen, Scope::Groups, Status::Forbidden);
    watch.bench.seal(seen).await;
    assert_eq!(watch.overdue_at(start() + TimeDelta::hours(40)).await, 1);
}

#[tokio::test]
async fn a_token_is_alerted_once_before_it_ends_and_once_after() {
    let watch = Watch::new().await;
    let ends = start() + TimeDelta::days(10);
    for (day, expected) in [(0, 1), (3, 1), (11, 2), (12, 2)] {
        watch.clock.set(start() + TimeDelta::days(day));
        raise_expiry(&watch.bench.store, &Watch::announcer(), Some(CONTRACT), ends, &watch.seams).await.unwrap();
        assert_eq!(watch.count("credentials-expire").await, expected, "day {day}");
    }
}
