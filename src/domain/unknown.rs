//! Unknown attributes: what it means that an answer leaves an attribute out, or says null for it.
//!
//! Unknown is not a value. The last known value is carried and marked, and only known values are compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::body::{Body, BodyError};
use super::fact::{FactKey, Kind};
use super::id::Seq;

/// What absence or null of an attribute means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The attribute is unknown: its last known value is carried and marked.
    Unknown,
    /// It is a value like any other.
    Value,
    /// It is not reported: a known value is kept, and nothing is marked.
    Kept,
}

/// What the silences of one attribute mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Of which kind of object.
    pub kind: Kind,
    /// The API's name.
    pub name: &'static str,
    /// What it means that an answer leaves it out.
    pub absent: Silence,
    /// What it means that an answer says null.
    pub null: Silence,
    /// Whether it decides who has access, or how well that is protected: becoming unknown is then an event.
    pub decides_access: bool,
}

const fn unknown(kind: Kind, name: &'static str) -> Attribute {
    Attribute { kind, name, absent: Silence::Unknown, null: Silence::Unknown, decides_access: false }
}

const fn access(kind: Kind, name: &'static str) -> Attribute {
    Attribute { decides_access: true, ..unknown(kind, name) }
}

const fn nullable(kind: Kind, name: &'static str, absent: Silence) -> Attribute {
    Attribute { absent, null: Silence::Value, ..unknown(kind, name) }
}

const fn kept(kind: Kind, name: &'static str) -> Attribute {
    Attribute { absent: Silence::Kept, null: Silence::Kept, ..unknown(kind, name) }
}

/// Every attribute with a name of its own. Group privileges and properties that this version does not know are open sets:
/// they are unknown where an answer leaves them out or says null.
pub const ATTRIBUTES: [Attribute; 30] = [
    unknown(Kind::Contract, "owner"),
    unknown(Kind::Contract, "status"),
    unknown(Kind::Contract, "regDomain"),
    access(Kind::User, "active"),
    access(Kind::User, "administrator"),
    unknown(Kind::User, "forceSecAuth"),
    access(Kind::User, "secAuthActive"),
    unknown(Kind::User, "email"),
    unknown(Kind::User, "firstname"),
    unknown(Kind::User, "lastname"),
    // Null: object storage was not set up for the user yet.
    nullable(Kind::User, "s3CanonicalUserId", Silence::Unknown),
    // Null: never signed in, which a known time contradicts and outlasts. What is left out is kept without a mark.
    nullable(Kind::User, "lastLogin", Silence::Kept),
    kept(Kind::User, "createdDate"),
    kept(Kind::User, "createdBy"),
    kept(Kind::User, "lastModifiedBy"),
    kept(Kind::User, "lastModifiedDate"),
    unknown(Kind::Group, "name"),
    unknown(Kind::Resource, "name"),
    unknown(Kind::Resource, "type"),
    // Null: resources of this type cannot be protected.
    nullable(Kind::Resource, "secAuthProtection", Silence::Unknown),
    kept(Kind::Resource, "createdDate"),
    kept(Kind::Resource, "createdBy"),
    kept(Kind::Resource, "lastModifiedBy"),
    kept(Kind::Resource, "lastModifiedDate"),
    access(Kind::Share, "editPrivilege"),
    access(Kind::Share, "sharePrivilege"),
    access(Kind::Key, "active"),
    kept(Kind::Key, "createdDate"),
    kept(Kind::Key, "createdBy"),
    kept(Kind::Key, "lastModifiedBy"),
];

/// What is said about an attribute; of one without a name of its own that both silences are unknown.
pub fn attribute(kind: Kind, name: &str) -> Attribute {
    ATTRIBUTES
        .into_iter()
        .find(|one| one.kind == kind && one.name == name)
        .unwrap_or(Attribute { name: "", ..unknown(kind, "") })
}

/// A value whose null says something else than its absence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nullable<T> {
    /// The answer left it out.
    #[default]
    NotReported,
    /// The answer said null, which is a value here.
    Null,
    /// A value.
    Value(T),
}

impl<T> Nullable<T> {
    /// Whether the answer left it out.
    pub fn is_not_reported(&self) -> bool {
        matches!(self, Self::NotReported)
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotReported | Self::Null => None,
        }
    }
}

/// None is null: something was reported.
impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(to)
    }
}

/// What is left out is given by the default of the field.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(Self::from)
    }
}

/// The unknown attributes of a state, each with the snapshot that last knew it; `None` where it was never known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknowns(BTreeMap<FactKey, BTreeMap<String, Option<Seq>>>);

