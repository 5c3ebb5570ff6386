//! Changed users, attribution, what cannot be named, and the documented table of severities.

use keyholder::analyse::diff::weight::usual;
use keyholder::analyse::{AnalyseError, meanings};
use keyholder::domain::body::{Body, Extra};
use keyholder::domain::change::{Change, Class, Op};
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::Seq;
use keyholder::domain::unknown::Nullable;

use crate::analyse_world::{World, brief, changes, day, meanings_of};

/// Expects exactly these lines, in this order.
fn check(before: &World, after: &World, expected: &[&str]) {
    let found: Vec<String> = meanings_of(before, after).iter().map(brief).collect();
    assert_eq!(found, expected);
}

fn world() -> World {
    World::new(2).user("ann").user("bob").administrator("root").user("owner")
}

/// Expects lines when one user is changed.
fn check_user(id: &str, edit: fn(&mut keyholder::domain::user::User), expected: &[&str]) {
    let after = world().with(|state| edit(&mut state.users.get_mut(&id.into()).unwrap().value));
    check(&world(), &after, expected);
}

#[test]
fn equal_states_have_nothing_to_say() {
    check(&world(), &world(), &[]);
}

#[test]
fn the_administrator_flag_is_critical_when_gained_and_medium_when_lost() {
    check_user(
        "ann",
        |user| user.administrator = Some(true),
        &["critical administrator-gained: ann@example.org administrator [false > true]"],
    );
    check_user(
        "root",
        |user| user.administrator = Some(false),
        &["medium administrator-lost: root@example.org administrator [true > false]"],
    );
}

#[test]
fn one_changed_user_may_give_several_lines() {
    check_user(
        "ann",
        |user| {
            user.administrator = Some(true);
            user.sec_auth_active = Some(false);
            user.person.lastname = Some("Lee".to_owned());
        },
        &[
            "critical administrator-gained: ann@example.org administrator [false > true]",
            "critical two-factor-weakened: ann@example.org secAuthActive [true > false] (the user is an administrator)",
        ],
    );
}

#[test]
fn a_lost_second_factor_weighs_by_what_the_user_can_do() {
    check_user(
        "ann",
        |user| user.sec_auth_active = Some(false),
        &["high two-factor-weakened: ann@example.org secAuthActive [true > false]"],
    );
    check_user(
        "owner",
        |user| user.sec_auth_active = Some(false),
        &["critical two-factor-weakened: owner@example.org secAuthActive [true > false] (the user owns the contract)"],
    );
    check_user(
        "ann",
        |user| user.force_sec_auth = Some(false),
        &["medium two-factor-weakened: ann@example.org forceSecAuth [true > false] (2FA is still set up)"],
    );
    check_user(
        "root",
        |user| user.force_sec_auth = Some(false),
        &["high two-factor-weakened: root@example.org forceSecAuth [true > false] \
           (the user is an administrator; 2FA is still set up)"],
    );
}

#[test]
fn a_new_second_factor_is_only_reported() {
    let before = world().user_with("ann", |user| user.sec_auth_active = Some(false));
    check(&before, &world(), &["info two-factor-strengthened: ann@example.org secAuthActive [false > true]"]);
}

#[test]
fn signing_in_taken_away_or_given_back() {
    let inactive = |id: &str| world().with(|state| state.users.get_mut(&id.into()).unwrap().value.active = Some(false));
    check(&world(), &inactive("ann"), &["low user-disabled: ann@example.org active [true > false]"]);
    check(&inactive("ann"), &world(), &["medium user-enabled: ann@example.org active [false > true]"]);
    check(
        &inactive("root"),
        &world(),
        &["critical user-enabled: root@example.org active [false > true] (the user is an administrator)"],
    );
}

#[test]
fn another_address_is_high_and_critical_for_those_who_may_everything() {
    check_user(
        "ann",
        |user| user.person.email = Some("new@example.org".to_owned()),
        &["high sign-in-address-changed: new@example.org email [ann@example.org > new@example.org]"],
    );
    check_user(
        "owner",
        |user| user.person.email = Some("else@example.org".to_owned()),
        &["critical sign-in-address-changed: else@example.org email [owner@example.org > else@example.org] \
           (the user owns the contract)"],
    );
    check_user(
        "root",
        |user| user.person.email = Some("else@example.org".to_owned()),
        &["critical sign-in-address-changed: else@example.org email [root@example.org > else@example.org] \
           (the user is an administrator)"],
    );
}

