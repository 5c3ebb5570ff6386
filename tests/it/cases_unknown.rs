//! Attributes that answers leave out: the last known value is carried, and only known values are compared.

use emulator::faults::{Distortion, Effect};
use emulator::{Emulator, Rule};
use keyholder::app::review::{events, understand};
use keyholder::domain::change::{Class, Meaning};
use keyholder::domain::fact::Kind;
use keyholder::domain::id::Seq;
use keyholder::domain::notice::Notice;
use keyholder::domain::sighting::Sightings;
use keyholder::domain::unknown::Nullable;

use crate::analyse_world::brief;
use crate::support::model::{Bench, CONTRACT, Model};
use crate::support::site::Site;

/// Users, of whom three are administrators, and a group with shares.
fn contract() -> Sightings {
    let mut model = Model::small();
    for number in 0..40 {
        model.users.insert(format!("user{number:02}"), number % 20 == 0);
        model.resources.insert(format!("disk{number:02}"));
        model.shares.insert(("ops".into(), format!("disk{number:02}")), number < 33);
    }
    let mut seen = model.sightings();
    for (number, user) in seen.users.iter_mut().enumerate() {
        user.sec_auth_active = Some(number < 23);
    }
    seen
}

/// The answers of a bad day: 42 second factors, 3 administrators and 33 shares are not reported.
fn bad_day() -> Sightings {
    let mut seen = contract();
    for user in &mut seen.users {
        user.sec_auth_active = None;
        if user.administrator == Some(true) {
            user.administrator = None;
        }
    }
    for share in &mut seen.shares {
        if share.edit_privilege == Some(true) {
            share.edit_privilege = None;
        }
    }
    seen
}

/// The events of one snapshot, as they are reported.
async fn lines(bench: &Bench, seq: u32) -> Vec<Meaning> {
    events(&bench.store, CONTRACT, Seq(seq - 1), Seq(seq)).await.unwrap()
}

