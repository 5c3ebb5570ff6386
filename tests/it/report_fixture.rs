//! A believable contract for the reports: some forty people, eight groups, shares, keys, a month of changes; and the
//! variants that reports must survive.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use keyholder::analyse::{grants, in_between};
use keyholder::domain::change::Meaning;
use keyholder::domain::coverage::{Coverage, Effort, Scope, ScopeKind, Status};
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::notice::Notice;
use keyholder::domain::principal::{Collector, Principal, PrincipalId, PrincipalStatus, Role};
use keyholder::domain::recency::Recency;
use keyholder::domain::snapshot::{RunState, Snapshot, Source};
use keyholder::domain::state::State;
use keyholder::domain::unknown::Nullable;
use keyholder::domain::user::Person;
use keyholder::report::input::{Comparison, Input, View};
use sha2::{Digest as _, Sha256};

use crate::analyse_world::{World, facts, meanings_of};
use crate::report_people::{Furnish as _, PEOPLE, address, days_ago, group_id, key_id, resource_id, user_id};

/// The snapshot compared with, and the one reported on.
pub(crate) const FIRST: u32 = 1;
pub(crate) const LAST: u32 = 31;

/// The contract a month ago.
fn month_ago(seq: u32) -> World {
    let mut world = World::new(seq).with(|state| {
        let contract = &mut state.contract.as_mut().unwrap().value;
        contract.owner.email = Some(address(0));
        contract.number = ContractNumber(31_884_391);
    });
    for number in 0..PEOPLE.len() {
        world = world.person(number, FIRST);
    }
    let dns = ["accessAndManageDns", "accessAndManageVpn", "reserveIp", "createInternetAccess", "createPcc"];
    world = world
        .crew(0, "Network operations", &dns)
        .crew(
            1,
            "Platform engineering",
            &["createDataCenter", "createK8sCluster", "s3Privilege", "manageRegistry", "createSnapshot"],
        )
        .crew(2, "Web team", &["reserveIp", "s3Privilege"])
        .crew(3, "Data protection", &["accessActivityLog", "accessAndManageLogging"])
        .crew(4, "Finance", &[])
        .crew(5, "External contractors", &["createDataCenter", "s3Privilege"])
        .crew(6, "Backup operators", &["createBackupUnit", "createSnapshot", "s3Privilege"])
        .crew(7, "Web team", &["accessAndManageCdn", "accessAndManageQuantum"])
        .crew(8, "Migration 2025", &["createDataCenter"]);
    for number in 0..PEOPLE.len() {
        world = world.joins([0, 1, 1, 2, 3, 4, 2, 6, 5][number % 9], number, FIRST);
        if number % 4 == 1 {
            world = world.joins(7, number, FIRST);
        }
    }
    world = world.joins(8, 14, FIRST).joins(8, 23, FIRST).shares(8, 3, true, false, FIRST);
    for number in 0..24 {
        world = world.thing(number, (number % 8 != 7).then_some((number * 5) % PEOPLE.len()));
        world = world.shares([1, 0, 2, 6, 5][number % 5], number, number % 3 == 0, number % 11 == 10, FIRST);
    }
    for (place, days) in [412, 35, 181, 90, 720, 12, 260, 95, 366, 51, 140, 8].into_iter().enumerate() {
        world =
            world.access_key([1, 4, 7, 12, 16, 40, 41, 10, 2, 25, 30, 33][place], place, days, place % 6 != 3, FIRST);
    }
    world
}

/// Everything was seen by the state's own snapshot.
fn prove(state: &mut State) {
    let seq = state.seq;
    state.users.values_mut().for_each(|held| held.seen = seq);
    state.groups.values_mut().for_each(|held| held.seen = seq);
    state.resources.values_mut().for_each(|held| held.seen = seq);
    state.members.values_mut().for_each(|held| held.seen = seq);
    state.shares.values_mut().for_each(|held| held.seen = seq);
    state.owns.values_mut().for_each(|held| held.seen = seq);
    state.keys.values_mut().for_each(|held| held.seen = seq);
}

