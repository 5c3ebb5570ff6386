//! Users: the owner, service accounts, a few administrators, and everybody else with their habits.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::names::{AGENCY_DOMAINS, DOMAINS, FIRST, LAST, SERVICES, ascii};
use super::{Draw, Size};
use crate::identity::Identity;
use crate::world::{Id, NewUser, Profile, World};

/// The users by the part they play.
pub(super) struct Staff {
    pub(super) auditor: Id,
    pub(super) restricted: Id,
    pub(super) domain: String,
    pub(super) services: Vec<Id>,
    pub(super) administrators: Vec<Id>,
    /// Everybody who is not a service account, in a random order.
    pub(super) humans: Vec<Id>,
}

/// Makes all users, oldest first.
pub(super) fn people(identity: Identity, size: Size, draw: &mut Draw) -> (World, Staff) {
    let domain = DOMAINS[draw.rng.usize(..DOMAINS.len())].to_owned();
    let mut taken = HashSet::new();
    let founded = draw.base - TimeDelta::days(2_700);
    let owner = NewUser { administrator: true, force_sec_auth: true, ..person(draw, &domain, &mut taken) };
    let mut world = World::new(identity, owner, founded);
    let owner = world.owner().clone();
    settle(&mut world, &owner, Habit::Owner, draw);

    let mut staff = Staff {
        auditor: owner.clone(),
        restricted: owner.clone(),
        domain,
        services: Vec::new(),
        administrators: vec![owner.clone()],
        humans: vec![owner],
    };
    let services = (size.users / 50).clamp(4, 120);
    let administrators = (size.users / 40).max(3) - 2;
    let ages = ages(size.users - 1, draw);
    for (index, age) in ages.into_iter().enumerate() {
        let part = match index {
            0 => Part::Auditor,
            _ if index <= services => Part::Service(index - 1),
            _ if index <= services + administrators => Part::Administrator,
            _ => Part::Human(index - services - administrators - 1),
        };
        hire(&mut world, &mut staff, part, age, draw, &mut taken);
    }
    let plain = |id: &&Id| world.user(id).is_some_and(|user| user.active && !user.administrator);
    let restricted = staff.humans.iter().rev().find(plain);
    staff.restricted = restricted.expect("the second person is active and administers nothing").clone();
    draw.rng.shuffle(&mut staff.humans);
    (world, staff)
}

/// People who are not in the contract yet, for the script.
pub(crate) fn fresh_people(world: &World, domain: &str, count: usize, draw: &mut Draw) -> Vec<NewUser> {
    let mut taken: HashSet<String> = world.users().map(|user| user.email.clone()).collect();
    (0..count).map(|_| person(draw, domain, &mut taken)).collect()
}

#[derive(Clone, Copy)]
enum Part {
    Auditor,
    Service(usize),
    Administrator,
    Human(usize),
}

#[derive(Clone, Copy)]
enum Habit {
    Owner,
    Service,
    Administrator,
    Human(usize),
}

/// The first people are fixed, so that even the smallest contract has somebody of every sort: whether a second factor
/// is demanded, whether it is set up, and whether they may sign in.
const EARLY_FORCED: [bool; 7] = [true, true, false, true, true, true, true];
const EARLY_SECOND_FACTOR: [bool; 7] = [true, false, true, true, true, true, true];
const EARLY_INACTIVE: [bool; 7] = [true, false, false, false, false, false, false];

/// Days since creation, the longest first: most have been there for a while, some came lately.
fn ages(count: usize, draw: &mut Draw) -> Vec<i64> {
    let mut ages: Vec<i64> = (0..count)
        .map(|_| {
            let age = draw.skewed(2_600, 2);
            i64::try_from(age).expect("below 2,600") + 3
        })
        .collect();
    ages.sort_unstable_by(|a, b| b.cmp(a));
    ages
}

