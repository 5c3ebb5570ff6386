//! The figures on page one, with the change since the compared snapshot, and the charts beside them.

use serde::Serialize;

use super::groups::lacks_two_factor;
use super::method::KEY_AGES;
use super::users::{Absence, Standing, two_factor};
use crate::domain::coverage::ScopeKind;
use crate::domain::fact::Kind;
use crate::domain::grant::Entitlement;
use crate::domain::group::Group;
use crate::domain::key::Key;
use crate::domain::time::days_between;
use crate::domain::user::User;
use crate::report::chart::{Amount, Tone};
use crate::report::context::Context;
use crate::report::input::{Input, View};
use crate::report::unknown;

/// Page one.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The figures, in order.
    pub figures: Vec<Figure>,
    /// Active users by second factor.
    pub two_factor: Vec<Amount>,
    /// Keys that can be used, by age.
    pub key_ages: Vec<Amount>,
    /// Lines by kind of entitlement.
    pub entitlements: Vec<Amount>,
    /// Users, shares and keys over all snapshots.
    pub trends: Vec<Trend>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Its stable word.
    pub name: &'static str,
    /// What is counted, in words.
    pub label: &'static str,
    /// How many; `None` if it was never read.
    pub value: Option<u64>,
    /// What was not read, in words; empty if there is a value.
    pub unread: String,
    /// How many in the compared snapshot.
    pub before: Option<u64>,
    /// The difference.
    pub delta: Option<i64>,
    /// `better`, `worse` or `same` where fewer is better; `moved` where neither is; empty without comparison.
    pub trend: &'static str,
    /// Of how many, in words; may be empty.
    pub of: String,
}

/// One line over time.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// Its stable word, unique in the page.
    pub name: &'static str,
    /// What is counted.
    pub label: &'static str,
    /// The counts, in order of snapshot.
    pub values: Vec<u64>,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
}

/// What one view counts.
struct Counts {
    absence: Absence,
    users: u64,
    active: u64,
    administrators: u64,
    without_two_factor: u64,
    dormant: u64,
    never_signed_in: u64,
    privileged_groups: u64,
    groups: u64,
    shares: u64,
    onward: u64,
    keys: u64,
    usable_keys: u64,
    keys_over_90: u64,
    keys_over_365: u64,
    lines: u64,
}

impl Counts {
    fn of(view: &View, absence: Absence) -> Self {
        let state = &view.state;
        let users = |wanted: &dyn Fn(&User) -> bool| state.users.values().filter(|user| wanted(user)).count() as u64;
        let keys = |wanted: &dyn Fn(&Key) -> bool| {
            state.keys.values().filter(|key| key.is_usable() && wanted(key)).count() as u64
        };
        let older = |key: &Key, days| key.created.is_some_and(|at| days_between(at, absence.as_of) > days);
        Self {
            absence,
            users: state.users.len() as u64,
            active: users(&User::is_usable),
            administrators: users(&User::is_administrator),
            without_two_factor: users(&|user| lacks_two_factor(state, user)),
            dormant: users(&|user| Standing::of(user, absence).dormant),
            never_signed_in: users(&|user| Standing::of(user, absence).never_signed_in),
            privileged_groups: state.groups.values().filter(|group| Group::is_privileged(group)).count() as u64,
            groups: state.groups.len() as u64,
            shares: state.shares.len() as u64,
            onward: state.shares.values().filter(|share| share.access().share).count() as u64,
            keys: state.keys.len() as u64,
            usable_keys: keys(&|_| true),
            keys_over_90: keys(&|key| older(key, KEY_AGES[0])),
            keys_over_365: keys(&|key| older(key, KEY_AGES[2])),
            lines: view.grants.len() as u64,
        }
    }

    fn figures(&self) -> Vec<(&'static str, &'static str, u64, bool, String)> {
        let active = format!("of {} active users", self.active);
        let days = self.absence.dormant_days;
        let away = format!("no sign-in for {days} {}", if days == 1 { "day" } else { "days" });
        vec![
            ("users", "Users", self.users, false, format!("{} active", self.active)),
            ("administrators", "Administrators", self.administrators, true, format!("of {} users", self.users)),
            ("without-two-factor", "Without 2FA", self.without_two_factor, true, active.clone()),
            ("dormant", "Dormant", self.dormant, true, away),
            ("never-signed-in", "Never signed in", self.never_signed_in, true, active),
            (
                "privileged-groups",
                "Privileged groups",
                self.privileged_groups,
                true,
                format!("of {} groups", self.groups),
            ),
            ("shares", "Shares", self.shares, false, "resource and group".to_owned()),
            ("onward", "May be given on", self.onward, true, format!("of {} shares", self.shares)),
            ("keys", "S3 keys in use", self.usable_keys, true, format!("of {} keys", self.keys)),
            ("keys-over-90", "Keys over 90 days", self.keys_over_90, true, format!("of {} in use", self.usable_keys)),
            (
                "keys-over-365",
                "Keys over 365 days",
                self.keys_over_365,
                true,
                format!("of {} in use", self.usable_keys),
            ),
            ("lines", "Lines to review", self.lines, false, "user and entitlement".to_owned()),
        ]
    }
}

