//! The certificate of a snapshot for programs that know only text: a row for all scopes of a kind, for each gap, for each attribute
//! that was not reported, and for each notice.

use super::json::Shown;
use super::table::{Table, Value};
use crate::domain::coverage::{Coverage, Effort, ScopeKind};
use crate::domain::notice::Notice;
use crate::domain::time::to_seconds;
use crate::domain::unknown::Unknowns;

const COLUMNS: [&str; 13] = [
    "scope",
    "scopes",
    "complete",
    "pages",
    "items",
    "attempts",
    "first_utc",
    "last_utc",
    "row",
    "id",
    "name",
    "status",
    "reason",
];

/// A row.
#[derive(Default)]
struct Line<'a> {
    row: &'a str,
    scope: &'a str,
    /// How many scopes there were, and how many were complete.
    sums: Option<(u64, u64)>,
    effort: Option<&'a Effort>,
    id: String,
    name: Option<&'a str>,
    status: String,
    reason: String,
}

impl From<Line<'_>> for [Value; 13] {
    fn from(line: Line<'_>) -> Self {
        let Line { row, scope, sums, effort, id, name, status, reason } = line;
        let count = |count: Option<u64>| count.map_or(Value::Nothing, Value::Number);
        let first = effort.and_then(|effort| effort.first_at).map(to_seconds);
        let last = effort.and_then(|effort| effort.last_at).map(to_seconds);
        [
            scope.into(),
            count(sums.map(|(scopes, _)| scopes)),
            count(sums.map(|(_, complete)| complete)),
            count(effort.map(|effort| effort.pages)),
            count(effort.map(|effort| effort.items)),
            count(effort.map(|effort| effort.attempts)),
            first.as_deref().into(),
            last.as_deref().into(),
            row.into(),
            id.into(),
            name.into(),
            status.into(),
            reason.into(),
        ]
    }
}

/// The certificate of a snapshot.
pub(super) fn table(shown: &Shown<'_>) -> Table {
    let mut table = Table::new(&COLUMNS);
    let lines = of_kinds(shown.coverage).chain(of_gaps(shown));
    let lines = lines.chain(of_attributes(shown, shown.unknown)).chain(of_notices(shown, shown.notices));
    lines.for_each(|line| table.push(line.into()));
    table
}

fn of_kinds(coverage: &Coverage) -> impl Iterator<Item = Line<'_>> {
    coverage.kinds.iter().map(|(kind, sum)| Line {
        row: "scopes",
        scope: kind.as_str(),
        sums: Some((sum.scopes, sum.complete)),
        effort: Some(&sum.effort),
        status: if sum.scopes == sum.complete { "complete" } else { "incomplete" }.to_owned(),
        ..Line::default()
    })
}

fn of_gaps<'a>(shown: &Shown<'a>) -> impl Iterator<Item = Line<'a>> {
    let names = shown.names;
    shown.coverage.gaps.iter().map(move |gap| Line {
        row: "gap",
        scope: gap.scope.kind().as_str(),
        effort: Some(&gap.effort),
        id: gap.scope.parent().unwrap_or_default().to_owned(),
        name: names.of_scope(&gap.scope),
        status: gap.status.as_str().to_owned(),
        reason: gap.status.reason().unwrap_or_default().to_owned(),
        ..Line::default()
    })
}

fn of_attributes<'a>(shown: &Shown<'a>, unknown: &'a Unknowns) -> impl Iterator<Item = Line<'a>> {
    let names = shown.names;
    unknown.iter().map(move |(key, attribute, last_known)| Line {
        row: "unknown",
        scope: key.kind.plural(),
        id: [Some(&*key.subject), key.object.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" "),
        name: names.of_fact(key).0,
        status: last_known.map_or_else(|| "never known".to_owned(), |seq| format!("last known in snapshot {seq}")),
        reason: attribute.to_owned(),
        ..Line::default()
    })
}

fn of_notices<'a>(shown: &Shown<'a>, notices: &'a [Notice]) -> impl Iterator<Item = Line<'a>> {
    let names = shown.names;
    notices.iter().map(move |notice| Line {
        row: "notice",
        scope: notice.parts().kind.map_or("", ScopeKind::as_str),
        id: notice.scope().and_then(|scope| scope.parent()).unwrap_or_default().to_owned(),
        name: notice.scope().and_then(|scope| names.of_scope(scope)),
        status: notice.as_str().to_owned(),
        reason: names.beside_ids(&notice.to_string()),
        ..Line::default()
    })
}
