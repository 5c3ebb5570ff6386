//! One property before and after: how it is written, and what it means for a boolean to flip.

use std::collections::BTreeSet;

use super::scene::Draft;
use super::weight::Weight;
use crate::domain::body::{Extra, Extras};
use crate::domain::change::Class;
use crate::domain::severity::Severity;

/// What became of a boolean that counts as on only if the API says `true`.
pub(super) enum Flip {
    /// It is on now.
    On,
    /// It is not on any more, whether switched off or not told any more.
    Off,
    /// Off before and after, but told differently.
    Worded,
    /// Nothing.
    Same,
}

/// Compares two values of a boolean that counts as on only if the API says `true`.
pub(super) fn flip(before: Option<bool>, after: Option<bool>) -> Flip {
    match (before == Some(true), after == Some(true)) {
        (false, true) => Flip::On,
        (true, false) => Flip::Off,
        _ if before != after => Flip::Worded,
        _ => Flip::Same,
    }
}

/// Compares two values of `active`, which counts as on unless the API says `false`.
pub(super) fn flip_active(before: Option<bool>, after: Option<bool>) -> Flip {
    match (before == Some(false), after == Some(false)) {
        (true, false) => Flip::On,
        (false, true) => Flip::Off,
        _ if before != after => Flip::Worded,
        _ => Flip::Same,
    }
}

/// A boolean as text; empty if the API does not tell.
pub(super) fn truth(value: Option<bool>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Text, or nothing.
pub(super) fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

/// A property without a class of its own, if it differs.
pub(super) fn other(field: &str, before: String, after: String, weight: Weight) -> Option<Draft> {
    (before != after).then(|| Draft { class: Class::Other, weight, field: field.to_owned(), before, after })
}

/// A boolean that is off before and after but told differently.
pub(super) fn worded(field: &str, before: Option<bool>, after: Option<bool>) -> Option<Draft> {
    other(field, truth(before), truth(after), Weight::usual(Class::Other))
}

/// Properties this version does not know: always `other`, low where something was switched on.
pub(super) fn extras(before: &Extras, after: &Extras) -> Vec<Draft> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let switched_on =
                before.get(name) != Some(&Extra::Bool(true)) && after.get(name) == Some(&Extra::Bool(true));
            let weight = if switched_on {
                Weight::of(Severity::Low, "a property this version does not know was switched on")
            } else {
                Weight::usual(Class::Other)
            };
            Draft {
                class: Class::Other,
                weight,
                field: name.clone(),
                before: before.get(name).map_or_else(String::new, extra),
                after: after.get(name).map_or_else(String::new, extra),
            }
        })
        .collect()
}

fn extra(value: &Extra) -> String {
    match value {
        Extra::Bool(value) => value.to_string(),
        Extra::Integer(value) => value.to_string(),
        Extra::Number { number } => number.clone(),
        Extra::Text { length } => format!("text of {length} bytes"),
        Extra::Nested { nested } => nested.clone(),
        #[cfg(feature = "unredacted")]
        Extra::Verbatim { text } => text.clone(),
    }
}

/// A property that cannot change while the object stays the same one.
pub(super) fn fixed(field: &str, before: String, after: String) -> Option<Draft> {
    // Told later than the object, or not told any more: the API leaves properties out as it likes.
    let weight = if before.is_empty() || after.is_empty() {
        Weight::usual(Class::Other)
    } else {
        Weight::of(Severity::Low, "this property does not change while an object stays the same one")
    };
    other(field, before, after, weight)
}

/// Words in a row.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}