/// What was made of it since.
fn today(seq: u32) -> World {
    let mut world = month_ago(seq)
        .person(PEOPLE.len() + 4, 19)
        .joins(5, PEOPLE.len() + 4, 19)
        .joins(0, 22, 24)
        .shares(5, 2, true, true, 27)
        .shares(5, 4, true, false, FIRST)
        .access_key(41, 60, 6, true, 25);
    world = world.with(|state| {
        prove(state);
        let user = |number: usize| user_id(number).into();
        let newcomer = state.users.get_mut(&user(PEOPLE.len() + 4)).unwrap();
        newcomer.value.person = Person {
            email: Some("ext.m.weber@cloudwerk.example".to_owned()),
            firstname: Some("Martin".to_owned()),
            lastname: Some("Weber".to_owned()),
        };
        newcomer.value.created = Some(days_ago(12));
        newcomer.value.sec_auth_active = Some(false);
        newcomer.value.last_login = Nullable::Null;
        let promoted = state.users.get_mut(&user(5)).unwrap();
        promoted.value.administrator = Some(true);
        promoted.value.attribution.modified = Some(days_ago(9));
        promoted.true_since.insert("administrator".to_owned(), Seq(22));
        let weakened = &mut state.users.get_mut(&user(6)).unwrap().value;
        weakened.sec_auth_active = Some(false);
        weakened.attribution.modified = Some(days_ago(4));
        state.users.get_mut(&user(20)).unwrap().value.active = Some(false);
        state.users.get_mut(&user(28)).unwrap().value.person.lastname = Some("Virtanen-Koski".to_owned());
        let platform = state.groups.get_mut(&group_id(1).into()).unwrap();
        platform.value.privileges.insert("accessAndManageIamResources".to_owned(), true);
        platform.true_since.insert("accessAndManageIamResources".to_owned(), Seq(28));
        state.groups.remove(&group_id(8).into());
        state.members.retain(|(group, _), _| group.as_str() != group_id(8));
        state.shares.retain(|(group, _), _| group.as_str() != group_id(8));
        state.users.remove(&user(38));
        state.members.retain(|(_, member), _| member.as_str() != user_id(38));
        state.owns.remove(&(user(35), resource_id(7).into()));
        state.keys.remove(&(user(4), key_id(1).into()));
    });
    world
}

/// Every scope of a state, read to its end, but for those given.
pub(crate) fn coverage(state: &State, finished: DateTime<Utc>, gaps: &[(Scope, Status)]) -> Coverage {
    let mut coverage = Coverage::default();
    let begun = finished - TimeDelta::seconds(252);
    let lists = [
        (Scope::Contract, 1),
        (Scope::Users, state.users.len()),
        (Scope::Groups, state.groups.len()),
        (Scope::Resources, state.resources.len()),
    ];
    let of_groups = state.groups.keys().flat_map(|id| {
        let (members, shares) = (state.members_of(id).count(), state.shares_of(id).count());
        [(Scope::Members(id.clone()), members), (Scope::Shares(id.clone()), shares)]
    });
    let of_users = state.users.keys().flat_map(|id| {
        let (owns, keys) = (state.owned_by(id).count(), state.keys_of(id).count());
        [(Scope::Owns(id.clone()), owns), (Scope::Keys(id.clone()), keys)]
    });
    for (place, (scope, items)) in lists.into_iter().chain(of_groups).chain(of_users).enumerate() {
        let gap = gaps.iter().find(|(gap, _)| *gap == scope);
        let status = gap.map_or(Status::Complete, |(_, status)| status.clone());
        let failed = status != Status::Complete;
        let begun = begun + TimeDelta::seconds(i64::try_from(place).unwrap() * 2);
        let effort = Effort {
            pages: if failed { 0 } else { items.div_ceil(100).max(1) as u64 },
            items: if failed { 0 } else { items as u64 },
            attempts: if failed { 5 } else { items.div_ceil(100).max(1) as u64 },
            first_at: Some(begun),
            last_at: Some(begun + TimeDelta::seconds(1)),
        };
        coverage.record(scope, status, effort);
    }
    for (scope, status) in gaps.iter().filter(|(_, status)| *status == Status::Gone) {
        coverage.record(scope.clone(), status.clone(), Effort { attempts: 2, ..Effort::default() });
    }
    coverage.finish();
    coverage
}

