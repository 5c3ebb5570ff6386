//! What sealing keeps, carries and ends.

use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::Kind;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::notice::Notice;
use keyholder::domain::snapshot::RunState;
use keyholder::domain::unknown::Nullable;

use crate::support::model::{Bench, CONTRACT, Model, lose, start};

/// The events of the latest snapshot, one word and key each.
async fn events(bench: &Bench, seq: u32) -> String {
    let changes = bench.store.events(CONTRACT, Seq(seq - 1), Seq(seq)).await.unwrap();
    let lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let object = change.key.object.as_deref().map(|object| format!(">{object}")).unwrap_or_default();
            format!("{:?} {} {}{object}", change.op, change.key.kind, change.key.subject)
        })
        .collect();
    lines.join(", ")
}

#[tokio::test]
async fn the_first_snapshot_holds_everything_and_reports_no_change() {
    let bench = Bench::new().await;
    let snapshot = bench.seal(Model::small().sightings()).await;
    assert_eq!(snapshot.seq, Seq(1));
    assert_eq!(snapshot.state, RunState::Complete);
    assert_eq!((snapshot.began, snapshot.ended, snapshot.changed), (10, 0, 0));
    assert_eq!(snapshot.total(Kind::User), 2);
    assert_eq!(events(&bench, 1).await, "");
    let state = bench.store.state(CONTRACT, Seq(1)).await.unwrap();
    assert_eq!(state.users[&"ann".into()].value, Model::small().sightings().users[0]);
    assert!(state.is_owner(&state.users[&"ann".into()]));
    assert_eq!(state.members_of(&"ops".into()).count(), 1);
}

#[tokio::test]
async fn an_unchanged_day_writes_one_snapshot_and_no_fact() {
    let bench = Bench::new().await;
    let first = bench.seal(Model::small().sightings()).await;
    let second = bench.seal(Model::small().sightings()).await;
    assert_eq!((second.began, second.ended, second.changed), (0, 0, 0));
    assert_eq!(second.root, first.root);
    assert_eq!(events(&bench, 2).await, "");
}

#[tokio::test]
async fn what_a_complete_scope_does_not_show_any_more_has_ended() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.keys.clear();
    model.users.insert("bob".into(), true);
    bench.seal(model.sightings()).await;
    assert_eq!(events(&bench, 2).await, "Changed user bob, Ended key bob>K1");
}

#[tokio::test]
async fn a_scope_that_failed_ends_nothing_and_comes_back_without_a_change() {
    for status in [Status::Forbidden, Status::Failed("server error".into()), Status::Unstable, Status::NotAttempted] {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        let mut seen = Model::small().sightings();
        lose(&mut seen, Scope::Shares("ops".into()), status.clone());
        lose(&mut seen, Scope::Keys("bob".into()), status.clone());
        let partial = bench.seal(seen).await;
        assert_eq!(partial.state, RunState::Partial);
        assert_eq!(partial.total(Kind::Share), 1, "the share is carried");
        let state = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
        assert_eq!(state.shares.values().next().unwrap().seen, Seq(1), "last proved in the first snapshot");
        bench.seal(Model::small().sightings()).await;
        assert_eq!((events(&bench, 2).await, events(&bench, 3).await), (String::new(), String::new()), "{status:?}");
    }
}

/// Seals a day on which bob is not listed and what is his is gone, and expects those events.
#[track_caller]
fn check_gone(list: Status, expected: &'static str) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        let mut seen = Model::small().sightings();
        seen.users.retain(|user| user.id.as_str() != "bob");
        seen.scopes.get_mut(&Scope::Users).unwrap().0 = list;
        lose(&mut seen, Scope::Keys("bob".into()), Status::Gone);
        lose(&mut seen, Scope::Owns("bob".into()), Status::Gone);
        bench.seal(seen).await;
        assert_eq!(events(&bench, 2).await, expected, "{at}");
    }
}

#[tokio::test]
async fn what_is_gone_ends_with_its_parent_and_only_if_the_list_of_parents_says_so() {
    check_gone(Status::Unstable, "").await;
    check_gone(Status::Failed("page 2: timeout".into()), "").await;
    check_gone(Status::Complete, "Ended user bob, Ended key bob>K1").await;
}

#[tokio::test]
async fn every_list_may_fail_without_ending_anything() {
    for scope in [Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources] {
        let bench = Bench::new().await;
        let first = bench.seal(Model::small().sightings()).await;
        let mut seen = Model::small().sightings();
        lose(&mut seen, scope.clone(), Status::Failed("timeout".into()));
        if scope == Scope::Users {
            seen.scopes.retain(|scope, _| !matches!(scope, Scope::Owns(_) | Scope::Keys(_)));
            seen.owns.clear();
            seen.keys.clear();
        }
        let second = bench.seal(seen).await;
        assert_eq!(second.state, RunState::Partial);
        assert_eq!(second.root, first.root, "{scope}");
        let coverage = bench.store.coverage(CONTRACT, Seq(2)).await.unwrap();
        let expected = if scope == Scope::Users { 5 } else { 1 };
        assert_eq!(coverage.gaps.len(), expected, "{:?}", coverage.gaps);
    }
}

