//! States written by hand in a few words, and the changes between two of them as the store would tell them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeZone as _, Utc};
use keyholder::analyse::meanings;
use keyholder::domain::body::Body;
use keyholder::domain::change::{Change, Meaning, Op};
use keyholder::domain::contract::Contract;
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::group::Group;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::key::Key;
use keyholder::domain::privilege::KNOWN;
use keyholder::domain::resource::Resource;
use keyholder::domain::share::Share;
use keyholder::domain::state::{Held, State};
use keyholder::domain::unknown::Nullable;
use keyholder::domain::user::{Attribution, Person, User};

/// A state that is put together step by step. Users are called `<id>@example.org`, everything else by its id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World(pub(crate) State);

/// An instant of November 2026.
pub(crate) fn day(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, 3, 0, 0).unwrap()
}

/// Something that has been so since a snapshot.
pub(crate) fn held<T>(value: T, since: u32) -> Held<T> {
    Held { value, since: Seq(since), changed: Seq(since), seen: Seq(since), true_since: BTreeMap::new() }
}

/// A user without any right who signs in with two factors.
pub(crate) fn user(id: &str) -> User {
    User {
        id: id.into(),
        person: Person { email: Some(format!("{id}@example.org")), ..Person::default() },
        administrator: Some(false),
        force_sec_auth: Some(true),
        sec_auth_active: Some(true),
        active: Some(true),
        s3_canonical_user_id: Nullable::Null,
        created: Some(day(1)),
        last_login: Nullable::Null,
        attribution: Attribution {
            created_by: Some("maker@example.org".to_owned()),
            modified: Some(day(7)),
            modified_by: Some("changer@example.org".to_owned()),
            ..Attribution::default()
        },
        extra: BTreeMap::new(),
    }
}

impl World {
    /// A contract of `owner@example.org` with nothing in it.
    pub(crate) fn new(seq: u32) -> Self {
        let mut state = State::empty(Seq(seq));
        let contract = Contract {
            number: ContractNumber(31_720_000),
            owner: Person { email: Some("owner@example.org".to_owned()), ..Person::default() },
            status: Some("BILLABLE".to_owned()),
            reg_domain: None,
        };
        state.contract = Some(held(contract, 1));
        Self(state)
    }

    /// Changes the state as reported.
    pub(crate) fn with(mut self, edit: impl FnOnce(&mut State)) -> Self {
        edit(&mut self.0);
        self
    }

    pub(crate) fn user(self, id: &str) -> Self {
        self.user_with(id, |_| ())
    }

    pub(crate) fn user_with(self, id: &str, edit: impl FnOnce(&mut User)) -> Self {
        let mut made = user(id);
        edit(&mut made);
        self.with(|state| drop(state.users.insert(id.into(), held(made, 1))))
    }

    pub(crate) fn administrator(self, id: &str) -> Self {
        self.user_with(id, |user| user.administrator = Some(true))
    }

    /// A group that is said to have those privileges, and none of the others that are known.
    pub(crate) fn group(self, id: &str, privileges: &[&str]) -> Self {
        let others = KNOWN.iter().map(|one| (one.name.to_owned(), false));
        let privileges = others.chain(privileges.iter().map(|name| ((*name).to_owned(), true))).collect();
        let made = Group { id: id.into(), name: Some(id.to_owned()), privileges, extra: BTreeMap::new() };
        self.with(|state| drop(state.groups.insert(id.into(), held(made, 1))))
    }

    pub(crate) fn resource(self, id: &str) -> Self {
        let made = Resource {
            id: id.into(),
            kind: Some("datacenter".to_owned()),
            name: Some(id.to_owned()),
            sec_auth_protection: Nullable::Value(false),
            created: Some(day(2)),
            attribution: Attribution::default(),
            extra: BTreeMap::new(),
        };
        self.with(|state| drop(state.resources.insert(id.into(), held(made, 1))))
    }

    pub(crate) fn member(self, group: &str, user: &str) -> Self {
        self.with(|state| drop(state.members.insert((group.into(), user.into()), held((), 1))))
    }

