//! Reads the state of a contract as of any snapshot, with the age of everything in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::facts::fact_kind;
use super::seal::number_of;
use crate::domain::body::Body;
use crate::domain::contract::Contract;
use crate::domain::coverage::ScopeKind;
use crate::domain::fact::Kind;
use crate::domain::group::Group;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::share::Share;
use crate::domain::state::{Held, State};
use crate::domain::user::{Attribution, Person, User};

/// One version of a fact, as stored.
struct Version {
    kind: Kind,
    subject: Arc<str>,
    object: Arc<str>,
    since: u32,
    until: Option<u32>,
    body: Option<Body>,
}

/// A fact that holds, with what its earlier versions tell about its age.
struct Alive {
    version: Version,
    since: Seq,
    true_since: BTreeMap<String, Seq>,
}

/// What the store keeps apart from the bodies.
struct Apart {
    persons: HashMap<(Arc<str>, String), Person>,
    logins: HashMap<Arc<str>, DateTime<Utc>>,
    attributions: HashMap<(Kind, Arc<str>), Attribution>,
}

impl Store {
    /// The state as of a snapshot.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn state(&self, contract: ContractNumber, seq: Seq) -> Result<State, StoreError> {
        let apart = self.apart(contract, seq).await?;
        let unproven = self.unproven(contract, seq).await?;
        let mut state = State::empty(seq);
        for alive in self.alive(contract, seq).await? {
            let parent = if alive.version.object.is_empty() { "" } else { &*alive.version.subject };
            let seen = unproven.get(&(alive.version.kind, Arc::from(parent))).copied().unwrap_or(seq);
            place(&mut state, contract, alive, seen, &apart)?;
        }
        Ok(state)
    }

    async fn alive(&self, contract: ContractNumber, seq: Seq) -> Result<Vec<Alive>, StoreError> {
        let rows = sqlx::query(
            "SELECT f.kind, s.ref, coalesce(o.ref, ''), f.since, f.until, b.json FROM fact f \
             JOIN entity s ON s.id = f.subject LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body \
             WHERE f.contract = (SELECT id FROM contract WHERE number = ?) AND f.since <= ? \
             ORDER BY f.kind, f.subject, f.object, f.since",
        )
        .bind(number_of(contract.0))
        .bind(seq.0)
        .fetch_all(&self.readers)
        .await
        .when("read the facts")?;
        let mut alive = Vec::new();
        let mut versions: Vec<Version> = Vec::new();
        for row in &rows {
            let version = version(row)?;
            if versions.last().is_some_and(|last| {
                (last.kind, &last.subject, &last.object) != (version.kind, &version.subject, &version.object)
            }) {
                alive.extend(fold(std::mem::take(&mut versions), seq));
            }
            versions.push(version);
        }
        alive.extend(fold(versions, seq));
        Ok(alive)
    }

    async fn apart(&self, contract: ContractNumber, seq: Seq) -> Result<Apart, StoreError> {
        let number = number_of(contract.0);
        let persons = sqlx::query(
            "SELECT e.ref, lower(hex(p.commitment)), p.email, p.firstname, p.lastname FROM personal p \
             JOIN entity e ON e.id = p.entity WHERE e.contract = (SELECT id FROM contract WHERE number = ?)",
        )
        .bind(number)
        .fetch_all(&self.readers)
        .await
        .when("read the personal data")?;
        let logins = sqlx::query(
            "SELECT e.ref, l.at, max(l.seq) FROM last_login l JOIN entity e ON e.id = l.entity \
             WHERE e.contract = (SELECT id FROM contract WHERE number = ?) AND l.seq <= ? GROUP BY l.entity",
        )
        .bind(number)
        .bind(seq.0)
        .fetch_all(&self.readers)
        .await
        .when("read the last logins")?;
        let attributions = sqlx::query(
            "SELECT e.kind, e.ref, c.name, ci.name, a.modified, m.name, mi.name, max(a.seq) FROM attribution a \
             JOIN entity e ON e.id = a.entity LEFT JOIN actor c ON c.id = a.created_by \
             LEFT JOIN actor ci ON ci.id = a.created_by_user_id LEFT JOIN actor m ON m.id = a.modified_by \
             LEFT JOIN actor mi ON mi.id = a.modified_by_user_id \
             WHERE e.contract = (SELECT id FROM contract WHERE number = ?) AND a.seq <= ? GROUP BY a.entity",
        )
        .bind(number)
        .bind(seq.0)
        .fetch_all(&self.readers)
        .await
        .when("read the attributions")?;
        Ok(Apart {
            persons: persons
                .iter()
                .map(|row| {
                    let person = Person { email: row.get(2), firstname: row.get(3), lastname: row.get(4) };
                    ((row.get::<String, _>(0).into(), row.get(1)), person)
                })
                .collect(),
            logins: logins
                .iter()
                .filter_map(|row| Some((row.get::<String, _>(0).into(), instant(row.get(1))?)))
                .collect(),
            attributions: attributions
                .iter()
                .filter_map(|row| {
                    let kind = Kind::from_code(row.get(0))?;
                    let attribution = Attribution {
                        created_by: row.get(2),
                        created_by_user_id: row.get(3),
                        modified: instant(row.get(4)),
                        modified_by: row.get(5),
                        modified_by_user_id: row.get(6),
                    };
                    Some(((kind, row.get::<String, _>(1).into()), attribution))
                })
                .collect(),
        })
    }

    /// For every scope that was not complete in the snapshot, the last one in which it was.
    async fn unproven(&self, contract: ContractNumber, seq: Seq) -> Result<HashMap<(Kind, Arc<str>), Seq>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.kind, g.parent, s.seq FROM gap g JOIN snapshot s ON s.run = g.run \
             WHERE s.contract = (SELECT id FROM contract WHERE number = ?) AND s.seq <= ? AND g.status <> 'gone'",
        )
        .bind(number_of(contract.0))
        .bind(seq.0)
        .fetch_all(&self.readers)
        .await
        .when("read the gaps of the coverage")?;
        let mut gaps: HashMap<(Kind, Arc<str>), BTreeSet<u32>> = HashMap::new();
        for row in &rows {
            let Some(kind) = ScopeKind::from_code(row.get(0)).and_then(fact_kind) else { continue };
            let parent: String = row.get(1);
            gaps.entry((kind, parent.into())).or_default().insert(row.get(2));
        }
        Ok(gaps
            .into_iter()
            .filter(|(_, at)| at.contains(&seq.0))
            .map(|(part, at)| {
                let last = (1..=seq.0).rev().find(|candidate| !at.contains(candidate)).unwrap_or(0);
                (part, Seq(last))
            })
            .collect())
    }
}

