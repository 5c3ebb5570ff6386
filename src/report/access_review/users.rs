//! Users: state, second factor, last sign-in, and what they can do by which path, in compact form.

use std::collections::BTreeMap;

use serde::Serialize;

use super::method::NEVER_GRACE_DAYS;
use crate::analyse::compare::LineChange;
use crate::domain::count::Count;
use crate::domain::coverage::Scope;
use crate::domain::fact::Kind;
use crate::domain::grant::{Entitlement, Grant, Via};
use crate::domain::id::UserId;
use crate::domain::severity::Severity;
use crate::domain::share::Access;
use crate::domain::state::State;
use crate::domain::time::{days_between, to_seconds};
use crate::domain::user::User;
use crate::report::context::{Context, GroupMention};
use crate::report::input::Input;
use crate::report::text::mixes_scripts;
use crate::report::unknown;

/// One user. Times are RFC 3339 in UTC to the second, ages whole days.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own, none a state")]
pub struct UserRow {
    /// The API's id; empty for an owner of the contract whose address no user is known to have.
    pub id: String,
    /// E-mail address, or the id.
    pub label: String,
    /// First and last name, as far as given.
    pub name: String,
    /// `active`, `inactive`, or `unknown` for somebody whom the list of users does not have.
    pub state: &'static str,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// Whether the user owns the contract.
    pub owner: bool,
    /// Administrator or owner: listed apart.
    pub privileged: bool,
    /// `on`, `off` or `unknown`: whether two-factor authentication is set up. What was on when somebody last knew is unknown.
    pub two_factor: &'static str,
    /// The same in words: `not reported (last known: yes, 2026-11-07)` where it is carried.
    pub two_factor_text: String,
    /// Whether it is demanded.
    pub two_factor_demanded: Option<bool>,
    /// When the user was created; empty if not reported.
    pub created_utc: String,
    /// `known`, `never` or `not-reported`: what the API says about the last sign-in.
    pub sign_in: &'static str,
    /// When the user last signed in; empty if never or not reported.
    pub last_login_utc: String,
    /// Days since then.
    pub last_login_days: Option<i64>,
    /// Active, and not signed in for longer than [`Input::dormant_days`].
    pub dormant: bool,
    /// Active, older than [`NEVER_GRACE_DAYS`], and reported as never signed in.
    pub never_signed_in: bool,
    /// What the answers did not report of the user, in words.
    pub not_reported: Vec<String>,
    /// What a reader should notice about the user, in words.
    pub notes: Vec<&'static str>,
    /// Groups the user is in.
    pub groups: Vec<GroupMention>,
    /// How many privileges the user holds by groups; `None`, here and below, if that was not read.
    pub privileges: Option<u64>,
    /// How many resources are shared with the user.
    pub resources: Option<u64>,
    /// How many resources the user owns.
    pub owned: Option<u64>,
    /// S3 keys that can be used.
    pub keys_usable: Option<u64>,
    /// S3 keys in all.
    pub keys: Option<u64>,
    /// The worst rating of the user's lines.
    pub risk: &'static str,
    /// Lines that the compared snapshot does not have.
    pub new_lines: usize,
    /// Lines that allow more than they did.
    pub widened_lines: usize,
    /// The paths, the riskiest first.
    pub paths: Vec<PathRow>,
    /// Paths left out here; the CSV has them all.
    pub more_paths: usize,
    /// Whether everything behind the user's lines was read to its end.
    pub complete: bool,
}

/// Everything of one kind that a user holds by the same groups.
#[derive(Clone, Debug, Serialize)]
pub struct PathRow {
    /// `privileges`, `shared`, `owns`, `S3 keys`.
    pub kind: &'static str,
    /// The groups it comes through; empty if it is held directly.
    pub via: Vec<GroupMention>,
    /// For shares, what they allow together.
    pub access: &'static str,
    /// The worst rating among them.
    pub risk: &'static str,
    /// What is held, by name.
    pub what: Vec<String>,
    /// How many more there are; the CSV has them all.
    pub more: usize,
}

/// How much of a user's access is spelt out, so that a large contract still gives a page that opens.
#[derive(Clone, Copy)]
struct Room {
    paths: usize,
    names: usize,
}

impl Room {
    fn with(users: usize) -> Self {
        if users > 2_000 { Self { paths: 4, names: 6 } } else { Self { paths: 24, names: 25 } }
    }
}

/// Every user as listed.
pub(super) fn rows(context: &Context<'_>, moved: Option<&[LineChange]>, absence: Absence) -> Vec<UserRow> {
    let mut grants: BTreeMap<&UserId, Vec<(&Grant, Option<LineChange>)>> = BTreeMap::new();
    for (place, grant) in context.view.grants.iter().enumerate() {
        grants.entry(&grant.user).or_default().push((grant, moved.map(|moved| moved[place])));
    }
    let room = Room::with(context.users.len());
    let none = Vec::new();
    context.users.iter().map(|id| row(id, context, grants.get(id).unwrap_or(&none), absence, room)).collect()
}

