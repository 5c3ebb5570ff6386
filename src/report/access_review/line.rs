//! One line of the review: a user, one thing they can do, every path to it, and what a reviewer needs beside it.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::analyse::{GrantComparison, compare};
use crate::domain::fact::Kind;
use crate::domain::grant::{Entitlement, Grant, Path, Via};
use crate::domain::id::{ContractNumber, UserId};
use crate::domain::share::Access;
use crate::domain::time::{days_between, to_seconds};
use crate::domain::user::User;
use crate::report::context::Context;
use crate::report::cover;
use crate::report::input::Input;
use crate::report::joined::Joined;
use crate::report::unknown;

/// One row of `access-review.csv`; `reports/README.md` has every column. Times are RFC 3339 in UTC to the second,
/// ages whole days, and `None` is "the API does not say" or "does not apply".
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are documented once, in reports/README.md, and a test compares the two")]
pub struct Line<'a> {
    pub period: Arc<str>,
    pub snapshot_id: u32,
    pub snapshot_time_utc: Arc<str>,
    pub contract_number: u64,
    pub population: &'static str,
    pub scope_complete: bool,
    pub line_id: String,
    pub user_id: &'a str,
    pub user_email: &'a str,
    pub user_firstname: &'a str,
    pub user_lastname: &'a str,
    pub user_active: Option<bool>,
    pub administrator: Option<bool>,
    pub force_sec_auth: Option<bool>,
    pub sec_auth_active: Option<bool>,
    pub created_utc: Option<String>,
    pub created_by: Option<&'a str>,
    pub last_login_utc: Option<String>,
    pub last_login_days: Option<i64>,
    pub never_logged_in: Option<bool>,
    pub entitlement_type: &'static str,
    pub entitlement_id: &'a str,
    pub entitlement_name: &'a str,
    pub entitlement_detail: &'static str,
    pub access_path: Joined,
    pub granted_by_groups: Joined,
    pub path_count: usize,
    pub resource_type: Option<&'a str>,
    pub resource_id: Option<&'a str>,
    pub resource_name: Option<&'a str>,
    pub sec_auth_protection: Option<bool>,
    pub key_active: Option<bool>,
    pub key_created_utc: Option<String>,
    pub key_age_days: Option<i64>,
    pub risk_rating: &'static str,
    pub first_seen_utc: String,
    pub last_proved_utc: String,
    pub changed_since_last_review: &'static str,
    pub not_reported: Joined,
    /// The paths one by one; only in JSON.
    pub paths: Vec<Step<'a>>,
}

/// One path of a line.
#[derive(Clone, Debug, Serialize)]
pub struct Step<'a> {
    /// `direct`, `administrator`, `contract-owner` or `group`.
    pub via: &'static str,
    /// The group's id, where the path leads through one.
    pub group_id: Option<&'a str>,
    /// The group's name.
    pub group_name: Option<&'a str>,
    /// For a share, what this path allows.
    pub access: Option<&'static str>,
    /// Since when this path has been seen without a break.
    pub since_utc: String,
}

/// All lines of a view: by user as they are listed, then the widest entitlement first, then by name.
pub(super) fn lines(input: &Input) -> impl Iterator<Item = Line<'_>> {
    let context = Context::of(&input.current, &input.snapshots);
    let moved = movements(input);
    let mut order: Vec<usize> = (0..input.current.grants.len()).collect();
    order.sort_by_cached_key(|place| {
        let grant = &input.current.grants[*place];
        let name = entitlement_name(&context, grant).to_lowercase();
        (context.rank(&grant.user), rank_of(&grant.entitlement), name, grant.entitlement.id().to_owned())
    });
    let common = Common {
        period: cover::period(input).into(),
        snapshot_time: to_seconds(input.current.snapshot.finished).into(),
        population: cover::population_word(cover::is_complete(&input.current)),
        as_of: input.as_of,
    };
    order.into_iter().map(move |place| {
        let moved = moved.as_ref().map_or("", |moved| moved.lines[place].as_str());
        line(&input.current.grants[place], moved, &context, &common)
    })
}

/// How every grant of the current view stands against the compared one; `None` without one.
pub(super) fn movements(input: &Input) -> Option<GrantComparison<'_>> {
    let before = &input.comparison.as_ref()?.before;
    Some(compare(&before.grants, &input.current.grants))
}

/// What all lines of a file have in common.
struct Common {
    period: Arc<str>,
    snapshot_time: Arc<str>,
    population: &'static str,
    as_of: chrono::DateTime<chrono::Utc>,
}

