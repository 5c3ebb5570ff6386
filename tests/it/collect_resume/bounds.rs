//! What bounds going on: whose credentials, how old, how much, and what is wiped when nobody can go on any more.

use std::sync::Arc;

use chrono::TimeDelta;
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::api::settings::{Credentials, Settings};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::collect::Progress;
use keyholder::domain::snapshot::Snapshot;
use tokio_util::sync::CancellationToken;

use super::{Side, check_not_gone_on, served, start};
use crate::support::api::settings;

impl Side {
    /// Collects with other settings, under the order that goes with the usual ones.
    async fn collect_with(
        &self,
        emulator: &emulator::Emulator,
        settings: &Settings,
    ) -> Result<Snapshot, CollectFailure> {
        let client = Client::new(settings, self.seams.clone()).unwrap();
        collect(&self.store, &client, &self.seams, self.order(emulator), &|_| ()).await
    }

    /// Begins a run and lets go of it in the middle, as if the process had been killed; the clock shows `late` by then.
    async fn cut(&self, emulator: &emulator::Emulator, late: TimeDelta) {
        let cut = CancellationToken::new();
        let (clock, cutting) = (Arc::clone(&self.clock), cut.clone());
        let watch = move |progress: Progress| {
            clock.set(start() + late);
            if progress.requests >= 300 {
                cutting.cancel();
            }
        };
        let client = Client::new(&settings(emulator, Version::V6), self.seams.clone()).unwrap();
        let collecting = collect(&self.store, &client, &self.seams, self.order(emulator), &watch);
        assert!(cut.run_until_cancelled(collecting).await.is_none(), "it was cut off");
    }
}

/// The administrator with user name and password.
fn with_password(emulator: &emulator::Emulator) -> Settings {
    let username = emulator.username().to_owned();
    let credentials = Credentials::Basic { username, password: emulator.password().into() };
    Settings { credentials, ..settings(emulator, Version::V6) }
}

#[tokio::test]
async fn a_run_is_gone_on_with_by_the_same_credentials_only() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    let other = side.collect_with(&emulator, &with_password(&emulator)).await.unwrap();
    assert_eq!(side.saved(&other).await, None, "other credentials may see other things");
    assert_eq!(side.runs().await, [super::REASON, "complete -"]);
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    let same = side.collect_with(&emulator, &settings(&emulator, Version::V6)).await.unwrap();
    assert!(side.saved(&same).await.is_some());
}

/// What is kept of the credentials of the interrupted run.
async fn kept(side: &Side) -> String {
    let db = crate::support::cut::raw(side.store.path()).await;
    let digest = sqlx::query_scalar("SELECT terms ->> '$.credentials' FROM staging").fetch_one(&db).await.unwrap();
    db.close().await;
    digest
}

#[tokio::test]
async fn of_the_credentials_nothing_is_kept_that_could_be_compared_between_runs() {
    let emulator = served().await;
    let side = Side::new().await;
    side.begin(&emulator, side.order(&emulator)).await;
    let first = kept(&side).await;
    side.begin(&emulator, Order { fresh: true, ..side.order(&emulator) }).await;
    let second = kept(&side).await;
    assert!(first != second && first.len() == 64, "each run has its own key: {first} {second}");
    assert!(!side.has_bytes(emulator.token()), "the token is in the database");
    let journal = side.journal().await.into_iter().flat_map(|(_, outcomes)| outcomes).collect::<String>();
    assert!(!journal.is_empty() && !journal.contains(emulator.token()), "the token is in the journal");
}

