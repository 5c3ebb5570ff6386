//! One property before and after: how it is written, and what it means for a boolean to flip. Unknown is not a value: only
//! known ones are compared.

use super::scene::Draft;
use super::weight::Weight;
use crate::domain::body::{Extra, Extras};
use crate::domain::change::Class;
use crate::domain::severity::Severity;
use crate::domain::unknown::Nullable;

/// What became of a boolean of which only known values are compared.
pub(super) enum Flip {
    /// It was off and is on.
    On,
    /// It was on and is off.
    Off,
    /// It was never known, and is on.
    Learned,
    /// Nothing that counts.
    Same,
}

/// Compares two values of a boolean; `None` is unknown.
pub(super) fn flip(before: Option<bool>, after: Option<bool>) -> Flip {
    match (before, after) {
        (Some(false), Some(true)) => Flip::On,
        (Some(true), Some(false)) => Flip::Off,
        (None, Some(true)) => Flip::Learned,
        _ => Flip::Same,
    }
}

/// The line of a boolean that went on or off.
pub(super) fn flag(
    field: &str,
    before: Option<bool>,
    after: Option<bool>,
    meaning: impl FnOnce(bool) -> (Class, Weight),
) -> Option<Draft> {
    let on = match flip(before, after) {
        Flip::On => true,
        Flip::Off => false,
        Flip::Learned | Flip::Same => return None,
    };
    let (class, weight) = meaning(on);
    Some(Draft { class, weight, field: field.to_owned(), before: truth(before), after: truth(after) })
}

/// The line of a boolean that gives power while it is on: it counts as seen for the first time where it was never known.
pub(super) fn power(
    field: &str,
    before: Option<bool>,
    after: Option<bool>,
    meaning: impl FnOnce(bool) -> (Class, Weight),
) -> Option<Draft> {
    match flip(before, after) {
        Flip::Learned => Some(learned(field, meaning(true).1, truth(after))),
        Flip::On | Flip::Off | Flip::Same => flag(field, before, after, meaning),
    }
}

/// A property that was never known and gives power.
pub(super) fn learned(field: &str, weight: Weight, after: String) -> Draft {
    Draft { class: Class::FirstSeen, weight: weight.learned(), field: field.to_owned(), before: String::new(), after }
}

/// A boolean as text; empty if it is not known.
pub(super) fn truth(value: Option<bool>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Text, or nothing.
pub(super) fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

/// A property without a class of its own, if both values are known and differ.
pub(super) fn other(field: &str, before: Option<&str>, after: Option<&str>, weight: Weight) -> Option<Draft> {
    let (before, after) = before.zip(after).filter(|(before, after)| before != after)?;
    let (before, after) = (before.to_owned(), after.to_owned());
    Some(Draft { class: Class::Other, weight, field: field.to_owned(), before, after })
}

/// Text whose null is a value: the empty one.
pub(super) fn nullable(value: &Nullable<String>) -> Option<&str> {
    match value {
        Nullable::NotReported => None,
        Nullable::Null => Some(""),
        Nullable::Value(value) => Some(value),
    }
}

/// Properties this version does not know: `other` where two known values differ, and low where one is switched on.
pub(super) fn extras(before: &Extras, after: &Extras) -> Vec<Draft> {
    let switched_on = || Weight::of(Severity::Low, "a property this version does not know was switched on");
    after
        .iter()
        .filter_map(|(name, value)| match (before.get(name), value) {
            (None, Extra::Bool(true)) => Some(learned(name, switched_on(), extra(value))),
            (None, _) => None,
            (Some(before), Extra::Bool(true)) => other(name, Some(&extra(before)), Some(&extra(value)), switched_on()),
            (Some(before), _) => other(name, Some(&extra(before)), Some(&extra(value)), Weight::usual(Class::Other)),
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
pub(super) fn fixed(field: &str, before: Option<&str>, after: Option<&str>) -> Option<Draft> {
    // Null is "not there yet".
    let weight = if before == Some("") || after == Some("") {
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
