//! Laws of the analysis, checked on generated states.

use std::collections::{BTreeMap, BTreeSet};

use keyholder::analyse::diff::weight::usual;
use keyholder::analyse::{LineChange, compare, grants, in_between, meanings};
use keyholder::domain::body::Extra;
use keyholder::domain::change::{Change, Class, Meaning, Op};
use keyholder::domain::fact::Kind;
use keyholder::domain::grant::Entitlement;
use keyholder::domain::share::Access;
use keyholder::domain::state::State;
use keyholder::domain::unknown::is_only_learned;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::analyse_world::{World, changes, meanings_of};

const PEOPLE: [&str; 5] = ["ann", "bob", "eve", "owner", "root"];
const GROUPS: [&str; 3] = ["crew", "ops", "staff"];
const THINGS: [&str; 3] = ["dc", "image", "net"];
const PRIVILEGES: [&str; 4] = ["accessAndManageDns", "createPcc", "manageTomorrow", "reserveIp"];

type Flags = (Option<bool>, Option<bool>, Option<bool>, Option<bool>);

/// A contract of up to five users, three groups and three resources in any relation, dangling ones included.
fn world(seq: u32) -> impl Strategy<Value = World> {
    let people = (
        vec(option::of((any::<Flags>(), 0..3_u8, option::of(any::<bool>()))), PEOPLE.len()),
        vec(option::of((0..2_u8, vec(option::of(any::<bool>()), PRIVILEGES.len()))), GROUPS.len()),
        vec(option::of((0..2_u8, option::of(any::<bool>()))), THINGS.len()),
        option::of(0..2_usize),
    );
    let relations = (
        btree_set((0..GROUPS.len(), 0..PEOPLE.len()), 0..8),
        btree_set((0..GROUPS.len(), 0..THINGS.len(), 0..4_usize), 0..5),
        btree_set((0..PEOPLE.len(), 0..THINGS.len()), 0..4),
        btree_set((0..PEOPLE.len(), 0..3_usize, any::<bool>()), 0..5),
    );
    (people, relations).prop_map(move |((users, groups, things, owner), (members, shares, owns, keys))| {
        let mut world = World::new(seq);
        world = world.with(|state| match owner {
            None => state.contract = None,
            Some(at) => {
                state.contract.as_mut().unwrap().value.owner.email = Some(format!("{}@example.org", PEOPLE[at]));
            }
        });
        for (id, made) in PEOPLE.iter().zip(users) {
            let Some(((administrator, force, active, second), name, extra)) = made else { continue };
            world = world.user_with(id, |user| {
                user.administrator = administrator;
                user.force_sec_auth = force;
                user.active = active;
                user.sec_auth_active = second;
                user.person.firstname = (name > 0).then(|| format!("name {name}"));
                user.extra = extra.map(|on| ("unheardOf".to_owned(), Extra::Bool(on))).into_iter().collect();
            });
        }
        for (id, made) in GROUPS.iter().zip(groups) {
            let Some((name, privileges)) = made else { continue };
            world = world.group(id, &[]).with(|state| {
                let group = &mut state.groups.get_mut(&(*id).into()).unwrap().value;
                group.name = Some(format!("{id} {name}"));
                group.privileges.clear();
                for (privilege, granted) in PRIVILEGES.iter().zip(privileges) {
                    if let Some(granted) = granted {
                        group.privileges.insert((*privilege).to_owned(), granted);
                    }
                }
            });
        }
        for (id, made) in THINGS.iter().zip(things) {
            let Some((name, protected)) = made else { continue };
            world = world.resource(id).with(|state| {
                let resource = &mut state.resources.get_mut(&(*id).into()).unwrap().value;
                resource.name = Some(format!("{id} {name}"));
                resource.sec_auth_protection = protected.into();
            });
        }
        world = members.into_iter().fold(world, |world, (group, user)| world.member(GROUPS[group], PEOPLE[user]));
        world = shares.into_iter().fold(world, |world, (group, thing, allows)| {
            world.share(GROUPS[group], THINGS[thing], ["", "e", "s", "es"][allows])
        });
        world = owns.into_iter().fold(world, |world, (user, thing)| world.own(PEOPLE[user], THINGS[thing]));
        keys.into_iter().fold(world, |world, (user, key, on)| world.key(PEOPLE[user], &format!("KEY{key}"), on))
    })
}