/// An administrator who has a token for a year.
fn collector() -> Collector {
    let principal = Principal {
        last_known_role: None,
        id: Some(PrincipalId::User(user_id(0).as_str().into())),
        role: Some(Role::Administrator),
        contract: Some(ContractNumber(31_884_391)),
        expires: Some(days_ago(-200)),
    };
    Collector { principal, standing: PrincipalStatus::Accepted, held_back: 0, acceptance: None }
}

/// A view of a state with its derived grants.
pub(crate) fn view(state: State, finished: DateTime<Utc>, gaps: &[(Scope, Status)]) -> View {
    let coverage = coverage(&state, finished, gaps);
    let mut totals: BTreeMap<Kind, u64> = BTreeMap::new();
    for key in facts(&state).keys() {
        *totals.entry(key.kind).or_default() += 1;
    }
    let snapshot = Snapshot {
        contract: state.contract.as_ref().map_or(ContractNumber(31_884_391), |contract| contract.number),
        seq: state.seq,
        state: if coverage.is_complete() { RunState::Complete } else { RunState::Partial },
        schedule: "nightly".to_owned(),
        nominal: finished - TimeDelta::seconds(252),
        started: finished - TimeDelta::seconds(251),
        finished,
        label: None,
        source: Source { api: "https://api.ionos.com/cloudapi/v6".to_owned(), tool: "keyholder 0.1.0".to_owned() },
        requests: coverage.attempts(),
        totals,
        unread: Kind::ALL.into_iter().filter(|kind| coverage.unread(*kind).is_some()).collect(),
        began: 0,
        ended: 0,
        changed: 0,
        root: hex::encode(Sha256::digest(format!("{:?}", facts(&state)))),
    };
    let grants = grants(&state);
    View { snapshot, coverage, collector: Some(collector()), state, grants }
}

/// A month with changes in it, everything read to its end.
pub(crate) fn month() -> Input {
    between(month_ago(FIRST), today(LAST), &[], &[])
}

/// The same month, but some of the last run's scopes could not be read.
pub(crate) fn gappy_month() -> Input {
    let group = |number| group_id(number).into();
    let gaps = [
        (Scope::Members(group(5)), Status::Failed("server error 500 after 5 attempts".to_owned())),
        (Scope::Shares(group(5)), Status::Forbidden),
        (Scope::Keys(user_id(7).into()), Status::Unstable),
        (Scope::Owns(user_id(38).into()), Status::Gone),
    ];
    let world = today(LAST).with(|state| {
        for ((of, _), held) in &mut state.members {
            held.seen = Seq(if of.as_str() == group_id(5) { LAST - 1 } else { LAST });
        }
        for ((of, _), held) in &mut state.shares {
            held.seen = Seq(if of.as_str() == group_id(5) { LAST - 4 } else { LAST });
        }
        for ((of, _), held) in &mut state.keys {
            held.seen = Seq(if of.as_str() == user_id(7) { LAST - 1 } else { LAST });
        }
    });
    let mut input = between(month_ago(FIRST), world, &gaps, &[]);
    let keys = Scope::Keys(user_id(7).into());
    input.notices = BTreeMap::from([
        (Seq(LAST - 9), vec![Notice::MassRemoval { scope: Scope::Users, before: 61, vanished: 14, asked: 14 }]),
        (
            Seq(LAST),
            vec![
                Notice::ClockSkew { seconds: 400 },
                Notice::Dangling { kind: ScopeKind::Shares, count: 3 },
                Notice::SuspiciousAnswer { scope: keys, before: 4, vanished: 4, asked: 4, present: 2 },
            ],
        ),
    ]);
    input
}

