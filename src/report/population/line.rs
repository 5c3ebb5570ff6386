//! One row of the certificate: the collecting principal, an owner who is not listed, all scopes of a kind, a scope that was
//! not complete, an attribute that was not reported, or a notice.

use serde::Serialize;

use super::principal::role_text;
use super::{Population, PrincipalRow};
use crate::domain::time::to_seconds;
use crate::report::csv::{Cells, Row};
use crate::report::input::Input;
use crate::report::unknown::UnknownRow;

const UNLISTED_OWNER: &str =
    "Owner of the contract. No user is known to have this address, so nothing but the address is known.";

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Whose credentials collected.
    Principal,
    /// The owner of the contract, if no user is known to have the address.
    Owner,
    /// All scopes of one kind.
    Scopes,
    /// One scope that was not complete.
    Gap,
    /// One attribute that decides about access and was not reported.
    Unknown,
    /// One thing that a run noticed.
    Notice,
}

impl What {
    /// The word printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Owner => "owner",
            Self::Scopes => "scopes",
            Self::Gap => "gap",
            Self::Unknown => "unknown",
            Self::Notice => "notice",
        }
    }
}

/// One row of `population.csv`; `reports/README.md` has every column. Times are RFC 3339 in UTC to the second.
#[derive(Clone, Debug, Serialize)]
pub struct PopulationLine {
    /// The contract's number.
    pub contract_number: u64,
    /// `COMPLETE` or `INCOMPLETE`: of the whole snapshot, the same in every row.
    pub population: &'static str,
    /// The snapshot that the row is about.
    pub snapshot_id: u32,
    /// The end of its run.
    pub snapshot_time_utc: String,
    /// What the row is about.
    pub row: What,
    /// The word of the kind of scope; empty for a notice about no scope.
    pub scope_kind: &'static str,
    /// The id of the group or user whose scope it is; empty for all of a kind.
    pub scope_id: String,
    /// Its e-mail address or name.
    pub scope_name: String,
    /// `complete` or `incomplete` for all of a kind; how the scope ended; the notice's word.
    pub status: &'static str,
    /// Why, in words.
    pub reason: String,
    /// The severity of a notice; empty otherwise.
    pub severity: &'static str,
    /// Scopes there were to read.
    pub scopes: Option<u64>,
    /// Scopes that were read to their end.
    pub scopes_complete: Option<u64>,
    /// Pages that were answered.
    pub pages: Option<u64>,
    /// Items in them.
    pub items: Option<u64>,
    /// Requests sent, retries included.
    pub attempts: Option<u64>,
    /// When the first request was sent.
    pub first_utc: String,
    /// When the last answer was read.
    pub last_utc: String,
    /// The snapshot that last proved what is shown for a scope that was not complete.
    pub shown_from_snapshot: Option<u32>,
}

