//! A snapshot in a list, and one with everything that is known of its run.

use serde::Serialize;

use super::text;
use crate::cli::names::Names;
use crate::domain::coverage::{Coverage, Effort, Gap, ScopeKind};
use crate::domain::fact::{FactKey, Kind};
use crate::domain::id::Seq;
use crate::domain::notice::Notice;
use crate::domain::principal::{Acceptance, Collector, PrincipalId, Role};
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::domain::unknown::Unknowns;

/// The kinds of facts that are counted, by the name of the field.
const COUNTED: [(Kind, &str); 7] = [
    (Kind::User, "users"),
    (Kind::Group, "groups"),
    (Kind::Member, "members"),
    (Kind::Resource, "resources"),
    (Kind::Share, "shares"),
    (Kind::Own, "owns"),
    (Kind::Key, "keys"),
];

/// A contract whose snapshots were verified.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct VerifiedV1<'a> {
    contract: u64,
    contract_name: Option<&'a str>,
    /// How many snapshots, all of them.
    snapshots: u32,
    /// The number of the newest.
    latest: u32,
    finished_utc: String,
    state_root: &'a str,
}

impl<'a> VerifiedV1<'a> {
    pub(in crate::cli) fn of(latest: &'a Snapshot, contract_name: &'a str) -> Self {
        Self {
            contract: latest.contract.0,
            contract_name: text(contract_name),
            // Snapshots are numbered from 1 without a gap.
            snapshots: latest.seq.0,
            latest: latest.seq.0,
            finished_utc: to_seconds(latest.finished),
            state_root: &latest.root,
        }
    }
}

/// A snapshot. A count is null where nothing was read of what it counts.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct SnapshotV1<'a> {
    contract: u64,
    contract_name: Option<&'a str>,
    snapshot: u32,
    label: Option<&'a str>,
    state: &'a str,
    population: &'a str,
    schedule: &'a str,
    nominal_utc: String,
    started_utc: String,
    finished_utc: String,
    users: Option<u64>,
    groups: Option<u64>,
    members: Option<u64>,
    resources: Option<u64>,
    shares: Option<u64>,
    owns: Option<u64>,
    keys: Option<u64>,
    /// The counts of which not everything was read: there can be more than they say.
    at_least: Vec<&'static str>,
    began: u64,
    ended: u64,
    changed: u64,
    requests: u64,
    state_root: &'a str,
    api: &'a str,
    collector_version: &'a str,
}

impl<'a> SnapshotV1<'a> {
    pub(in crate::cli) fn of(snapshot: &'a Snapshot, contract_name: &'a str) -> Self {
        let count = |kind| snapshot.count(kind).value();
        Self {
            contract: snapshot.contract.0,
            contract_name: text(contract_name),
            snapshot: snapshot.seq.0,
            label: snapshot.label.as_deref(),
            state: snapshot.state.as_str(),
            population: if snapshot.is_complete() { "complete" } else { "INCOMPLETE" },
            schedule: &snapshot.schedule,
            nominal_utc: to_seconds(snapshot.nominal),
            started_utc: to_seconds(snapshot.started),
            finished_utc: to_seconds(snapshot.finished),
            users: count(Kind::User),
            groups: count(Kind::Group),
            members: count(Kind::Member),
            resources: count(Kind::Resource),
            shares: count(Kind::Share),
            owns: count(Kind::Own),
            keys: count(Kind::Key),
            at_least: at_least(snapshot),
            began: snapshot.began,
            ended: snapshot.ended,
            changed: snapshot.changed,
            requests: snapshot.requests,
            state_root: &snapshot.root,
            api: &snapshot.source.api,
            collector_version: &snapshot.source.tool,
        }
    }
}

/// The counts of which not everything was read, by the names of their fields.
pub(in crate::cli) fn at_least(snapshot: &Snapshot) -> Vec<&'static str> {
    COUNTED.into_iter().filter(|(kind, _)| snapshot.unread.contains(kind)).map(|(_, name)| name).collect()
}

