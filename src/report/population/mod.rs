//! The certificate of the population: what was asked and answered, what was not, and what nobody can ask this API.

use std::collections::BTreeSet;

use serde::Serialize;

mod document;
mod line;
mod principal;

pub use self::document::PopulationReport;
pub use self::line::{PopulationLine, What};
pub use self::principal::PrincipalRow;
use super::context::Context;
use super::cover::{is_complete, population_word};
use super::input::{Input, View};
use super::unknown::{self, UnknownCountRow, UnknownRow};
use crate::domain::coverage::{Effort, Gap, Scope, ScopeKind, Status};
use crate::domain::fact::Kind;
use crate::domain::id::Seq;
use crate::domain::notice::Notice;
use crate::domain::severity::Severity;
use crate::domain::state::{Held, State};
use crate::domain::time::to_seconds;

/// What this API cannot tell anybody, so that no report reads silence as "all well".
pub const LIMITS: [(&str, &str); 7] = [
    ("When an S3 key was last used", "A key's age is known, its use is not: an old key may be idle or in daily use."),
    (
        "API tokens of other users",
        "Tokens that users made for themselves give the same access as their passwords and are not listed.",
    ),
    ("The method of two-factor authentication", "Whether a second factor is set up is known, which one is not."),
    ("The age and strength of passwords", "Neither is part of the answers."),
    ("Single sign-on", "Whether a user signs in through another identity provider cannot be seen."),
    (
        "What counts as a sign-in",
        "The time of the last sign-in is shown as the API gives it; whether use of the API counts is not documented. Where it was never reported, not even as never, the user counts neither as dormant nor as never signed in.",
    ),
    ("Access policies on buckets and objects", "Object storage has its own policies, outside of user management."),
];

/// How complete the population is, scope by scope. Times are RFC 3339 in UTC to the second.
#[derive(Clone, Debug, Serialize)]
pub struct Population {
    /// Whether every scope was read to its end.
    pub complete: bool,
    /// `COMPLETE` or `INCOMPLETE`.
    pub word: &'static str,
    /// Scopes there were to read.
    pub scopes: u64,
    /// Scopes that were read to their end.
    pub scopes_complete: u64,
    /// Requests sent, retries included.
    pub attempts: u64,
    /// Whose credentials collected.
    pub principal: PrincipalRow,
    /// The address of the contract's owner, if no user is known to have it; empty otherwise.
    pub unlisted_owner: String,
    /// Sums per kind of scope, in the order they are read.
    pub kinds: Vec<KindRow>,
    /// Scopes that were not complete, and those whose parent vanished during the run.
    pub gaps: Vec<GapRow>,
    /// Attributes that decide about access and were not reported, by object.
    pub unknown: Vec<UnknownRow>,
    /// Every attribute that was not reported, with how many objects lack it.
    pub unknown_counts: Vec<UnknownCountRow>,
    /// What the runs of the period noticed about their own answers, the latest first.
    pub notices: Vec<NoticeRow>,
    /// Counts of the compared snapshot carried on to this one; empty without comparison.
    pub reconciliation: Vec<Reconciled>,
    /// What the API cannot tell.
    pub limits: Vec<Limit>,
}

/// All scopes of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindRow {
    /// The word of the kind.
    pub kind: &'static str,
    /// What was asked, in plain words.
    pub asked: &'static str,
    /// Scopes there were.
    pub scopes: u64,
    /// Scopes that were read to their end.
    pub complete: u64,
    /// Pages that were answered.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// Requests sent, retries included.
    pub attempts: u64,
    /// When the first request was sent; empty if none was.
    pub first_utc: String,
    /// When the last answer was read; empty if none was.
    pub last_utc: String,
}

