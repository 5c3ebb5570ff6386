//! Lines of effective access, their paths and ages, and how they compare with an earlier snapshot.

use keyholder::analyse::{LineChange, compare, grants};
use keyholder::domain::grant::{Grant, Via};
use keyholder::domain::id::Seq;

use crate::analyse_world::{World, held};

/// A grant in one line: user, what, access, risk, since, and the paths with their ages.
fn brief(grant: &Grant) -> String {
    let access = grant.access.map_or(String::new(), |access| format!(" {}", access.as_str()));
    let paths: Vec<String> = grant
        .paths
        .iter()
        .map(|path| {
            let via = match &path.via {
                Via::Direct => "direct".to_owned(),
                Via::Administrator => "administrator".to_owned(),
                Via::ContractOwner => "owner".to_owned(),
                Via::Group(group, None) => group.to_string(),
                Via::Group(group, Some(access)) => format!("{group}({})", access.as_str()),
            };
            format!("{via}@{}", path.since)
        })
        .collect();
    let id = match grant.entitlement.id() {
        "" => String::new(),
        id => format!(" {id}"),
    };
    let kind = grant.entitlement.kind();
    format!("{} {kind}{id}{access} {} @{} by {}", grant.user, grant.risk, grant.since, paths.join(", "))
}

/// The grants of users who are listed or hold something: without the line of an owner who is neither.
fn grants_of_users(world: &World) -> Vec<Grant> {
    let unlisted = world.0.unlisted_owner();
    grants(&world.0).into_iter().filter(|grant| Some(&grant.user) != unlisted.as_ref()).collect()
}

