//! What changed ownerships mean, taken together per resource: lost by one and gained by another is one transfer.

use std::collections::BTreeMap;

use super::AnalyseError;
use super::properties::list;
use super::relations::consequence;
use super::scene::{Draft, Frame, Scene, Side, object};
use super::weight::Weight;
use crate::domain::change::{Change, Class, Meaning, Op};
use crate::domain::fact::Kind;
use crate::domain::id::Seq;
use crate::domain::severity::Severity;

/// Ownerships of one resource that began and ended in one snapshot.
#[derive(Default)]
struct Transfer<'a> {
    gained: Vec<&'a Change>,
    lost: Vec<&'a Change>,
}

/// The lines of all ownership facts among the changes: the resource is the subject, the owner the object.
pub(super) fn owns(scene: &Scene<'_>, changes: &[Change], out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let mut transfers: BTreeMap<(Seq, &str), Transfer<'_>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.key.kind == Kind::Own) {
        let resource = object(change)?;
        match change.op {
            Op::Began => transfers.entry((change.seq, resource)).or_default().gained.push(change),
            Op::Ended => transfers.entry((change.seq, resource)).or_default().lost.push(change),
            // Nobody knows whose it was before, so it is no transfer.
            Op::FirstSeen => out.push(gained(scene, change, resource)),
            Op::Changed => out.push(scene.unknown_difference(change)?),
        }
    }
    for ((_, resource), mut transfer) in transfers {
        transfer.gained.sort_by(|a, b| a.key.cmp(&b.key));
        transfer.lost.sort_by(|a, b| a.key.cmp(&b.key));
        if transfer.gained.is_empty() || transfer.lost.is_empty() {
            out.extend(transfer.gained.iter().map(|change| gained(scene, change, resource)));
            out.extend(transfer.lost.iter().map(|change| lost(scene, change, resource)));
        } else {
            out.push(moved(scene, &transfer, resource));
        }
    }
    Ok(())
}

fn moved(scene: &Scene<'_>, transfer: &Transfer<'_>, resource: &str) -> Meaning {
    let owners = |changes: &[&Change], side| {
        let labels: Vec<String> =
            changes.iter().map(|change| scene.named_user(side, &change.key.subject).label).collect();
        list(labels.iter().map(String::as_str))
    };
    let draft = Draft {
        class: Class::OwnerChanged,
        weight: Weight::usual(Class::OwnerChanged),
        field: String::new(),
        before: owners(&transfer.lost, Side::Before),
        after: owners(&transfer.gained, Side::After),
    };
    line(scene, transfer.gained[0], resource, Side::After, draft)
}

fn gained(scene: &Scene<'_>, change: &Change, resource: &str) -> Meaning {
    let weight = if scene.came(change, Kind::Resource, resource) {
        Weight::of(Severity::Info, "the resource is new")
    } else {
        Weight::usual(Class::OwnerChanged)
    };
    let owner = scene.named_user(Side::After, &change.key.subject).label;
    line(scene, change, resource, Side::After, Draft::began(Class::OwnerChanged, weight, owner))
}

fn lost(scene: &Scene<'_>, change: &Change, resource: &str) -> Meaning {
    let weight = if let Some(weight) = consequence(scene, change, &[(Kind::Resource, resource)]) {
        weight
    } else if scene.went(change, Kind::User, &change.key.subject) {
        Weight::of(Severity::Low, "the user was removed, and nobody else became owner")
    } else {
        Weight::usual(Class::OwnerChanged).noting("nobody else became owner")
    };
    let owner = scene.named_user(Side::Before, &change.key.subject).label;
    line(scene, change, resource, Side::Before, Draft::ended(Class::OwnerChanged, weight, owner))
}

fn line(scene: &Scene<'_>, change: &Change, resource: &str, side: Side, draft: Draft) -> Meaning {
    let frame = Frame {
        subject: scene.named_resource(side, resource),
        object: Some(scene.named_user(side, &change.key.subject)),
        actor: None,
    };
    scene.line(change, &frame, draft)
}