/// One scope that was not complete.
#[derive(Clone, Debug, Serialize)]
pub struct GapRow {
    /// The word of its kind.
    pub kind: &'static str,
    /// Whose scope: e-mail address, group name or id; empty for the contract's own lists.
    pub of: String,
    /// The id of that user or group.
    pub of_id: String,
    /// `forbidden`, `failed`, `unstable`, `not-attempted` or `gone`.
    pub status: &'static str,
    /// Why it failed, or what the status means.
    pub reason: String,
    /// Pages that were answered.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// Requests sent, retries included.
    pub attempts: u64,
    /// When the first request was sent; empty if none was.
    pub first_utc: String,
    /// When the last answer was read; empty if none was.
    pub last_utc: String,
    /// Whether the gap makes the population incomplete; a parent confirmed gone does not.
    pub counts: bool,
    /// What it means for the reader.
    pub meaning: String,
    /// The snapshot that last proved what is shown instead; `None` if nothing is.
    pub shown_from: Option<u32>,
    /// The end of that snapshot's run; empty if nothing is shown.
    pub shown_from_utc: String,
}

/// One thing that a run noticed about how far its own answers can be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct NoticeRow {
    /// The notice's stable word.
    pub notice: &'static str,
    /// The severity's word.
    pub severity: &'static str,
    /// The snapshot whose run noticed it.
    pub snapshot: u32,
    /// The end of that run.
    pub snapshot_utc: String,
    /// The kind of the scopes it is about; empty if it is about none.
    pub kind: &'static str,
    /// Whose scope: e-mail address, group name or id; empty for the contract's own lists.
    pub of: String,
    /// The id of that user or group.
    pub of_id: String,
    /// One sentence.
    pub what: String,
    /// Whether it stands on the first page: medium or worse.
    pub deserves_a_look: bool,
}

/// One kind of fact, counted from the compared snapshot to this one.
#[derive(Clone, Debug, Serialize)]
pub struct Reconciled {
    /// What is counted.
    pub kind: &'static str,
    /// How many the compared snapshot has; `None` if that was not read.
    pub before: Option<u64>,
    /// How many of this snapshot's are not in the compared one.
    pub appeared: u64,
    /// How many of the compared snapshot's are not in this one.
    pub vanished: u64,
    /// How many this snapshot has by its own sealed count; `None` if that was not read.
    pub after: Option<u64>,
    /// Whether before + appeared − vanished = after.
    pub agrees: bool,
}

/// One thing that the API cannot tell.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// What.
    pub what: &'static str,
    /// What follows from that.
    pub meaning: &'static str,
}

impl Population {
    /// The certificate of the current snapshot, with what the runs of the whole period noticed.
    pub(super) fn of_current(context: &Context<'_>, input: &Input) -> Self {
        let before = input.comparison.as_ref().map(|comparison| &comparison.before);
        Self { notices: notice_rows(input), ..Self::of(context, before) }
    }

    /// The certificate of the context's view, counted on from an earlier one if there is one.
    pub(super) fn of(context: &Context<'_>, before: Option<&View>) -> Self {
        let coverage = &context.view.coverage;
        let (scopes, scopes_complete) = coverage.totals();
        let complete = is_complete(context.view);
        Self {
            complete,
            word: population_word(complete),
            scopes,
            scopes_complete,
            attempts: coverage.attempts(),
            principal: PrincipalRow::of(context.view),
            unlisted_owner: context.unlisted_owner.as_ref().map(ToString::to_string).unwrap_or_default(),
            kinds: coverage
                .kinds
                .iter()
                .map(|(kind, sum)| kind_row(*kind, sum.scopes, sum.complete, sum.effort))
                .collect(),
            gaps: coverage.gaps.iter().map(|gap| gap_row(gap, context)).collect(),
            unknown: unknown::rows(context),
            unknown_counts: unknown::counts(context),
            notices: Vec::new(),
            reconciliation: before.map(|before| reconciled(before, context.view)).unwrap_or_default(),
            limits: LIMITS.map(|(what, meaning)| Limit { what, meaning }).to_vec(),
        }
    }
}

