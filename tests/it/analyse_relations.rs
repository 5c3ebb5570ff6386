//! Changed groups, memberships, shares, keys, ownerships, resources and the contract, with the severity each one gets.

use keyholder::domain::unknown::Nullable;

use crate::analyse_world::{World, brief, meanings_of};

/// Expects exactly these lines, in this order.
fn check(before: &World, after: &World, expected: &[&str]) {
    let found: Vec<String> = meanings_of(before, after).iter().map(brief).collect();
    assert_eq!(found, expected);
}

fn world() -> World {
    World::new(2).user("ann").user("bob").administrator("root").user("owner")
}

#[test]
fn what_a_removed_user_held_is_a_consequence() {
    let before = world().administrator("eve").group("ops", &[]).member("ops", "eve").key("eve", "AKEY", true);
    check(
        &before,
        &world().group("ops", &[]),
        &[
            "medium administrator-lost: eve@example.org administrator [true > ] (the user was removed)",
            "low user-removed: eve@example.org [administrator, may sign in, 2FA set up > ]",
            "info member-removed: ops / eve@example.org [member > ] (the user was removed)",
            "info key-removed: AKEY / eve@example.org [active > ] (the user was removed)",
        ],
    );
}

#[test]
fn what_a_removed_group_gave_is_a_consequence() {
    let base = world().resource("dc");
    let before = base.clone().group("ops", &["createPcc"]).member("ops", "ann").share("ops", "dc", "e");
    check(
        &before,
        &base,
        &[
            "low group-removed: ops [createPcc > ]",
            "info member-removed: ops / ann@example.org [member > ] (the group was removed)",
            "info share-removed: ops / dc [edit > ] (the group was removed)",
        ],
    );
}

#[test]
fn a_group_weighs_by_what_it_can_do() {
    check(&world(), &world().group("ops", &["reserveIp"]), &["low group-added: ops [ > reserveIp]"]);
    check(
        &world(),
        &world().group("ops", &["accessAndManageDns"]),
        &[
            "medium group-added: ops [ > accessAndManageDns] (the group holds accessAndManageDns, which is rated powerful)",
        ],
    );
}

#[test]
fn a_privilege_weighs_by_its_reach_and_by_whether_anybody_gets_it() {
    let gained = |name: &str, members: &[&str], expected: &str| {
        let with_members = |world: World| members.iter().fold(world, |world, user| world.member("ops", user));
        check(&with_members(world().group("ops", &[])), &with_members(world().group("ops", &[name])), &[expected]);
    };
    gained("reserveIp", &["ann"], "medium privilege-gained: ops reserveIp [false > true]");
    gained("reserveIp", &[], "low privilege-gained: ops reserveIp [false > true] (the group has no members)");
    gained(
        "createPcc",
        &["ann"],
        "high privilege-gained: ops createPcc [false > true] (the privilege is rated sensitive)",
    );
    gained(
        "accessAndManageDns",
        &["ann"],
        "critical privilege-gained: ops accessAndManageDns [false > true] (the privilege is rated powerful)",
    );
    gained(
        "accessAndManageDns",
        &[],
        "high privilege-gained: ops accessAndManageDns [false > true] \
         (the privilege is rated powerful; the group has no members)",
    );
    gained(
        "manageTomorrow",
        &["ann"],
        "critical privilege-gained: ops manageTomorrow [ > true] \
         (the privilege is not classified and rated powerful until it is)",
    );
}

#[test]
fn a_privilege_that_shows_up_as_not_granted_is_no_change() {
    let after = world().group("ops", &["reserveIp"]).with(|state| {
        let privileges = &mut state.groups.get_mut(&"ops".into()).unwrap().value.privileges;
        privileges.insert("reserveIp".to_owned(), false);
        privileges.insert("manageTomorrow".to_owned(), false);
    });
    check(&world().group("ops", &["reserveIp"]), &after, &["info privilege-lost: ops reserveIp [true > false]"]);
}

#[test]
fn joining_weighs_by_what_the_group_can_do() {
    let joined = |base: World, expected: &str| check(&base, &base.clone().member("ops", "ann"), &[expected]);
    let base = || world().resource("dc");
    joined(base().group("ops", &["reserveIp"]), "low member-added: ops / ann@example.org [ > member]");
    joined(
        base().group("ops", &["createPcc"]),
        "medium member-added: ops / ann@example.org [ > member] \
         (the group holds createPcc, which is rated sensitive)",
    );
    joined(
        base().group("ops", &[]).share("ops", "dc", "e"),
        "medium member-added: ops / ann@example.org [ > member] (the group has more than read access to dc)",
    );
    joined(base().group("ops", &[]).share("ops", "dc", ""), "low member-added: ops / ann@example.org [ > member]");
    joined(
        base().group("ops", &["accessAndManageIamResources"]),
        "high member-added: ops / ann@example.org [ > member] \
         (the group holds accessAndManageIamResources, which is rated powerful)",
    );
}

#[test]
fn leaving_a_group_is_low() {
    let base = world().group("ops", &["accessAndManageDns"]);
    let before = base.clone().member("ops", "ann");
    check(&before, &base, &["low member-removed: ops / ann@example.org [member > ]"]);
}