impl Unknowns {
    /// Marks an attribute as unknown.
    pub fn insert(&mut self, key: FactKey, attribute: String, last_known: Option<Seq>) {
        self.0.entry(key).or_default().insert(attribute, last_known);
    }

    /// Whether everything is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The unknown attributes of one object.
    pub fn of(&self, kind: Kind, subject: &str, object: Option<&str>) -> Option<&BTreeMap<String, Option<Seq>>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&FactKey { kind, subject: subject.into(), object: object.map(Into::into) })
    }

    /// Which snapshot last knew an attribute that is unknown; `Some(None)` where it was never known, `None` where it is known.
    pub fn last_known(&self, kind: Kind, subject: &str, object: Option<&str>, attribute: &str) -> Option<Option<Seq>> {
        self.of(kind, subject, object)?.get(attribute).copied()
    }

    /// All of them, in order of object and attribute.
    pub fn iter(&self) -> impl Iterator<Item = (&FactKey, &str, Option<Seq>)> {
        self.0.iter().flat_map(|(key, attributes)| {
            attributes.iter().map(move |(attribute, last_known)| (key, attribute.as_str(), *last_known))
        })
    }

    /// How many objects of a kind never reported an attribute, or one of some.
    pub fn never_known(&self, kind: Kind, counts: impl Fn(&str) -> bool) -> u64 {
        let of_kind = self.0.iter().filter(|(key, _)| key.kind == kind);
        let never = |attributes: &BTreeMap<String, Option<Seq>>| {
            attributes.iter().any(|(attribute, last_known)| last_known.is_none() && counts(attribute))
        };
        of_kind.filter(|(_, attributes)| never(attributes)).count() as u64
    }

    /// How many objects of each kind lack each attribute, in order of kind and attribute.
    pub fn sums(&self) -> Vec<UnknownSum<'_>> {
        let mut sums: BTreeMap<(Kind, &str), UnknownSum<'_>> = BTreeMap::new();
        for (key, attribute, last_known) in self.iter() {
            let sum = sums.entry((key.kind, attribute)).or_insert(UnknownSum {
                kind: key.kind,
                attribute,
                count: 0,
                never_known: 0,
                oldest: None,
            });
            sum.count += 1;
            sum.never_known += u64::from(last_known.is_none());
            sum.oldest = sum.oldest.into_iter().chain(last_known).min();
        }
        sums.into_values().collect()
    }

    /// Those of the objects that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&FactKey) -> bool) {
        self.0.retain(|key, _| wanted(key));
    }
}

/// Objects of one kind that lack one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSum<'a> {
    /// The kind of the objects.
    pub kind: Kind,
    /// The API's name of the attribute.
    pub attribute: &'a str,
    /// How many objects.
    pub count: u64,
    /// Of how many of them it was never known.
    pub never_known: u64,
    /// The oldest snapshot whose value is carried, if any is.
    pub oldest: Option<Seq>,
}

/// Commitments to personal data. Names and addresses are carried before they are committed to.
const COMMITMENTS: [&str; 2] = ["owner", "person"];

/// Open sets of attributes inside a body.
const SETS: [&str; 2] = ["privileges", "extra"];

/// A body in which the last known values stand for those that an answer did not report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The completed body.
    pub body: Body,
    /// The attributes that are unknown and carried, in order.
    pub attributes: Vec<String>,
}

/// Completes the body of an object as it was seen with what is known of it.
pub fn carry(kind: Kind, known: &Body, seen: &Body) -> Result<Carried, BodyError> {
    let known: Map<String, Value> = known.read(kind.as_str())?;
    let mut body: Map<String, Value> = seen.read(kind.as_str())?;
    let mut attributes = Vec::new();
    for (name, value) in &known {
        if SETS.contains(&name.as_str()) || COMMITMENTS.contains(&name.as_str()) {
            continue;
        }
        if is_known(kind, name, Some(value)) && !is_known(kind, name, body.get(name)) {
            body.insert(name.clone(), value.clone());
            if attribute(kind, name).absent == Silence::Unknown {
                attributes.push(name.clone());
            }
        }
    }
    for set in SETS {
        let Some(values) = known.get(set).and_then(Value::as_object) else { continue };
        for (name, value) in values {
            // What was of an unknown type may be a privilege now.
            let places = if set == "extra" { &SETS[..] } else { &[set] };
            if places.iter().any(|set| member(&body, set, name).is_some()) {
                continue;
            }
            // A privilege of another type than it had stands among the unknown properties: its value is not known.
            if let Some(Value::Object(extra)) = body.get_mut("extra") {
                extra.remove(name);
            }
            attributes.push(name.clone());
            if let Value::Object(values) = body.entry(set).or_insert_with(|| Value::Object(Map::new())) {
                values.insert(name.clone(), value.clone());
            }
        }
    }
    if body.get("extra").and_then(Value::as_object).is_some_and(Map::is_empty) {
        body.remove("extra");
    }
    attributes.sort_unstable();
    Ok(Carried { body: Body::of(kind.as_str(), &body)?, attributes })
}