/// What the runs of the period noticed, the latest first.
pub(super) fn notice_rows(input: &Input) -> Vec<NoticeRow> {
    let current = &input.current;
    let time_of = |seq: Seq| {
        let known = input.snapshots.get(&seq).or((seq == current.snapshot.seq).then_some(&current.snapshot));
        known.map(|snapshot| to_seconds(snapshot.finished)).unwrap_or_default()
    };
    let of_one = |seq: Seq, notice: &Notice| {
        let parts = notice.parts();
        NoticeRow {
            notice: notice.as_str(),
            severity: notice.severity().as_str(),
            snapshot: seq.0,
            snapshot_utc: time_of(seq),
            kind: parts.kind.map_or("", ScopeKind::as_str),
            of: notice.scope().map_or("", |scope| owner_of(scope, &current.state)).to_owned(),
            of_id: parts.parent.unwrap_or_default(),
            what: notice.to_string(),
            deserves_a_look: notice.severity() >= Severity::Medium,
        }
    };
    input.notices.iter().rev().flat_map(|(seq, notices)| notices.iter().map(|notice| of_one(*seq, notice))).collect()
}

/// Whose scope it is: e-mail address, name or id; empty for the contract's own lists.
fn owner_of<'a>(scope: &'a Scope, state: &'a State) -> &'a str {
    match scope {
        Scope::Members(group) | Scope::Shares(group) => state.group_label(group),
        Scope::Owns(user) | Scope::Keys(user) | Scope::UserGroups(user) => state.user_label(user),
        Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => "",
    }
}

fn kind_row(kind: ScopeKind, scopes: u64, complete: u64, effort: Effort) -> KindRow {
    KindRow {
        kind: kind.as_str(),
        asked: asked(kind),
        scopes,
        complete,
        pages: effort.pages,
        items: effort.items,
        attempts: effort.attempts,
        first_utc: effort.first_at.map(to_seconds).unwrap_or_default(),
        last_utc: effort.last_at.map(to_seconds).unwrap_or_default(),
    }
}

fn asked(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Contract => "the contract and its owner",
        ScopeKind::Users => "the list of all users",
        ScopeKind::Groups => "the list of all groups with their privileges",
        ScopeKind::Resources => "the list of all resources",
        ScopeKind::Members => "the members of each group",
        ScopeKind::Shares => "what is shared with each group",
        ScopeKind::Owns => "what each user owns",
        ScopeKind::Keys => "the S3 keys of each user",
        ScopeKind::UserGroups => "the groups of each user, to check the members of each group",
    }
}

fn gap_row(gap: &Gap, context: &Context<'_>) -> GapRow {
    let counts = gap.status.is_gap();
    let shown_from = if counts { shown_from(&gap.scope, context.state) } else { None };
    GapRow {
        kind: gap.scope.kind().as_str(),
        of: owner_of(&gap.scope, context.state).to_owned(),
        of_id: gap.scope.parent().unwrap_or_default().to_owned(),
        status: gap.status.as_str(),
        reason: gap.status.reason().unwrap_or_else(|| usual_reason(&gap.status)).to_owned(),
        pages: gap.effort.pages,
        items: gap.effort.items,
        attempts: gap.effort.attempts,
        first_utc: gap.effort.first_at.map(to_seconds).unwrap_or_default(),
        last_utc: gap.effort.last_at.map(to_seconds).unwrap_or_default(),
        counts,
        meaning: meaning(&gap.scope, counts, shown_from),
        shown_from: shown_from.map(|seq| seq.0),
        shown_from_utc: shown_from.map(|seq| context.time_of(seq)).unwrap_or_default(),
    }
}

fn usual_reason(status: &Status) -> &'static str {
    match status {
        Status::Complete => "read to its end",
        Status::Forbidden => "the API refused to answer (403)",
        Status::Gone => "vanished during the run, confirmed by asking for it",
        Status::Failed(_) => "could not be read",
        Status::Unstable => "two readings did not agree",
        Status::NotAttempted => "never asked, because what it depends on could not be read",
        Status::NotApplicable => {
            "the API lists no keys for want of the privilege, which no group of the user has (422); keys made earlier are not \
             excluded"
        }
    }
}