fn row(
    id: &UserId,
    context: &Context<'_>,
    lines: &[(&Grant, Option<LineChange>)],
    absence: Absence,
    room: Room,
) -> UserRow {
    let user = context.state.users.get(id).map(|held| &held.value);
    let grants: Vec<&Grant> = lines.iter().map(|(grant, _)| *grant).collect();
    let standing = user.map(|user| Standing::of(user, absence)).unwrap_or_default();
    let count = |kind: fn(&Entitlement) -> bool| grants.iter().filter(|grant| kind(&grant.entitlement)).count();
    let moved = |change| lines.iter().filter(|(_, moved)| *moved == Some(change)).count();
    let (paths, more_paths) = paths(&grants, context, room);
    let through = |kinds: &[Kind], known: usize| {
        let is_read = kinds.iter().all(|kind| context.view.coverage.unread(*kind).is_none());
        Count::of(known as u64, is_read).value()
    };
    // Whom the list of users does not have nothing was asked about.
    let own = |scope: Scope, known: usize| match user {
        Some(_) => context.count_in(&scope, known).value(),
        None => Count::of(known as u64, false).value(),
    };
    let keys = |known| own(Scope::Keys(id.clone()), known);
    let owner = context.is_unlisted_owner(id) || user.is_some_and(|user| context.state.is_owner(user));
    let administrator = user.is_some_and(User::is_administrator);
    UserRow {
        id: if context.is_unlisted_owner(id) { String::new() } else { id.to_string() },
        label: context.state.user_label(id).to_owned(),
        name: user.map(|user| user.person.name()).unwrap_or_default(),
        state: user.map_or("unknown", |user| if user.is_usable() { "active" } else { "inactive" }),
        administrator,
        owner,
        privileged: administrator || owner,
        two_factor: user.map_or("unknown", |user| two_factor(context.state, user)),
        two_factor_text: user.map_or_else(|| "unknown".to_owned(), |user| two_factor_text(context, user)),
        two_factor_demanded: user.and_then(|user| user.force_sec_auth),
        created_utc: user.and_then(|user| user.created).map(to_seconds).unwrap_or_default(),
        sign_in: sign_in(user),
        last_login_utc: user.and_then(|user| user.last_login.value().copied()).map(to_seconds).unwrap_or_default(),
        last_login_days: standing.last_login_days,
        dormant: standing.dormant,
        never_signed_in: standing.never_signed_in,
        not_reported: unknown::of_object(context, Kind::User, id.as_str(), None),
        notes: notes(id, user, context),
        groups: context.groups_of(id).into_iter().map(|group| context.mention(group)).collect(),
        privileges: through(&[Kind::Member], count(|entitlement| matches!(entitlement, Entitlement::Privilege(_)))),
        resources: through(
            &[Kind::Member, Kind::Share],
            count(|entitlement| matches!(entitlement, Entitlement::Share(_))),
        ),
        owned: own(Scope::Owns(id.clone()), count(|entitlement| matches!(entitlement, Entitlement::Ownership(_)))),
        keys_usable: keys(context.state.keys_of(id).filter(|key| key.is_usable()).count()),
        keys: keys(context.state.keys_of(id).count()),
        risk: grants.iter().map(|grant| grant.risk).max().unwrap_or(Severity::Info).as_str(),
        new_lines: moved(LineChange::New),
        widened_lines: moved(LineChange::Widened),
        paths,
        more_paths,
        complete: grants.iter().all(|grant| context.rests_on_complete(grant)) && all_read(id, context),
    }
}

/// Whether a user's own scopes and those of their groups were read to their end.
fn all_read(id: &UserId, context: &Context<'_>) -> bool {
    context.is_complete(&Scope::Keys(id.clone()))
        && context.is_complete(&Scope::Owns(id.clone()))
        && context.groups_of(id).into_iter().all(|group| {
            context.is_complete(&Scope::Members(group.clone())) && context.is_complete(&Scope::Shares(group.clone()))
        })
}

fn two_factor_text(context: &Context<'_>, user: &User) -> String {
    match context.state.unknown.last_known(Kind::User, user.id.as_str(), None, "secAuthActive") {
        Some(last_known) => unknown::words(context, user.sec_auth_active, last_known),
        None => two_factor(context.state, user).to_owned(),
    }
}

/// `on`, `off` or `unknown`.
pub(super) fn two_factor(state: &State, user: &User) -> &'static str {
    match state.has_second_factor(user) {
        Some(true) => "on",
        Some(false) => "off",
        None => "unknown",
    }
}

/// `known`, `never` or `not-reported`.
fn sign_in(user: Option<&User>) -> &'static str {
    match user.and_then(User::never_signed_in) {
        Some(true) => "never",
        Some(false) => "known",
        None => "not-reported",
    }
}