fn line<'a>(grant: &'a Grant, moved: &'static str, context: &Context<'a>, common: &Common) -> Line<'a> {
    let snapshot = &context.view.snapshot;
    let user = context.state.users.get(&grant.user).map(|held| &held.value);
    let entitlement = &grant.entitlement;
    let resource_id = match entitlement {
        Entitlement::Share(resource) | Entitlement::Ownership(resource) => Some(resource),
        _ => None,
    };
    let resource = resource_id.and_then(|id| context.state.resources.get(id)).map(|held| &held.value);
    let key = match entitlement {
        Entitlement::S3Key(key) => context.state.keys.get(&(grant.user.clone(), key.clone())),
        _ => None,
    };
    let last_login = user.and_then(|user| user.last_login.value().copied());
    let unlisted_owner = context.is_unlisted_owner(&grant.user).then_some(&grant.user);
    let scope_complete = context.rests_on_complete(grant);
    let proved = if scope_complete { context.state.seq } else { context.last_proved(grant) };
    Line {
        period: Arc::clone(&common.period),
        snapshot_id: snapshot.seq.0,
        snapshot_time_utc: Arc::clone(&common.snapshot_time),
        contract_number: snapshot.contract.0,
        population: common.population,
        scope_complete,
        line_id: line_id(snapshot.contract, grant),
        user_id: if unlisted_owner.is_some() { "" } else { grant.user.as_str() },
        user_email: user
            .and_then(|user| user.person.email.as_deref())
            .or(unlisted_owner.map(UserId::as_str))
            .unwrap_or_default(),
        user_firstname: user.and_then(|user| user.person.firstname.as_deref()).unwrap_or_default(),
        user_lastname: user.and_then(|user| user.person.lastname.as_deref()).unwrap_or_default(),
        user_active: user.and_then(|user| user.active),
        administrator: user.and_then(|user| user.administrator),
        force_sec_auth: user.and_then(|user| user.force_sec_auth),
        sec_auth_active: user.and_then(|user| context.state.has_second_factor(user)),
        created_utc: user.and_then(|user| user.created).map(to_seconds),
        created_by: user.and_then(|user| user.attribution.created_by.as_deref()),
        last_login_utc: last_login.map(to_seconds),
        last_login_days: last_login.map(|at| days_between(at, common.as_of)),
        never_logged_in: user.and_then(User::never_signed_in),
        entitlement_type: entitlement.kind(),
        entitlement_id: entitlement.id(),
        entitlement_name: entitlement_name(context, grant),
        entitlement_detail: entitlement_detail(grant, user, key.map(|key| key.is_usable())),
        access_path: access_path(grant, context),
        granted_by_groups: granted_by_groups(grant, context),
        path_count: grant.paths.len(),
        resource_type: resource.and_then(|resource| resource.kind.as_deref()),
        resource_id: resource_id.map(crate::domain::id::ResourceId::as_str),
        resource_name: resource.and_then(|resource| resource.name.as_deref()),
        sec_auth_protection: resource.and_then(|resource| resource.sec_auth_protection.value().copied()),
        key_active: key.and_then(|key| key.active),
        key_created_utc: key.and_then(|key| key.created).map(to_seconds),
        key_age_days: key.and_then(|key| key.created).map(|at| days_between(at, common.as_of)),
        risk_rating: grant.risk.as_str(),
        first_seen_utc: context.time_of(grant.since),
        last_proved_utc: context.time_of(proved),
        changed_since_last_review: moved,
        not_reported: not_reported(grant, context),
        paths: grant.paths.iter().map(|path| step(path, context)).collect(),
    }
}

/// What the answers did not report of the user, the key and the shares that a line rests on, `; ` between them.
fn not_reported(grant: &Grant, context: &Context<'_>) -> Joined {
    if context.state.unknown.is_empty() {
        return Joined::new(Vec::new(), "; ");
    }
    let user = grant.user.as_str();
    let mut found = unknown::of_object(context, Kind::User, user, None);
    match &grant.entitlement {
        Entitlement::S3Key(key) => found.extend(unknown::of_object(context, Kind::Key, user, Some(key.as_str()))),
        Entitlement::Share(resource) => {
            for path in &grant.paths {
                let Via::Group(group, _) = &path.via else { continue };
                let share = unknown::of_object(context, Kind::Share, group.as_str(), Some(resource.as_str()));
                found.extend(share.into_iter().map(|one| format!("{} {one}", group_name(context, group))));
            }
        }
        Entitlement::Privilege(name) => {
            for path in &grant.paths {
                let Via::Group(group, _) = &path.via else { continue };
                if let Some(at) = context.state.unknown.last_known(Kind::Group, group.as_str(), None, name) {
                    let words = unknown::words(context, Some(true), at);
                    found.push(format!("{} {name}: {words}", group_name(context, group)));
                }
            }
        }
        Entitlement::ContractOwner | Entitlement::Administrator | Entitlement::Ownership(_) | Entitlement::Account => {}
    }
    Joined::new(found, "; ")
}