#[test]
fn a_name_is_renamed() {
    let named = |name: &str| world().user_with("ann", |user| user.person.lastname = Some(name.to_owned()));
    check(&named("Lee"), &named("Roe"), &["info renamed: ann@example.org lastname [Lee > Roe]"]);
}

/// Expects those lines when one user becomes known in all that was never known.
#[test]
fn what_was_never_known_is_told_only_where_it_gives_power() {
    let mute = |user: &mut keyholder::domain::user::User| {
        user.administrator = None;
        user.active = None;
        user.force_sec_auth = None;
        user.sec_auth_active = None;
        user.person.firstname = None;
        user.s3_canonical_user_id = Nullable::NotReported;
    };
    let silent = world().with(|state| mute(&mut state.users.get_mut(&"ann".into()).unwrap().value));
    check(&world(), &silent, &[]);
    check(&silent, &world(), &[]);
    check(
        &silent,
        &world().administrator("ann"),
        &["critical first-seen: ann@example.org administrator [ > true] \
           (it was not reported before, and may not be new)"],
    );
}

#[test]
fn erased_names_still_tell_that_they_changed() {
    let mut found = changes(
        &world().0,
        &world()
            .with(|state| {
                state.users.get_mut(&"ann".into()).unwrap().value.person.firstname = Some("Ann".to_owned());
            })
            .0,
    );
    assert_eq!(found.len(), 1);
    found[0].seq = Seq(3);
    let lines = meanings(&found, &world().0, &world().0, Seq(2)).unwrap();
    let lines: Vec<String> = lines.iter().map(brief).collect();
    assert_eq!(lines, ["info renamed: ann@example.org person [ > ] (the names differ, but are not kept any more)"]);
}

#[test]
fn a_new_administrator_is_a_new_user_and_a_gained_flag() {
    check(
        &world(),
        &world().administrator("eve"),
        &[
            "critical administrator-gained: eve@example.org administrator [ > true]",
            "critical user-added: eve@example.org [ > administrator, may sign in, 2FA set up] \
             (the user is an administrator)",
        ],
    );
    check(&world(), &world().user("eve"), &["medium user-added: eve@example.org [ > may sign in, 2FA set up]"]);
}

#[test]
fn properties_from_the_future_are_never_dropped() {
    check_user(
        "ann",
        |user| {
            user.extra.insert("superuser".to_owned(), Extra::Bool(true));
            user.extra.insert("nickname".to_owned(), Extra::Text { length: 5 });
        },
        &["low first-seen: ann@example.org superuser [ > true] \
           (a property this version does not know was switched on; it was not reported before, and may not be new)"],
    );
    let with = |on, length| {
        world().user_with("ann", |user| {
            user.extra.insert("superuser".to_owned(), Extra::Bool(on));
            user.extra.insert("nickname".to_owned(), Extra::Text { length });
        })
    };
    check(
        &with(false, 5),
        &with(true, 6),
        &[
            "low other: ann@example.org superuser [false > true] (a property this version does not know was switched on)",
            "info other: ann@example.org nickname [text of 5 bytes > text of 6 bytes]",
        ],
    );
}

#[test]
fn an_identity_filled_in_later_is_only_told_and_a_replaced_one_is_low() {
    check_user(
        "ann",
        |user| user.s3_canonical_user_id = Nullable::Value("31721".to_owned()),
        &["info other: ann@example.org s3CanonicalUserId [ > 31721]"],
    );
    let before = world().user_with("ann", |user| user.s3_canonical_user_id = Nullable::Value("1".to_owned()));
    let after = world().user_with("ann", |user| user.s3_canonical_user_id = Nullable::Value("2".to_owned()));
    check(
        &before,
        &after,
        &["low other: ann@example.org s3CanonicalUserId [1 > 2] \
           (this property does not change while an object stays the same one)"],
    );
}

/// Expects an actor of the only line as `who source at`.
fn check_actor(before: &World, after: &World, expected: Option<(&str, &str, u32)>) {
    let lines = meanings_of(before, after);
    assert_eq!(lines.len(), 1);
    let found = lines[0].actor.as_ref().map(|actor| (actor.who.as_str(), actor.source, actor.at));
    assert_eq!(found, expected.map(|(who, source, at)| (who, source, Some(day(at)))));
}

