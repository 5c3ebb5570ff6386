//! The figures on page one, with the change since the compared snapshot, and the charts beside them.

use serde::Serialize;

use super::groups::lacks_two_factor;
use super::method::KEY_AGES;
use super::users::{Absence, Standing, two_factor};
use crate::domain::count::Count;
use crate::domain::fact::Kind;
use crate::domain::grant::Entitlement;
use crate::domain::group::Group;
use crate::domain::key::Key;
use crate::domain::state::State;
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
    /// How many in the compared snapshot; `None` if it was never read there.
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
    /// The counts, in order of snapshot; none where nothing was read.
    pub values: Vec<Option<u64>>,
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
            let absence = Absence { as_of: before.snapshot.finished, ..absence };
            (Counts::of(before, absence).figures(), Context::of(before, &input.snapshots))
        });
        let figures = now.into_iter().enumerate().map(|(place, (name, label, value, fewer_is_better, of))| {
            let before = before.as_ref().and_then(|(figures, context)| {
                let (name, _, known, ..) = figures[place];
                Judged::of(name, known, context).count.value()
            });
            let Judged { count, unread } = Judged::of(name, value, &context);
            let value = count.value();
            let delta = before.zip(value).map(|(before, value)| value.cast_signed() - before.cast_signed());
            let more = if value.is_some() && !unread.is_empty() { format!(", {unread}") } else { String::new() };
            let of = format!("{of}{}{more}", beside(name, &context));
            let unread = if value.is_some() { String::new() } else { unread };
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
            key_ages: super::keys::by_age(keys, &input.current.coverage),
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
    if let ("dormant" | "never-signed-in", never @ 1..) = (figure, without_sign_in(context.state)) {
        return format!(", last sign-in of {never} never reported");
    }
    counted_by(figure).map(|(kind, name, value)| unknown::beside_total(context, kind, name, value)).unwrap_or_default()
}

/// Active users of whom no answer ever reported the last sign-in, not even that there was none.
fn without_sign_in(state: &State) -> u64 {
    state.users.values().filter(|user| user.is_usable() && user.never_signed_in().is_none()).count() as u64
}

/// A figure, and what was not read or not reported of what it counts, in words.
struct Judged {
    count: Count,
    unread: String,
}

impl Judged {
    fn of(figure: &str, known: u64, context: &Context<'_>) -> Self {
        let (coverage, state) = (&context.view.coverage, context.state);
        let kind = match figure {
            "users" | "administrators" | "without-two-factor" | "dormant" | "never-signed-in" => Some(Kind::User),
            "privileged-groups" => Some(Kind::Group),
            "shares" | "onward" => Some(Kind::Share),
            "keys" | "keys-over-90" | "keys-over-365" => Some(Kind::Key),
            _ => None,
        };
        let scopes = match kind {
            Some(kind) => coverage.unread(kind).map(|unread| unread.to_string()),
            None if coverage.is_complete() => None,
            None => {
                let (all, complete) = coverage.totals();
                Some(format!("{} of {all} scopes", all - complete))
            }
        };
        let never = match figure {
            "administrators" | "without-two-factor" | "onward" => counted_by(figure)
                .map_or(0, |(kind, name, _)| state.unknown.never_known(kind, |attribute| attribute == name)),
            "privileged-groups" => groups_without_privileges(state),
            "dormant" | "never-signed-in" => without_sign_in(state),
            _ => 0,
        };
        let count = Count::of(known, scopes.is_none() && never == 0);
        let unread = match (scopes, counted_by(figure)) {
            (Some(scopes), _) if known > 0 => format!("{scopes} not read"),
            (Some(scopes), _) => format!("not read ({scopes})"),
            // Beside a number that is said already.
            (None, _) if never == 0 || known > 0 => String::new(),
            (None, Some((kind, name, _))) => format!("{name} never reported ({never} {})", kind.plural()),
            (None, None) if kind == Some(Kind::User) => format!("lastLogin never reported ({never} users)"),
            (None, None) => format!("privileges never reported ({never} groups)"),
        };
        Self { count, unread }
    }
}

/// Groups of which no privilege was ever reported, or not every one that the contract has.
fn groups_without_privileges(state: &State) -> u64 {
    if state.groups.values().all(|group| group.privileges.is_empty()) {
        return state.groups.len() as u64;
    }
    state.unknown.never_known(Kind::Group, |attribute| attribute != "name")
}

fn by_two_factor(view: &View) -> Vec<Amount> {
    let state = &view.state;
    let known = |word| {
        let active = state.users.values().filter(|user| user.is_usable());
        active.filter(|user| two_factor(state, user) == word).count() as u64
    };
    let is_reported = state.unknown.never_known(Kind::User, |attribute| attribute == "secAuthActive") == 0;
    let count = |word| Count::of(known(word), is_reported && view.coverage.unread(Kind::User).is_none());
    let mut amounts =
        vec![Amount::of("set up", count("on"), Tone::Good), Amount::of("not set up", count("off"), Tone::High)];
    if known("unknown") > 0 {
        amounts.push(Amount::of("not reported", known("unknown"), Tone::Unknown));
    }
    amounts
}

fn by_entitlement(view: &View) -> Vec<Amount> {
    type Belongs = fn(&Entitlement) -> bool;
    let kinds: [(&str, &[Kind], Belongs); 7] = [
        ("contract owner", &[Kind::Contract, Kind::User], |entitlement| *entitlement == Entitlement::ContractOwner),
        ("administrator", &[Kind::User], |entitlement| *entitlement == Entitlement::Administrator),
        ("privilege", &[Kind::Member], |entitlement| matches!(entitlement, Entitlement::Privilege(_))),
        ("shared resource", &[Kind::Share, Kind::Member], |entitlement| matches!(entitlement, Entitlement::Share(_))),
        ("owned resource", &[Kind::Own], |entitlement| matches!(entitlement, Entitlement::Ownership(_))),
        ("S3 key", &[Kind::Key], |entitlement| matches!(entitlement, Entitlement::S3Key(_))),
        ("account", &[Kind::User], |entitlement| *entitlement == Entitlement::Account),
    ];
    let never_known = |kind, name| view.state.unknown.never_known(kind, |attribute| attribute == name);
    kinds
        .map(|(label, rests_on, belongs)| {
            let known = view.grants.iter().filter(|grant| belongs(&grant.entitlement)).count();
            let never = match label {
                "contract owner" => never_known(Kind::Contract, "owner"),
                "administrator" => never_known(Kind::User, "administrator"),
                "privilege" => groups_without_privileges(&view.state),
                _ => 0,
            };
            let is_read = never == 0 && rests_on.iter().all(|kind| view.coverage.unread(*kind).is_none());
            Amount::of(label, Count::of(known as u64, is_read), Tone::Plain)
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
        values: snapshots.values().map(|snapshot| snapshot.count(kind).value()).collect(),
        from: day(snapshots.values().next()),
        to: day(snapshots.values().next_back()),
    })
    .to_vec()
}