#[track_caller]
fn check(world: &World, expected: &[&str]) {
    let found: Vec<String> = grants_of_users(world).iter().map(brief).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_owner_whom_no_user_bears_has_one_line() {
    let world = World::new(3).user("ann").with(|state| state.contract.as_mut().unwrap().changed = Seq(2));
    let found: Vec<String> = grants(&world.0).iter().map(brief).collect();
    let owner = "owner@example.org contract_owner critical @2 by direct@2";
    assert_eq!(found, ["ann account low @1 by direct@1", owner]);
    let nameless = world.with(|state| state.contract.as_mut().unwrap().value.owner.email = None);
    check(&nameless, &["ann account low @1 by direct@1"]);
}

#[test]
fn a_user_without_anything_has_an_account() {
    check(&World::new(1).user("ann"), &["ann account low @1 by direct@1"]);
}

#[test]
fn an_account_without_a_second_factor_and_one_that_cannot_sign_in() {
    check(
        &World::new(1)
            .user_with("ann", |user| user.sec_auth_active = Some(false))
            .user_with("bob", |user| user.active = Some(false)),
        &["ann account medium @1 by direct@1", "bob account info @1 by direct@1"],
    );
}

#[test]
fn privileges_and_shares_come_by_every_group_that_gives_them() {
    check(
        &World::new(1)
            .user("ann")
            .resource("dc")
            .group("a", &["createPcc"])
            .group("b", &["createPcc", "accessAndManageDns", "reserveIp"])
            .member("a", "ann")
            .member("b", "ann")
            .share("a", "dc", "e")
            .share("b", "dc", "s"),
        &[
            "ann privilege accessAndManageDns high @1 by b@1",
            "ann privilege createPcc medium @1 by a@1, b@1",
            "ann privilege reserveIp low @1 by b@1",
            "ann share dc edit+share high @1 by a(edit)@1, b(share)@1",
            "ann account low @1 by direct@1",
        ],
    );
}

#[test]
fn a_path_is_as_old_as_its_youngest_part_and_a_line_as_its_oldest_path() {
    let world = World::new(9)
        .user("ann")
        .resource("dc")
        .group("a", &["createPcc"])
        .group("b", &["createPcc"])
        .share("b", "dc", "")
        .with(|state| {
            state.members.insert(("a".into(), "ann".into()), held((), 4));
            state.members.insert(("b".into(), "ann".into()), held((), 2));
            state.groups.get_mut(&"b".into()).unwrap().true_since.insert("createPcc".to_owned(), Seq(7));
            state.shares.get_mut(&("b".into(), "dc".into())).unwrap().since = Seq(5);
        });
    check(
        &world,
        &[
            "ann privilege createPcc medium @4 by a@4, b@7",
            "ann share dc read low @5 by b(read)@5",
            "ann account low @1 by direct@1",
        ],
    );
}

#[test]
fn administrators_and_the_owner_hold_everything_by_one_line_and_by_one_more_path() {
    let world = World::new(3)
        .administrator("root")
        .user("owner")
        .resource("dc")
        .group("a", &["createPcc"])
        .member("a", "root")
        .member("a", "owner")
        .share("a", "dc", "")
        .with(|state| {
            let root = state.users.get_mut(&"root".into()).unwrap();
            root.true_since.insert("administrator".to_owned(), Seq(2));
        });
    check(
        &world,
        &[
            "owner contract_owner critical @1 by direct@1",
            "owner privilege createPcc medium @1 by owner@1, a@1",
            "owner share dc edit+share high @1 by owner@1, a(read)@1",
            "owner account low @1 by direct@1",
            "root administrator critical @2 by direct@2",
            "root privilege createPcc medium @1 by administrator@2, a@1",
            "root share dc edit+share high @1 by administrator@2, a(read)@1",
            "root account low @1 by direct@1",
        ],
    );
}

#[test]
fn keys_are_worse_in_the_hands_of_those_who_can_do_everything_or_cannot_sign_in() {
    check(
        &World::new(1)
            .user("ann")
            .user_with("old", |user| user.active = Some(false))
            .administrator("root")
            .key("ann", "K1", true)
            .key("ann", "K2", false)
            .key("old", "K3", true)
            .key("root", "K4", true),
        &[
            "ann s3_key K1 medium @1 by direct@1",
            "ann s3_key K2 low @1 by direct@1",
            "ann account low @1 by direct@1",
            "old s3_key K3 high @1 by direct@1",
            "old account info @1 by direct@1",
            "root administrator critical @1 by direct@1",
            "root s3_key K4 high @1 by direct@1",
            "root account low @1 by direct@1",
        ],
    );
}

#[test]
fn somebody_who_is_not_listed_still_holds_what_was_seen() {
    check(
        &World::new(1)
            .group("a", &["reserveIp"])
            .member("a", "ghost")
            .member("vanished", "ghost")
            .own("ghost", "dc")
            .key("other", "K1", true),
        &[
            "ghost privilege reserveIp low @1 by a@1",
            "ghost ownership dc medium @1 by direct@1",
            "other s3_key K1 medium @1 by direct@1",
        ],
    );
}

#[test]
fn lines_are_new_widened_narrowed_or_unchanged_and_some_ended() {
    let base = || World::new(1).user("ann").resource("w").resource("n").group("a", &[]).member("a", "ann");
    let before = grants_of_users(&base().share("a", "w", "").share("a", "n", "e").own("ann", "w"));
    let mut after = grants_of_users(&base().share("a", "w", "e").share("a", "n", "").key("ann", "K1", true));
    // The order of the lines does not matter.
    after.reverse();
    let comparison = compare(&before, &after);
    let reported: Vec<(&str, LineChange)> =
        after.iter().zip(&comparison.lines).map(|(grant, change)| (grant.entitlement.id(), *change)).collect();
    assert_eq!(
        reported,
        [("", LineChange::Unchanged), ("K1", LineChange::New), ("w", LineChange::Widened), ("n", LineChange::Narrowed)]
    );
    assert_eq!(
        comparison.ended.iter().map(|grant| brief(grant)).collect::<Vec<_>>(),
        ["ann ownership w medium @1 by direct@1"]
    );
}

#[test]
fn a_share_that_wins_one_right_and_loses_another_is_widened() {
    let of = |allows| grants_of_users(&World::new(1).group("a", &[]).member("a", "ann").share("a", "dc", allows));
    assert_eq!(compare(&of("e"), &of("s")).lines, [LineChange::Widened]);
}
