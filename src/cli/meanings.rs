//! Changes as a list: shared by `diff` and `history`.

use super::table::{ListFormat, Table, Value};
use crate::app::search::Namesakes;
use crate::domain::change::{Class, Meaning, Stated};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::report::changes::change_id;

/// Where a line of a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Two snapshots side by side.
    Net,
    /// What came and went between them.
    InBetween,
    /// What happened in one snapshot.
    Event,
    /// What was there in the first snapshot.
    Baseline,
}

impl View {
    /// The word printed.
    fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::InBetween => "in-between",
            Self::Event => "event",
            Self::Baseline => "baseline",
        }
    }
}

/// A line of a list.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) view: View,
    pub(super) meaning: Meaning,
}

/// What lines are shown with.
pub(super) struct Beside<'a> {
    /// When snapshots ended.
    pub(super) snapshots: &'a [Snapshot],
    /// The contract, and what the configuration calls it.
    pub(super) contract: (ContractNumber, &'a str),
    /// Names that several objects share; only a table for people needs them.
    pub(super) namesakes: Namesakes,
}

/// A list without lines, where there is nothing to show them with.
pub(super) fn none() -> Table {
    Table::new(&FOR_PROGRAMS)
}

/// One row per line, in the order given. A table has the columns that fit a terminal, the other formats have all.
pub(super) fn table(lines: &[Line], beside: &Beside<'_>, format: ListFormat) -> Table {
    if format == ListFormat::Table { for_people(lines, beside) } else { for_programs(lines, beside) }
}

fn for_people(lines: &[Line], beside: &Beside<'_>) -> Table {
    let mut table = Table::new(&["severity", "change", "what", "detail", "snapshot"]);
    for Line { view, meaning } in lines {
        let label = |object| beside.namesakes.label(object);
        let object = meaning.object.as_ref().map(|object| format!(" / {}", label(object))).unwrap_or_default();
        let day = date(meaning.to, beside.snapshots).split('T').next().map(str::to_owned).unwrap_or_default();
        let (severity, change) = match view {
            View::Baseline => ("", "at the first snapshot".to_owned()),
            _ => (meaning.severity.as_str(), meaning.class.title()),
        };
        table.push([
            severity.into(),
            change.into(),
            format!("{}{object}", label(&meaning.subject)).into(),
            detail(meaning).into(),
            format!("{} ({day})", meaning.to).into(),
        ]);
    }
    table
}

/// `administrator: false → true`; what a fact held alone does not say, its class does.
fn detail(meaning: &Meaning) -> String {
    let step = match (meaning.before.as_str(), meaning.after.as_str()) {
        ("", "") => String::new(),
        ("", after) => after.to_owned(),
        (before, "") => format!("was {before}"),
        (before, after) => format!("{before} → {after}"),
    };
    if meaning.field.is_empty() || step.is_empty() {
        return format!("{}{step}", meaning.field);
    }
    if meaning.class == Class::FirstSeen {
        return format!("{}: {step}, never reported before", meaning.field);
    }
    format!("{}: {step}", meaning.field)
}

const FOR_PROGRAMS: [&str; 23] = [
    "change_id",
    "severity",
    "change",
    "view",
    "what",
    "object_kind",
    "object_id",
    "with",
    "other_object_kind",
    "other_object_id",
    "field",
    "before",
    "after",
    "because",
    "from_utc",
    "from_snapshot",
    "seen_utc",
    "snapshot",
    "actor",
    "actor_source",
    "actor_at_utc",
    "contract",
    "contract_name",
];

fn for_programs(lines: &[Line], beside: &Beside<'_>) -> Table {
    let mut table = Table::new(&FOR_PROGRAMS);
    for Line { view, meaning } in lines {
        let (number, name) = beside.contract;
        let (object, actor) = (meaning.object.as_ref(), meaning.actor.as_ref());
        let is_baseline = *view == View::Baseline;
        let from = (!is_baseline).then_some(meaning.from);
        table.push([
            change_id(number, meaning).into(),
            if is_baseline { Value::Nothing } else { meaning.severity.as_str().into() },
            if is_baseline { "present".into() } else { meaning.class.as_str().into() },
            view.as_str().into(),
            meaning.subject.label.as_str().into(),
            meaning.subject.what.into(),
            meaning.subject.id.as_str().into(),
            object.map(|object| object.label.as_str()).into(),
            object.map(|object| object.what).into(),
            object.map(|object| object.id.as_str()).into(),
            Some(meaning.field.as_str()).filter(|field| !field.is_empty()).into(),
            meaning.stated(&meaning.before).into(),
            meaning.stated(&meaning.after).into(),
            Some(meaning.because.as_str()).filter(|because| !because.is_empty()).into(),
            from.map(|seq| date(seq, beside.snapshots)).as_deref().into(),
            from.map_or(Value::Nothing, |seq| u64::from(seq.0).into()),
            date(meaning.to, beside.snapshots).into(),
            u64::from(meaning.to.0).into(),
            actor.map(|actor| actor.who.as_str()).into(),
            actor.map(|actor| actor.source).into(),
            actor.and_then(|actor| actor.at).map(to_seconds).as_deref().into(),
            number.0.into(),
            Some(name).filter(|name| !name.is_empty()).into(),
        ]);
    }
    table
}

impl From<Stated<&str>> for Value {
    fn from(stated: Stated<&str>) -> Self {
        match stated {
            Stated::Nothing => Self::Nothing,
            Stated::Flag(flag) => Self::Flag(flag),
            Stated::Number(number) => Self::Integer(number),
            Stated::Text(text) => text.into(),
        }
    }
}

fn date(seq: Seq, snapshots: &[Snapshot]) -> String {
    snapshots.iter().find(|one| one.seq == seq).map(|one| to_seconds(one.finished)).unwrap_or_default()
}