/// The same month, but the last run's answers left out a flag of the first administrator, a second factor, a share's flag
/// and, from the beginning, whether a key is active.
pub(crate) fn silent_month() -> Input {
    let world = today(LAST).with(|state| {
        let (promoted, proved) = (user_id(5), user_id(1));
        let user = |id: &str| FactKey { kind: Kind::User, subject: id.into(), object: None };
        let share = state.shares.iter().find(|(_, share)| share.access().share).unwrap().0.clone();
        let key = state.keys.keys().next().unwrap().clone();
        state.users.get_mut(&proved.as_str().into()).unwrap().value.sec_auth_active = Some(true);
        state.keys.get_mut(&key).unwrap().value.active = None;
        let known = Some(Seq(LAST - 4));
        state.unknown.insert(user(&promoted), "administrator".to_owned(), known);
        state.unknown.insert(user(&proved), "secAuthActive".to_owned(), known);
        let relation =
            |kind, subject: &str, object: &str| FactKey { kind, subject: subject.into(), object: Some(object.into()) };
        let of_share = relation(Kind::Share, share.0.as_str(), share.1.as_str());
        state.unknown.insert(of_share, "sharePrivilege".to_owned(), known);
        state.unknown.insert(relation(Kind::Key, key.0.as_str(), key.1.as_str()), "active".to_owned(), None);
    });
    between(month_ago(FIRST), world, &[], &[])
}

/// A contract with nobody in it, read for the first time.
pub(crate) fn nothing() -> Input {
    let mut state = State::empty(Seq(1));
    state.contract = None;
    alone(state)
}

/// One person, group, resource and key, all of that name, with every path there is.
pub(crate) fn named(name: &str) -> Input {
    let furnish = |seq, share: bool| {
        let world = World::new(seq).person(1, FIRST).crew(1, name, &[]);
        world
            .joins(1, 1, FIRST)
            .thing(1, Some(1))
            .shares(1, 1, share, share, FIRST)
            .access_key(1, 1, 400, true, FIRST)
            .with(|state| {
                let user = state.users.values_mut().next().unwrap();
                user.value.person.email = Some(name.to_owned());
                user.value.person.firstname = Some(name.to_owned());
                user.value.person.lastname = Some(format!("{name}{}", if share { "" } else { " " }));
                user.value.attribution.modified_by = Some(name.to_owned());
                user.value.attribution.created_by = Some(name.to_owned());
                let group = state.groups.values_mut().next().unwrap();
                group.value.privileges.insert(name.to_owned(), true);
                state.resources.values_mut().next().unwrap().value.name = Some(name.to_owned());
                state.resources.values_mut().next().unwrap().value.kind = Some(name.to_owned());
                state.contract.as_mut().unwrap().value.status = Some(name.to_owned());
                state.contract.as_mut().unwrap().value.owner.email = Some(name.to_owned());
            })
    };
    let gap = (Scope::Members(group_id(1).into()), Status::Failed(name.to_owned()));
    let mut input = between(furnish(FIRST, false), furnish(LAST, true), &[gap], &[]);
    let odd = Scope::Members(group_id(1).into());
    input.notices.insert(Seq(LAST), vec![Notice::MassRemoval { scope: odd, before: 12, vanished: 12, asked: 12 }]);
    name.clone_into(&mut input.organisation);
    for snapshot in [&mut input.current.snapshot, &mut input.comparison.as_mut().unwrap().before.snapshot] {
        snapshot.label = Some(name.to_owned());
        name.clone_into(&mut snapshot.schedule);
        snapshot.source = Source { api: name.to_owned(), tool: name.to_owned() };
    }
    input
}

