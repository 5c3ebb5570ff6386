//! Changes as a list: shared by `diff` and `history`.

use super::table::{ListFormat, Table};
use crate::domain::change::{Class, Meaning};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;

/// One row per change, in the order given. `dates` tells when a snapshot ended, `contract` is its
/// number and name. A table has the columns that fit a
/// terminal, the other formats have all.
pub(super) fn table(
    meanings: &[Meaning],
    dates: &[Snapshot],
    contract: (ContractNumber, &str),
    format: ListFormat,
) -> Table {
    if format == ListFormat::Table { for_people(meanings, dates) } else { for_programs(meanings, dates, contract) }
}

fn for_people(meanings: &[Meaning], dates: &[Snapshot]) -> Table {
    let mut table = Table::new(&["severity", "change", "what", "detail", "snapshot"]);
    for meaning in meanings {
        let object = meaning.object.as_ref().map(|object| format!(" / {}", object.label)).unwrap_or_default();
        let day = date(meaning.to, dates).split('T').next().map(str::to_owned).unwrap_or_default();
        table.push([
            meaning.severity.as_str().into(),
            meaning.class.title().into(),
            format!("{}{object}", meaning.subject.label).into(),
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

fn for_programs(meanings: &[Meaning], dates: &[Snapshot], (number, name): (ContractNumber, &str)) -> Table {
    let mut table = Table::new(&[
        "severity",
        "change",
        "what",
        "with",
        "field",
        "before",
        "after",
        "seen_utc",
        "snapshot",
        "actor",
        "contract",
        "contract_name",
    ]);
    for meaning in meanings {
        table.push([
            meaning.severity.as_str().into(),
            meaning.class.as_str().into(),
            meaning.subject.label.as_str().into(),
            meaning.object.as_ref().map(|object| object.label.as_str()).unwrap_or_default().into(),
            meaning.field.as_str().into(),
            meaning.before.as_str().into(),
            meaning.after.as_str().into(),
            date(meaning.to, dates).into(),
            u64::from(meaning.to.0).into(),
            meaning.actor.as_ref().map(|actor| actor.who.as_str()).unwrap_or_default().into(),
            number.to_string().into(),
            name.into(),
        ]);
    }
    table
}

fn date(seq: Seq, snapshots: &[Snapshot]) -> String {
    snapshots.iter().find(|one| one.seq == seq).map(|one| to_seconds(one.finished)).unwrap_or_default()
}
