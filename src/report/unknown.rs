//! What answers did not report, in words: beside each value, and beside each total that counts carried values.

use std::fmt::Write as _;

use serde::Serialize;

use super::context::Context;
use crate::domain::fact::{FactKey, Kind};
use crate::domain::id::Seq;
use crate::domain::state::State;
use crate::domain::unknown::attribute;

/// An attribute of one object that decides about access and was not reported.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownRow {
    /// `user`, `share` or `key`.
    pub kind: &'static str,
    /// Whose: the e-mail address of the user, or the name of the group.
    pub of: String,
    /// The id of that user or group.
    pub of_id: String,
    /// The shared resource or the key; empty for an attribute of a user.
    pub other: String,
    /// Its id.
    pub other_id: String,
    /// The API's name of the attribute.
    pub attribute: String,
    /// The value that is carried: `yes` or `no`; empty if it was never known.
    pub value: &'static str,
    /// The snapshot that last knew it; `None` if none ever did.
    pub last_known: Option<u32>,
    /// The end of that snapshot's run.
    pub last_known_utc: String,
    /// `not reported (last known: yes, 2026-11-07)`, or `never reported`.
    pub what: String,
}

/// How many objects of one kind lack one attribute.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownCountRow {
    /// The word for such objects.
    pub kind: &'static str,
    /// The API's name of the attribute.
    pub attribute: String,
    /// How many objects.
    pub count: u64,
    /// Of how many of them it was never known.
    pub never_known: u64,
    /// The end of the run of the oldest snapshot whose value is carried; empty if none is.
    pub last_known_utc: String,
}

/// Every attribute that decides about access and was not reported, by object.
pub(super) fn rows(context: &Context<'_>) -> Vec<UnknownRow> {
    let state = context.state;
    let decides = state.unknown.iter().filter(|(key, name, _)| attribute(key.kind, name).decides_access);
    decides
        .map(|(key, name, last_known)| {
            let (of, other) = labels(state, key);
            UnknownRow {
                kind: key.kind.as_str(),
                of,
                of_id: key.subject.to_string(),
                other,
                other_id: key.object.as_deref().unwrap_or_default().to_owned(),
                attribute: name.to_owned(),
                value: flag(state, key, name).map_or("", yes),
                last_known: last_known.map(|seq| seq.0),
                last_known_utc: last_known.map(|seq| context.time_of(seq)).unwrap_or_default(),
                what: words(context, flag(state, key, name), last_known),
            }
        })
        .collect()
}

/// Every attribute that was not reported, with how many objects lack it.
pub(super) fn counts(context: &Context<'_>) -> Vec<UnknownCountRow> {
    let sums = context.state.unknown.sums().into_iter();
    sums.map(|sum| UnknownCountRow {
        kind: sum.kind.plural(),
        attribute: sum.attribute.to_owned(),
        count: sum.count,
        never_known: sum.never_known,
        last_known_utc: sum.oldest.map(|seq| context.time_of(seq)).unwrap_or_default(),
    })
    .collect()
}

/// What was not reported of one object, each as `administrator: not reported (last known: yes, 2026-11-07)`.
pub(super) fn of_object(context: &Context<'_>, kind: Kind, subject: &str, object: Option<&str>) -> Vec<String> {
    let Some(attributes) = context.state.unknown.of(kind, subject, object) else { return Vec::new() };
    let key = FactKey { kind, subject: subject.into(), object: object.map(Into::into) };
    let line = |(name, last_known): (&String, &Option<Seq>)| {
        format!("{name}: {}", words(context, flag(context.state, &key, name), *last_known))
    };
    attributes.iter().map(line).collect()
}

/// `not reported (last known: yes, 2026-11-07)`; a value that is no flag is shown elsewhere.
pub(super) fn words(context: &Context<'_>, value: Option<bool>, last_known: Option<Seq>) -> String {
    let Some(seq) = last_known else { return "never reported".to_owned() };
    let value = value.map(|value| format!("{}, ", yes(value))).unwrap_or_default();
    format!("not reported (last known: {value}{})", context.day_of(seq))
}

/// What stands beside a total of things that have one attribute: how many of them are counted by a value that is carried,
/// and of how many it was never known. Empty if all is known.
pub(super) fn beside_total(context: &Context<'_>, kind: Kind, name: &str, counted: bool) -> String {
    let mut carried: Vec<Seq> = Vec::new();
    let mut never = 0_u64;
    for (key, _, last_known) in context.state.unknown.iter().filter(|(key, one, _)| key.kind == kind && *one == name) {
        match last_known {
            None => never += 1,
            Some(seq) if flag(context.state, key, name) == Some(counted) => carried.push(seq),
            Some(_) => {}
        }
    }
    let mut words = String::new();
    if let (Some(oldest), Some(newest)) = (carried.iter().min(), carried.iter().max()) {
        let later = if oldest == newest { "" } else { " or later" };
        let day = context.day_of(*oldest);
        write!(words, ", {} of them last known on {day}{later}", carried.len()).expect("a String takes all text");
    }
    if never > 0 {
        write!(words, ", {never} never reported").expect("a String takes all text");
    }
    words
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn labels(state: &State, key: &FactKey) -> (String, String) {
    let (subject, object) = (&*key.subject, key.object.as_deref().unwrap_or_default());
    match key.kind {
        Kind::Contract => (subject.to_owned(), String::new()),
        Kind::User => (state.user_label(&subject.into()).to_owned(), String::new()),
        Kind::Group => (state.group_label(&subject.into()).to_owned(), String::new()),
        Kind::Resource => (state.resource_label(&subject.into()).to_owned(), String::new()),
        Kind::Member => (state.group_label(&subject.into()).to_owned(), state.user_label(&object.into()).to_owned()),
        Kind::Share => (state.group_label(&subject.into()).to_owned(), state.resource_label(&object.into()).to_owned()),
        Kind::Own => (state.user_label(&subject.into()).to_owned(), state.resource_label(&object.into()).to_owned()),
        Kind::Key => (state.user_label(&subject.into()).to_owned(), object.to_owned()),
    }
}

/// The value of a flag as it is carried.
fn flag(state: &State, key: &FactKey, name: &str) -> Option<bool> {
    let (subject, object) = (&*key.subject, key.object.as_deref().unwrap_or_default());
    match (key.kind, name) {
        (Kind::User, name) => {
            let user = &state.users.get(&subject.into())?.value;
            match name {
                "active" => user.active,
                "administrator" => user.administrator,
                "forceSecAuth" => user.force_sec_auth,
                "secAuthActive" => user.sec_auth_active,
                _ => None,
            }
        }
        (Kind::Group, name) => state.groups.get(&subject.into())?.privileges.get(name).copied(),
        (Kind::Resource, "secAuthProtection") => {
            state.resources.get(&subject.into())?.sec_auth_protection.value().copied()
        }
        (Kind::Share, name) => {
            let share = &state.shares.get(&(subject.into(), object.into()))?.value;
            match name {
                "editPrivilege" => share.edit_privilege,
                "sharePrivilege" => share.share_privilege,
                _ => None,
            }
        }
        (Kind::Key, "active") => state.keys.get(&(subject.into(), object.into()))?.active,
        _ => None,
    }
}