fn hire(world: &mut World, staff: &mut Staff, part: Part, age: i64, draw: &mut Draw, taken: &mut HashSet<String>) {
    let earliest = draw.base - TimeDelta::days(2_690);
    let created = draw.days_ago(age, earliest);
    let creator = staff.administrators[draw.rng.usize(..staff.administrators.len())].clone();
    world.acting(created, &creator);
    let new = match part {
        Part::Auditor => service("svc-access-audit", &staff.domain, taken, true),
        Part::Service(number) => service(SERVICES[number % SERVICES.len()], &staff.domain, taken, false),
        Part::Administrator => NewUser {
            administrator: true,
            force_sec_auth: draw.chance(950),
            ..person(draw, &staff.domain.clone(), taken)
        },
        Part::Human(number) => {
            let domain = if draw.chance(30) { (*draw.pick(&AGENCY_DOMAINS)).to_owned() } else { staff.domain.clone() };
            NewUser {
                force_sec_auth: EARLY_FORCED.get(number).copied().unwrap_or_else(|| draw.chance(700)),
                ..person(draw, &domain, taken)
            }
        }
    };
    let id = world.add_user(new).expect("every generated address is fresh");
    match part {
        Part::Auditor => staff.auditor = id.clone(),
        Part::Service(_) => staff.services.push(id.clone()),
        Part::Administrator => {
            staff.administrators.push(id.clone());
            staff.humans.push(id.clone());
        }
        Part::Human(_) => staff.humans.push(id.clone()),
    }
    let habit = match part {
        Part::Auditor | Part::Service(_) => Habit::Service,
        Part::Administrator => Habit::Administrator,
        Part::Human(number) => Habit::Human(number),
    };
    settle(world, &id, habit, draw);
}

/// Gives a user a second factor, a last sign-in and the right to sign in, or not.
fn settle(world: &mut World, id: &str, habit: Habit, draw: &mut Draw) {
    let (forced, created) = world.user(id).map(|user| (user.force_sec_auth, user.created.at)).expect("just made");
    let (second_factor, inactive) = match habit {
        Habit::Owner => (true, false),
        Habit::Service => (false, false),
        Habit::Administrator => (draw.chance(960), false),
        Habit::Human(number) => {
            let second = draw.chance(if forced { 930 } else { 600 });
            let inactive = draw.chance(50);
            (
                EARLY_SECOND_FACTOR.get(number).copied().unwrap_or(second),
                EARLY_INACTIVE.get(number).copied().unwrap_or(inactive),
            )
        }
    };
    let login = match habit {
        Habit::Owner | Habit::Administrator => Some(recent(draw, created)),
        Habit::Service => draw.chance(100).then(|| recent(draw, created)),
        Habit::Human(_) => human_login(inactive, created, draw),
    };
    world.set_last_login(id, login).expect("just made");
    // Setting a second factor up is the user's own doing, on the first day.
    let first_day = (created + TimeDelta::hours(2)).min(draw.base);
    if second_factor {
        world.acting(first_day, id);
        world.set_sec_auth_active(id, true).expect("just made");
    }
    if inactive {
        let left = login.unwrap_or(first_day) + TimeDelta::days(1);
        let owner = world.owner().clone();
        world.acting(left.min(draw.base), &owner);
        world.edit_user(id, Profile { active: Some(false), ..Profile::default() }).expect("just made");
    }
}

fn human_login(inactive: bool, created: DateTime<Utc>, draw: &mut Draw) -> Option<DateTime<Utc>> {
    if draw.chance(50) {
        return None;
    }
    if inactive || draw.chance(150) {
        let days = draw.rng.i64(95..900);
        return Some(draw.days_ago(days, created));
    }
    Some(recent(draw, created))
}

fn recent(draw: &mut Draw, created: DateTime<Utc>) -> DateTime<Utc> {
    let days = i64::try_from(draw.skewed(30, 2)).expect("below thirty");
    draw.days_ago(days, created)
}

fn person(draw: &mut Draw, domain: &str, taken: &mut HashSet<String>) -> NewUser {
    let (firstname, lastname) = (draw.pick(&FIRST), draw.pick(&LAST));
    let local = format!("{}.{}", ascii(firstname), ascii(lastname));
    let email = free(&local, domain, taken);
    NewUser { firstname: firstname.to_owned(), lastname: lastname.to_owned(), email, ..NewUser::default() }
}

fn service(name: &str, domain: &str, taken: &mut HashSet<String>, administrator: bool) -> NewUser {
    NewUser {
        firstname: "Service".to_owned(),
        lastname: name.to_owned(),
        email: free(name, domain, taken),
        administrator,
        ..NewUser::default()
    }
}

fn free(local: &str, domain: &str, taken: &mut HashSet<String>) -> String {
    let mut email = format!("{local}@{domain}");
    let mut number = 2;
    while !taken.insert(email.clone()) {
        email = format!("{local}{number}@{domain}");
        number += 1;
    }
    email
}