/// What is known of a snapshot.
pub(in crate::cli) struct Shown<'a> {
    pub(in crate::cli) snapshot: &'a Snapshot,
    pub(in crate::cli) contract_name: &'a str,
    pub(in crate::cli) coverage: &'a Coverage,
    pub(in crate::cli) collector: Option<&'a Collector>,
    pub(in crate::cli) unknown: &'a Unknowns,
    pub(in crate::cli) notices: &'a [Notice],
    pub(in crate::cli) names: &'a Names,
    /// All snapshots of the contract.
    pub(in crate::cli) snapshots: &'a [Snapshot],
}

/// A snapshot with its coverage, its principal, what was not reported and what its run noticed.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct SnapshotDetailV1<'a> {
    schema: &'static str,
    #[serde(flatten)]
    snapshot: SnapshotV1<'a>,
    /// Null for a snapshot that was sealed before principals were kept.
    principal: Option<PrincipalV1<'a>>,
    scopes: Vec<ScopesV1>,
    /// Scopes that were not read to their end, those that are not applicable, and those whose parent is gone.
    gaps: Vec<GapV1<'a>>,
    not_reported: Vec<UnknownV1<'a>>,
    notices: Vec<NoticeV1<'a>>,
}

#[derive(Debug, Serialize)]
struct PrincipalV1<'a> {
    user_id: Option<&'a str>,
    name: Option<&'a str>,
    /// False if the address is that of no listed user; null if it is not known who collected.
    listed: Option<bool>,
    role: Option<&'a str>,
    contract: Option<u64>,
    token_expires_utc: Option<String>,
    standing: &'static str,
    held_back: u64,
    accepted_by: Option<&'a str>,
    accepted_utc: Option<String>,
}

/// All scopes of one kind.
#[derive(Debug, Serialize)]
struct ScopesV1 {
    scope: &'static str,
    scopes: u64,
    complete: u64,
    not_applicable: u64,
    #[serde(flatten)]
    effort: EffortV1,
}

#[derive(Debug, Serialize)]
struct EffortV1 {
    pages: u64,
    items: u64,
    attempts: u64,
    first_utc: Option<String>,
    last_utc: Option<String>,
}

#[derive(Debug, Serialize)]
struct GapV1<'a> {
    scope: &'static str,
    /// The group or user whose scope it is; null for a list of the contract.
    id: Option<&'a str>,
    name: Option<&'a str>,
    status: &'static str,
    reason: Option<&'a str>,
    /// Whether it makes the population incomplete.
    incomplete: bool,
    #[serde(flatten)]
    effort: EffortV1,
}

/// An attribute of one object that was not reported; its last known value is carried.
#[derive(Debug, Serialize)]
struct UnknownV1<'a> {
    kind: &'static str,
    id: &'a str,
    name: Option<&'a str>,
    other_id: Option<&'a str>,
    other_name: Option<&'a str>,
    attribute: &'a str,
    /// The last snapshot that knew it; null if none did.
    last_known_snapshot: Option<u32>,
    last_known_utc: Option<String>,
}

#[derive(Debug, Serialize)]
struct NoticeV1<'a> {
    notice: &'static str,
    severity: &'static str,
    scope: Option<&'static str>,
    id: Option<&'a str>,
    name: Option<&'a str>,
    text: String,
    before: Option<u64>,
    count: Option<i64>,
    asked: Option<u64>,
    present: Option<u64>,
    detail: Option<serde_json::Value>,
}

