//! Groups and who is in them: most users in a few, some in many; one almighty group, empty ones, groups of one.

use super::names::{TEAM_PLACES, TEAMS};
use super::people::Staff;
use super::{Draw, Size, weighted};
use crate::world::{Id, PRIVILEGES_V6, World};

/// What even the almighty group cannot do.
const BEYOND_ALMIGHTY: [&str; 2] = ["manageDataplatform", "accessAndManageKaas"];

/// Makes groups and memberships, exactly as many as asked for if there are so many pairs; returns the almighty group.
pub(super) fn groups(world: &mut World, staff: &Staff, size: Size, draw: &mut Draw) -> Id {
    let owner = world.owner().clone();
    world.acting(draw.base, &owner);
    let privileges: Vec<&str> = PRIVILEGES_V6.into_iter().filter(|name| !BEYOND_ALMIGHTY.contains(name)).collect();
    let almighty = world.add_group("Cloud platform owners", &privileges);
    let lonely = (size.groups / 16).max(1);
    let empty = (size.groups / 25).max(1);
    let mut singles = Vec::new();
    for number in 0..lonely {
        let name = if number == 0 { "Break-glass".to_owned() } else { format!("Projekt Höhenweg {number}") };
        singles.push(world.add_group(&name, &["createDataCenter", "accessAndManageIamResources"]));
    }
    for number in 0..empty {
        world.add_group(&format!("Archiv {} (aufgelöst)", 2016 + number), &["createSnapshot"]);
    }
    let teams: Vec<Id> = (0..size.groups.saturating_sub(1 + lonely + empty))
        .map(|number| {
            let (name, privileges) = team(number);
            world.add_group(&name, privileges)
        })
        .collect();
    if let [first, .., last] = teams.as_slice()
        && teams.len() > 4
    {
        // Two groups of one name, as the API allows.
        let name = world.group(first).expect("just made").name.clone();
        world.rename_group(last, &name).expect("just made");
    }

    let mut left = size.memberships;
    let lords = (size.users / 400).max(2);
    for user in staff.administrators.iter().take(1).chain(staff.humans.iter().take(lords - 1)) {
        join(world, &almighty, user, &mut left);
    }
    for (group, user) in singles.iter().zip(staff.humans.iter().rev()) {
        join(world, group, user, &mut left);
    }
    fill(world, staff, &teams, left, draw);
    almighty
}

fn team(number: usize) -> (String, &'static [&'static str]) {
    let (name, privileges) = TEAMS[number % TEAMS.len()];
    let round = number / TEAMS.len();
    let name = match round {
        0 => name.to_owned(),
        _ if round <= TEAM_PLACES.len() => format!("{name} {}", TEAM_PLACES[round - 1]),
        _ => format!("{name} {round}"),
    };
    (name, privileges)
}

fn fill(world: &mut World, staff: &Staff, teams: &[Id], mut left: usize, draw: &mut Draw) {
    if teams.is_empty() {
        return;
    }
    // Zipf-like sizes; integer weights, so that the result is the same on every machine.
    let mut sums = Vec::with_capacity(teams.len());
    let mut sum = 0;
    for rank in 0..teams.len() as u64 {
        sum += 1_000_000 / (rank + 4);
        sums.push(sum);
    }
    let mut users: Vec<Id> = staff.humans.clone();
    users.extend(staff.services.iter().cloned());
    draw.rng.shuffle(&mut users);
    // One group for almost everybody.
    for user in &users {
        if !draw.chance(40) {
            let group = &teams[weighted(&sums, draw.rng.u64(..sum))];
            join(world, group, user, &mut left);
        }
    }
    let mut tries = left * 20;
    while left > 0 && tries > 0 {
        tries -= 1;
        let user = &users[draw.skewed(users.len(), 2)];
        let group = &teams[weighted(&sums, draw.rng.u64(..sum))];
        join(world, group, user, &mut left);
    }
    // What luck did not give away, if so much was asked for, goes around in order.
    for (group, user) in teams.iter().flat_map(|group| users.iter().map(move |user| (group, user))) {
        if left == 0 {
            break;
        }
        join(world, group, user, &mut left);
    }
}

/// Puts a user into a group if any membership is left to give.
fn join(world: &mut World, group: &str, user: &str, left: &mut usize) {
    if *left == 0 || world.is_member(group, user) {
        return;
    }
    world.add_member(group, user).expect("both were just made");
    *left -= 1;
}
