//! From facts that differ to what that means: one line per property, with class, severity, before and after.
//!
//! Nothing is dropped: what has no class of its own becomes `other`. Only known values are compared. `docs/changes.md` has the table of severities.

mod around;
mod owns;
mod properties;
mod relations;
mod scene;
mod things;
mod users;
pub mod weight;

use crate::domain::body::BodyError;
use crate::domain::change::{Change, Meaning, Op};
use crate::domain::fact::Kind;
use crate::domain::id::Seq;
use crate::domain::state::State;
use crate::domain::unknown;

pub use around::around;
use scene::Scene;

/// A change that cannot be understood: the store holds something that this program did not write.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// The body is not one of such a fact.
    #[error("understand the change of {fact}")]
    Body {
        /// Which fact, as `kind subject object`.
        fact: String,
        /// The reason.
        #[source]
        source: BodyError,
    },
    /// A fact of a kind that has a body came without one.
    #[error("understand the change of {fact}: the body {side} is missing")]
    NoBody {
        /// Which fact, as `kind subject object`.
        fact: String,
        /// `before` or `after`.
        side: &'static str,
    },
    /// A relation came without its object.
    #[error("understand the change of {fact}: a relation needs an object")]
    NoObject {
        /// Which fact, as `kind subject`.
        fact: String,
    },
}

/// What changes mean: at least one line per change that is more than a property becoming known, most severe first, independent of the order of `changes`.
///
/// `before` and `after` are the states that were compared: names, actors and severities come from the state in which
/// an object exists, so from `before` for what ended. `from` is the snapshot that was compared with; the snapshot of a
/// line is the one of its change.
///
/// An ownership that moves from one user to another is one line for both of its changes.
pub fn meanings(changes: &[Change], before: &State, after: &State, from: Seq) -> Result<Vec<Meaning>, AnalyseError> {
    let scene = Scene::new(changes, before, after, from);
    let mut found = Vec::with_capacity(changes.len());
    for change in changes {
        let lines = found.len();
        match change.key.kind {
            Kind::Contract => things::contract(&scene, change, &mut found)?,
            Kind::User => users::user(&scene, change, &mut found)?,
            Kind::Group => things::group(&scene, change, &mut found)?,
            Kind::Resource => things::resource(&scene, change, &mut found)?,
            Kind::Member => relations::member(&scene, change, &mut found)?,
            Kind::Share => relations::share(&scene, change, &mut found)?,
            Kind::Key => relations::key(&scene, change, &mut found)?,
            // Taken together below: two changes of one resource may be one transfer.
            Kind::Own => continue,
        }
        if found.len() == lines && !is_only_learned(change)? {
            found.push(scene.unknown_difference(change)?);
        }
    }
    owns::owns(&scene, changes, &mut found)?;
    sort(&mut found);
    Ok(found)
}

/// Whether a change only says of properties what nobody knew before.
fn is_only_learned(change: &Change) -> Result<bool, AnalyseError> {
    match (change.op, &change.before, &change.after) {
        (Op::Changed, Some(before), Some(after)) => unknown::is_only_learned(change.key.kind, before, after)
            .map_err(|source| AnalyseError::Body { fact: scene::fact(&change.key), source }),
        _ => Ok(false),
    }
}

/// Puts lines in their order: severity descending, class, subject, object, field, and whatever else tells two apart.
pub(super) fn sort(lines: &mut [Meaning]) {
    lines.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.class.cmp(&b.class))
            .then_with(|| a.subject.label.cmp(&b.subject.label))
            .then_with(|| a.subject.cmp(&b.subject))
            .then_with(|| a.object.cmp(&b.object))
            .then_with(|| a.field.cmp(&b.field))
            .then_with(|| a.key.cmp(&b.key))
            .then_with(|| a.to.cmp(&b.to))
            .then_with(|| a.before.cmp(&b.before))
            .then_with(|| a.after.cmp(&b.after))
    });
}