/// The class of the same change reported backwards.
fn mirror(class: Class) -> Class {
    use Class as C;
    let pairs = [
        (C::AdministratorGained, C::AdministratorLost),
        (C::TwoFactorWeakened, C::TwoFactorStrengthened),
        (C::UserAdded, C::UserRemoved),
        (C::UserDisabled, C::UserEnabled),
        (C::GroupAdded, C::GroupRemoved),
        (C::PrivilegeGained, C::PrivilegeLost),
        (C::MemberAdded, C::MemberRemoved),
        (C::ShareAdded, C::ShareRemoved),
        (C::ShareWidened, C::ShareNarrowed),
        (C::KeyAdded, C::KeyRemoved),
        (C::KeyEnabled, C::KeyDisabled),
        (C::ResourceAppeared, C::ResourceVanished),
    ];
    pairs
        .into_iter()
        .find_map(|(one, other)| if class == one { Some(other) } else { (class == other).then_some(one) })
        .unwrap_or(class)
}

/// What lines say apart from names and weights, in order.
fn reported(lines: &[Meaning], reversed: bool) -> Vec<(Class, Kind, String, String, String, String)> {
    let mut reported: Vec<_> = lines
        .iter()
        .map(|line| {
            let (before, after) = (line.before.clone(), line.after.clone());
            let (class, before, after) =
                if reversed { (mirror(line.class), after, before) } else { (line.class, before, after) };
            (class, line.key.kind, line.subject.id.clone(), line.field.clone(), before, after)
        })
        .collect();
    reported.sort();
    reported
}

/// Grants by the definition, without any index: who can do what through which group, and directly.
fn by_definition(state: &State) -> BTreeMap<(String, Entitlement), Option<Access>> {
    let mut found: BTreeMap<(String, Entitlement), Option<Access>> = BTreeMap::new();
    let everything = |id: &str| {
        let user = state.users.get(&id.into());
        user.is_some_and(|user| user.is_administrator() || state.is_owner(user))
    };
    for (id, user) in &state.users {
        let mut put = |entitlement| found.insert((id.to_string(), entitlement), None);
        put(Entitlement::Account);
        if user.is_administrator() {
            put(Entitlement::Administrator);
        }
        if state.is_owner(user) {
            put(Entitlement::ContractOwner);
        }
    }
    let owner = state.contract.as_ref().and_then(|contract| contract.owner.email.clone());
    if let Some(owner) = owner.filter(|_| !state.users.values().any(|user| state.is_owner(user))) {
        found.insert((owner, Entitlement::ContractOwner), None);
    }
    for (group, user) in state.members.keys() {
        for privilege in state.groups.get(group).into_iter().flat_map(|group| group.value.granted()) {
            found.insert((user.to_string(), Entitlement::Privilege(privilege.to_owned())), None);
        }
        for ((of, resource), share) in &state.shares {
            if of == group {
                let whole = Access { edit: true, share: true };
                let access = if everything(user.as_str()) { whole } else { share.access() };
                let line = found.entry((user.to_string(), Entitlement::Share(resource.clone()))).or_insert(None);
                *line = Some(line.unwrap_or_default().union(access));
            }
        }
    }
    for (user, resource) in state.owns.keys() {
        found.insert((user.to_string(), Entitlement::Ownership(resource.clone())), None);
    }
    for (user, key) in state.keys.keys() {
        found.insert((user.to_string(), Entitlement::S3Key(key.clone())), None);
    }
    found
}