/// What absence is measured by.
#[derive(Clone, Copy)]
pub(super) struct Absence {
    /// The instant it is counted to.
    pub(super) as_of: super::Instant,
    /// See [`Input::dormant_days`].
    pub(super) dormant_days: i64,
}

impl Absence {
    /// As the snapshot reported on is measured.
    pub(super) fn now(input: &Input) -> Self {
        Self { as_of: input.as_of, dormant_days: input.dormant_days }
    }
}

/// How long a user has been away.
#[derive(Clone, Copy, Default)]
pub(super) struct Standing {
    pub(super) last_login_days: Option<i64>,
    pub(super) dormant: bool,
    pub(super) never_signed_in: bool,
}

impl Standing {
    pub(super) fn of(user: &User, absence: Absence) -> Self {
        let Absence { as_of, dormant_days } = absence;
        let last_login_days = user.last_login.value().map(|at| days_between(*at, as_of));
        let age = user.created.map(|at| days_between(at, as_of));
        Self {
            last_login_days,
            dormant: user.is_usable() && last_login_days.is_some_and(|days| days > dormant_days),
            never_signed_in: user.is_usable()
                && user.never_signed_in() == Some(true)
                && age.is_some_and(|days| days > NEVER_GRACE_DAYS),
        }
    }
}

fn notes(id: &UserId, user: Option<&User>, context: &Context<'_>) -> Vec<&'static str> {
    let Some(user) = user else {
        let is_owner = context.is_unlisted_owner(id);
        return vec![if is_owner { "no user is known to have this address" } else { "not in the list of users" }];
    };
    let mut notes = Vec::new();
    if context.state.users.get(id).is_some_and(|held| held.seen < context.state.seq) {
        notes.push("shown from an earlier snapshot");
    }
    if user.force_sec_auth == Some(true) && user.sec_auth_active == Some(false) {
        notes.push("2FA demanded, not set up");
    }
    if mixes_scripts(context.state.user_label(id)) || mixes_scripts(&user.person.name()) {
        notes.push("name mixes alphabets");
    }
    notes
}

/// What leads to the things of one path row.
type Route = (u8, Vec<(usize, Option<Access>)>);

/// A user's entitlements put together by where they come from, the riskiest first.
fn paths(grants: &[&Grant], context: &Context<'_>, room: Room) -> (Vec<PathRow>, usize) {
    let mut routes: BTreeMap<Route, Vec<&Grant>> = BTreeMap::new();
    for grant in grants.iter().filter(|grant| kind(&grant.entitlement).is_some()) {
        let mut through: Vec<_> = grant
            .paths
            .iter()
            .filter_map(|path| match &path.via {
                Via::Group(group, access) => Some((context.place(group), *access)),
                Via::Direct | Via::Administrator | Via::ContractOwner => None,
            })
            .collect();
        through.sort_unstable();
        routes.entry((super::line::rank_of(&grant.entitlement), through)).or_default().push(grant);
    }
    let mut routes: Vec<_> = routes
        .into_iter()
        .map(|(route, grants)| (grants.iter().map(|grant| grant.risk).max().unwrap_or(Severity::Info), route, grants))
        .collect();
    routes.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let more = routes.len().saturating_sub(room.paths);
    let rows =
        routes.iter().take(room.paths).map(|(risk, route, grants)| path_row(*risk, route, grants, context, room));
    (rows.collect(), more)
}

fn path_row(risk: Severity, route: &Route, grants: &[&Grant], context: &Context<'_>, room: Room) -> PathRow {
    let mut what: Vec<_> = grants
        .iter()
        .map(|grant| match &grant.entitlement {
            Entitlement::Share(resource) | Entitlement::Ownership(resource) => context.state.resource_label(resource),
            other => other.id(),
        })
        .map(str::to_owned)
        .collect();
    what.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
    let more = what.len().saturating_sub(room.names);
    what.truncate(room.names);
    let access = grants.iter().filter_map(|grant| grant.access).reduce(Access::union);
    PathRow {
        kind: grants.first().and_then(|grant| kind(&grant.entitlement)).unwrap_or_default(),
        via: route
            .1
            .iter()
            .filter_map(|(place, _)| context.groups.get(*place))
            .map(|group| context.mention(group))
            .collect(),
        access: access.map_or("", Access::as_str),
        risk: risk.as_str(),
        what,
        more,
    }
}

fn kind(entitlement: &Entitlement) -> Option<&'static str> {
    match entitlement {
        Entitlement::Privilege(_) => Some("privileges"),
        Entitlement::Share(_) => Some("shared"),
        Entitlement::Ownership(_) => Some("owns"),
        Entitlement::S3Key(_) => Some("S3 keys"),
        Entitlement::ContractOwner | Entitlement::Administrator | Entitlement::Account => None,
    }
}
