//! Changes as a list: shared by `diff` and `history`.

use super::table::Table;
use crate::domain::change::Meaning;
use crate::domain::id::Seq;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;

/// One row per change, in the order given. `dates` tells when a snapshot ended.
pub(super) fn table(meanings: &[Meaning], dates: &[Snapshot]) -> Table {
    let mut table = Table::new(&[
        "severity", "change", "what", "with", "field", "before", "after", "seen_utc", "snapshot", "actor",
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
        ]);
    }
    table
}

fn date(seq: Seq, snapshots: &[Snapshot]) -> String {
    snapshots.iter().find(|one| one.seq == seq).map(|one| to_seconds(one.finished)).unwrap_or_default()
}
