//! Changes as they are read: by severity, with what merely follows from a removal folded below it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::{ChangeLine, Scene};
use crate::domain::change::{Class, Meaning};
use crate::domain::id::Seq;
use crate::domain::severity::Severity;
use crate::report::chart::{Amount, Tone};
use crate::report::input::Input;

/// A list of changes, the most severe first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// How many there are, consequences included.
    pub total: usize,
    /// How many of each severity, consequences included; all five, the most severe first.
    pub by_severity: Vec<Amount>,
    /// The changes by severity; only severities that occur.
    pub groups: Vec<SeverityGroup>,
}

/// Changes of one severity.
#[derive(Clone, Debug, Serialize)]
pub struct SeverityGroup {
    /// The severity's word.
    pub severity: &'static str,
    /// The changes, in the order the comparison gave them.
    pub changes: Vec<Item>,
}

/// A change, and what followed from it.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    /// The class in words: `administrator gained`.
    pub title: String,
    /// The change.
    #[serde(flatten)]
    pub line: ChangeLine,
    /// Endings that follow from this one: memberships of a removed group, keys of a removed user.
    pub consequences: Vec<Consequence>,
}

/// An ending that follows from another.
#[derive(Clone, Debug, Serialize)]
pub struct Consequence {
    /// The class in words.
    pub title: String,
    /// The change.
    #[serde(flatten)]
    pub line: ChangeLine,
}

/// A parent that vanished: its kind and id, and the snapshot in which it was missed.
type Cause<'a> = (&'static str, &'a str, Seq);

impl Changes {
    pub(in crate::report) fn of(changes: &[Meaning], scene: Scene, input: &Input) -> Self {
        let causes: BTreeMap<Cause<'_>, usize> =
            changes.iter().enumerate().filter_map(|(place, change)| Some((cause(change)?, place))).collect();
        let mut below: BTreeMap<usize, Vec<Consequence>> = BTreeMap::new();
        let mut own = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            match followed_from(change, &causes) {
                Some(cause) => below
                    .entry(cause)
                    .or_default()
                    .push(Consequence { title: change.class.title(), line: ChangeLine::of(change, scene, input) }),
                None => own.push(place),
            }
        }
        let groups = Severity::DESCENDING.map(|severity| SeverityGroup {
            severity: severity.as_str(),
            changes: own
                .iter()
                .filter(|place| changes[**place].severity == severity)
                .map(|place| Item {
                    title: changes[*place].class.title(),
                    line: ChangeLine::of(&changes[*place], scene, input),
                    consequences: below.remove(place).unwrap_or_default(),
                })
                .collect(),
        });
        Self {
            total: changes.len(),
            by_severity: by_severity(changes),
            groups: groups.into_iter().filter(|group| !group.changes.is_empty()).collect(),
        }
    }
}

fn by_severity(changes: &[Meaning]) -> Vec<Amount> {
    Severity::DESCENDING
        .map(|severity| {
            let count = changes.iter().filter(|change| change.severity == severity).count();
            Amount::of(severity.as_str(), count as u64, Tone::from(severity))
        })
        .to_vec()
}

/// Whether a change takes others with it: a vanished user, group or resource.
fn cause(change: &Meaning) -> Option<Cause<'_>> {
    let kind = match change.class {
        Class::UserRemoved => "user",
        Class::GroupRemoved => "group",
        Class::ResourceVanished => "resource",
        _ => return None,
    };
    Some((kind, change.subject.id.as_str(), change.to))
}

/// The vanished parent that explains an ending, if there is one. Only endings are folded, never anything that began.
fn followed_from(change: &Meaning, causes: &BTreeMap<Cause<'_>, usize>) -> Option<usize> {
    let ended = match change.class {
        Class::MemberRemoved | Class::ShareRemoved | Class::KeyRemoved => true,
        Class::OwnerChanged => change.after.is_empty(),
        _ => false,
    };
    if !ended {
        return None;
    }
    let sides = [Some(&change.subject), change.object.as_ref()];
    sides.into_iter().flatten().find_map(|side| causes.get(&(side.what, side.id.as_str(), change.to)).copied())
}