/// The letter `l` and the first 16 hex digits of SHA-256 over `contract|user id|entitlement type|entitlement id`: the same
/// line has the same id in every snapshot, and no spreadsheet takes it for a number.
fn line_id(contract: ContractNumber, grant: &Grant) -> String {
    let text = format!("{contract}|{}|{}|{}", grant.user, grant.entitlement.kind(), grant.entitlement.id());
    format!("l{}", hex::encode(&Sha256::digest(text)[..8]))
}

/// The order within one user: what reaches furthest first.
pub(super) fn rank_of(entitlement: &Entitlement) -> u8 {
    match entitlement {
        Entitlement::ContractOwner => 0,
        Entitlement::Administrator => 1,
        Entitlement::Privilege(_) => 2,
        Entitlement::Share(_) => 3,
        Entitlement::Ownership(_) => 4,
        Entitlement::S3Key(_) => 5,
        Entitlement::Account => 6,
    }
}

fn entitlement_name<'a>(context: &Context<'a>, grant: &'a Grant) -> &'a str {
    match &grant.entitlement {
        Entitlement::ContractOwner => "contract owner",
        Entitlement::Administrator => "administrator",
        Entitlement::Account => "account",
        Entitlement::Share(resource) | Entitlement::Ownership(resource) => context.state.resource_label(resource),
        Entitlement::Privilege(name) => name,
        Entitlement::S3Key(key) => key.as_str(),
    }
}

fn entitlement_detail(grant: &Grant, user: Option<&User>, key_usable: Option<bool>) -> &'static str {
    use crate::domain::privilege::{Reach, known};
    let usable = |usable: bool| if usable { "active" } else { "disabled" };
    match &grant.entitlement {
        Entitlement::ContractOwner | Entitlement::Administrator => "everything",
        Entitlement::Privilege(name) => match known(name).map(|privilege| privilege.reach) {
            Some(Reach::Ordinary) => "ordinary",
            Some(Reach::Sensitive) => "sensitive",
            Some(Reach::Powerful) => "powerful",
            None => "not classified",
        },
        Entitlement::Share(_) => grant.access.unwrap_or_default().as_str(),
        Entitlement::Ownership(_) => "owner",
        Entitlement::S3Key(_) => key_usable.map_or("", usable),
        Entitlement::Account => user.map_or("", |user| usable(user.is_usable())),
    }
}

/// Every path in words, ` | ` between them: `ann@example.com > Network operations > reserveIp`.
fn access_path(grant: &Grant, context: &Context<'_>) -> Joined {
    let user = context.state.user_label(&grant.user);
    let what = entitlement_name(context, grant);
    let paths = grant.paths.iter().map(|path| match &path.via {
        Via::Direct => format!("{user} > {what}"),
        Via::Administrator if grant.entitlement == Entitlement::Administrator => format!("{user} > {what}"),
        Via::Administrator => format!("{user} > administrator > {what}"),
        Via::ContractOwner if grant.entitlement == Entitlement::ContractOwner => format!("{user} > {what}"),
        Via::ContractOwner => format!("{user} > contract owner > {what}"),
        Via::Group(group, None) => format!("{user} > {} > {what}", group_name(context, group)),
        Via::Group(group, Some(access)) => {
            format!("{user} > {} > {what} ({})", group_name(context, group), access.as_str())
        }
    });
    Joined::new(paths.collect(), " | ")
}

fn granted_by_groups(grant: &Grant, context: &Context<'_>) -> Joined {
    let groups = grant.paths.iter().filter_map(|path| match &path.via {
        Via::Group(group, _) => Some(group_name(context, group)),
        Via::Direct | Via::Administrator | Via::ContractOwner => None,
    });
    Joined::new(groups.collect(), "; ")
}

/// A group's name, with its id behind it where the name alone would not tell.
fn group_name(context: &Context<'_>, group: &crate::domain::id::GroupId) -> String {
    let label = context.state.group_label(group);
    if context.has_namesake(group) { format!("{label} [{group}]") } else { label.to_owned() }
}

fn step<'a>(path: &'a Path, context: &Context<'a>) -> Step<'a> {
    let (via, group, access) = match &path.via {
        Via::Direct => ("direct", None, None),
        Via::Administrator => ("administrator", None, None),
        Via::ContractOwner => ("contract-owner", None, None),
        Via::Group(group, access) => ("group", Some(group), access.map(Access::as_str)),
    };
    Step {
        via,
        group_id: group.map(crate::domain::id::GroupId::as_str),
        group_name: group.map(|group| context.state.group_label(group)),
        access,
        since_utc: context.time_of(path.since),
    }
}