fn version(row: &sqlx::sqlite::SqliteRow) -> Result<Version, StoreError> {
    let code: u8 = row.get(0);
    let kind = Kind::from_code(code)
        .ok_or_else(|| StoreError::Inconsistent { table: "fact", what: format!("unknown kind {code}") })?;
    Ok(Version {
        kind,
        subject: row.get::<String, _>(1).into(),
        object: row.get::<String, _>(2).into(),
        since: row.get(3),
        until: row.get(4),
        body: row.get::<Option<String>, _>(5).map(Body::from_canonical),
    })
}

/// Folds the versions of one fact, oldest first, into the one that holds, if any does.
fn fold(versions: Vec<Version>, seq: Seq) -> Option<Alive> {
    let mut since = Seq(0);
    let mut true_since: BTreeMap<String, Seq> = BTreeMap::new();
    let mut until_before = None;
    let mut last = None;
    for version in versions {
        let begins_anew = until_before != Some(version.since);
        if begins_anew {
            since = Seq(version.since);
            true_since.clear();
        }
        let holding = version.body.as_ref().map(true_names).unwrap_or_default();
        true_since.retain(|name, _| holding.contains(name));
        for name in holding {
            true_since.entry(name).or_insert(Seq(version.since));
        }
        until_before = version.until;
        last = Some(version);
    }
    let version = last?;
    let holds = version.until.is_none_or(|until| until > seq.0);
    holds.then_some(Alive { version, since, true_since })
}