#[tokio::test]
async fn a_partial_scope_may_add() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.users.insert("eve".into(), true);
    model.users.remove("ann");
    let mut seen = model.sightings();
    seen.scopes.get_mut(&Scope::Users).unwrap().0 = Status::Failed("page 2: timeout".into());
    let partial = bench.seal(seen).await;
    assert_eq!(events(&bench, 2).await, "Began user eve");
    assert_eq!(partial.total(Kind::User), 3);
}

#[tokio::test]
async fn a_scope_read_for_the_first_time_is_a_first_look_and_not_an_addition() {
    let bench = Bench::new().await;
    let mut seen = Model::small().sightings();
    lose(&mut seen, Scope::Shares("ops".into()), Status::Forbidden);
    bench.seal(seen).await;
    bench.seal(Model::small().sightings()).await;
    assert_eq!(events(&bench, 2).await, "FirstSeen share ops>dc1");
}

#[tokio::test]
async fn below_a_list_that_is_read_for_the_first_time_nothing_is_new() {
    let forbidden = |lists: &[Scope], below: fn(&Scope) -> bool| {
        let mut seen = Model::small().sightings();
        let scopes: Vec<Scope> = seen.scopes.keys().filter(|scope| below(scope)).cloned().collect();
        for scope in lists {
            lose(&mut seen, scope.clone(), Status::Forbidden);
        }
        for scope in scopes {
            lose(&mut seen, scope.clone(), Status::NotAttempted);
            seen.scopes.remove(&scope);
        }
        seen
    };
    let of_users = forbidden(&[Scope::Users], |scope| matches!(scope, Scope::Owns(_) | Scope::Keys(_)));
    let of_groups = forbidden(&[Scope::Groups], |scope| matches!(scope, Scope::Members(_) | Scope::Shares(_)));
    for first in [of_users, of_groups] {
        let bench = Bench::new().await;
        bench.seal(first).await;
        bench.seal(Model::small().sightings()).await;
        let events = events(&bench, 2).await;
        assert!(events.split(", ").all(|event| event.starts_with("FirstSeen ")) && events.contains('>'), "{events}");
    }
}

#[tokio::test]
async fn a_new_groups_members_are_additions() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.groups.insert("new".into(), ["createPcc".to_owned()].into());
    model.members.insert(("new".into(), "bob".into()));
    bench.seal(model.sightings()).await;
    assert_eq!(events(&bench, 2).await, "Began group new, Began member new>bob");
}

#[tokio::test]
async fn a_group_that_is_gone_takes_its_members_and_shares_along_even_if_they_could_not_be_read() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.groups.remove("ops");
    model.members.clear();
    model.shares.clear();
    let snapshot = bench.seal(model.sightings()).await;
    assert_eq!(events(&bench, 2).await, "Ended group ops, Ended member ops>bob, Ended share ops>dc1");
    assert_eq!((snapshot.total(Kind::Member), snapshot.total(Kind::Share)), (0, 0));
    assert!(snapshot.is_complete());
}

#[tokio::test]
async fn a_name_is_committed_to_and_a_changed_name_is_a_change() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut seen = Model::small().sightings();
    seen.users[1].person.lastname = Some("Newname".into());
    bench.seal(seen).await;
    bench.seal(Model::small().sightings()).await;
    let changes = bench.store.events(CONTRACT, Seq(1), Seq(3)).await.unwrap();
    assert_eq!(changes.len(), 2);
    let text: String =
        changes.iter().filter_map(|change| change.after.as_ref()).map(keyholder::domain::body::Body::as_str).collect();
    assert!(!text.contains("Newname") && !text.contains("example.org"), "{text}");
    assert_eq!(changes[0].before, changes[1].after, "the old name has its old commitment again");
    let then = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
    assert_eq!(then.users[&"bob".into()].person.lastname.as_deref(), Some("Newname"));
}

#[tokio::test]
async fn last_logins_are_kept_and_are_no_change() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut seen = Model::small().sightings();
    seen.users[0].last_login = Nullable::Value(start());
    seen.users[0].attribution.modified_by = Some("bob@example.org".into());
    let second = bench.seal(seen).await;
    assert_eq!((second.began, second.ended, second.changed), (0, 0, 0));
    let now = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
    assert_eq!(now.users[&"ann".into()].last_login, Nullable::Value(start()));
    assert_eq!(now.users[&"ann".into()].attribution.modified_by.as_deref(), Some("bob@example.org"));
    let then = bench.store.state(CONTRACT, Seq(1)).await.unwrap();
    assert_eq!(then.users[&"ann".into()].last_login, Nullable::Null);
}