impl<'a> SnapshotDetailV1<'a> {
    pub(in crate::cli) fn of(shown: &Shown<'a>) -> Self {
        let Shown { snapshot, contract_name, coverage, collector, unknown, notices, names, snapshots } = *shown;
        Self {
            schema: "keyholder.snapshot/v1",
            snapshot: SnapshotV1::of(snapshot, contract_name),
            principal: collector.map(|collector| PrincipalV1::of(collector, names)),
            scopes: coverage
                .kinds
                .iter()
                .map(|(kind, sum)| ScopesV1 {
                    scope: kind.as_str(),
                    scopes: sum.scopes,
                    complete: sum.complete,
                    not_applicable: sum.not_applicable,
                    effort: EffortV1::of(&sum.effort),
                })
                .collect(),
            gaps: coverage.gaps.iter().map(|gap| GapV1::of(gap, names)).collect(),
            not_reported: unknown
                .iter()
                .map(|(key, attribute, last_known)| UnknownV1::of((key, attribute, last_known), names, snapshots))
                .collect(),
            notices: notices.iter().map(|notice| NoticeV1::of(notice, names)).collect(),
        }
    }
}

impl<'a> PrincipalV1<'a> {
    fn of(collector: &'a Collector, names: &'a Names) -> Self {
        let Collector { principal, standing, held_back, acceptance } = collector;
        let user_id = match &principal.id {
            Some(PrincipalId::User(user)) => Some(user.as_str()),
            Some(PrincipalId::Unlisted { .. }) | None => None,
        };
        let acceptance: Option<&Acceptance> = acceptance.as_ref();
        Self {
            user_id,
            name: user_id.and_then(|user| names.of(Kind::User, user)),
            listed: principal.id.as_ref().map(|id| matches!(id, PrincipalId::User(_))),
            role: principal.role.as_ref().map(Role::as_str),
            contract: principal.contract.map(|contract| contract.0),
            token_expires_utc: principal.expires.map(to_seconds),
            standing: standing.as_str(),
            held_back: *held_back,
            accepted_by: acceptance.map(|acceptance| acceptance.by.as_str()),
            accepted_utc: acceptance.map(|acceptance| to_seconds(acceptance.at)),
        }
    }
}

impl EffortV1 {
    fn of(effort: &Effort) -> Self {
        Self {
            pages: effort.pages,
            items: effort.items,
            attempts: effort.attempts,
            first_utc: effort.first_at.map(to_seconds),
            last_utc: effort.last_at.map(to_seconds),
        }
    }
}

impl<'a> GapV1<'a> {
    fn of(gap: &'a Gap, names: &'a Names) -> Self {
        Self {
            scope: gap.scope.kind().as_str(),
            id: gap.scope.parent(),
            name: names.of_scope(&gap.scope),
            status: gap.status.as_str(),
            reason: gap.status.reason(),
            incomplete: gap.status.is_gap(),
            effort: EffortV1::of(&gap.effort),
        }
    }
}

impl<'a> UnknownV1<'a> {
    fn of(
        (key, attribute, last_known): (&'a FactKey, &'a str, Option<Seq>),
        names: &'a Names,
        snapshots: &[Snapshot],
    ) -> Self {
        let (name, other_name) = names.of_fact(key);
        let known = last_known.and_then(|seq| snapshots.iter().find(|one| one.seq == seq));
        Self {
            kind: key.kind.as_str(),
            id: &key.subject,
            name,
            other_id: key.object.as_deref(),
            other_name,
            attribute,
            last_known_snapshot: last_known.map(|seq| seq.0),
            last_known_utc: known.map(|snapshot| to_seconds(snapshot.finished)),
        }
    }
}

impl<'a> NoticeV1<'a> {
    fn of(notice: &'a Notice, names: &'a Names) -> Self {
        let parts = notice.parts();
        let scope = notice.scope();
        Self {
            notice: notice.as_str(),
            severity: notice.severity().as_str(),
            scope: parts.kind.map(ScopeKind::as_str),
            id: scope.and_then(|scope| scope.parent()),
            name: scope.and_then(|scope| names.of_scope(scope)),
            text: names.beside_ids(&notice.to_string()),
            before: parts.before,
            count: parts.count,
            asked: parts.asked,
            present: parts.present,
            detail: parts.detail.and_then(|detail| serde_json::from_str(&detail).ok()),
        }
    }
}