impl Summary {
    pub(super) fn of(input: &Input, keys: &[super::KeyRow]) -> Self {
        let absence = Absence::now(input);
        let context = Context::of(&input.current, &input.snapshots);
        let now = Counts::of(&input.current, absence).figures();
        // The earlier view's ages count to its own end, or every account would look dormant in hindsight.
        let before = input.comparison.as_ref().map(|comparison| {
            let before = &comparison.before;
            Counts::of(before, Absence { as_of: before.snapshot.finished, ..absence }).figures()
        });
        let figures = now.into_iter().enumerate().map(|(place, (name, label, value, fewer_is_better, of))| {
            let before = before.as_ref().map(|before| before[place].2);
            let unread = if value == 0 { unread(name, &context) } else { String::new() };
            let value = unread.is_empty().then_some(value);
            let delta = before.zip(value).map(|(before, value)| value.cast_signed() - before.cast_signed());
            let of = format!("{of}{}", beside(name, &context));
            let trend = match delta {
                None => "",
                Some(0) => "same",
                Some(_) if !fewer_is_better => "moved",
                Some(delta) if delta < 0 => "better",
                Some(_) => "worse",
            };
            Figure { name, label, value, unread, before, delta, trend, of }
        });
        Self {
            figures: figures.collect(),
            two_factor: by_two_factor(&input.current),
            key_ages: super::keys::by_age(keys),
            entitlements: by_entitlement(&input.current),
            trends: trends(input),
        }
    }
}

/// What a figure counts by: the attribute, and which value of it.
fn counted_by(figure: &str) -> Option<(Kind, &'static str, bool)> {
    Some(match figure {
        "administrators" => (Kind::User, "administrator", true),
        "without-two-factor" => (Kind::User, "secAuthActive", false),
        "onward" => (Kind::Share, "sharePrivilege", true),
        "users" => (Kind::User, "active", true),
        "keys" => (Kind::Key, "active", true),
        _ => return None,
    })
}

/// How many of a figure are counted by a value that is carried, and how many may be missing from it.
fn beside(figure: &str, context: &Context<'_>) -> String {
    counted_by(figure).map(|(kind, name, value)| unknown::beside_total(context, kind, name, value)).unwrap_or_default()
}

/// Why a figure that would be 0 is none: nothing was ever read of what it counts. Empty if something was.
fn unread(figure: &str, context: &Context<'_>) -> String {
    let (state, kinds) = (context.state, &context.view.coverage.kinds);
    let (scope, is_empty, of) = match figure {
        "users" | "administrators" | "without-two-factor" | "dormant" | "never-signed-in" => {
            (ScopeKind::Users, state.users.is_empty(), "lists of users")
        }
        "privileged-groups" => (ScopeKind::Groups, state.groups.is_empty(), "lists of groups"),
        "shares" | "onward" => (ScopeKind::Shares, state.shares.is_empty(), "groups"),
        "keys" | "keys-over-90" | "keys-over-365" => (ScopeKind::Keys, state.keys.is_empty(), "users"),
        _ => return String::new(),
    };
    let (scopes, complete) = kinds.get(&scope).map_or((0, 0), |sum| (sum.scopes, sum.complete));
    if is_empty && complete == 0 && (scopes > 0 || !context.view.snapshot.is_complete()) {
        return format!("not read ({scopes} of {scopes} {of})");
    }
    let of_kind = |kind| match kind {
        Kind::Share => state.shares.len(),
        Kind::Key => state.keys.len(),
        _ => state.users.len(),
    };
    counted_by(figure)
        .filter(|(kind, name, _)| {
            let never =
                context.state.unknown.iter().filter(|(key, one, at)| key.kind == *kind && one == name && at.is_none());
            let never = never.count();
            never > 0 && never == of_kind(*kind)
        })
        .map(|(kind, name, _)| format!("{name} never reported ({} {})", of_kind(kind), kind.plural()))
        .unwrap_or_default()
}

fn by_two_factor(view: &View) -> Vec<Amount> {
    let count = |word| {
        let active = view.state.users.values().filter(|user| user.is_usable());
        active.filter(|user| two_factor(&view.state, user) == word).count() as u64
    };
    let mut amounts =
        vec![Amount::of("set up", count("on"), Tone::Good), Amount::of("not set up", count("off"), Tone::High)];
    if count("unknown") > 0 {
        amounts.push(Amount::of("not reported", count("unknown"), Tone::Unknown));
    }
    amounts
}

fn by_entitlement(view: &View) -> Vec<Amount> {
    type Belongs = fn(&Entitlement) -> bool;
    let kinds: [(&str, Belongs); 7] = [
        ("contract owner", |entitlement| *entitlement == Entitlement::ContractOwner),
        ("administrator", |entitlement| *entitlement == Entitlement::Administrator),
        ("privilege", |entitlement| matches!(entitlement, Entitlement::Privilege(_))),
        ("shared resource", |entitlement| matches!(entitlement, Entitlement::Share(_))),
        ("owned resource", |entitlement| matches!(entitlement, Entitlement::Ownership(_))),
        ("S3 key", |entitlement| matches!(entitlement, Entitlement::S3Key(_))),
        ("account", |entitlement| *entitlement == Entitlement::Account),
    ];
    kinds
        .map(|(label, belongs)| {
            let count = view.grants.iter().filter(|grant| belongs(&grant.entitlement)).count();
            Amount::of(label, count as u64, Tone::Plain)
        })
        .to_vec()
}

fn trends(input: &Input) -> Vec<Trend> {
    let mut snapshots = input.snapshots.clone();
    snapshots.entry(input.current.snapshot.seq).or_insert_with(|| input.current.snapshot.clone());
    let day = |snapshot: Option<&crate::domain::snapshot::Snapshot>| {
        snapshot.map(|snapshot| snapshot.finished.format("%Y-%m-%d").to_string()).unwrap_or_default()
    };
    [
        ("trend-users", "Users", Kind::User),
        ("trend-shares", "Shares", Kind::Share),
        ("trend-keys", "S3 keys", Kind::Key),
    ]
    .map(|(name, label, kind)| Trend {
        name,
        label,
        values: snapshots.values().map(|snapshot| snapshot.total(kind)).collect(),
        from: day(snapshots.values().next()),
        to: day(snapshots.values().next_back()),
    })
    .to_vec()
}