    /// A share by the letters of what it allows: `""`, `"e"`, `"s"`, `"es"`.
    pub(crate) fn share(self, group: &str, resource: &str, allows: &str) -> Self {
        let made = Share {
            group: group.into(),
            resource: resource.into(),
            edit_privilege: Some(allows.contains('e')),
            share_privilege: Some(allows.contains('s')),
            extra: BTreeMap::new(),
        };
        self.with(|state| drop(state.shares.insert((group.into(), resource.into()), held(made, 1))))
    }

    pub(crate) fn own(self, user: &str, resource: &str) -> Self {
        self.with(|state| drop(state.owns.insert((user.into(), resource.into()), held((), 1))))
    }

    pub(crate) fn key(self, user: &str, id: &str, active: bool) -> Self {
        let made = Key {
            user: user.into(),
            id: id.into(),
            active: Some(active),
            created: Some(day(3)),
            attribution: Attribution::default(),
            extra: BTreeMap::new(),
        };
        self.with(|state| drop(state.keys.insert((user.into(), id.into()), held(made, 1))))
    }
}

/// Every fact of a state with its body, as the store keeps them.
pub(crate) fn facts(state: &State) -> BTreeMap<FactKey, Option<Body>> {
    let mut facts = BTreeMap::new();
    let mut put = |kind, subject: &str, object: Option<&str>, body| {
        facts.insert(FactKey { kind, subject: subject.into(), object: object.map(Into::into) }, body);
    };
    let commitment = |person: &Person| format!("{person:?}");
    if let Some(contract) = &state.contract {
        let body = contract.body(&commitment(&contract.owner)).unwrap();
        put(Kind::Contract, &contract.number.to_string(), None, Some(body));
    }
    for (id, user) in &state.users {
        put(Kind::User, id.as_str(), None, Some(user.body(&commitment(&user.person)).unwrap()));
    }
    for (id, group) in &state.groups {
        put(Kind::Group, id.as_str(), None, Some(group.body().unwrap()));
    }
    for (id, resource) in &state.resources {
        put(Kind::Resource, id.as_str(), None, Some(resource.body().unwrap()));
    }
    for (group, user) in state.members.keys() {
        put(Kind::Member, group.as_str(), Some(user.as_str()), None);
    }
    for ((group, resource), share) in &state.shares {
        put(Kind::Share, group.as_str(), Some(resource.as_str()), Some(share.body().unwrap()));
    }
    for (user, resource) in state.owns.keys() {
        put(Kind::Own, user.as_str(), Some(resource.as_str()), None);
    }
    for ((user, id), key) in &state.keys {
        put(Kind::Key, user.as_str(), Some(id.as_str()), Some(key.body().unwrap()));
    }
    facts
}

/// The changes between two states, in order of their facts.
pub(crate) fn changes(before: &State, after: &State) -> Vec<Change> {
    let (old, new) = (facts(before), facts(after));
    let keys: BTreeSet<&FactKey> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let (before, body) = (old.get(key), new.get(key));
            let op = match (before, body) {
                (None, _) => Op::Began,
                (_, None) => Op::Ended,
                (Some(old), Some(new)) if old != new => Op::Changed,
                _ => return None,
            };
            let (before, body) = (before.cloned().flatten(), body.cloned().flatten());
            Some(Change { seq: after.seq, key: key.clone(), op, before, after: body })
        })
        .collect()
}

/// What the difference between two states means.
pub(crate) fn meanings_of(before: &World, after: &World) -> Vec<Meaning> {
    meanings(&changes(&before.0, &after.0), &before.0, &after.0, before.0.seq).unwrap()
}

/// A line in one line: severity, class, subject, object, field, before and after, reason.
pub(crate) fn brief(line: &Meaning) -> String {
    let object = line.object.as_ref().map_or(String::new(), |object| format!(" / {}", object.label));
    let field = if line.field.is_empty() { String::new() } else { format!(" {}", line.field) };
    let because = if line.because.is_empty() { String::new() } else { format!(" ({})", line.because) };
    format!(
        "{} {}: {}{object}{field} [{} > {}]{because}",
        line.severity, line.class, line.subject.label, line.before, line.after
    )
}