/// Seals days one after the other and expects those lines of each after the first.
#[track_caller]
fn check(days: Vec<Sightings>, expected: &'static [&'static [&'static str]]) -> impl Future<Output = Bench> {
    let at = std::panic::Location::caller();
    async move {
        let bench = Bench::new().await;
        for day in days {
            assert!(bench.seal(day).await.is_complete(), "{at}");
        }
        for (seq, expected) in (2..).zip(expected) {
            let found: Vec<String> = lines(&bench, seq).await.iter().map(brief).collect();
            assert_eq!(&found, expected, "snapshot {seq}, {at}");
        }
        bench
    }
}

/// The small model after an edit.
fn edited(edit: impl FnOnce(&mut Sightings)) -> Sightings {
    let mut seen = Model::small().sightings();
    edit(&mut seen);
    seen
}

#[tokio::test]
async fn b1_unreported_attributes_are_no_change_and_one_notice() {
    let bench = check(vec![contract(), bad_day(), contract()], &[&[], &[]]).await;
    let notices = bench.store.notices(CONTRACT, Seq(2)).await.unwrap();
    let [Notice::AttributeUnknown { counts }] = &notices[..] else { panic!("one notice, not {notices:?}") };
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    assert_eq!(counts, ["administrator of 3 users", "secAuthActive of 42 users", "editPrivilege of 33 shares"]);
    assert_eq!(notices[0].severity().as_str(), "medium");
    assert_eq!(bench.store.notices(CONTRACT, Seq(3)).await.unwrap(), []);
    let (first, second) = (bench.store.facts(CONTRACT, Seq(1)).await, bench.store.facts(CONTRACT, Seq(2)).await);
    assert_eq!(first.unwrap(), second.unwrap());
}

#[tokio::test]
async fn an_unknown_attribute_is_sealed_with_the_last_that_knew() {
    let bench = check(vec![contract(), bad_day(), bad_day(), contract()], &[&[], &[], &[]]).await;
    for (seq, expected) in [(1, None), (2, Some(Some(Seq(1)))), (3, Some(Some(Seq(1)))), (4, None)] {
        let state = bench.store.state(CONTRACT, Seq(seq)).await.unwrap();
        assert_eq!(state.unknown.last_known(Kind::User, "ann", None, "administrator"), expected, "snapshot {seq}");
        assert_eq!(state.users[&"ann".into()].administrator, Some(true), "the known value stands");
        assert_eq!(state.unknown.is_empty(), expected.is_none());
    }
}

#[tokio::test]
async fn an_unchanged_unknown_is_written_once() {
    let bench = check(vec![contract(), bad_day(), bad_day(), bad_day()], &[&[], &[], &[]]).await;
    let [Notice::AttributeUnknown { counts }] = &bench.store.notices(CONTRACT, Seq(4)).await.unwrap()[..] else {
        panic!("one notice")
    };
    assert!(counts.iter().all(|count| count.new == 0));
    let db = sqlx::SqlitePool::connect(&format!("sqlite:{}?mode=ro", bench.store.path().display())).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM v_unknown").fetch_one(&db).await.unwrap();
    assert_eq!(rows, 78);
}

const GAINED: &str = "critical administrator-gained: bob@example.org administrator [false > true]";

#[tokio::test]
async fn b2_another_value_is_one_change_since_the_last_that_knew() {
    let without = || edited(|seen| seen.users[1].administrator = None);
    let promoted = || edited(|seen| seen.users[1].administrator = Some(true));
    let bench = check(vec![edited(|_| ()), without(), without(), promoted()], &[&[], &[], &[GAINED]]).await;
    let line = &lines(&bench, 4).await[0];
    assert_eq!((line.from, line.to), (Seq(1), Seq(4)));
    let net = bench.store.net(CONTRACT, Seq(2), Seq(4)).await.unwrap();
    let net = understand(&bench.store, CONTRACT, &net, Seq(2), Seq(4)).await.unwrap();
    assert_eq!(net.iter().map(|line| (brief(line), line.from)).collect::<Vec<_>>(), [(GAINED.to_owned(), Seq(1))]);
}

#[tokio::test]
async fn b3_power_that_was_never_reported_is_first_seen() {
    let silent = edited(|seen| {
        seen.users[1].administrator = None;
        seen.shares[0].edit_privilege = None;
        seen.shares[0].share_privilege = None;
        seen.keys[0].active = None;
        seen.groups[1].privileges.remove("createPcc");
    });
    let loud = edited(|seen| {
        seen.users[1].administrator = Some(true);
        seen.shares[0].edit_privilege = Some(true);
        seen.shares[0].share_privilege = Some(true);
        seen.groups[1].privileges.insert("createPcc".to_owned(), true);
    });
    let expected: &[&str] = &[
        "critical first-seen: bob@example.org administrator [ > true] (it was not reported before, and may not be new)",
        "high first-seen: K1 / bob@example.org active [ > true] \
         (the user is an administrator; it was not reported before, and may not be new)",
        "high first-seen: ops team createPcc [ > true] \
         (the privilege is rated sensitive; it was not reported before, and may not be new)",
        "high first-seen: ops team / dc1 name sharePrivilege [ > true] \
         (members may share it on; it was not reported before, and may not be new)",
        "medium first-seen: ops team / dc1 name editPrivilege [ > true] \
         (it was not reported before, and may not be new)",
    ];
    let bench = Bench::new().await;
    bench.seal(silent).await;
    bench.seal(loud).await;
    let found: Vec<String> = lines(&bench, 2).await.iter().map(brief).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_was_never_reported_and_gives_no_power_is_no_change() {
    let silent = || {
        edited(|seen| {
            for user in &mut seen.users {
                user.administrator = None;
                user.active = None;
                user.force_sec_auth = None;
                user.sec_auth_active = None;
                user.person.email = None;
                user.person.lastname = None;
                user.s3_canonical_user_id = Nullable::NotReported;
            }
            seen.groups[0].name = None;
            seen.groups[0].privileges.remove("createPcc");
            seen.resources[0].name = None;
            seen.resources[0].sec_auth_protection = Nullable::NotReported;
            seen.contract.as_mut().unwrap().status = None;
        })
    };
    let plain = || edited(|seen| seen.users[0].administrator = Some(false));
    let bench = check(vec![silent(), silent(), plain()], &[&[], &[]]).await;
    let state = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
    assert_eq!(state.unknown.last_known(Kind::Group, "dev", None, "createPcc"), Some(None), "never known");
    assert_eq!(
        bench.store.state(CONTRACT, Seq(3)).await.unwrap().unknown,
        keyholder::domain::unknown::Unknowns::default()
    );
}

#[tokio::test]
async fn a_privilege_new_to_the_contract_stays_a_gain() {
    let after = edited(|seen| seen.groups[1].privileges.extend([("brandNew".to_owned(), true)]));
    check(
        vec![edited(|_| ()), after],
        &[&["critical privilege-gained: ops team brandNew [ > true] \
             (the privilege is not classified and rated powerful until it is)"]],
    )
    .await;
}

#[tokio::test]
async fn unreported_names_are_carried_and_marked() {
    let nameless = || {
        edited(|seen| {
            seen.users[0].person.email = None;
            seen.users[1].person.firstname = None;
            seen.contract.as_mut().unwrap().owner.email = None;
        })
    };
    let bench = check(vec![edited(|_| ()), nameless(), edited(|_| ())], &[&[], &[]]).await;
    let state = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
    let known = Some(Some(Seq(1)));
    assert_eq!(state.unknown.last_known(Kind::User, "ann", None, "email"), known);
    assert_eq!(state.unknown.last_known(Kind::User, "bob", None, "firstname"), known);
    assert_eq!(state.unknown.last_known(Kind::Contract, &CONTRACT.to_string(), None, "owner"), known);
    assert!(state.is_owner(&state.users[&"ann".into()]), "whoever owned the contract still does");
}

#[tokio::test]
async fn null_is_a_value_of_a_resource_that_cannot_be_protected() {
    let of = |value| edited(|seen| seen.resources[0].sec_auth_protection = value);
    check(
        vec![
            of(Nullable::Value(true)),
            of(Nullable::NotReported),
            of(Nullable::Null),
            of(Nullable::NotReported),
            of(Nullable::Value(true)),
        ],
        &[
            &[],
            &["medium two-factor-weakened: dc1 name secAuthProtection [true > ] (it concerns one resource, not a sign-in)"],
            &[],
            &["info two-factor-strengthened: dc1 name secAuthProtection [ > true]"],
        ],
    )
    .await;
}

#[tokio::test]
async fn dates_and_attribution_that_are_left_out_are_kept() {
    let day = crate::analyse_world::day;
    let full = || {
        edited(|seen| {
            seen.users[0].last_login = Nullable::Value(day(3));
            seen.users[0].attribution.created_by = Some("bob@example.org".to_owned());
            seen.users[0].attribution.modified = Some(day(2));
        })
    };
    let bare = || edited(|seen| seen.users[0].created = None);
    let bench = check(vec![full(), bare()], &[&[]]).await;
    let (first, second) = (bench.store.state(CONTRACT, Seq(1)).await, bench.store.state(CONTRACT, Seq(2)).await);
    let second = second.unwrap();
    assert_eq!(first.unwrap().users[&"ann".into()].value, second.users[&"ann".into()].value);
    assert!(second.unknown.is_empty(), "and nothing is said about it");
    assert_eq!(bench.store.notices(CONTRACT, Seq(2)).await.unwrap(), []);
}

#[tokio::test]
async fn a_last_sign_in_that_is_left_out_is_not_never() {
    let (left_out, never, known) =
        (Nullable::NotReported, Nullable::Null, Nullable::Value(crate::analyse_world::day(3)));
    // What is reported of the two users on each day, and what is known of them then.
    let days = [
        ([never, left_out], [never, left_out]),
        ([left_out, left_out], [never, left_out]),
        ([known, never], [known, never]),
        ([never, left_out], [known, never]),
    ];
    let bench = Bench::new().await;
    for (reported, _) in days {
        let seal = |seen: &mut Sightings| [0, 1].into_iter().for_each(|at| seen.users[at].last_login = reported[at]);
        assert_eq!(bench.seal(edited(seal)).await.changed, 0);
    }
    for (seq, (_, expected)) in (1..).zip(days) {
        let state = bench.store.state(CONTRACT, Seq(seq)).await.unwrap();
        let found = ["ann", "bob"].map(|id| state.users[&id.into()].last_login);
        assert_eq!(found, expected, "snapshot {seq}");
        assert!(state.unknown.is_empty());
    }
}

#[tokio::test]
async fn an_answer_without_last_login_says_nothing_of_it() {
    let site = Site::of(Emulator::builder().seed(5).users(40).start().await.unwrap()).await;
    let is_all = async |distortion, expected: Option<bool>| {
        site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(distortion)));
        let collected = site.collect().await;
        assert_eq!((collected.endings().as_str(), collected.notices.as_slice()), ("complete -0 ~0", &[][..]));
        site.emulator.clear_faults();
        let state = site.store.state(collected.snapshot.contract, collected.snapshot.seq).await.unwrap();
        state.users.values().all(|user| user.never_signed_in() == expected)
    };
    let at = || "metadata.lastLogin".to_owned();
    assert!(is_all(Distortion::Remove { at: at() }, None).await);
    assert!(is_all(Distortion::Set { at: at(), value: serde_json::Value::Null }, Some(true)).await);
    assert!(is_all(Distortion::Remove { at: at() }, Some(true)).await);
}