impl PopulationLine {
    /// All rows: principal, unlisted owner, kinds, gaps, unknown attributes, notices.
    pub(super) fn all(input: &Input, population: Population) -> Vec<Self> {
        let snapshot = &input.current.snapshot;
        let blank = Self {
            contract_number: snapshot.contract.0,
            population: population.word,
            snapshot_id: snapshot.seq.0,
            snapshot_time_utc: to_seconds(snapshot.finished),
            row: What::Scopes,
            scope_kind: "",
            scope_id: String::new(),
            scope_name: String::new(),
            status: "",
            reason: String::new(),
            severity: "",
            scopes: None,
            scopes_complete: None,
            pages: None,
            items: None,
            attempts: None,
            first_utc: String::new(),
            last_utc: String::new(),
            shown_from_snapshot: None,
        };
        let principal = Self::of_principal(population.principal, &blank);
        let owner = Self::of_owner(population.unlisted_owner, &blank);
        let kinds = population.kinds.into_iter().map(|kind| Self {
            scope_kind: kind.kind,
            status: if kind.scopes == kind.complete { "complete" } else { "incomplete" },
            reason: kind.asked.to_owned(),
            scopes: Some(kind.scopes),
            scopes_complete: Some(kind.complete),
            pages: Some(kind.pages),
            items: Some(kind.items),
            attempts: Some(kind.attempts),
            first_utc: kind.first_utc,
            last_utc: kind.last_utc,
            ..blank.clone()
        });
        let gaps = population.gaps.into_iter().map(|gap| Self {
            row: What::Gap,
            scope_kind: gap.kind,
            scope_id: gap.of_id,
            scope_name: gap.of,
            status: gap.status,
            reason: gap.reason,
            scopes: Some(1),
            scopes_complete: Some(u64::from(!gap.counts)),
            pages: Some(gap.pages),
            items: Some(gap.items),
            attempts: Some(gap.attempts),
            first_utc: gap.first_utc,
            last_utc: gap.last_utc,
            shown_from_snapshot: gap.shown_from,
            ..blank.clone()
        });
        let unknown = population.unknown.into_iter().map(|one| Self::of_unknown(one, &blank));
        let notices = population.notices.into_iter().map(|notice| Self {
            row: What::Notice,
            snapshot_id: notice.snapshot,
            snapshot_time_utc: notice.snapshot_utc,
            scope_kind: notice.kind,
            scope_id: notice.of_id,
            scope_name: notice.of,
            status: notice.notice,
            reason: notice.what,
            severity: notice.severity,
            ..blank.clone()
        });
        std::iter::once(principal).chain(owner).chain(kinds).chain(gaps).chain(unknown).chain(notices).collect()
    }
}

impl PopulationLine {
    fn of_principal(one: PrincipalRow, blank: &Self) -> Self {
        let role = role_text(&one.role, &one.last_known_role);
        let end = if one.expires_utc.is_empty() { "not known" } else { &one.expires_utc };
        Self {
            row: What::Principal,
            reason: format!("Role: {role}. End of the token: {end}. {}", one.meaning),
            scope_id: one.user_id,
            scope_name: one.who,
            status: one.standing,
            ..blank.clone()
        }
    }

    /// The row of an owner whom no user bears; none without an address.
    fn of_owner(address: String, blank: &Self) -> Option<Self> {
        (!address.is_empty()).then(|| Self {
            row: What::Owner,
            scope_kind: "contract",
            scope_name: address,
            status: "not-listed",
            reason: UNLISTED_OWNER.to_owned(),
            ..blank.clone()
        })
    }

    fn of_unknown(one: UnknownRow, blank: &Self) -> Self {
        Self {
            row: What::Unknown,
            scope_kind: match one.kind {
                "share" => "shares",
                "key" => "keys",
                _ => "users",
            },
            status: "attribute-unknown",
            reason: match &*one.other_id {
                "" => format!("{}: {}", one.attribute, one.what),
                other => format!("{} of {} {other}: {}", one.attribute, one.kind, one.what),
            },
            scope_id: one.of_id,
            scope_name: one.of,
            shown_from_snapshot: one.last_known,
            ..blank.clone()
        }
    }
}

impl Row for PopulationLine {
    const COLUMNS: &'static [&'static str] = &[
        "contract_number",
        "population",
        "snapshot_id",
        "snapshot_time_utc",
        "row",
        "scope_kind",
        "scope_id",
        "scope_name",
        "status",
        "reason",
        "severity",
        "scopes",
        "scopes_complete",
        "pages",
        "items",
        "attempts",
        "first_utc",
        "last_utc",
        "shown_from_snapshot",
    ];

    fn cells(&self, cells: &mut Cells) {
        cells
            .number(self.contract_number)
            .text(self.population)
            .number(self.snapshot_id)
            .time(&self.snapshot_time_utc)
            .text(self.row.as_str())
            .text(self.scope_kind)
            .text(&self.scope_id)
            .text(&self.scope_name)
            .text(self.status)
            .text(&self.reason)
            .text(self.severity)
            .optional_number(self.scopes)
            .optional_number(self.scopes_complete)
            .optional_number(self.pages)
            .optional_number(self.items)
            .optional_number(self.attempts)
            .time(&self.first_utc)
            .time(&self.last_utc)
            .optional_number(self.shown_from_snapshot);
    }
}