#[tokio::test]
async fn ages_count_from_the_unbroken_beginning() {
    let bench = Bench::new().await;
    let mut with = Model::small();
    with.shares.insert(("dev".into(), "dc1".into()), true);
    bench.seal(with.sightings()).await;
    bench.seal(Model::small().sightings()).await;
    bench.seal(with.sightings()).await;
    let mut renamed = with.sightings();
    renamed.groups[0].name = Some("renamed".into());
    renamed.groups[1].privileges.insert("createPcc".into(), true);
    bench.seal(renamed).await;
    let state = bench.store.state(CONTRACT, Seq(4)).await.unwrap();
    let share = &state.shares[&("dev".into(), "dc1".into())];
    assert_eq!((share.since, share.true_since("editPrivilege")), (Seq(3), Seq(3)), "it was gone in between");
    let dev = &state.groups[&"dev".into()];
    assert_eq!((dev.since, dev.changed), (Seq(1), Seq(4)), "a rename does not make it younger");
    let ops = &state.groups[&"ops".into()];
    assert_eq!((ops.true_since("reserveIp"), ops.true_since("createPcc")), (Seq(1), Seq(4)));
}

#[tokio::test]
async fn several_contracts_live_in_one_file_and_do_not_touch() {
    let bench = Bench::new().await;
    let other = ContractNumber(4711);
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.users.remove("bob");
    model.members.clear();
    let snapshot = bench.seal_of(other, model.sightings()).await;
    assert_eq!(snapshot.seq, Seq(1));
    assert_eq!(bench.store.contracts().await.unwrap(), [other, CONTRACT]);
    assert_eq!(bench.store.state(CONTRACT, Seq(1)).await.unwrap().users.len(), 2);
    assert_eq!(bench.store.state(other, Seq(1)).await.unwrap().users.len(), 1);
}

#[tokio::test]
async fn what_a_run_noticed_is_kept_with_its_snapshot_in_order() {
    let bench = Bench::new().await;
    let scope = Scope::Members("ops".into());
    let suspicious = Notice::SuspiciousAnswer { scope, before: 40, vanished: 40, asked: 20, present: 3 };
    let removal = Notice::MassRemoval { scope: Scope::Users, before: 120, vanished: 41, asked: 20 };
    let noticed = vec![suspicious.clone(), Notice::ClockSkew { seconds: -301 }, removal.clone()];
    bench.seal_noticing(CONTRACT, Model::small().sightings(), noticed).await;
    bench.seal(Model::small().sightings()).await;
    let kept = bench.store.notices(CONTRACT, Seq(1)).await.unwrap();
    assert_eq!(kept, [Notice::ClockSkew { seconds: -301 }, removal, suspicious]);
    assert_eq!(bench.store.notices(CONTRACT, Seq(2)).await.unwrap(), []);
}

#[tokio::test]
async fn a_sealed_snapshot_cannot_be_edited() {
    let bench = Bench::new().await;
    let mut seen = Model::small().sightings();
    lose(&mut seen, Scope::Shares("ops".into()), Status::Forbidden);
    bench.seal_noticing(CONTRACT, seen, vec![Notice::ClockSkew { seconds: 400 }]).await;
    bench.store.clone().close().await;
    let path = bench.folder().join("test.db");
    let db = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    for statement in [
        "UPDATE snapshot SET users = 99",
        "DELETE FROM snapshot",
        "UPDATE fact SET body = 1 WHERE kind = 2",
        "DELETE FROM fact",
        "UPDATE coverage SET complete = 99",
        "DELETE FROM coverage",
        "DELETE FROM gap",
        "UPDATE run SET state = 'partial'",
        "UPDATE body SET json = '{}'",
        "UPDATE entity SET ref = 'x'",
        "UPDATE fact SET until = 1 WHERE kind = 2",
        "INSERT INTO fact (contract, kind, subject, object, since) VALUES (1, 5, 1, 2, 1)",
        "INSERT INTO change (contract, seq, kind, subject, object, op) VALUES (1, 1, 5, 1, 2, 1)",
        "UPDATE notice SET count = 0",
        "DELETE FROM notice",
        "INSERT INTO notice (run, number, notice) VALUES (1, 2, 'resumed')",
        "INSERT INTO gap (run, kind, parent, status, pages, items, attempts) VALUES (1, 2, '', 'failed', 0, 0, 0)",
    ] {
        let refused = sqlx::query(statement).execute(&db).await;
        assert!(refused.is_err(), "{statement} went through");
    }
}