#[tokio::test]
async fn a_run_that_was_killed_is_not_gone_on_with_once_the_clock_went_back() {
    let emulator = served().await;
    let side = Side::new().await;
    side.cut(&emulator, TimeDelta::minutes(15)).await;
    side.clock.set(start() + TimeDelta::minutes(5));
    let snapshot = side.collect(&emulator).await;
    assert_eq!(side.saved(&snapshot).await, None, "it is older than it looks");
    let went_back = "interrupted the clock went back since: nobody knows how old it is";
    assert_eq!(side.runs().await, [went_back, "complete -"]);
    // The control: by a clock that did not go back it goes on.
    let side = Side::new().await;
    side.cut(&emulator, TimeDelta::minutes(15)).await;
    let snapshot = side.collect(&emulator).await;
    assert!(side.saved(&snapshot).await.is_some_and(|saved| saved > 0));
}

#[tokio::test]
async fn a_run_that_was_stopped_is_not_gone_on_with_once_the_clock_went_back() {
    let emulator = served().await;
    let side = Side::new().await;
    let (clock, order) = (Arc::clone(&side.clock), side.order(&emulator));
    let stop = order.stop.clone();
    let watch = move |progress: Progress| {
        if progress.requests >= 300 {
            clock.set(start() + TimeDelta::minutes(15));
            stop.stop("a test");
        }
    };
    let client = Client::new(&settings(&emulator, Version::V6), side.seams.clone()).unwrap();
    collect(&side.store, &client, &side.seams, order, &watch).await.unwrap_err();
    side.clock.set(start() + TimeDelta::minutes(5));
    check_not_gone_on(&emulator, &side, side.order(&emulator)).await;
}

/// What is staged once somebody has taken the right to collect at that time, and nothing else.
async fn staged_after(emulator: &emulator::Emulator, later: TimeDelta) -> i64 {
    let side = Side::new().await;
    side.begin(emulator, side.order(emulator)).await;
    assert!(side.staged().await > 0);
    drop(side.store.runner(start() + later).await.unwrap());
    side.staged().await
}

#[tokio::test]
async fn what_nobody_can_go_on_with_is_wiped_before_anything_else_is_done() {
    let emulator = served().await;
    assert!(staged_after(&emulator, TimeDelta::minutes(29)).await > 0);
    assert_eq!(staged_after(&emulator, TimeDelta::minutes(31)).await, 0, "too old");
    assert_eq!(staged_after(&emulator, TimeDelta::minutes(-5)).await, 0, "of unknown age");
}

#[tokio::test]
async fn what_an_earlier_part_has_read_takes_room_and_more_than_a_run_may_hold_is_not_gone_on_with() {
    let emulator = served().await;
    for (kib, first) in [(64, "interrupted what it had read is more than a run may hold"), (8 << 10, "complete -")] {
        let side = Side::new().await;
        side.cut(&emulator, TimeDelta::zero()).await;
        let cramped = Settings { largest_run: kib << 10, ..settings(&emulator, Version::V6) };
        // Into the small room nothing fits, and what becomes of the run that begins instead is another story.
        drop(side.collect_with(&emulator, &cramped).await);
        assert_eq!(side.runs().await[0], first, "{kib} KiB");
    }
}

/// A run that took that long before it was killed, and is resumed that long after its beginning; whether it was.
async fn was_resumed(emulator: &emulator::Emulator, took: i64, begins: i64) -> bool {
    let side = Side::new().await;
    side.cut(emulator, TimeDelta::minutes(took)).await;
    side.clock.set(start() + TimeDelta::minutes(begins));
    let snapshot = side.collect(emulator).await;
    assert!(snapshot.is_complete(), "killed after {took} min, resumed after {begins}: it had no time left");
    side.saved(&snapshot).await.is_some()
}

#[tokio::test]
async fn the_age_of_a_killed_run_counts_from_its_last_answer() {
    let emulator = served().await;
    assert!(was_resumed(&emulator, 25, 54).await);
    assert!(!was_resumed(&emulator, 25, 57).await);
}

#[tokio::test]
async fn a_run_that_used_up_its_time_has_ten_minutes_when_resumed() {
    let emulator = served().await;
    assert!(was_resumed(&emulator, 40, 41).await);
}
