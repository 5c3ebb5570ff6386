//! What cannot be so, and what cannot be known, in what was seen: times that cannot be, an owner whom the list of users does
//! not name, S3 keys that the API does not list.
//!
//! The last step before sealing: nothing is asked any more. Nothing here ends anything or takes anything for absent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::walk::Walk;
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::id::{GroupId, UserId};
use crate::domain::notice::Notice;
use crate::domain::sighting::Sightings;
use crate::domain::unknown::Nullable;
use crate::domain::user::{Attribution, is_same_address};
use crate::domain::vanishing::VanishingByScope;

/// A time may be that much ahead of both clocks before it counts as one that cannot be.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// Seconds since 1970 of the first day of 2000: nothing of this API is older.
const MIN_TIME_SECONDS: i64 = 946_684_800;

/// The privilege without which the API lists no S3 keys.
pub(super) const S3_PRIVILEGE: &str = "s3Privilege";

/// Keys that are known do not end because the API stopped listing them.
pub const KEYS_KNOWN: &str = "the API lists no keys for want of the privilege, although keys are known";

/// Who has the privilege is not known.
pub(super) const MEMBERS_NOT_READ: &str =
    "the API lists no keys for want of the privilege, and not all groups and members could be read";

/// Two answers contradict each other.
pub(super) const IS_ENTITLED: &str =
    "contradiction: the API lists no keys for want of the privilege, which a group of the user has";

/// Whether the user has the privilege is not known.
pub(super) const NOT_REPORTED: &str =
    "the API lists no keys for want of the privilege, and did not report whether a group of the user has it";

/// Judges what a walk has seen when everything was asked. `vanishing` is what it would end.
pub fn judge(walk: &mut Walk, vanishing: &VanishingByScope) {
    let mut notices = unlistable_keys(&mut walk.sightings, vanishing);
    notices.extend(impossible_times(walk));
    notices.extend(unlisted_owner(&walk.sightings));
    walk.notices.extend(notices);
}

/// Settles the lists of S3 keys that the API refused for want of the privilege. They are not applicable only if all groups and
/// members are known, each group of the user is known not to have the privilege, and no key of the user is known.
fn unlistable_keys(sightings: &mut Sightings, vanishing: &VanishingByScope) -> Vec<Notice> {
    let refused = |(scope, (status, _)): (&Scope, &(Status, _))| match scope {
        Scope::Keys(user) if *status == Status::NotApplicable => Some(user.clone()),
        _ => None,
    };
    let refused: Vec<UserId> = sightings.scopes.iter().filter_map(refused).collect();
    if refused.is_empty() {
        return Vec::new();
    }
    let is_known = knows_all_members(sightings);
    let entitled = members_of(sightings, |privilege| privilege == Some(true));
    let perhaps_entitled = members_of(sightings, |privilege| privilege.is_none());
    let (mut unlisted, mut carried) = (0, 0);
    for user in refused {
        let scope = Scope::Keys(user.clone());
        let why = if vanishing.contains_key(&scope) {
            carried += 1;
            KEYS_KNOWN
        } else if !is_known {
            MEMBERS_NOT_READ
        } else if entitled.contains(&user) {
            IS_ENTITLED
        } else if perhaps_entitled.contains(&user) {
            NOT_REPORTED
        } else {
            unlisted += 1;
            continue;
        };
        if let Some((status, _)) = sightings.scopes.get_mut(&scope) {
            *status = Status::Failed(why.to_owned());
        }
    }
    let notice = |count, notice: Notice| (count > 0).then_some(notice);
    let notices = [
        notice(unlisted, Notice::KeysNotListed { count: unlisted }),
        notice(carried, Notice::KeysCarried { count: carried }),
    ];
    notices.into_iter().flatten().collect()
}

/// Whether users, groups and the members of all groups were read to their end.
fn knows_all_members(sightings: &Sightings) -> bool {
    let is_known = |scope: &Scope| sightings.scopes.get(scope).is_some_and(|(status, _)| status.proves_absence());
    let mut members = sightings.scopes.iter().filter(|(scope, _)| scope.kind() == ScopeKind::Members);
    is_known(&Scope::Users) && is_known(&Scope::Groups) && members.all(|(_, (status, _))| status.proves_absence())
}

/// Users who are in a group of which the privilege for S3 keys is as wanted; `None` is not reported.
fn members_of(sightings: &Sightings, wanted: impl Fn(Option<bool>) -> bool) -> BTreeSet<UserId> {
    let reported: BTreeMap<&GroupId, Option<bool>> =
        sightings.groups.iter().map(|group| (&group.id, group.privileges.get(S3_PRIVILEGE).copied())).collect();
    let members = sightings.members.iter().filter(|(group, _)| wanted(reported.get(group).copied().flatten()));
    members.map(|(_, user)| user.clone()).collect()
}

/// Leaves times out that cannot be: what is known of them stays, and nothing is as old as they say.
fn impossible_times(walk: &mut Walk) -> Vec<Notice> {
    let newest = walk.sightings.scopes.values().filter_map(|(_, effort)| effort.last_at).max();
    let Some(ours) = newest else { return Vec::new() };
    let latest = ours + TimeDelta::seconds(walk.ahead.unwrap_or_default().max(0)) + MAX_AHEAD;
    let seen = &mut walk.sightings;
    let mut counts = [0_u64; 3];
    let [users, resources, keys] = &mut counts;
    for user in &mut seen.users {
        *users += leave_out_of(&mut user.attribution, latest) + leave_out(&mut user.created, latest);
        if user.last_login.value().is_some_and(|time| is_impossible(*time, latest)) {
            user.last_login = Nullable::NotReported;
            *users += 1;
        }
    }
    for resource in &mut seen.resources {
        *resources += leave_out_of(&mut resource.attribution, latest) + leave_out(&mut resource.created, latest);
    }
    for key in &mut seen.keys {
        *keys += leave_out_of(&mut key.attribution, latest) + leave_out(&mut key.created, latest);
    }
    let kinds = [ScopeKind::Users, ScopeKind::Resources, ScopeKind::Keys];
    let found = kinds.into_iter().zip(counts).filter(|(_, count)| *count > 0);
    found.map(|(kind, count)| Notice::ImpossibleTimes { kind, count }).collect()
}

fn leave_out_of(attribution: &mut Attribution, latest: DateTime<Utc>) -> u64 {
    leave_out(&mut attribution.modified, latest)
}

/// Leaves a time out if it cannot be; returns how many were.
fn leave_out(time: &mut Option<DateTime<Utc>>, latest: DateTime<Utc>) -> u64 {
    u64::from(time.take_if(|time| is_impossible(*time, latest)).is_some())
}

fn is_impossible(time: DateTime<Utc>, latest: DateTime<Utc>) -> bool {
    time > latest || time.timestamp() < MIN_TIME_SECONDS
}

/// The owner of the contract, if no user has that address although all of them are known.
fn unlisted_owner(sightings: &Sightings) -> Option<Notice> {
    let owner = sightings.contract.as_ref()?.owner.email.as_deref()?;
    let is_complete = sightings.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
    let mut addresses = sightings.users.iter().map(|user| user.person.email.as_deref());
    // A user whose address is not known may be the owner.
    let may_be_listed = addresses.any(|address| address.is_none_or(|address| is_same_address(address, owner)));
    (is_complete && !may_be_listed && !owner.trim().is_empty()).then_some(Notice::OwnerNotListed)
}