#[tokio::test]
async fn a_scope_that_fails_leaves_what_is_unknown_as_it_was() {
    use keyholder::domain::coverage::{Scope, Status};
    let without = || edited(|seen| seen.users[1].administrator = None);
    let mut failed = without();
    crate::support::model::lose(&mut failed, Scope::Users, Status::Failed("timeout".into()));
    let bench = Bench::new().await;
    for day in [edited(|_| ()), failed.clone(), without(), failed] {
        bench.seal(day).await;
    }
    let last_known = async |seq| {
        bench.store.state(CONTRACT, Seq(seq)).await.unwrap().unknown.last_known(
            Kind::User,
            "bob",
            None,
            "administrator",
        )
    };
    assert_eq!(last_known(2).await, None, "a list that nobody read says nothing");
    assert_eq!((last_known(3).await, last_known(4).await), (Some(Some(Seq(1))), Some(Some(Seq(1)))));
}

#[tokio::test]
async fn the_attributes_of_what_ended_are_not_unknown_any_more() {
    let without = edited(|seen| seen.keys[0].active = None);
    let gone = edited(|seen| seen.keys.clear());
    let bench = check(vec![edited(|_| ()), without, gone], &[&[]]).await;
    let lines = lines(&bench, 3).await;
    assert_eq!(lines.iter().map(|line| line.class).collect::<Vec<_>>(), [Class::KeyRemoved]);
    assert!(bench.store.state(CONTRACT, Seq(3)).await.unwrap().unknown.is_empty());
    assert_eq!(bench.store.notices(CONTRACT, Seq(3)).await.unwrap(), []);
}