fn meaning(scope: &Scope, counts: bool, shown_from: Option<Seq>) -> String {
    if !counts && scope.kind() == ScopeKind::Keys {
        return "Nothing that is known is missing.".to_owned();
    }
    if !counts {
        return "Nothing is missing.".to_owned();
    }
    let what = match scope.kind() {
        ScopeKind::Contract => "The owner of the contract",
        ScopeKind::Users => "The list of users",
        ScopeKind::Groups => "The list of groups and their privileges",
        ScopeKind::Resources => "The list of resources",
        ScopeKind::Members => "The members of this group",
        ScopeKind::Shares => "What this group can reach",
        ScopeKind::Owns => "What this user owns",
        ScopeKind::Keys => "The S3 keys of this user",
        ScopeKind::UserGroups => return "The groups of this user could not be checked from both sides.".to_owned(),
    };
    match shown_from {
        Some(seq) => format!("{what} may have changed; shown as last proved by snapshot {seq}."),
        None => format!("{what} may be more than is shown: there is no earlier proof to show instead."),
    }
}

/// The newest snapshot that proved anything of what is shown for a scope that was not complete.
fn shown_from(scope: &Scope, state: &State) -> Option<Seq> {
    fn newest<'a, T: 'a>(held: impl Iterator<Item = &'a Held<T>>) -> Option<Seq> {
        held.map(|held| held.seen).max()
    }
    match scope {
        Scope::Contract | Scope::UserGroups(_) => None,
        Scope::Users => newest(state.users.values()),
        Scope::Groups => newest(state.groups.values()),
        Scope::Resources => newest(state.resources.values()),
        Scope::Members(group) => newest(
            state
                .members
                .range((group.clone(), "".into())..)
                .take_while(|((of, _), _)| of == group)
                .map(|(_, held)| held),
        ),
        Scope::Shares(group) => newest(state.shares_of(group)),
        Scope::Owns(user) => newest(
            state.owns.range((user.clone(), "".into())..).take_while(|((of, _), _)| of == user).map(|(_, held)| held),
        ),
        Scope::Keys(user) => newest(state.keys_of(user)),
    }
}

fn reconciled(before: &View, after: &View) -> Vec<Reconciled> {
    fn differences<K: Ord, V>(
        old: &std::collections::BTreeMap<K, V>,
        new: &std::collections::BTreeMap<K, V>,
    ) -> (u64, u64) {
        let (old, new): (BTreeSet<&K>, BTreeSet<&K>) = (old.keys().collect(), new.keys().collect());
        (new.difference(&old).count() as u64, old.difference(&new).count() as u64)
    }
    let (a, b) = (&before.state, &after.state);
    [
        (Kind::User, "users", differences(&a.users, &b.users)),
        (Kind::Group, "groups", differences(&a.groups, &b.groups)),
        (Kind::Resource, "resources", differences(&a.resources, &b.resources)),
        (Kind::Member, "memberships", differences(&a.members, &b.members)),
        (Kind::Share, "shares", differences(&a.shares, &b.shares)),
        (Kind::Own, "ownerships", differences(&a.owns, &b.owns)),
        (Kind::Key, "S3 keys", differences(&a.keys, &b.keys)),
    ]
    .into_iter()
    .map(|(fact, kind, (appeared, vanished))| {
        let (known, known_after) = (before.snapshot.total(fact), after.snapshot.total(fact));
        let agrees = known + appeared == known_after + vanished;
        let count = |view: &View, known| view.coverage.count(fact, known).value();
        Reconciled { kind, before: count(before, known), appeared, vanished, after: count(after, known_after), agrees }
    })
    .collect()
}
