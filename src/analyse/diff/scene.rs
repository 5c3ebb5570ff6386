//! Both states of a comparison with what else began or ended in it: where names, actors and standing come from.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use super::AnalyseError;
use super::weight::{Power, Standing, Weight};
use crate::domain::change::{Actor, Change, Class, Meaning, Named, Op};
use crate::domain::fact::{FactKey, Kind};
use crate::domain::id::{GroupId, ResourceId, Seq, UserId};
use crate::domain::state::State;
use crate::domain::user::Attribution;

/// A fact with its decoded body on the sides where it exists.
pub(super) enum Shift<T> {
    /// It began with this.
    Began(T),
    /// It ended and was this.
    Ended(T),
    /// It was the first and is the second.
    Changed(T, T),
}

/// Which of the two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

impl Side {
    /// The state in which the fact of a change exists; the later one if it exists in both.
    pub(super) fn of(op: Op) -> Self {
        match op {
            Op::Ended => Self::Before,
            Op::Began | Op::FirstSeen | Op::Changed => Self::After,
        }
    }
}

/// One difference before it is tied to its change.
pub(super) struct Draft {
    pub(super) class: Class,
    pub(super) weight: Weight,
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl Draft {
    /// A whole fact that began.
    pub(super) fn began(class: Class, weight: Weight, after: impl Into<String>) -> Self {
        Self { class, weight, field: String::new(), before: String::new(), after: after.into() }
    }

    /// A whole fact that ended.
    pub(super) fn ended(class: Class, weight: Weight, before: impl Into<String>) -> Self {
        Self { class, weight, field: String::new(), before: before.into(), after: String::new() }
    }
}

/// What the lines of a change have in common.
pub(super) struct Frame {
    pub(super) subject: Named,
    pub(super) object: Option<Named>,
    pub(super) actor: Option<Actor>,
}

/// The two states, and which objects came or went between them.
pub(super) struct Scene<'a> {
    before: &'a State,
    after: &'a State,
    from: Seq,
    came: BTreeSet<(Seq, Kind, &'a str)>,
    went: BTreeSet<(Seq, Kind, &'a str)>,
    /// What the groups that somebody joined can do; looked at once per group, not once per member.
    powers: BTreeMap<&'a str, Power>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(changes: &'a [Change], before: &'a State, after: &'a State, from: Seq) -> Self {
        let objects = |op| {
            changes
                .iter()
                .filter(move |change| change.op == op && change.key.object.is_none())
                .map(|change| (change.seq, change.key.kind, &*change.key.subject))
                .collect()
        };
        let powers = changes
            .iter()
            .filter(|change| change.op != Op::Ended && change.key.kind == Kind::Member)
            .map(|change| &*change.key.subject)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|group| (group, Power::of(after, &GroupId::from(group))))
            .collect();
        Self { before, after, from, came: objects(Op::Began), went: objects(Op::Ended), powers }
    }