#[tokio::test]
async fn i2_an_actor_named_by_id_is_the_user() {
    let by = |user: &str, name: Option<String>, id: Option<&str>| {
        let (user, id) = (user.to_owned(), id.map(str::to_owned));
        move |seen: &mut Sightings| {
            let at = seen.users.iter().position(|one| one.id.as_str() == user).unwrap();
            seen.users[at].attribution.created_by = name;
            seen.users[at].attribution.created_by_user_id = id;
        }
    };
    let urn = |id: &str| Some(format!("ionos:identity:::users/{id}"));
    // The one who made keys is gone when somebody asks who that was.
    let first =
        Model { users: Model::small().users.into_iter().chain([("eve".to_owned(), true)]).collect(), ..Model::small() };
    let mut second = Model::small().sightings();
    second.keys[0].attribution.created_by = urn("eve");
    by("ann", urn("bob"), None)(&mut second);
    by("bob", None, Some("ann"))(&mut second);
    let bench = Bench::new().await;
    bench.seal(first.sightings()).await;
    bench.seal(second).await;
    let state = bench.store.state(CONTRACT, Seq(2)).await.unwrap();
    let maker = |attribution: &keyholder::domain::user::Attribution| {
        (attribution.created_by.clone().unwrap(), attribution.created_by_user_id.clone().unwrap())
    };
    let is = |email: &str, id: &str| (email.to_owned(), id.to_owned());
    assert_eq!(maker(&state.users[&"ann".into()].attribution), is("bob@example.org", "bob"));
    assert_eq!(maker(&state.users[&"bob".into()].attribution), is("ann@example.org", "ann"));
    assert_eq!(maker(&state.keys[&("bob".into(), "K1".into())].attribution), is("eve@example.org", "eve"));
}

#[tokio::test]
async fn what_was_never_known_is_not_0_in_the_first_alert() {
    use keyholder::app::alerts::Announcer;
    use keyholder::domain::coverage::{Effort, Scope, Status};
    let mut seen = edited(|seen| seen.users.iter_mut().for_each(|user| user.administrator = None));
    for scope in [Scope::Groups, Scope::Members("ops".into()), Scope::Keys("ann".into()), Scope::Keys("bob".into())] {
        crate::support::model::lose(&mut seen, scope, Status::Forbidden);
    }
    seen.scopes.insert(Scope::Shares("dev".into()), (Status::Forbidden, Effort::default()));
    let bench = Bench::new().await;
    bench.seal_announced(CONTRACT, seen, &Announcer::default()).await.unwrap();
    let rows = bench.store.delivery_rows(None, 10).await.unwrap();
    let baseline = rows.iter().find(|row| row.alert.class.as_str() == "baseline-established").unwrap();
    let counts = &baseline.alert.details.counts;
    let counts: Vec<_> = counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
    let expected = ["S3 keys not read", "administrators not read", "groups not read", "shares at least 1", "users 2"];
    assert_eq!(counts, expected);
}
