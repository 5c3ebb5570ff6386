//! What a reviewer should look at first: a handful of sentences, each with its count and the first names.
//!
//! Not the catalogue of checks: no exceptions, no ids, no memory. Everything here is also in the sections below.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;

use super::groups::{GroupRow, lacks_two_factor};
use super::keys::KeyRow;
use super::method::KEY_AGES;
use super::resources::{OwnedRow, ShareRow};
use super::users::UserRow;
use crate::domain::severity::Severity;
use crate::domain::user::User;
use crate::report::context::Context;

/// How many names an item spells out.
const NAMED: usize = 5;

/// One thing to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Risk {
    /// How bad it could be.
    pub severity: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// How many there are.
    pub count: usize,
    /// The first of them by name.
    pub named: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// The section of the page that has them all.
    pub section: &'static str,
}

/// The rows of the sections, which is what the items are found in.
pub(super) struct Rows<'a> {
    pub(super) users: &'a [UserRow],
    pub(super) groups: &'a [GroupRow],
    pub(super) shares: &'a [ShareRow],
    pub(super) keys: &'a [KeyRow],
    pub(super) owned: &'a [OwnedRow],
}

/// How bad, what, who, and the section that has them all.
type Found = (Severity, &'static str, Vec<String>, &'static str);

/// Everything that is there to look at, the worst first.
pub(super) fn of(rows: &Rows<'_>, context: &Context<'_>) -> Vec<Risk> {
    let mut found = about_people(rows, context);
    found.extend(about_things(rows));
    found.sort_by_key(|(severity, ..)| Reverse(*severity));
    found
        .into_iter()
        .filter(|(_, _, names, _)| !names.is_empty())
        .map(|(severity, title, mut named, section)| {
            let count = named.len();
            named.truncate(NAMED);
            Risk { severity: severity.as_str(), title, count, more: count - named.len(), named, section }
        })
        .collect()
}

fn about_people(rows: &Rows<'_>, context: &Context<'_>) -> Vec<Found> {
    use Severity::{Critical, High, Medium};
    let users =
        |wanted: &dyn Fn(&UserRow) -> bool| names(rows.users.iter().filter(|row| wanted(row)).map(|row| &row.label));
    let away = |row: &UserRow| row.dormant || row.never_signed_in;
    let unprotected = users(&|row| row.privileged && row.state == "active" && row.two_factor == "off");
    let leavers = users(&|row| row.state == "inactive" && (!row.groups.is_empty() || row.owned > Some(0)));
    vec![
        (Critical, "Administrators who can sign in without a second factor", unprotected, "privileged"),
        (
            High,
            "Administrators who have not signed in for long",
            users(&|row| row.privileged && away(row)),
            "privileged",
        ),
        (High, "Members of privileged groups without a second factor", members_of_privileged(context), "privileged"),
        (
            High,
            "Administrators who hold working S3 keys",
            users(&|row| row.privileged && row.keys_usable > Some(0)),
            "privileged",
        ),
        (High, "Inactive users who still hold groups or resources", leavers, "users"),
        (
            Medium,
            "Active users who have not signed in for long, or never",
            users(&|row| !row.privileged && away(row)),
            "users",
        ),
    ]
}

fn about_things(rows: &Rows<'_>) -> Vec<Found> {
    use Severity::{Critical, High, Low, Medium};
    let keys = |wanted: &dyn Fn(&KeyRow) -> bool| {
        let working = rows.keys.iter().filter(|row| row.usable && wanted(row));
        working.map(|row| format!("{} ({})", row.id, row.user)).collect()
    };
    let left_behind = keys(&|row| row.user_state != "active");
    let old = keys(&|row| row.age_days.is_some_and(|days| days > KEY_AGES[2]));
    let onward = names(rows.shares.iter().filter(|row| row.onward).map(|row| &row.label));
    let orphans = names(rows.owned.iter().filter(|row| row.orphan).map(|row| &row.label));
    let idle = names(rows.groups.iter().filter(|row| !row.idle.is_empty()).map(|row| &row.label));
    vec![
        (Critical, "S3 keys that work although their user cannot sign in", left_behind, "keys"),
        (High, "Resources that groups may give on to others", onward, "shares"),
        (High, "S3 keys older than a year", old, "keys"),
        (High, "Privileges that nobody has classified yet", strangers(rows.groups), "glossary"),
        (Medium, "Resources without an owner who can answer for them", orphans, "resources"),
        (Low, "Groups that give nothing or have no members", idle, "groups"),
    ]
}

fn names<'a>(labels: impl Iterator<Item = &'a String>) -> Vec<String> {
    labels.cloned().collect()
}

fn members_of_privileged(context: &Context<'_>) -> Vec<String> {
    let ranks: BTreeSet<usize> = context
        .groups
        .iter()
        .filter(|id| context.state.groups[**id].is_privileged())
        .flat_map(|id| context.members_of(id))
        .copied()
        .collect();
    ranks
        .into_iter()
        .map(|rank| context.users[rank])
        .filter(|id| {
            context
                .state
                .users
                .get(id)
                .is_some_and(|user| lacks_two_factor(context.state, user) && !User::is_administrator(user))
        })
        .map(|id| context.state.user_label(id).to_owned())
        .collect()
}

/// Privileges that groups give and that this version does not know.
fn strangers(groups: &[GroupRow]) -> Vec<String> {
    let all = groups.iter().flat_map(|group| &group.privileges);
    let unknown: BTreeSet<&String> =
        all.filter(|privilege| privilege.reach == "not classified").map(|privilege| &privilege.name).collect();
    names(unknown.into_iter())
}
