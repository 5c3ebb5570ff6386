//! The lines that a change log has to have between two states: one for each fact that came or went and each known value that
//! differs, with its class. Written from `docs/changes.md`, and not from the program.

use std::collections::{BTreeMap, BTreeSet};

use keyholder::domain::change::{Class, Meaning};
use keyholder::domain::fact::{FactKey, Kind};

use super::oracle::{Attributes, MADE_UP, Picture};

/// One line of a change log. Of a whole fact it does not matter in which words it is described.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) key: FactKey,
    pub(super) class: Class,
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl Line {
    fn whole(key: &FactKey, class: Class) -> Self {
        Self { key: key.clone(), class, field: String::new(), before: String::new(), after: String::new() }
    }

    fn of(key: &FactKey, class: Class, field: &str, before: &str, after: &str) -> Self {
        let [field, before, after] = [field, before, after].map(str::to_owned);
        Self { key: key.clone(), class, field, before, after }
    }

    /// A line of the program, if it is about something that the world knows.
    pub(super) fn of_meaning(meaning: &Meaning) -> Option<Self> {
        let Meaning { key, class, field, before, after, .. } = meaning;
        if is_made_up(key) || BESIDE_THE_WORLD.contains(&field.as_str()) {
            return None;
        }
        let is_whole = field.is_empty();
        Some(if is_whole { Self::whole(key, *class) } else { Self::of(key, *class, field, before, after) })
    }

    /// The same in a comparison of two states, which does not say what was seen for the first time.
    pub(super) fn net(self) -> Self {
        let class = match self.class {
            Class::FirstSeen if self.field.is_empty() => beginning(self.key.kind),
            Class::FirstSeen => class_of(self.key.kind, &self.field, true),
            class => class,
        };
        Self { class, ..self }
    }
}

/// Attributes that no picture of the world has.
const BESIDE_THE_WORLD: [&str; 6] =
    ["createdDate", "s3CanonicalUserId", "secAuthProtection", "status", "regDomain", "tomorrow"];

fn is_made_up(key: &FactKey) -> bool {
    key.subject.starts_with(MADE_UP) || key.object.as_deref().is_some_and(|id| id.starts_with(MADE_UP))
}

/// What is known of the earlier state beside its values.
pub(super) struct Earlier<'a> {
    /// Whether an attribute is marked as unknown in it.
    pub(super) is_marked: &'a dyn Fn(&FactKey, &str) -> bool,
    /// Whether the scope of a fact had been read to its end by then.
    pub(super) was_read: &'a dyn Fn(&FactKey) -> bool,
}

/// The lines between two states, in order.
pub(super) fn lines(before: &Picture, after: &Picture, earlier: &Earlier<'_>) -> Vec<Line> {
    let keys: BTreeSet<&FactKey> = before.keys().chain(after.keys()).filter(|key| !is_made_up(key)).collect();
    let mut lines = Vec::new();
    let mut owners: BTreeMap<&str, [Vec<&FactKey>; 2]> = BTreeMap::new();
    for key in keys {
        match (before.get(key), after.get(key)) {
            (None, Some(_)) if !(earlier.was_read)(key) => lines.push(Line::whole(key, Class::FirstSeen)),
            (None, Some(_)) if key.kind == Kind::Own => owners.entry(object(key)).or_default()[0].push(key),
            (Some(_), None) if key.kind == Kind::Own => owners.entry(object(key)).or_default()[1].push(key),
            (None, Some(values)) => {
                lines.push(Line::whole(key, beginning(key.kind)));
                if is_administrator(values) {
                    lines.push(Line::of(key, Class::AdministratorGained, "administrator", "", "true"));
                }
            }
            (Some(values), None) => {
                lines.push(Line::whole(key, ending(key.kind)));
                if is_administrator(values) {
                    lines.push(Line::of(key, Class::AdministratorLost, "administrator", "true", ""));
                }
            }
            (Some(before), Some(after)) => lines.extend(attributes(key, before, after, earlier)),
            (None, None) => {}
        }
    }
    for [gained, lost] in owners.into_values() {
        // Lost by one and gained by another is one line.
        let moved = !gained.is_empty() && !lost.is_empty();
        let of_a_move = gained.iter().take(1).copied().collect();
        let reported: Vec<&FactKey> = if moved { of_a_move } else { gained.into_iter().chain(lost).collect() };
        lines.extend(reported.into_iter().map(|key| Line::whole(key, Class::OwnerChanged)));
    }
    lines.sort();
    lines
}

fn object(key: &FactKey) -> &str {
    key.object.as_deref().unwrap_or_default()
}

fn is_administrator(values: &Attributes) -> bool {
    values.get("administrator").is_some_and(|value| value == "true")
}

fn attributes(key: &FactKey, before: &Attributes, after: &Attributes, earlier: &Earlier<'_>) -> Vec<Line> {
    let line = |(name, after): (&String, &String)| {
        let is_on = after == "true";
        match before.get(name) {
            Some(before) if before == after => None,
            Some(before) => Some(Line::of(key, class_of(key.kind, name, is_on), name, before, after)),
            None if is_on && gives_power(key.kind, name) => {
                let is_new = key.kind == Kind::Group && !(earlier.is_marked)(key, name);
                let class = if is_new { Class::PrivilegeGained } else { Class::FirstSeen };
                Some(Line::of(key, class, name, "", after))
            }
            None => None,
        }
    };
    after.iter().filter_map(line).collect()
}

fn gives_power(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::User => name == "administrator",
        Kind::Group => name != "name",
        Kind::Share | Kind::Key => true,
        Kind::Contract | Kind::Resource | Kind::Member | Kind::Own => false,
    }
}

fn beginning(kind: Kind) -> Class {
    match kind {
        Kind::Contract => Class::Other,
        Kind::User => Class::UserAdded,
        Kind::Group => Class::GroupAdded,
        Kind::Resource => Class::ResourceAppeared,
        Kind::Member => Class::MemberAdded,
        Kind::Share => Class::ShareAdded,
        Kind::Own => Class::OwnerChanged,
        Kind::Key => Class::KeyAdded,
    }
}

fn ending(kind: Kind) -> Class {
    match kind {
        Kind::Contract => Class::Other,
        Kind::User => Class::UserRemoved,
        Kind::Group => Class::GroupRemoved,
        Kind::Resource => Class::ResourceVanished,
        Kind::Member => Class::MemberRemoved,
        Kind::Share => Class::ShareRemoved,
        Kind::Own => Class::OwnerChanged,
        Kind::Key => Class::KeyRemoved,
    }
}

fn class_of(kind: Kind, name: &str, is_on: bool) -> Class {
    let of = |on, off| if is_on { on } else { off };
    match (kind, name) {
        (Kind::User, "administrator") => of(Class::AdministratorGained, Class::AdministratorLost),
        (Kind::User, "active") => of(Class::UserEnabled, Class::UserDisabled),
        (Kind::User, "secAuthActive" | "forceSecAuth") => of(Class::TwoFactorStrengthened, Class::TwoFactorWeakened),
        (Kind::User, "email") => Class::SignInAddressChanged,
        (Kind::User, _) | (Kind::Group | Kind::Resource, "name") => Class::Renamed,
        (Kind::Group, _) => of(Class::PrivilegeGained, Class::PrivilegeLost),
        (Kind::Share, _) => of(Class::ShareWidened, Class::ShareNarrowed),
        (Kind::Key, _) => of(Class::KeyEnabled, Class::KeyDisabled),
        (Kind::Contract, _) => Class::ContractOwnerChanged,
        (Kind::Resource | Kind::Member | Kind::Own, _) => Class::Other,
    }
}