/// The names of the booleans in a body that are true, those of privileges without their prefix.
fn true_names(body: &Body) -> BTreeSet<String> {
    let Ok(serde_json::Value::Object(properties)) = body.read("fact") else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    for (name, value) in properties {
        match value {
            serde_json::Value::Bool(true) => {
                names.insert(name);
            }
            serde_json::Value::Object(inner) if name == "privileges" => {
                names.extend(inner.into_iter().filter(|(_, value)| *value == true).map(|(name, _)| name));
            }
            _ => {}
        }
    }
    names
}

fn instant(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds?, 0)
}

fn place(
    state: &mut State,
    contract: ContractNumber,
    alive: Alive,
    seen: Seq,
    apart: &Apart,
) -> Result<(), StoreError> {
    let Alive { version, since, true_since } = alive;
    let changed = Seq(version.since);
    let Version { kind, subject, object, body, .. } = version;
    let attribution =
        |kind: Kind, name: &Arc<str>| apart.attributions.get(&(kind, Arc::clone(name))).cloned().unwrap_or_default();
    let person = |commitment: &str| {
        apart.persons.get(&(Arc::clone(&subject), commitment.to_owned())).cloned().unwrap_or_default()
    };
    match kind {
        Kind::Contract => {
            let body: crate::domain::contract::ContractBody = read(body, "contract", &subject)?;
            let owner = person(&body.owner);
            state.contract = Some(Contract::from_parts(contract, body, owner));
        }
        Kind::User => {
            let body: crate::domain::user::UserBody = read(body, "user", &subject)?;
            let known = person(&body.person);
            let login = apart.logins.get(&subject).copied();
            let attribution = attribution(Kind::User, &subject);
            let user = User::from_parts(subject.into(), body, known, login, attribution);
            state.users.insert(user.id.clone(), Held { value: user, since, changed, seen, true_since });
        }
        Kind::Group => {
            let group = Group::from_parts(subject.clone().into(), read(body, "group", &subject)?);
            state.groups.insert(group.id.clone(), Held { value: group, since, changed, seen, true_since });
        }
        Kind::Resource => {
            let body = read(body, "resource", &subject)?;
            let attribution = attribution(Kind::Resource, &subject);
            let resource = Resource::from_parts(subject.into(), body, attribution);
            state.resources.insert(resource.id.clone(), Held { value: resource, since, changed, seen, true_since });
        }
        Kind::Member => {
            let held = Held { value: (), since, changed, seen, true_since };
            state.members.insert((subject.into(), object.into()), held);
        }
        Kind::Share => {
            let body = read(body, "share", &subject)?;
            let share = Share::from_parts(subject.into(), object.into(), body);
            let key = (share.group.clone(), share.resource.clone());
            state.shares.insert(key, Held { value: share, since, changed, seen, true_since });
        }
        Kind::Own => {
            let held = Held { value: (), since, changed, seen, true_since };
            state.owns.insert((subject.into(), object.into()), held);
        }
        Kind::Key => {
            let body = read(body, "key", &subject)?;
            let attribution = attribution(Kind::Key, &object);
            let key = Key::from_parts(subject.into(), object.into(), body, attribution);
            state
                .keys
                .insert((key.user.clone(), key.id.clone()), Held { value: key, since, changed, seen, true_since });
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(body: Option<Body>, what: &'static str, subject: &str) -> Result<T, StoreError> {
    let body = body
        .ok_or_else(|| StoreError::Inconsistent { table: "fact", what: format!("the {what} {subject} has no body") })?;
    Ok(body.read(what)?)
}
