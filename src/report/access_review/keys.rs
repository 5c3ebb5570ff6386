//! S3 keys by age: long-lived secrets, and the people they belong to.

use serde::Serialize;

use super::method::KEY_AGES;
use crate::domain::coverage::{Coverage, Scope};
use crate::domain::fact::Kind;
use crate::domain::key::Key;
use crate::domain::time::{days_between, to_seconds};
use crate::report::chart::{Amount, Tone};
use crate::report::context::Context;

/// One S3 key. Times are RFC 3339 in UTC to the second, ages whole days.
#[derive(Clone, Debug, Serialize)]
pub struct KeyRow {
    /// The access key id.
    pub id: String,
    /// E-mail address or id of the user who holds it.
    pub user: String,
    /// `active`, `inactive`, or `not in the list of users`.
    pub user_state: &'static str,
    /// Whether that user is an administrator.
    pub administrator: bool,
    /// Whether the key can be used.
    pub usable: bool,
    /// When it was created; empty if not reported.
    pub created_utc: String,
    /// How old it is.
    pub age_days: Option<i64>,
    /// When it was first seen by a snapshot.
    pub first_seen_utc: String,
    /// Whether the list of that user's keys was read to its end.
    pub complete: bool,
    /// What to notice, in words.
    pub notes: Vec<&'static str>,
}

/// Every key, the oldest first; those without a date before all others.
pub(super) fn rows(context: &Context<'_>, as_of: super::Instant) -> Vec<KeyRow> {
    let mut rows: Vec<_> = context
        .state
        .keys
        .iter()
        .map(|((user_id, id), key)| {
            let user = context.state.users.get(user_id);
            let age_days = key.created.map(|at| days_between(at, as_of));
            let administrator = user.is_some_and(|user| user.is_administrator());
            let user_state = match user {
                Some(user) if user.is_usable() => "active",
                Some(_) => "inactive",
                None => "not in the list of users",
            };
            KeyRow {
                id: id.to_string(),
                user: context.state.user_label(user_id).to_owned(),
                user_state,
                administrator,
                usable: key.is_usable(),
                created_utc: key.created.map(to_seconds).unwrap_or_default(),
                age_days,
                first_seen_utc: context.time_of(key.since),
                complete: context.is_complete(&Scope::Keys(user_id.clone())),
                notes: notes(key, user_state, administrator, age_days),
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| {
        (row.age_days.map_or(i64::MIN, |days| -days), row.user.to_lowercase(), row.id.clone())
    });
    rows
}

fn notes(key: &Key, user_state: &str, administrator: bool, age_days: Option<i64>) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if !key.is_usable() {
        return notes;
    }
    if user_state != "active" {
        notes.push("works although its user cannot sign in");
    }
    if administrator {
        notes.push("held by an administrator");
    }
    match age_days {
        None => notes.push("no date of creation"),
        Some(days) if days > KEY_AGES[2] => notes.push("older than 365 days"),
        Some(_) => {}
    }
    notes
}

/// Keys that can be used, by age.
pub(super) fn by_age(rows: &[KeyRow], coverage: &Coverage) -> Vec<Amount> {
    let [young, middle, old] = KEY_AGES;
    let count = |belongs: &dyn Fn(i64) -> bool| {
        let known = rows.iter().filter(|row| row.usable && row.age_days.is_some_and(belongs)).count();
        coverage.count(Kind::Key, known as u64)
    };
    let mut amounts = vec![
        Amount::of(format!("up to {young} d"), count(&|days| days <= young), Tone::Good),
        Amount::of(format!("{} to {middle} d", young + 1), count(&|days| days > young && days <= middle), Tone::Low),
        Amount::of(format!("{} to {old} d", middle + 1), count(&|days| days > middle && days <= old), Tone::Medium),
        Amount::of(format!("over {old} d"), count(&|days| days > old), Tone::High),
    ];
    let undated = rows.iter().filter(|row| row.usable && row.age_days.is_none()).count() as u64;
    if undated > 0 {
        amounts.push(Amount::of("no date", undated, Tone::Unknown));
    }
    amounts
}
