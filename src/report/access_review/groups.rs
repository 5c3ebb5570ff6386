//! Groups: which privileges they give, to whom, and what is shared with them.

use serde::Serialize;

use super::users::two_factor;
use crate::domain::coverage::Scope;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::privilege::{Reach, known};
use crate::domain::state::State;
use crate::domain::user::User;
use crate::report::context::Context;

/// One group.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own, none a state")]
pub struct GroupRow {
    /// The API's id.
    pub id: String,
    /// Its place in the page: `group-12`.
    pub anchor: String,
    /// Its name, or the id.
    pub label: String,
    /// Whether another group has the same name.
    pub namesake: bool,
    /// Whether it makes its members near-administrators.
    pub privileged: bool,
    /// What it gives.
    pub privileges: Vec<PrivilegeMention>,
    /// Its members as listed.
    pub members: Vec<Member>,
    /// Of them, users who can sign in without a second factor; `None`, here and below, if that was not read.
    pub members_without_two_factor: Option<u64>,
    /// Resources shared with it.
    pub shares: Option<u64>,
    /// Of them, those its members may change.
    pub shares_edit: Option<u64>,
    /// Of them, those its members may give on.
    pub shares_onward: Option<u64>,
    /// Whether the list of its members was read to its end.
    pub members_complete: bool,
    /// Whether the list of its shares was read to its end.
    pub shares_complete: bool,
    /// When it was first seen; the API has no dates of groups.
    pub first_seen_utc: String,
    /// Why nobody has anything through it: `no members` or `gives nothing`; empty if somebody has.
    pub idle: &'static str,
}

/// A privilege where it is mentioned.
#[derive(Clone, Debug, Serialize)]
pub struct PrivilegeMention {
    /// The API's name.
    pub name: String,
    /// `ordinary`, `sensitive`, `powerful` or `not classified`.
    pub reach: &'static str,
    /// Since when the group has given it without a break.
    pub since_utc: String,
}

/// A member where it is mentioned.
#[derive(Clone, Debug, Serialize)]
pub struct Member {
    /// E-mail address, or the id.
    pub label: String,
    /// What to notice: `administrator`, `inactive`, `no 2FA`, `not in the list of users`.
    pub notes: Vec<&'static str>,
}

/// Every group as listed.
pub(super) fn rows(context: &Context<'_>) -> Vec<GroupRow> {
    context.groups.iter().map(|id| row(id, context)).collect()
}

fn row(id: &GroupId, context: &Context<'_>) -> GroupRow {
    let held = &context.state.groups[id];
    let members: Vec<Member> = context.members_of(id).iter().map(|rank| member(*rank, context)).collect();
    let privileges: Vec<_> = held
        .granted()
        .map(|name| PrivilegeMention {
            name: name.to_owned(),
            reach: reach_word(name),
            since_utc: context.time_of(held.true_since(name)),
        })
        .collect();
    let access: Vec<_> = context.state.shares_of(id).map(|share| share.access()).collect();
    let (of_members, of_shares) = (Scope::Members(id.clone()), Scope::Shares(id.clone()));
    let shares = |known| context.count_in(&of_shares, known).value();
    let unprotected = members.iter().filter(|member| member.notes.contains(&"no 2FA")).count();
    GroupRow {
        id: id.to_string(),
        anchor: context.mention(id).anchor,
        label: held.label().to_owned(),
        namesake: context.has_namesake(id),
        privileged: Group::is_privileged(held),
        members_without_two_factor: context.count_in(&of_members, unprotected).value(),
        shares: shares(access.len()),
        shares_edit: shares(access.iter().filter(|access| access.edit).count()),
        shares_onward: shares(access.iter().filter(|access| access.share).count()),
        members_complete: context.is_complete(&of_members),
        shares_complete: context.is_complete(&of_shares),
        first_seen_utc: context.time_of(held.since),
        idle: idle(
            members.is_empty() && context.is_complete(&of_members),
            privileges.is_empty() && access.is_empty() && context.is_complete(&of_shares),
        ),
        privileges,
        members,
    }
}

fn idle(nobody: bool, nothing: bool) -> &'static str {
    match (nobody, nothing) {
        (true, _) => "no members",
        (false, true) => "gives nothing",
        (false, false) => "",
    }
}

fn member(rank: usize, context: &Context<'_>) -> Member {
    let id = context.users[rank];
    let label = context.state.user_label(id).to_owned();
    let Some(user) = context.state.users.get(id) else {
        return Member { label, notes: vec!["not in the list of users"] };
    };
    let mut notes = Vec::new();
    if user.is_administrator() {
        notes.push("administrator");
    }
    if !user.is_usable() {
        notes.push("inactive");
    } else if lacks_two_factor(context.state, user) {
        notes.push("no 2FA");
    }
    Member { label, notes }
}

/// Whether a user can sign in with a password alone, as far as is known.
pub(super) fn lacks_two_factor(state: &State, user: &User) -> bool {
    user.is_usable() && two_factor(state, user) == "off"
}

/// How far a privilege reaches, in a word; the open set has words we do not know.
pub(super) fn reach_word(name: &str) -> &'static str {
    match known(name).map(|privilege| privilege.reach) {
        Some(Reach::Ordinary) => "ordinary",
        Some(Reach::Sensitive) => "sensitive",
        Some(Reach::Powerful) => "powerful",
        None => "not classified",
    }
}