/// A contract with that many people: groups of a hundred, five groups each, privileges and shares.
pub(crate) fn crowd(users: usize) -> Input {
    let groups = users.div_ceil(20).max(1);
    let mut world = World::new(LAST).with(|state| {
        state.contract.as_mut().unwrap().value.owner.email = Some("user.0@nordlicht-logistik.example".to_owned());
    });
    for number in 0..groups {
        world = world.crew(number, &format!("Team {number}"), &["reserveIp", "s3Privilege", "createDataCenter"]);
        world = world.thing(number, Some(number * 7 % users)).shares(
            number,
            number,
            number % 3 == 0,
            number % 40 == 0,
            FIRST,
        );
    }
    for number in 0..users {
        world = world.person(number, FIRST).with(|state| {
            let user = state.users.get_mut(&user_id(number).into()).unwrap();
            user.value.person.email = Some(format!("user.{number}@nordlicht-logistik.example"));
            user.value.administrator = Some(number < 12);
            user.value.created = Some(days_ago(600));
        });
        for step in 0..5 {
            world = world.joins((number + step * 37) % groups, number, FIRST);
        }
        if number % 3 == 0 {
            world = world.access_key(number, number, i64::try_from(number % 500).unwrap(), true, FIRST);
        }
    }
    prove(&mut world.0);
    alone(world.0)
}

/// The first snapshot of a contract.
pub(crate) fn alone(state: State) -> Input {
    let current = view(state, days_ago(0), &[]);
    Input {
        snapshots: BTreeMap::from([(current.snapshot.seq, current.snapshot.clone())]),
        current,
        comparison: None,
        period: None,
        notices: BTreeMap::new(),
        recency: Recency::recent(days_ago(0)),
        dead_letters: Vec::new(),
        organisation: "Nordlicht Logistik GmbH".to_owned(),
        config_hash: hex::encode(Sha256::digest("configuration")),
        contract_name: String::new(),
        as_of: days_ago(0),
        dormant_days: 90,
    }
}

fn between(before: World, after: World, gaps: &[(Scope, Status)], earlier_gaps: &[(Scope, Status)]) -> Input {
    let net = meanings_of(&before, &after);
    let passing = passing(&before, &after);
    let before = view(before.0, days_ago(30), earlier_gaps);
    let current = view(after.0, days_ago(0), gaps);
    let snapshots = history(&before.snapshot, &current.snapshot);
    let in_between = in_between(&passing, &net);
    Input {
        current,
        comparison: Some(Comparison { before, net, in_between }),
        period: None,
        snapshots,
        notices: BTreeMap::new(),
        recency: Recency::recent(days_ago(0)),
        dead_letters: Vec::new(),
        organisation: "Nordlicht Logistik GmbH".to_owned(),
        config_hash: hex::encode(Sha256::digest("configuration")),
        contract_name: String::new(),
        as_of: days_ago(0),
        dormant_days: 90,
    }
}

/// A membership and a share that lived for three days and left no trace.
fn passing(before: &World, after: &World) -> Vec<Meaning> {
    let step = |world: &World, seq| {
        let mut world = world.clone();
        world.0.seq = Seq(seq);
        world
    };
    let (calm, user, group) = (step(before, 11), 17, 0);
    if !before.0.users.contains_key(&user_id(user).into()) {
        return Vec::new();
    }
    let visit = step(before, 12).joins(group, user, 12).shares(5, 11, true, true, 12);
    let gone = step(before, 15);
    let mut events = meanings_of(&calm, &visit);
    events.extend(meanings_of(&visit, &gone));
    events.extend(meanings_of(&step(before, 30), after));
    events
}

/// Thirty-one daily snapshots whose counts go from one to the other.
fn history(first: &Snapshot, last: &Snapshot) -> BTreeMap<Seq, Snapshot> {
    (FIRST..=LAST)
        .map(|seq| {
            let mut snapshot = if seq <= 19 { first.clone() } else { last.clone() };
            snapshot.seq = Seq(seq);
            snapshot.finished = last.finished - TimeDelta::days(i64::from(LAST - seq));
            if (9..14).contains(&seq) {
                *snapshot.totals.entry(Kind::Share).or_default() += 2;
            }
            (Seq(seq), snapshot)
        })
        .chain([(first.seq, first.clone()), (last.seq, last.clone())])
        .collect()
}
