//! The scripted month: every class of change happens, and every step applies.

use std::collections::BTreeSet;

use chrono::{TimeZone as _, Timelike as _};

use super::*;
use crate::generate::{Size, generate};
use crate::identity::Identity;

const CLASSES: [&str; 24] = [
    "administrator gained",
    "administrator lost",
    "2FA weakened",
    "2FA strengthened",
    "user added",
    "user removed",
    "user disabled",
    "user enabled",
    "user renamed",
    "group added",
    "group removed",
    "group renamed",
    "privilege gained",
    "privilege lost",
    "member added",
    "member removed",
    "share added",
    "share removed",
    "share widened",
    "share narrowed",
    "key added",
    "key removed",
    "key disabled",
    "key enabled",
];

const RESOURCE_CLASSES: [&str; 4] = ["resource appeared", "resource vanished", "resource renamed", "owner changed"];

fn base() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 1, 6, 0, 0).unwrap()
}

fn reported(seed: u64, users: usize) -> (World, Cast, Script) {
    let (world, cast) = generate(Identity::new(seed, None), Size::of(users), base());
    let script = Script::write(seed, &world, &cast, base());
    (world, cast, script)
}

/// Plays day by day and asserts that every single step finds what it is about.
#[track_caller]
fn check_every_step_applies(seed: u64, users: usize) {
    let (mut world, _, script) = reported(seed, users);
    for step in script.steps() {
        world.acting(step.at, &step.actor);
        let outcome = step.change.apply(&mut world);
        assert_eq!(outcome, Ok(()), "seed {seed}, {users} users: {step:?}");
    }
}

#[track_caller]
fn check_every_class_occurs(seed: u64, users: usize) {
    let (_, _, script) = reported(seed, users);
    let found: BTreeSet<&str> = script.steps().iter().map(|step| step.change.class()).collect();
    let wanted: BTreeSet<&str> = CLASSES.into_iter().chain(RESOURCE_CLASSES).collect();
    assert_eq!(found, wanted, "seed {seed}, {users} users");
}

#[test]
fn every_class_of_change_occurs_in_contracts_of_any_size() {
    for seed in 0..40 {
        check_every_class_occurs(seed, Size::FEWEST_USERS);
        check_every_class_occurs(seed, 120);
    }
    check_every_class_occurs(1, 1_500);
}

#[test]
fn no_step_speaks_of_something_that_is_not_there() {
    for seed in 0..40 {
        check_every_step_applies(seed, Size::FEWEST_USERS);
        check_every_step_applies(seed, 200);
    }
    check_every_step_applies(1, 1_500);
}

#[test]
fn the_month_grows_with_the_contract() {
    let steps = |users| reported(1, users).2.steps().len();
    assert!(steps(1_000) > 2 * steps(100));
}

#[test]
fn the_same_seed_plays_the_same_month_in_one_go_or_day_by_day() {
    let (mut first, _, script) = reported(6, 100);
    script.play(&mut first, 0, DAYS);
    let (mut second, _, again) = reported(6, 100);
    assert_eq!(script.steps(), again.steps());
    for day in 1..=DAYS + 3 {
        again.play(&mut second, day - 1, day);
    }
    let users = |world: &World| world.users().cloned().collect::<Vec<_>>();
    assert_eq!(users(&first), users(&second));
    assert!(first.groups().eq(second.groups()) && first.resources().eq(second.resources()));
}

#[test]
fn every_step_falls_into_its_day() {
    let (_, _, script) = reported(2, 300);
    for step in script.steps() {
        let ends = base() + TimeDelta::days(i64::from(step.day));
        assert!(step.at > ends - TimeDelta::days(1) && step.at <= ends, "{step:?}");
    }
    assert!(script.steps().is_sorted_by_key(|step| step.at));
}

/// Whether a thing is there at the end of every day: `1` for there, `0` for not.
fn presence(users: usize, there: impl Fn(&World, &Cast, &Script) -> bool) -> String {
    let (mut world, cast, script) = reported(8, users);
    let mut days = String::new();
    for day in 0..=DAYS {
        script.play(&mut world, day.saturating_sub(1), day);
        days.push(if there(&world, &cast, &script) { '1' } else { '0' });
    }
    days
}

fn lived(from: usize, until: usize) -> String {
    (0..=DAYS as usize).map(|day| if (from..until).contains(&day) { '1' } else { '0' }).collect()
}

#[test]
fn some_things_come_and_go_within_the_month() {
    let step = |script: &Script, day: u32, class: &str| {
        let mut steps = script.steps().iter().filter(|step| step.day == day);
        steps.find(|step| step.change.class() == class).unwrap().change.clone()
    };
    let share = |world: &World, cast: &Cast, script: &Script| {
        let mut steps = script.steps().iter().filter(|step| step.day == 9);
        let resource = steps.find_map(|step| match &step.change {
            Change::Shared { group, resource, .. } if *group == cast.almighty => Some(resource.clone()),
            _ => None,
        });
        world.share_of(&cast.almighty, &resource.unwrap()).is_some()
    };
    assert_eq!(presence(120, share), lived(9, 12));
    let administrator = |world: &World, _: &Cast, script: &Script| {
        let Change::Administrator { user, .. } = step(script, 20, "administrator gained") else {
            unreachable!("the class says so")
        };
        world.user(&user).unwrap().administrator
    };
    assert_eq!(presence(120, administrator), lived(20, 22));
    let key = |world: &World, _: &Cast, script: &Script| {
        let removed: Vec<Id> = script
            .steps()
            .iter()
            .filter_map(|step| match &step.change {
                Change::KeyRemoved { key, .. } if step.day == 18 => Some(key.clone()),
                _ => None,
            })
            .collect();
        let mut steps = script.steps().iter().filter(|step| step.day == 15);
        let (user, key) = steps
            .find_map(|step| match &step.change {
                Change::KeyAdded { user, key } if removed.contains(key) => Some((user.clone(), key.clone())),
                _ => None,
            })
            .unwrap();
        world.key(&user, &key).is_some()
    };
    assert_eq!(presence(120, key), lived(15, 18));
}

#[test]
fn a_passing_administrator_makes_a_key_at_night() {
    let (mut world, _, script) = reported(8, 120);
    let night = script.steps().iter().find(|step| step.at.hour() < 5).unwrap();
    let Change::KeyAdded { user, key } = &night.change else { panic!("{night:?}") };
    assert!(!world.user(&night.actor).unwrap().administrator);
    script.play(&mut world, 0, 21);
    assert!(world.user(&night.actor).unwrap().administrator);
    let key = world.key(user, key).unwrap();
    assert_eq!((&key.created.by.id, key.created.at), (&night.actor, night.at));
}

#[test]
fn people_sign_in_every_day_and_nothing_else_of_them_changes_by_it() {
    let (mut world, _, script) = reported(3, 300);
    let mut before: Vec<_> = world.users().cloned().collect();
    script.sign_ins(&mut world, 1);
    let after: Vec<_> = world.users().cloned().collect();
    let changed = before.iter().zip(&after).filter(|(a, b)| a.last_login != b.last_login).count();
    assert!((60..250).contains(&changed), "{changed} signed in");
    for (user, now) in before.iter_mut().zip(&after) {
        user.last_login = now.last_login;
    }
    assert_eq!(before, after);
}
