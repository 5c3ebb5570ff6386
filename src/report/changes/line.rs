//! One change as a row: what, how bad, from which snapshot to which, and who is said to have done it.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::domain::change::{Meaning, Stated};
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::report::csv::{Cells, Row};
use crate::report::input::Input;

/// Which of the two views of a period a change is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scene {
    /// The two snapshots put side by side.
    Net,
    /// What came and went between them.
    InBetween,
}

impl Scene {
    /// The word printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::InBetween => "in-between",
        }
    }
}

/// One row of `changes.csv`; `reports/README.md` has every column. Times are RFC 3339 in UTC to the second.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeLine {
    /// The letter `c` and 16 hex digits of SHA-256 over contract, snapshots, class, fact and property.
    pub change_id: String,
    /// The class's stable word.
    pub class: &'static str,
    /// The severity's word.
    pub severity: &'static str,
    /// Net or in between.
    pub view: Scene,
    /// `user`, `group`, `resource`, `key` or `contract`.
    pub object_kind: &'static str,
    /// The API's id.
    pub object_id: String,
    /// E-mail address, name, or the id again.
    pub object_name: String,
    /// The kind of the other side of a relation; empty where there is none.
    pub other_object_kind: &'static str,
    /// Its id.
    pub other_object_id: String,
    /// Its name.
    pub other_object_name: String,
    /// The property that differs, with the API's name; empty where a whole fact began or ended.
    pub field: String,
    /// What was there before.
    pub before: Stated<String>,
    /// What is there after.
    pub after: Stated<String>,
    /// Why the severity is not the usual one of its class.
    pub because: String,
    /// The snapshot compared with.
    pub from_snapshot: u32,
    /// The end of its run.
    pub from_snapshot_utc: String,
    /// The snapshot in which it was seen.
    pub to_snapshot: u32,
    /// The end of its run.
    pub to_snapshot_utc: String,
    /// Who is said to have done it.
    pub actor: String,
    /// The property that says so.
    pub actor_source: &'static str,
    /// The time that property carries.
    pub actor_at_utc: String,
}

impl ChangeLine {
    pub(in crate::report) fn of(change: &Meaning, scene: Scene, input: &Input) -> Self {
        let time = |seq| {
            let known = input.snapshots.get(&seq).or_else(|| {
                let before = input.comparison.as_ref().map(|comparison| &comparison.before.snapshot);
                [Some(&input.current.snapshot), before].into_iter().flatten().find(|snapshot| snapshot.seq == seq)
            });
            known.map(|snapshot: &Snapshot| to_seconds(snapshot.finished)).unwrap_or_default()
        };
        let other = change.object.as_ref();
        let actor = change.actor.as_ref();
        Self {
            change_id: change_id(input.current.snapshot.contract, change),
            class: change.class.as_str(),
            severity: change.severity.as_str(),
            view: scene,
            object_kind: change.subject.what,
            object_id: change.subject.id.clone(),
            object_name: change.subject.label.clone(),
            other_object_kind: other.map_or("", |other| other.what),
            other_object_id: other.map(|other| other.id.clone()).unwrap_or_default(),
            other_object_name: other.map(|other| other.label.clone()).unwrap_or_default(),
            field: change.field.clone(),
            before: change.stated(&change.before).into_owned(),
            after: change.stated(&change.after).into_owned(),
            because: change.because.clone(),
            from_snapshot: change.from.0,
            from_snapshot_utc: time(change.from),
            to_snapshot: change.to.0,
            to_snapshot_utc: time(change.to),
            actor: actor.map(|actor| actor.who.clone()).unwrap_or_default(),
            actor_source: actor.map_or("", |actor| actor.source),
            actor_at_utc: actor.and_then(|actor| actor.at).map(to_seconds).unwrap_or_default(),
        }
    }
}

/// The same change has the same id in every report about the same two snapshots.
pub fn change_id(contract: ContractNumber, change: &Meaning) -> String {
    let text = format!(
        "{contract}|{}|{}|{}|{}|{}|{}|{}",
        change.from,
        change.to,
        change.class,
        change.key.kind,
        change.key.subject,
        change.key.object.as_deref().unwrap_or_default(),
        change.field
    );
    format!("c{}", hex::encode(&Sha256::digest(text)[..8]))
}

impl Row for ChangeLine {
    const COLUMNS: &'static [&'static str] = &[
        "change_id",
        "class",
        "severity",
        "view",
        "object_kind",
        "object_id",
        "object_name",
        "other_object_kind",
        "other_object_id",
        "other_object_name",
        "field",
        "before",
        "after",
        "because",
        "from_snapshot",
        "from_snapshot_utc",
        "to_snapshot",
        "to_snapshot_utc",
        "actor",
        "actor_source",
        "actor_at_utc",
    ];

    fn cells(&self, cells: &mut Cells) {
        cells
            .text(&self.change_id)
            .text(self.class)
            .text(self.severity)
            .text(self.view.as_str())
            .text(self.object_kind)
            .text(&self.object_id)
            .text(&self.object_name)
            .text(self.other_object_kind)
            .text(&self.other_object_id)
            .text(&self.other_object_name)
            .text(&self.field)
            .text(&self.before.to_string())
            .text(&self.after.to_string())
            .text(&self.because)
            .number(self.from_snapshot)
            .time(&self.from_snapshot_utc)
            .number(self.to_snapshot)
            .time(&self.to_snapshot_utc)
            .text(&self.actor)
            .text(self.actor_source)
            .time(&self.actor_at_utc);
    }
}