#[test]
fn whoever_made_it_and_whoever_changed_it_last_are_named_and_nobody_is_blamed_for_an_ending() {
    let disabled = world().with(|state| state.users.get_mut(&"ann".into()).unwrap().value.active = Some(false));
    check_actor(&world(), &world().user("eve"), Some(("maker@example.org", "createdBy", 1)));
    check_actor(&world(), &disabled, Some(("changer@example.org", "lastModifiedBy", 7)));
    check_actor(&world().user("eve"), &world(), None);
    check_actor(&world(), &world().group("ops", &[]), None);
}

#[test]
fn names_come_from_the_state_in_which_a_thing_exists() {
    let lines = meanings_of(&world().key("gone", "AKEY", true).user("gone"), &world());
    let labels: Vec<&str> = lines.iter().filter_map(|line| Some(line.object.as_ref()?.label.as_str())).collect();
    assert_eq!(labels, ["gone@example.org"]);
    check(&world(), &world().key("nobody", "AKEY", true), &["medium key-added: AKEY / nobody [ > active]"]);
}

#[test]
fn what_could_not_be_read_before_is_not_told_as_new() {
    let after = world()
        .administrator("eve")
        .user("new")
        .group("ops", &[])
        .resource("dc")
        .member("ops", "new")
        .share("ops", "dc", "s")
        .own("new", "dc")
        .key("root", "AKEY", true);
    let mut found = changes(&world().0, &after.0);
    for change in &mut found {
        change.op = Op::FirstSeen;
    }
    let lines = meanings(&found, &world().0, &after.0, Seq(2)).unwrap();
    assert!(lines.iter().all(|line| line.class == Class::FirstSeen));
    let shown: Vec<String> =
        lines.iter().map(|line| format!("{} {} {}", line.severity, line.key.kind, line.because)).collect();
    let unread = "it could not be read before, and may not be new";
    assert_eq!(
        shown,
        [
            format!("medium key the user is an administrator; {unread}"),
            format!("medium user the user is an administrator; {unread}"),
            format!("medium share members may share it on; {unread}"),
            format!("low own {unread}"),
            format!("low user {unread}"),
            format!("low member the group has more than read access to dc; {unread}"),
            format!("info resource {unread}"),
            format!("info group {unread}"),
        ]
    );
}

fn user_change(op: Op, before: Option<Body>, after: Option<Body>) -> Change {
    let key = FactKey { kind: Kind::User, subject: "ann".into(), object: None };
    Change { seq: Seq(3), key, op, before, after }
}

#[test]
fn a_difference_that_cannot_be_named_is_still_a_line() {
    let body = |text: &str| Some(Body::from_canonical(text));
    let known = r#""active":true,"administrator":false,"createdDate":null,"forceSecAuth":null,"person":"p""#;
    let tail = r#""s3CanonicalUserId":null,"secAuthActive":null"#;
    let old = format!("{{{known},{tail},\"since2030\":1}}");
    let new = format!("{{{known},{tail},\"since2030\":2}}");
    let lines = meanings(&[user_change(Op::Changed, body(&old), body(&new))], &world().0, &world().0, Seq(2)).unwrap();
    assert_eq!(
        lines.iter().map(brief).collect::<Vec<_>>(),
        ["info other: ann@example.org [ > ] (what is stored differs in a way this version cannot name)"]
    );
}

#[test]
fn a_body_that_is_missing_or_not_a_body_is_an_error_that_names_the_fact() {
    let of = |change| meanings(&[change], &world().0, &world().0, Seq(2)).unwrap_err();
    let missing = of(user_change(Op::Began, None, None));
    assert!(matches!(missing, AnalyseError::NoBody { .. }));
    assert_eq!(missing.to_string(), "understand the change of user ann: the body after is missing");
    let broken = of(user_change(Op::Began, None, Some(Body::from_canonical("[]"))));
    assert!(matches!(broken, AnalyseError::Body { .. }));
    let mut relation = user_change(Op::Began, None, None);
    relation.key.kind = Kind::Own;
    assert_eq!(of(relation).to_string(), "understand the change of own ann: a relation needs an object");
}

#[test]
fn the_documented_table_is_the_one_in_the_code() {
    let page = include_str!("../../docs/changes.md");
    for class in Class::ALL {
        let row = format!("| `{class}` | {} |", usual(class));
        assert!(page.contains(&row), "docs/changes.md lacks the row {row}");
    }
}