proptest! {
    #[test]
    fn every_change_has_a_meaning_and_nothing_else_has(before in world(1), after in world(2)) {
        let mut changes = changes(&before.0, &after.0);
        // What only became known, or is not known any more, is no change; where it gives power it is reported all the same.
        let kind = |it: &Change| it.key.kind;
        let (learned, rest): (Vec<_>, Vec<_>) = changes.drain(..).partition(|it| match (&it.before, &it.after, it.op) {
            (Some(before), Some(after), Op::Changed) => is_only_learned(kind(it), before, after).unwrap(),
            _ => false,
        });
        let changes = rest;
        let lines = meanings_of(&before, &after);
        // An ownership that moved is reported once for both of its changes, so ownerships are compared by resource.
        let about = |kind, subject: &str, object: Option<&str>| match kind {
            Kind::Own => (kind, String::new(), object.unwrap_or_default().to_owned()),
            _ => (kind, subject.to_owned(), object.unwrap_or_default().to_owned()),
        };
        let changed: BTreeSet<_> =
            changes.iter().map(|it| about(it.key.kind, &it.key.subject, it.key.object.as_deref())).collect();
        let names = |it: &Meaning| matches!(&*it.field, "email" | "firstname" | "lastname" | "owner");
        let learned: BTreeSet<_> = learned.into_iter().map(|it| it.key).collect();
        let (of_learned, reported): (Vec<_>, Vec<_>) = lines.iter().partition(|it| learned.contains(&it.key));
        let is_power = |it: &&Meaning| matches!(it.class, Class::FirstSeen | Class::PrivilegeGained) || names(it);
        prop_assert!(of_learned.iter().all(is_power), "{of_learned:?}");
        let reported: BTreeSet<_> =
            reported.iter().map(|it| about(it.key.kind, &it.key.subject, it.key.object.as_deref())).collect();
        prop_assert_eq!(changed, reported);
    }

    #[test]
    fn the_way_back_tells_the_same_mirrored(before in world(1), after in world(2)) {
        // What was never known has no way back.
        let lines = |a: &World, b: &World| {
            let mut lines = meanings_of(a, b);
            lines.retain(|it| it.field.is_empty() || !it.before.is_empty() || it.class != Class::FirstSeen);
            lines.retain(|it| it.class != Class::PrivilegeGained || !it.before.is_empty());
            lines
        };
        prop_assert_eq!(reported(&lines(&before, &after), false), reported(&lines(&after, &before), true));
    }

    #[test]
    fn the_order_of_changes_leaves_no_trace(
        (before, after, shuffled) in (world(1), world(2)).prop_flat_map(|(before, after)| {
            let shuffled = Just(changes(&before.0, &after.0)).prop_shuffle();
            (Just(before), Just(after), shuffled)
        })
    ) {
        let lines = meanings(&shuffled, &before.0, &after.0, before.0.seq).unwrap();
        prop_assert_eq!(lines, meanings_of(&before, &after));
    }

    #[test]
    fn the_most_severe_comes_first_and_every_unusual_severity_has_a_reason(before in world(1), after in world(2)) {
        let lines = meanings_of(&before, &after);
        prop_assert!(lines.is_sorted_by(|a, b| a.severity >= b.severity));
        for line in lines {
            prop_assert!(line.severity == usual(line.class) || !line.because.is_empty(), "{line:?}");
            prop_assert!(!line.subject.label.is_empty());
            prop_assert!(line.field.is_empty() || line.before != line.after, "nothing differs in {line:?}");
        }
    }

    #[test]
    fn grants_are_those_of_the_definition(world in world(1)) {
        let found = grants(&world.0);
        prop_assert!(found.is_sorted_by(|a, b| a.key() < b.key()));
        for grant in &found {
            prop_assert_eq!(Some(grant.since), grant.paths.iter().map(|path| path.since).min());
            prop_assert!(grant.paths.is_sorted_by(|a, b| a.via < b.via));
        }
        let found: BTreeMap<_, _> = found
            .into_iter()
            .map(|grant| ((grant.user.to_string(), grant.entitlement), grant.access))
            .collect();
        prop_assert_eq!(found, by_definition(&world.0));
    }

    #[test]
    fn grants_compared_with_themselves_are_unchanged(world in world(1)) {
        let found = grants(&world.0);
        let comparison = compare(&found, &found);
        prop_assert!(comparison.lines.iter().all(|line| *line == LineChange::Unchanged));
        prop_assert!(comparison.ended.is_empty());
    }

    #[test]
    fn one_step_has_nothing_in_between_and_a_round_trip_everything(here in world(1), there in world(2)) {
        let out = meanings_of(&here, &there);
        prop_assert_eq!(in_between(&out, &out), vec![]);
        let mut both = out;
        both.extend(meanings_of(&there, &here));
        prop_assert_eq!(in_between(&both, &[]).len(), both.len());
    }
}