/// Whether two bodies differ only in what one of them does not know. Personal data are left out.
pub fn is_only_learned(kind: Kind, before: &Body, after: &Body) -> Result<bool, BodyError> {
    let before: Map<String, Value> = before.read(kind.as_str())?;
    let after: Map<String, Value> = after.read(kind.as_str())?;
    let own = before.iter().filter(|(name, _)| !SETS.contains(&name.as_str()) && !COMMITMENTS.contains(&name.as_str()));
    let mut pairs = own.map(|(name, value)| (name, Some(value), after.get(name)));
    let of_sets = SETS.into_iter().flat_map(|set| {
        let values = before.get(set).and_then(Value::as_object);
        let after = &after;
        values.into_iter().flatten().map(move |(name, value)| (name, Some(value), member(after, set, name)))
    });
    let is_same = |(name, before, after): (&String, Option<&Value>, Option<&Value>)| {
        before == after || !is_known(kind, name, before) || !is_known(kind, name, after)
    };
    Ok(pairs.all(is_same) && of_sets.into_iter().all(is_same))
}

fn member<'a>(body: &'a Map<String, Value>, set: &str, name: &str) -> Option<&'a Value> {
    body.get(set)?.as_object()?.get(name)
}

fn is_known(kind: Kind, name: &str, value: Option<&Value>) -> bool {
    match value {
        None => false,
        Some(Value::Null) => attribute(kind, name).null == Silence::Value,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, known: &str, seen: &str, expected: &str, attributes: &[&str]) {
        let carried = carry(kind, &Body::from_canonical(known), &Body::from_canonical(seen)).unwrap();
        assert_eq!(
            (carried.body.as_str(), carried.attributes),
            (expected, attributes.iter().map(ToString::to_string).collect())
        );
        assert!(is_only_learned(kind, &Body::from_canonical(known), &Body::from_canonical(seen)).unwrap());
    }

    #[test]
    fn known_values_stand_for_what_is_not_reported() {
        let known = r#"{"active":true,"administrator":false,"person":"aa"}"#;
        check(
            Kind::User,
            known,
            r#"{"active":null,"person":"bb"}"#,
            r#"{"active":true,"administrator":false,"person":"bb"}"#,
            &["active", "administrator"],
        );
    }

    #[test]
    fn dates_are_kept_and_not_marked() {
        let known = r#"{"active":true,"createdDate":"2026-01-01T00:00:00Z"}"#;
        check(Kind::Key, known, r#"{"active":true,"createdDate":null}"#, known, &[]);
    }

    #[test]
    fn privileges_and_unknown_properties_are_carried_by_name() {
        check(
            Kind::Group,
            r#"{"extra":{"colour":1},"name":"ops","privileges":{"a":true,"b":false}}"#,
            r#"{"extra":{"b":{"length":3}},"name":null,"privileges":{"c":true}}"#,
            r#"{"extra":{"colour":1},"name":"ops","privileges":{"a":true,"b":false,"c":true}}"#,
            &["a", "b", "colour", "name"],
        );
    }

    #[test]
    fn null_is_a_value_where_the_table_says_so() {
        let (known, seen) = (r#"{"secAuthProtection":true}"#, r#"{"secAuthProtection":null}"#);
        let carried = carry(Kind::Resource, &Body::from_canonical(known), &Body::from_canonical(seen)).unwrap();
        assert_eq!((carried.body.as_str(), carried.attributes.len()), (seen, 0));
        check(Kind::Resource, seen, "{}", seen, &["secAuthProtection"]);
    }

    #[test]
    fn two_known_values_are_more_than_learned() {
        let is_learned = |before: &str, after: &str| {
            is_only_learned(Kind::Group, &Body::from_canonical(before), &Body::from_canonical(after)).unwrap()
        };
        assert!(is_learned(r#"{"name":null,"privileges":{}}"#, r#"{"name":"ops","privileges":{"a":true}}"#));
        assert!(!is_learned(r#"{"privileges":{"a":true}}"#, r#"{"privileges":{"a":false}}"#));
    }
}
