//! Resources: which are shared with whom, which belong to whom, and which belong to nobody who could answer for them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::count::Count;
use crate::domain::coverage::Scope;
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::share::{Access, Share};
use crate::domain::state::Held;
use crate::domain::time::to_seconds;
use crate::report::context::{Context, GroupMention};
use crate::report::text::sorting_key;

/// How many people are named per shared resource; the CSV has them all.
const PEOPLE_NAMED: usize = 12;

/// One resource that is shared: resource, groups, people.
#[derive(Clone, Debug, Serialize)]
pub struct ShareRow {
    /// The API's id.
    pub id: String,
    /// Its name, or the id.
    pub label: String,
    /// The kind as the API gives it; empty for a resource that the list of resources does not have.
    pub kind: String,
    /// Whether changes demand two-factor authentication; `None` where the kind cannot be protected or nothing is known.
    pub protected: Option<bool>,
    /// The groups it is shared with.
    pub groups: Vec<SharedWith>,
    /// Whether any of them may give it on.
    pub onward: bool,
    /// Different people who reach it through the groups; administrators and the owner reach everything besides. `None` if that was
    /// not read.
    pub people: Option<u64>,
    /// The first of them by name.
    pub named: Vec<String>,
    /// How many more there are; the CSV has them all.
    pub more: usize,
}

/// One share of a resource.
#[derive(Clone, Debug, Serialize)]
pub struct SharedWith {
    /// The group.
    pub group: GroupMention,
    /// `read`, `edit`, `share` or `edit+share`.
    pub access: &'static str,
    /// How many members it has; `None` if that was not read.
    pub members: Option<u64>,
    /// Since when it has been shared without a break.
    pub since_utc: String,
    /// Whether members and shares of the group were read to their end.
    pub complete: bool,
}

/// Every shared resource, by name.
pub(super) fn shares(context: &Context<'_>) -> Vec<ShareRow> {
    let mut by_resource: BTreeMap<&ResourceId, Vec<(&GroupId, &Held<Share>)>> = BTreeMap::new();
    for ((group, resource), share) in &context.state.shares {
        by_resource.entry(resource).or_default().push((group, share));
    }
    let mut rows: Vec<_> =
        by_resource.into_iter().map(|(resource, shares)| share_row(resource, shares, context)).collect();
    rows.sort_by_cached_key(|row| sorting_key(&row.label, &row.id));
    rows
}

fn share_row(id: &ResourceId, mut shares: Vec<(&GroupId, &Held<Share>)>, context: &Context<'_>) -> ShareRow {
    shares.sort_by_key(|(group, _)| context.place(group));
    let mut people: Vec<usize> = shares.iter().flat_map(|(group, _)| context.members_of(group)).copied().collect();
    people.sort_unstable();
    people.dedup();
    let is_read = shares.iter().all(|(group, _)| context.is_complete(&Scope::Members((*group).clone())));
    let resource = context.state.resources.get(id);
    let label = |rank: &usize| context.state.user_label(context.users[*rank]).to_owned();
    ShareRow {
        id: id.to_string(),
        label: context.state.resource_label(id).to_owned(),
        kind: resource.and_then(|resource| resource.kind.clone()).unwrap_or_default(),
        protected: resource.and_then(|resource| resource.sec_auth_protection.value().copied()),
        onward: shares.iter().any(|(_, share)| share.access().share),
        people: Count::of(people.len() as u64, is_read).value(),
        named: people.iter().take(PEOPLE_NAMED).map(label).collect(),
        more: people.len().saturating_sub(PEOPLE_NAMED),
        groups: shares.into_iter().map(|(group, share)| shared_with(group, share, context)).collect(),
    }
}

fn shared_with(group: &GroupId, share: &Held<Share>, context: &Context<'_>) -> SharedWith {
    SharedWith {
        group: context.mention(group),
        access: Access::as_str(share.access()),
        members: context.count_in(&Scope::Members(group.clone()), context.members_of(group).len()).value(),
        since_utc: context.time_of(share.since),
        complete: context.is_complete(&Scope::Members(group.clone()))
            && context.is_complete(&Scope::Shares(group.clone())),
    }
}

/// One resource with its owner.
#[derive(Clone, Debug, Serialize)]
pub struct OwnedRow {
    /// The API's id.
    pub id: String,
    /// Its name, or the id.
    pub label: String,
    /// The kind as the API gives it; empty if not known.
    pub kind: String,
    /// Whether changes demand two-factor authentication.
    pub protected: Option<bool>,
    /// When it was created; empty if not reported.
    pub created_utc: String,
    /// The owner's e-mail address or id; empty if nobody is known to own it.
    pub owner: String,
    /// `active`, `inactive`, `not in the list of users`, `nobody known`, or `not fully read`.
    pub owner_state: &'static str,
    /// Whether nobody who can sign in is known to answer for it.
    pub orphan: bool,
}

/// Every resource with its owner: orphans first, then by owner and name.
pub(super) fn owned(context: &Context<'_>) -> Vec<OwnedRow> {
    let unread = context
        .view
        .coverage
        .gaps
        .iter()
        .any(|gap| matches!(gap.scope, Scope::Owns(_) | Scope::Users) && gap.status.is_gap());
    let mut rows: Vec<_> =
        context.state.owns.keys().map(|(user, resource)| owned_row(resource, Some(user), context, unread)).collect();
    let taken: BTreeSet<&ResourceId> = context.state.owns.keys().map(|(_, resource)| resource).collect();
    let ownerless = context.state.resources.keys().filter(|id| !taken.contains(id));
    rows.extend(ownerless.map(|resource| owned_row(resource, None, context, unread)));
    rows.sort_by_cached_key(|row| (!row.orphan, sorting_key(&row.owner, ""), sorting_key(&row.label, &row.id)));
    rows
}

fn owned_row(id: &ResourceId, owner: Option<&UserId>, context: &Context<'_>, unread: bool) -> OwnedRow {
    let resource = context.state.resources.get(id);
    let owner_state = match owner.map(|owner| context.state.users.get(owner)) {
        Some(Some(user)) if user.is_usable() => "active",
        Some(Some(_)) => "inactive",
        Some(None) => "not in the list of users",
        None if unread => "not fully read",
        None => "nobody known",
    };
    OwnedRow {
        id: id.to_string(),
        label: context.state.resource_label(id).to_owned(),
        kind: resource.and_then(|resource| resource.kind.clone()).unwrap_or_default(),
        protected: resource.and_then(|resource| resource.sec_auth_protection.value().copied()),
        created_utc: resource.and_then(|resource| resource.created).map(to_seconds).unwrap_or_default(),
        owner: owner.map(|owner| context.state.user_label(owner).to_owned()).unwrap_or_default(),
        owner_state,
        orphan: !matches!(owner_state, "active" | "not fully read"),
    }
}
