//! What users, groups and resources are called in one snapshot, for lines that name them by their ids.
//!
//! Names of persons go to standard output and to the terminal of who collects, never into the log.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::coverage::Scope;
use crate::domain::fact::{FactKey, Kind};
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::Notice;
use crate::domain::principal::{Principal, PrincipalId};
use crate::domain::state::Around;
use crate::store::{Store, StoreError};

/// A word of a sentence that is shorter is no id.
const MIN_ID_CHARS: usize = 16;

/// The objects whose names are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted(Around);

impl Wanted {
    /// The group or user of a scope.
    pub(super) fn scope(&mut self, scope: &Scope) {
        match scope {
            Scope::Members(group) | Scope::Shares(group) => drop(self.0.groups.insert(group.clone())),
            Scope::Owns(user) | Scope::Keys(user) | Scope::UserGroups(user) => drop(self.0.users.insert(user.clone())),
            Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => {}
        }
    }

    /// The objects of a fact.
    pub(super) fn fact(&mut self, key: &FactKey) {
        let (subject, object) = sides(key.kind);
        self.object(subject, &key.subject);
        if let Some((kind, id)) = object.zip(key.object.as_deref()) {
            self.object(kind, id);
        }
    }

    /// What notices are about, and what their sentences name.
    pub(super) fn notices(&mut self, notices: &[Notice]) {
        for notice in notices {
            if let Some(scope) = notice.scope() {
                self.scope(scope);
            }
            for id in words(&notice.to_string()).filter(|word| is_id(word)) {
                for kind in [Kind::User, Kind::Group, Kind::Resource] {
                    self.object(kind, id);
                }
            }
        }
    }

    /// Who collected.
    pub(super) fn principal(&mut self, principal: &Principal) {
        if let Some(PrincipalId::User(user)) = &principal.id {
            self.0.users.insert(user.clone());
        }
    }

    fn object(&mut self, kind: Kind, id: &str) {
        match kind {
            Kind::User => drop(self.0.users.insert(id.into())),
            Kind::Group => drop(self.0.groups.insert(id.into())),
            Kind::Resource => drop(self.0.resources.insert(id.into())),
            Kind::Contract | Kind::Member | Kind::Share | Kind::Own | Kind::Key => {}
        }
    }

    /// Looks them up.
    pub(super) async fn names(self, store: &Store, contract: ContractNumber, seq: Seq) -> Result<Names, StoreError> {
        if self.0 == Around::default() {
            return Ok(Names::default());
        }
        let state = store.state_around(contract, seq, &self.0).await?;
        let mut names = BTreeMap::new();
        let mut add = |kind, id: &str, label: &str| {
            if label != id {
                names.insert((kind, id.to_owned()), label.to_owned());
            }
        };
        for id in &self.0.users {
            add(Kind::User, id.as_str(), state.user_label(id));
        }
        for id in &self.0.groups {
            add(Kind::Group, id.as_str(), state.group_label(id));
        }
        for id in &self.0.resources {
            add(Kind::Resource, id.as_str(), state.resource_label(id));
        }
        Ok(Names(names))
    }
}

/// What the objects that were wanted are called, as far as that is known.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(Kind, String), String>);

impl Names {
    /// The name of an object.
    pub(super) fn of(&self, kind: Kind, id: &str) -> Option<&str> {
        self.0.get(&(kind, id.to_owned())).map(String::as_str)
    }

    /// The name of the group or user of a scope.
    pub(super) fn of_scope(&self, scope: &Scope) -> Option<&str> {
        match scope {
            Scope::Members(group) | Scope::Shares(group) => self.of(Kind::Group, group.as_str()),
            Scope::Owns(user) | Scope::Keys(user) | Scope::UserGroups(user) => self.of(Kind::User, user.as_str()),
            Scope::Contract | Scope::Users | Scope::Groups | Scope::Resources => None,
        }
    }

    /// The names of both sides of a fact.
    pub(super) fn of_fact(&self, key: &FactKey) -> (Option<&str>, Option<&str>) {
        let (subject, object) = sides(key.kind);
        (self.of(subject, &key.subject), object.zip(key.object.as_deref()).and_then(|(kind, id)| self.of(kind, id)))
    }

    /// One line for each name: `group 685608e5-… is developers`.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.iter().map(|((kind, id), name)| format!("{kind} {id} is {name}")).collect()
    }

    /// A sentence, with the name beside every id that has one.
    pub(super) fn beside_ids(&self, sentence: &str) -> String {
        let mut said = String::with_capacity(sentence.len());
        let mut rest = sentence;
        let ids: BTreeSet<&str> = words(sentence).filter(|word| is_id(word)).collect();
        while let Some((at, id)) = ids.iter().filter_map(|id| Some((rest.find(id)?, *id))).min() {
            let (before, after) = (&rest[..at], &rest[at + id.len()..]);
            let name = self.0.iter().find(|((_, known), _)| known == id).map(|(_, name)| format!(" ({name})"));
            said.extend([before, id, &name.unwrap_or_default()]);
            rest = after;
        }
        said + rest
    }
}

/// Of what kind the subject of a fact is, and its object.
fn sides(kind: Kind) -> (Kind, Option<Kind>) {
    match kind {
        Kind::Contract | Kind::User | Kind::Group | Kind::Resource => (kind, None),
        Kind::Member => (Kind::Group, Some(Kind::User)),
        Kind::Share => (Kind::Group, Some(Kind::Resource)),
        Kind::Own => (Kind::User, Some(Kind::Resource)),
        Kind::Key => (Kind::User, Some(Kind::Key)),
    }
}

/// The words of a sentence, as an id can be one.
fn words(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

fn is_id(word: &str) -> bool {
    word.len() >= MIN_ID_CHARS && word.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "685608e5-1c3f-4b5d-9a7e-2f0c6d8b4a11";

    #[test]
    fn a_sentence_has_the_names_beside_its_ids() {
        let names = Names([((Kind::User, ID.to_owned()), "ann@x.org".to_owned())].into());
        let said =
            names.beside_ids(&format!("2 say nothing but their ids: {ID}, 685608e5-0000-0000-0000-000000000000"));
        let expected = format!("2 say nothing but their ids: {ID} (ann@x.org), 685608e5-0000-0000-0000-000000000000");
        assert_eq!(said, expected);
        assert_eq!(names.beside_ids("14 of 61 are gone"), "14 of 61 are gone");
        assert_eq!(names.of_scope(&Scope::Keys(ID.into())), Some("ann@x.org"));
        assert_eq!(names.lines(), [format!("user {ID} is ann@x.org")]);
    }
}
