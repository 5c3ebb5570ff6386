//! Mutes: who asked and why stand in the mute alone, are sent where names may be, and can be erased.

use chrono::TimeDelta;
use keyholder::app::alerts::muting::mute;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::mutes::Mute;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::alerts_delivery::{Deliverer, announcer, webhook};
use crate::support::model::{Bench, CONTRACT, Model, start};
use crate::support::receiver::Receiver;

const PERSON: &str = "Ann Example";
const REASON: &str = "ask zoe@example.org";

/// A sealed contract whose sink `mail` was muted, announced to two others.
async fn muted() -> Bench {
    let bench = Bench::new().await;
    let announcer = announcer(&["ids", "mail", "names"], 20);
    bench.seal_announced(CONTRACT, Model::small().sightings(), &announcer).await.unwrap();
    let wanted = Mute {
        number: 0,
        sink: "mail".to_owned(),
        class: None,
        contract: Some(CONTRACT),
        person: PERSON.to_owned(),
        reason: REASON.to_owned(),
        since: start() + TimeDelta::days(1),
        until: start() + TimeDelta::days(8),
        ended: None,
    };
    let seams = Seams::new(SetClock::at(wanted.since), SeededRandom::new(5));
    assert_eq!(mute(&bench.store, &announcer, wanted, &seams).await.unwrap(), 1);
    bench
}

async fn raw(bench: &Bench) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(bench.store.path())).await.unwrap()
}

/// The announcements of the mute, as a sink without names and one with names get them.
async fn announced(bench: &Bench) -> [String; 2] {
    let (ids, names) = (Receiver::plain(&["204 No Content"]).await, Receiver::plain(&["204 No Content"]).await);
    let to = vec![webhook("ids", ids.port, false), webhook("names", names.port, true)];
    Deliverer::new(to).deliver(&bench.store).await;
    [ids, names].map(|receiver| {
        let sent = receiver.received().into_iter().map(|one| one.json());
        sent.filter(|one| one["class"] == "alerts-muted").map(|one| one.to_string()).collect::<String>()
    })
}

#[tokio::test]
async fn person_and_reason_of_a_mute_go_to_sinks_with_names_only() {
    let [ids, names] = announced(&muted().await).await;
    for text in [PERSON, REASON] {
        assert!(names.contains(text), "{text} in {names}");
        assert!(!ids.contains(text), "{text} in {ids}");
    }
    assert!(ids.contains("mail") && ids.contains("2026-01-09T03:00:00Z"), "which sink, and until when: {ids}");
}

#[tokio::test]
async fn the_outbox_holds_the_number_of_a_mute() {
    let bench = muted().await;
    let db = raw(&bench).await;
    let details: String = sqlx::query_scalar("SELECT details || attribute FROM outbox WHERE class = 'alerts-muted'")
        .fetch_one(&db)
        .await
        .unwrap();
    assert!(details.contains("\"mute\":1"), "{details}");
    assert!(!details.contains(PERSON) && !details.contains(REASON), "{details}");
    db.close().await;
}

#[tokio::test]
async fn an_erased_mute_is_announced_without_its_person() {
    let bench = muted().await;
    let db = raw(&bench).await;
    let edited = sqlx::query("UPDATE mute SET person = 'Bob'").execute(&db).await.unwrap_err();
    assert!(edited.to_string().contains("erased, never edited"), "{edited}");
    sqlx::query("UPDATE mute SET person = '', reason = ''").execute(&db).await.unwrap();
    db.close().await;
    for sent in announced(&bench).await {
        assert!(sent.contains("alerts-muted") && !sent.contains(PERSON) && !sent.contains(REASON), "{sent}");
    }
}
