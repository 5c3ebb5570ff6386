//! Resources with owners, shares, and S3 keys of every age.

use chrono::{DateTime, TimeDelta, Utc};

use super::names::{PURPOSES, SITES, STAGES, VENDOR_IMAGES};
use super::people::Staff;
use super::{Draw, Size};
use crate::world::{Id, Kind, Share, World};

/// Kinds by how often they occur, in hundredths.
const KINDS: [(Kind, u32); 7] = [
    (Kind::Datacenter, 22),
    (Kind::Snapshot, 26),
    (Kind::Image, 8),
    (Kind::Ipblock, 20),
    (Kind::Pcc, 6),
    (Kind::Backupunit, 8),
    (Kind::K8s, 10),
];

/// Makes the owned resources, and the vendor's images, which nobody owns.
pub(super) fn resources(world: &mut World, staff: &Staff, size: Size, draw: &mut Draw) {
    // Machines and administrators own most of what there is.
    let mut owners = staff.services.clone();
    owners.extend(staff.administrators.iter().cloned());
    owners.extend(staff.humans.iter().filter(|id| !staff.administrators.contains(id)).cloned());
    for number in 0..size.resources {
        let kind = KINDS.get(number).map_or_else(|| kind(draw), |(kind, _)| *kind);
        let owner = owners[draw.skewed(owners.len(), 3)].clone();
        let hired = created_at(world, &owner);
        let days = i64::try_from(draw.skewed(2_000, 2)).expect("below 2,000") + 2;
        let created = draw.days_ago(days, hired);
        let creator = if draw.chance(800) { owner.clone() } else { administrator(staff, draw) };
        world.acting(created, &creator);
        let name = name(kind, created, draw);
        let id = world.add_resource(kind, &name, Some(&owner)).expect("the owner exists");
        if draw.chance(400) {
            let changer = if draw.chance(700) { owner } else { administrator(staff, draw) };
            let days = draw.rng.i64(1..400);
            world.acting(draw.days_ago(days, created), &changer);
            let guarded = draw.chance(300);
            world.set_sec_auth_protection(&id, guarded).expect("just made");
        }
    }
    for number in 0..(size.users / 100).clamp(VENDOR_IMAGES.len(), 60) {
        let days = 30 * i64::try_from(number).expect("at most sixty") + 20;
        let created = draw.days_ago(days, DateTime::<Utc>::MIN_UTC);
        world.acting(created, "System");
        let image = format!("{}-{}", VENDOR_IMAGES[number % VENDOR_IMAGES.len()], created.format("%Y-%m"));
        world.add_resource(Kind::Image, &image, None).expect("without an owner there is nobody to miss");
    }
}

/// Shares resources with groups, exactly as many pairs as asked for if there are so many.
pub(super) fn shares(world: &mut World, size: Size, draw: &mut Draw) {
    let groups: Vec<Id> = world.groups().map(|group| group.id.clone()).collect();
    let resources: Vec<Id> =
        world.resources().filter(|resource| resource.owner.is_some()).map(|resource| resource.id.clone()).collect();
    let target = size.shares.min(groups.len() * resources.len());
    let mut made = 0;
    let mut tries = target * 20;
    while made < target && tries > 0 {
        tries -= 1;
        let group = &groups[draw.skewed(groups.len(), 2)];
        let resource = &resources[draw.rng.usize(..resources.len())];
        let share = Share { edit: draw.chance(300), share: draw.chance(80) };
        made += usize::from(world.share(group, resource, share).is_ok());
    }
    for (group, resource) in groups.iter().flat_map(|group| resources.iter().map(move |resource| (group, resource))) {
        if made == target {
            break;
        }
        made += usize::from(world.share(group, resource, Share::default()).is_ok());
    }
}

/// Makes keys, mostly for those who may have them, exactly as many as asked for if there is room.
pub(super) fn keys(world: &mut World, staff: &Staff, size: Size, draw: &mut Draw) {
    let mut holders = staff.services.clone();
    holders.extend(staff.humans.iter().cloned());
    let mut made = 0;
    let mut tries = size.keys * 20;
    while made < size.keys && tries > 0 {
        tries -= 1;
        // The first one is a machine's, disabled, so that there is always one to enable again.
        let place = if made == 0 { 0 } else { draw.skewed(holders.len(), 2) };
        let holder = holders[place].clone();
        // A few keys outlive the privilege that they were made with.
        if made == 0 || world.has_s3_privilege(&holder) || draw.chance(60) {
            made += usize::from(key(world, &holder, made == 0, staff, draw));
        }
    }
    for holder in holders.iter().cycle().take(holders.len() * crate::world::KEYS_PER_USER) {
        if made == size.keys {
            break;
        }
        made += usize::from(key(world, holder, made == 0, staff, draw));
    }
}

fn key(world: &mut World, holder: &str, disabled: bool, staff: &Staff, draw: &mut Draw) -> bool {
    let hired = created_at(world, holder);
    let days = i64::try_from(draw.skewed(1_900, 2)).expect("below 1,900") + 1;
    let created = draw.days_ago(days, hired);
    world.acting(created, holder);
    let Ok(id) = world.plant_key(holder) else {
        return false;
    };
    if disabled || draw.chance(140) {
        let switcher = administrator(staff, draw);
        world.acting((created + TimeDelta::days(40)).min(draw.base), &switcher);
        world.set_key_active(holder, &id, false).expect("just made");
    }
    true
}

fn created_at(world: &World, user: &str) -> DateTime<Utc> {
    world.user(user).expect("a generated user").created.at
}

fn administrator(staff: &Staff, draw: &mut Draw) -> Id {
    staff.administrators[draw.rng.usize(..staff.administrators.len())].clone()
}

fn kind(draw: &mut Draw) -> Kind {
    let mut left = draw.rng.u32(..100);
    for (kind, weight) in KINDS {
        if left < weight {
            return kind;
        }
        left -= weight;
    }
    Kind::Datacenter
}

fn name(kind: Kind, created: DateTime<Utc>, draw: &mut Draw) -> String {
    let (stage, site, purpose) = (draw.pick(&STAGES), draw.pick(&SITES), draw.pick(&PURPOSES));
    let number = draw.rng.u32(1..40);
    match kind {
        Kind::Datacenter if draw.chance(500) => format!("{stage}-{site}-{number:02}"),
        Kind::Datacenter => format!("{stage}-{purpose}-{site}-{number:02}"),
        Kind::Snapshot => format!("snap-{purpose}-{site}-{}", created.format("%Y%m%d")),
        Kind::Image => format!("{purpose}-golden-{}.{number}", created.format("%Y")),
        Kind::Ipblock => format!("ipb-{site}-{purpose}-{number:02}"),
        Kind::Pcc => format!("pcc-{site}-{}-{number:02}", draw.pick(&SITES)),
        Kind::Backupunit => format!("backup-{purpose}-{number:02}"),
        Kind::K8s => format!("k8s-{stage}-{site}-{number:02}"),
    }
}