#[test]
fn a_share_weighs_by_what_it_allows() {
    let base = || world().group("ops", &[]).resource("dc");
    let shared = |allows: &str| base().share("ops", "dc", allows);
    check(&base(), &shared(""), &["low share-added: ops / dc [ > read]"]);
    check(&base(), &shared("e"), &["medium share-added: ops / dc [ > edit] (members may edit it)"]);
    check(&base(), &shared("es"), &["high share-added: ops / dc [ > edit+share] (members may share it on)"]);
    check(&shared(""), &shared("e"), &["medium share-widened: ops / dc editPrivilege [false > true]"]);
    check(
        &shared("e"),
        &shared("s"),
        &[
            "high share-widened: ops / dc sharePrivilege [false > true] (members may share it on)",
            "info share-narrowed: ops / dc editPrivilege [true > false]",
        ],
    );
    check(&shared("es"), &base(), &["low share-removed: ops / dc [edit+share > ]"]);
}

#[test]
fn a_key_weighs_by_who_holds_it() {
    let added = |base: World, user: &str, active: bool, expected: &str| {
        check(&base, &base.clone().key(user, "AKEY", active), &[expected]);
    };
    added(world(), "ann", true, "medium key-added: AKEY / ann@example.org [ > active]");
    added(world(), "ann", false, "low key-added: AKEY / ann@example.org [ > inactive] (the key is inactive)");
    added(world(), "root", true, "high key-added: AKEY / root@example.org [ > active] (the user is an administrator)");
    added(
        world().user_with("old", |user| user.active = Some(false)),
        "old",
        true,
        "high key-added: AKEY / old@example.org [ > active] \
         (the user is inactive, and a key works without signing in)",
    );
    let (off, on) = (world().key("ann", "AKEY", false), world().key("ann", "AKEY", true));
    check(&off, &on, &["medium key-enabled: AKEY / ann@example.org active [false > true]"]);
    check(&on, &off, &["info key-disabled: AKEY / ann@example.org active [true > false]"]);
    check(&on, &world(), &["info key-removed: AKEY / ann@example.org [active > ]"]);
}

#[test]
fn an_ownership_that_moves_is_one_line() {
    let base = || world().resource("dc");
    check(
        &base().own("ann", "dc"),
        &base().own("bob", "dc"),
        &["medium owner-changed: dc / bob@example.org [ann@example.org > bob@example.org]"],
    );
    check(&base(), &base().own("bob", "dc"), &["medium owner-changed: dc / bob@example.org [ > bob@example.org]"]);
    check(
        &base().own("bob", "dc"),
        &base(),
        &["medium owner-changed: dc / bob@example.org [bob@example.org > ] (nobody else became owner)"],
    );
    check(
        &base().user("eve").own("eve", "dc"),
        &base(),
        &[
            "low user-removed: eve@example.org [may sign in, 2FA set up > ]",
            "low owner-changed: dc / eve@example.org [eve@example.org > ] \
             (the user was removed, and nobody else became owner)",
        ],
    );
}

#[test]
fn resources_come_and_go_with_their_owner() {
    let owned = world().resource("dc").own("ann", "dc");
    check(
        &world(),
        &owned,
        &[
            "info owner-changed: dc / ann@example.org [ > ann@example.org] (the resource is new)",
            "info resource-appeared: dc [ > datacenter]",
        ],
    );
    check(
        &owned,
        &world(),
        &[
            "low resource-vanished: dc [datacenter > ]",
            "info owner-changed: dc / ann@example.org [ann@example.org > ] (the resource vanished)",
        ],
    );
}

#[test]
fn a_resource_without_protection_and_with_another_kind() {
    let after = world().resource("dc").with(|state| {
        let resource = &mut state.resources.get_mut(&"dc".into()).unwrap().value;
        resource.sec_auth_protection = Nullable::Value(false);
        resource.kind = Some("image".to_owned());
        resource.name = Some("lab".to_owned());
    });
    let before = world()
        .resource("dc")
        .with(|state| state.resources.get_mut(&"dc".into()).unwrap().value.sec_auth_protection = Nullable::Value(true));
    check(
        &before,
        &after,
        &[
            "medium two-factor-weakened: lab secAuthProtection [true > false] \
             (it concerns one resource, not a sign-in)",
            "low other: lab type [datacenter > image] (this property does not change while an object stays the same one)",
            "info renamed: lab name [dc > lab]",
        ],
    );
}

#[test]
fn a_group_with_another_name_is_low() {
    let after = world()
        .group("ops", &[])
        .with(|state| state.groups.get_mut(&"ops".into()).unwrap().value.name = Some("staff".to_owned()));
    check(
        &world().group("ops", &[]),
        &after,
        &["low renamed: staff name [ops > staff] (a group is judged by its name)"],
    );
}

#[test]
fn the_contract_with_another_owner_is_critical() {
    let after = world().with(|state| {
        let contract = &mut state.contract.as_mut().unwrap().value;
        contract.owner.email = Some("thief@example.org".to_owned());
        contract.status = Some("CEASED".to_owned());
    });
    check(
        &world(),
        &after,
        &[
            "critical contract-owner-changed: 31720000 owner [owner@example.org > thief@example.org]",
            "low other: 31720000 status [BILLABLE > CEASED] (the contract itself changed)",
        ],
    );
}