    pub(super) fn state(&self, side: Side) -> &'a State {
        match side {
            Side::Before => self.before,
            Side::After => self.after,
        }
    }

    fn other(&self, side: Side) -> &'a State {
        match side {
            Side::Before => self.after,
            Side::After => self.before,
        }
    }

    /// Whether that object began in the same snapshot as the change.
    pub(super) fn came(&self, change: &Change, kind: Kind, id: &str) -> bool {
        self.came.contains(&(change.seq, kind, id))
    }

    /// Whether that object ended in the same snapshot as the change.
    pub(super) fn went(&self, change: &Change, kind: Kind, id: &str) -> bool {
        self.went.contains(&(change.seq, kind, id))
    }

    /// What a group that somebody joined can do.
    pub(super) fn power(&self, group: &str) -> &Power {
        self.powers.get(group).unwrap_or(&Power::Ordinary)
    }

    /// What a user is in one of the states.
    pub(super) fn standing(&self, side: Side, user: &str) -> Standing {
        Standing::of(self.state(side), &UserId::from(user))
    }

    pub(super) fn named_user(&self, side: Side, id: &str) -> Named {
        let user = UserId::from(id);
        let state = if self.state(side).users.contains_key(&user) { self.state(side) } else { self.other(side) };
        Named { what: "user", id: id.to_owned(), label: state.user_label(&user).to_owned() }
    }

    pub(super) fn named_group(&self, side: Side, id: &str) -> Named {
        let group = GroupId::from(id);
        let state = if self.state(side).groups.contains_key(&group) { self.state(side) } else { self.other(side) };
        Named { what: "group", id: id.to_owned(), label: state.group_label(&group).to_owned() }
    }

    pub(super) fn named_resource(&self, side: Side, id: &str) -> Named {
        let resource = ResourceId::from(id);
        let known = self.state(side).resources.contains_key(&resource);
        let state = if known { self.state(side) } else { self.other(side) };
        Named { what: "resource", id: id.to_owned(), label: state.resource_label(&resource).to_owned() }
    }

    /// Ties a difference to its change. What was seen for the first time is judged like something new, and then reported
    /// for what it is.
    pub(super) fn line(&self, change: &Change, frame: &Frame, draft: Draft) -> Meaning {
        let draft = match change.op {
            Op::FirstSeen => Draft { class: Class::FirstSeen, weight: draft.weight.first_seen(), ..draft },
            Op::Began | Op::Ended | Op::Changed => draft,
        };
        Meaning {
            from: self.known_from(&change.key, &draft.field),
            to: change.seq,
            key: change.key.clone(),
            class: draft.class,
            severity: draft.weight.severity,
            subject: frame.subject.clone(),
            object: frame.object.clone(),
            field: draft.field,
            before: draft.before,
            after: draft.after,
            because: draft.weight.because,
            actor: frame.actor.clone(),
        }
    }

    /// The snapshot that something is compared with: where the earlier state did not know it, or could not read its scope to
    /// the end, the last that did.
    fn known_from(&self, key: &FactKey, field: &str) -> Seq {
        let known = self.before.unknown.last_known(key.kind, &key.subject, key.object.as_deref(), field).flatten();
        known.into_iter().chain(self.before.last_read(key)).fold(self.from, Seq::min)
    }

    /// Whether a state does not know a property of a contract, user, group or resource.
    pub(super) fn is_unknown(&self, side: Side, kind: Kind, id: &str, property: &str) -> bool {
        self.state(side).unknown.last_known(kind, id, None, property).is_some()
    }

    /// The line of a change in which no known property differs: the body was written by another version.
    pub(super) fn unknown_difference(&self, change: &Change) -> Result<Meaning, AnalyseError> {
        let side = Side::of(change.op);
        let id = &change.key.subject;
        let (subject, object) = match change.key.kind {
            Kind::Contract => (named_contract(id), None),
            Kind::User => (self.named_user(side, id), None),
            Kind::Group => (self.named_group(side, id), None),
            Kind::Resource => (self.named_resource(side, id), None),
            Kind::Member => (self.named_group(side, id), Some(self.named_user(side, object(change)?))),
            Kind::Share => (self.named_group(side, id), Some(self.named_resource(side, object(change)?))),
            Kind::Own => (self.named_resource(side, object(change)?), Some(self.named_user(side, id))),
            Kind::Key => (named_key(object(change)?), Some(self.named_user(side, id))),
        };
        let weight = Weight::usual(Class::Other).noting("what is stored differs in a way this version cannot name");
        let draft =
            Draft { class: Class::Other, weight, field: String::new(), before: String::new(), after: String::new() };
        Ok(self.line(change, &Frame { subject, object, actor: None }, draft))
    }
}

pub(super) fn named_contract(number: &str) -> Named {
    Named { what: "contract", id: number.to_owned(), label: number.to_owned() }
}

pub(super) fn named_key(id: &str) -> Named {
    Named { what: "key", id: id.to_owned(), label: id.to_owned() }
}

/// Who is said to have done it: whoever made what began, whoever changed last what changed. What ended has nobody: the
/// last one to change an object is not the one who removed it.
pub(super) fn actor(op: Op, attribution: Option<&Attribution>, created: Option<DateTime<Utc>>) -> Option<Actor> {
    let attribution = attribution?;
    let (who, id, source, at) = match op {
        Op::Began | Op::FirstSeen => (&attribution.created_by, &attribution.created_by_user_id, "createdBy", created),
        Op::Changed => {
            (&attribution.modified_by, &attribution.modified_by_user_id, "lastModifiedBy", attribution.modified)
        }
        Op::Ended => return None,
    };
    let who = who.as_ref().or(id.as_ref())?.clone();
    Some(Actor { who, source, at })
}

/// Reads the bodies of a change.
pub(super) fn shift<T: DeserializeOwned>(change: &Change) -> Result<Shift<T>, AnalyseError> {
    let read = |side| {
        let body = match side {
            Side::Before => change.before.as_ref(),
            Side::After => change.after.as_ref(),
        };
        let body = body.ok_or_else(|| AnalyseError::NoBody {
            fact: fact(&change.key),
            side: if side == Side::Before { "before" } else { "after" },
        })?;
        body.read::<T>(change.key.kind.as_str())
            .map_err(|source| AnalyseError::Body { fact: fact(&change.key), source })
    };
    Ok(match change.op {
        Op::Began | Op::FirstSeen => Shift::Began(read(Side::After)?),
        Op::Ended => Shift::Ended(read(Side::Before)?),
        Op::Changed => Shift::Changed(read(Side::Before)?, read(Side::After)?),
    })
}

/// The object of a relation.
pub(super) fn object(change: &Change) -> Result<&str, AnalyseError> {
    change.key.object.as_deref().ok_or_else(|| AnalyseError::NoObject { fact: fact(&change.key) })
}

/// A fact in words.
pub(super) fn fact(key: &FactKey) -> String {
    match &key.object {
        Some(object) => format!("{} {} {object}", key.kind, key.subject),
        None => format!("{} {}", key.kind, key.subject),
    }
}
