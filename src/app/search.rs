//! Finds the object that a name or a part of one means, and the objects that share a name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::review::ReviewError;
use crate::domain::change::Named;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, normal};
use crate::domain::untrusted::visible;
use crate::store::Store;
use crate::store::names::KnownObject;

/// As many hits are listed where a name means several objects.
const MAX_LISTED: usize = 20;

/// An id in a table is shortened to so many characters.
const SHORT_ID_CHARACTERS: usize = 8;

/// The one object that is meant, of a kind or of any: the one with exactly that id, e-mail address or name, or else the one in whose
/// names the text occurs or whose id begins with it, or else the one in whose id it occurs. Capitals make no difference.
pub async fn find(
    store: &Store,
    contract: ContractNumber,
    asked: &str,
    kind: Option<Kind>,
) -> Result<KnownObject, ReviewError> {
    let mut known = store.known_objects(contract).await?;
    known.retain(|object| kind.is_none_or(|kind| object.kind == kind));
    let mut hits = matching(known, asked);
    match (hits.pop(), hits.is_empty()) {
        (None, _) => Err(ReviewError::Unknown { name: asked.into(), contract }),
        (Some(hit), true) => Ok(hit),
        (Some(hit), false) => {
            hits.push(hit);
            Err(ReviewError::Ambiguous { name: asked.into(), hits })
        }
    }
}

fn matching(known: Vec<KnownObject>, asked: &str) -> Vec<KnownObject> {
    let asked = normal(asked).to_lowercase();
    if asked.is_empty() {
        return Vec::new();
    }
    let names_it = |object: &KnownObject| {
        let is_in_a_name = object.names.iter().any(|name| name.to_lowercase().contains(&asked));
        is_in_a_name || object.id.to_lowercase().starts_with(&asked)
    };
    let (exact, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|object| object.is_called(&asked));
    if !exact.is_empty() {
        return exact;
    }
    // Short words such as `ada` occur inside of many ids by chance.
    let (named, others): (Vec<_>, Vec<_>) = others.into_iter().partition(names_it);
    let is_in_the_id = |object: &KnownObject| object.id.to_lowercase().contains(&asked);
    if named.is_empty() { others.into_iter().filter(is_in_the_id).collect() } else { named }
}

/// Hits, one a line, as a message lists them.
pub(super) fn listed(hits: &[KnownObject]) -> String {
    let mut text = String::new();
    for hit in hits.iter().take(MAX_LISTED) {
        write!(text, "\n  {:<8}  {}  {}", hit.kind.as_str(), visible(&hit.id), visible(&hit.names.join(", ")))
            .expect("a String takes every write");
    }
    if hits.len() > MAX_LISTED {
        write!(text, "\n  and {} more", hits.len() - MAX_LISTED).expect("a String takes every write");
    }
    text
}

/// Names that several objects of one kind have or had.
#[derive(Debug, Default)]
pub struct Namesakes(BTreeMap<(String, String), usize>);

impl Namesakes {
    /// Those of a contract.
    pub async fn of(store: &Store, contract: ContractNumber) -> Result<Self, ReviewError> {
        let mut counts = BTreeMap::new();
        for object in store.known_objects(contract).await? {
            for name in &object.names {
                *counts.entry((object.kind.as_str().to_owned(), name.to_lowercase())).or_default() += 1;
            }
        }
        counts.retain(|_, count: &mut usize| *count > 1);
        Ok(Self(counts))
    }

    /// An object for people: its name, with the beginning of its id where another one has the same name.
    pub fn label(&self, object: &Named) -> String {
        let is_shared = self.0.contains_key(&(object.what.to_owned(), object.label.to_lowercase()));
        if !is_shared {
            return object.label.clone();
        }
        let id: String = object.id.chars().take(SHORT_ID_CHARACTERS).collect();
        format!("{} [{id}]", object.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<KnownObject> {
        let object = |kind, id: &str, names: &[&str]| KnownObject {
            kind,
            id: id.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        vec![
            object(Kind::User, "1b671a64", &["uwe.maier@example.org", "Uwe Maier"]),
            object(Kind::User, "2c782b75", &["zoe@example.org", "Zoë Maier"]),
            object(Kind::Group, "3d893c86", &["ops"]),
            object(Kind::Group, "4e9a4d97", &["ops", "operations"]),
        ]
    }

    #[track_caller]
    fn check(asked: &str, ids: &[&str]) {
        let found: Vec<_> = matching(known(), asked).into_iter().map(|object| object.id).collect();
        assert_eq!(found, ids, "{asked}");
    }

    #[test]
    fn parts_of_names_and_ids_are_found() {
        check("uwe", &["1b671a64"]);
        check("MAIER", &["1b671a64", "2c782b75"]);
        check("zoë", &["2c782b75"]);
        check("ZOË maier", &["2c782b75"]);
        check("3d89", &["3d893c86"]);
        check("893c", &["3d893c86"]);
        check("7", &["1b671a64", "2c782b75", "4e9a4d97"]);
        // In a name, although an id has it as well.
        check("e", &["1b671a64", "2c782b75", "4e9a4d97"]);
        check("nobody", &[]);
        check("", &[]);
    }

    #[test]
    fn an_exact_name_wins_over_a_part() {
        check("ops", &["3d893c86", "4e9a4d97"]);
        check("operation", &["4e9a4d97"]);
        check("4E9A4D97", &["4e9a4d97"]);
    }
}
