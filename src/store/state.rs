//! Reads the state of a contract as of any snapshot, or the part of it around a few objects, with the age of everything in it.

mod apart;
mod versions;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::try_join_all;
use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;

use self::apart::Apart;
use self::versions::{Version, age, alive};
use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::reader::Reader;
use super::seal::facts::fact_kind;
use super::seal::number_of;
use super::wide::{self, Bodies, ById, Ids, Numbers, Shared};
use crate::domain::contract::{Contract, ContractBody};
use crate::domain::coverage::ScopeKind;
use crate::domain::fact::{FactKey, Kind};
use crate::domain::group::{Group, GroupBody};
use crate::domain::id::{ContractNumber, GroupId, Seq, UserId};
use crate::domain::key::{Key, KeyBody};
use crate::domain::resource::{Resource, ResourceBody};
use crate::domain::share::{Share, ShareBody};
use crate::domain::state::{Around, Held, State};
use crate::domain::unknown::Unknowns;
use crate::domain::user::{User, UserBody};

/// For every scope that was not complete in a snapshot, the last one in which it was.
type Unproven = BTreeMap<(Kind, Arc<str>), Seq>;

/// The versions of all facts of one kind that are wanted, in order.
type OfKind = (Kind, Vec<Version>);

impl Store {
    /// The state as of a snapshot.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn state(&self, contract: ContractNumber, seq: Seq) -> Result<State, StoreError> {
        let reader = Reader::of(self);
        let kinds = Kind::ALL.map(|kind| reader.versions(contract, seq, kind, None));
        reader.put_together(contract, seq, try_join_all(kinds).await?).await
    }

    /// The part of the state as of a snapshot that is around some objects. What it holds, it holds as the whole state does.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn state_around(&self, contract: ContractNumber, seq: Seq, around: &Around) -> Result<State, StoreError> {
        Reader::of(self).state_around(contract, seq, around).await
    }

    /// The attributes that are unknown in a snapshot.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn unknown_attributes(&self, contract: ContractNumber, seq: Seq) -> Result<Unknowns, StoreError> {
        Reader::of(self).unknown_attributes(contract, seq).await
    }

    /// The members of a group as of a snapshot, in order.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn members_of(
        &self,
        contract: ContractNumber,
        group: &GroupId,
        seq: Seq,
    ) -> Result<Vec<UserId>, StoreError> {
        let row = sqlx::query(
            "SELECT json_group_array(u.ref) FROM entity g \
             JOIN fact f ON f.contract = g.contract AND f.kind = 5 AND f.subject = g.id JOIN entity u ON u.id = f.object \
             WHERE g.contract = (SELECT id FROM contract WHERE number = ?1) AND g.kind = 3 AND g.ref = ?2 \
             AND f.since <= ?3 AND (f.until IS NULL OR f.until > ?3)",
        )
        .bind(number_of(contract.0))
        .bind(group.as_str())
        .bind(seq.0)
        .fetch_one(&self.readers)
        .await
        .when("read the members of a group")?;
        let members: Vec<Shared> = wide::json(&row, 0, "entity")?;
        let mut members: Vec<UserId> = members.into_iter().map(|member| member.0.into()).collect();
        members.sort_unstable();
        Ok(members)
    }
}

impl Reader<'_> {
    /// See [`Store::state_around`].
    pub(super) async fn state_around(
        &self,
        contract: ContractNumber,
        seq: Seq,
        around: &Around,
    ) -> Result<State, StoreError> {
        let wanted = [
            (Kind::User, Kind::User, texts(&around.users)),
            (Kind::Group, Kind::Group, texts(&around.groups)),
            (Kind::Resource, Kind::Resource, texts(&around.resources)),
            (Kind::Member, Kind::Group, texts(&around.members_of)),
            (Kind::Share, Kind::Group, texts(&around.shares_of)),
            (Kind::Key, Kind::User, texts(&around.keys_of)),
        ];
        let mut kinds = vec![self.versions(contract, seq, Kind::Contract, None).await?];
        for (kind, of, names) in wanted.into_iter().filter(|(.., names)| names.len() > "[]".len()) {
            let ids = self.entity_ids(contract, of, names).await?;
            kinds.push(self.versions(contract, seq, kind, Some(ids)).await?);
        }
        // What is shared has a name as well.
        let shared: Vec<i64> = kinds
            .iter()
            .filter(|(kind, _)| *kind == Kind::Share)
            .flat_map(|(_, versions)| alive(versions, seq).map(|versions| versions[0].object))
            .collect();
        if !shared.is_empty() {
            let (_, more) = self.versions(contract, seq, Kind::Resource, Some(shared)).await?;
            kinds.push((Kind::Resource, more));
        }
        self.put_together(contract, seq, kinds).await
    }

    async fn entity_ids(&self, contract: ContractNumber, kind: Kind, names: String) -> Result<Vec<i64>, StoreError> {
        let query = sqlx::query(
            "SELECT group_concat(e.id) FROM json_each(?1) j CROSS JOIN entity e ON e.ref = j.value \
             WHERE e.contract = (SELECT id FROM contract WHERE number = ?2) AND e.kind = ?3",
        )
        .bind(names)
        .bind(number_of(contract.0))
        .bind(kind.code());
        let row = self.fetch_one(query).await.when("look up objects by their ids")?;
        Ok(Numbers::of("entity", &row, 0)?.collect())
    }

    /// The versions of facts of one kind up to a snapshot, of all subjects or of some.
    async fn versions(
        &self,
        contract: ContractNumber,
        seq: Seq,
        kind: Kind,
        subjects: Option<Vec<i64>>,
    ) -> Result<OfKind, StoreError> {
        let some = if subjects.is_some() { "AND subject IN (SELECT value FROM json_each(?4))" } else { "" };
        let sql = format!(
            "SELECT group_concat(subject), group_concat(object), group_concat(since), group_concat(coalesce(until, 0)), \
             group_concat(coalesce(body, 0)) FROM fact \
             WHERE contract = (SELECT id FROM contract WHERE number = ?1) AND kind = ?2 AND since <= ?3 {some}"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(number_of(contract.0)).bind(kind.code()).bind(seq.0);
        if let Some(subjects) = &subjects {
            query = query.bind(wide::list(subjects));
        }
        let row = self.fetch_one(query).await.when("read the facts")?;
        Ok((kind, versions::read(&row)?))
    }

    async fn put_together(&self, contract: ContractNumber, seq: Seq, kinds: Vec<OfKind>) -> Result<State, StoreError> {
        let ids = |wanted: &[Kind], id: fn(&Version) -> i64| {
            let kinds = kinds.iter().filter(|(kind, _)| wanted.contains(kind));
            kinds.flat_map(|(_, versions)| versions.iter().map(id)).collect::<Vec<i64>>()
        };
        let mut named = ids(&Kind::ALL, |version| version.subject);
        named.extend(ids(&Kind::ALL, |version| version.object));
        let people = ids(&[Kind::Contract, Kind::User], |version| version.subject);
        let mut made = ids(&[Kind::User, Kind::Resource], |version| version.subject);
        made.extend(ids(&[Kind::Key], |version| version.object));
        let (named, bodies) = (Ids::of(named), Ids::of(ids(&Kind::ALL, |version| version.body)));
        let (refs, bodies, apart, unproven, unknown) = tokio::try_join!(
            wide::refs(self, &named),
            Bodies::read(self, &bodies),
            self.apart(contract, seq, Ids::of(people), Ids::of(made)),
            self.unproven(contract, seq),
            self.unknown_attributes(contract, seq),
        )?;
        let placing = Placing { contract, seq, refs, bodies: bodies.by_id()?, apart, unproven };
        let mut state = State::empty(seq);
        for (kind, versions) in &kinds {
            placing.place(&mut state, *kind, versions)?;
        }
        state.unknown = unknown;
        state.unread = placing.unproven;
        Ok(state)
    }

    /// The attributes of a contract that are unknown in a snapshot.
    pub(super) async fn unknown_attributes(&self, contract: ContractNumber, seq: Seq) -> Result<Unknowns, StoreError> {
        let query = sqlx::query(
            "SELECT u.kind, s.ref, o.ref, u.attribute, u.last_known FROM unknown u JOIN entity s ON s.id = u.subject \
             LEFT JOIN entity o ON o.id = u.object WHERE u.contract = (SELECT id FROM contract WHERE number = ?1) \
             AND u.since <= ?2 AND (u.until IS NULL OR u.until > ?2)",
        )
        .bind(number_of(contract.0))
        .bind(seq.0);
        let rows = self.fetch_all(query).await.when("read which attributes are unknown")?;
        let mut unknown = Unknowns::default();
        for row in &rows {
            let row = Columns::of("unknown", row);
            let kind = row.coded(0, Kind::from_code)?;
            let object = row.optional::<&str>(2)?.map(Into::into);
            let key = FactKey { kind, subject: row.get::<&str>(1)?.into(), object };
            unknown.insert(key, row.get(3)?, row.optional_seq(4)?);
        }
        Ok(unknown)
    }

    async fn unproven(&self, contract: ContractNumber, seq: Seq) -> Result<Unproven, StoreError> {
        let query = sqlx::query(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1), \
             now AS (SELECT g.kind, g.parent FROM gap g JOIN snapshot s ON s.run = g.run JOIN c ON s.contract = c.id \
             WHERE s.seq = ?2 AND g.status <> 'gone') \
             SELECT g.kind, g.parent, s.seq FROM c JOIN snapshot s ON s.contract = c.id JOIN gap g ON g.run = s.run \
             WHERE s.seq <= ?2 AND g.status <> 'gone' AND EXISTS (SELECT 1 FROM now) \
             AND (g.kind, g.parent) IN (SELECT kind, parent FROM now)",
        )
        .bind(number_of(contract.0))
        .bind(seq.0);
        let rows = self.fetch_all(query).await.when("read the gaps of the coverage")?;
        let mut gaps: HashMap<(Kind, Arc<str>), BTreeSet<u32>> = HashMap::new();
        for row in &rows {
            let row = Columns::of("gap", row);
            let Some(kind) = fact_kind(row.coded(0, ScopeKind::from_code)?) else { continue };
            gaps.entry((kind, row.get::<&str>(1)?.into())).or_default().insert(row.get(2)?);
        }
        Ok(gaps
            .into_iter()
            .map(|(part, at)| {
                let last = (1..=seq.0).rev().find(|candidate| !at.contains(candidate)).unwrap_or(0);
                (part, Seq(last))
            })
            .collect())
    }
}

fn texts<T: AsRef<str>>(names: &BTreeSet<T>) -> String {
    wide::texts(names.iter().map(AsRef::as_ref))
}

/// All that is needed to make values out of versions.
struct Placing<'a> {
    contract: ContractNumber,
    seq: Seq,
    refs: ById<Arc<str>>,
    bodies: ById<&'a str>,
    apart: Apart,
    unproven: Unproven,
}

/// A user, group or resource: number, id and value.
type Subject<T> = (i64, Arc<str>, Held<T>);

/// A relation: the number of the object, the ids of both ends, and the value.
type Relation<T> = (i64, Arc<str>, Arc<str>, Held<T>);

impl Placing<'_> {
    fn place(&self, state: &mut State, kind: Kind, versions: &[Version]) -> Result<(), StoreError> {
        match kind {
            Kind::Contract => {
                for (id, _, held) in self.subjects::<ContractBody>(kind, versions)? {
                    let owner = self.apart.person(id, &held.value.owner);
                    state.contract = Some(held.map(|body| Contract::from_parts(self.contract, body, owner)));
                }
            }
            Kind::User => {
                state.users.extend(self.subjects::<UserBody>(kind, versions)?.into_iter().map(|(id, name, it)| {
                    let person = self.apart.person(id, &it.value.person);
                    let (login, attribution) = (self.apart.login(id), self.apart.attribution(id));
                    let it = it.map(|body| User::from_parts(name.into(), body, person, login, attribution));
                    (it.value.id.clone(), it)
                }));
            }
            Kind::Group => {
                state.groups.extend(self.subjects::<GroupBody>(kind, versions)?.into_iter().map(|(_, name, it)| {
                    let it = it.map(|body| Group::from_parts(name.into(), body));
                    (it.value.id.clone(), it)
                }));
            }
            Kind::Resource => {
                let resources = self.subjects::<ResourceBody>(kind, versions)?.into_iter();
                state.resources.extend(resources.map(|(id, name, it)| {
                    let it = it.map(|body| Resource::from_parts(name.into(), body, self.apart.attribution(id)));
                    (it.value.id.clone(), it)
                }));
            }
            Kind::Member => {
                let members = self.relations::<()>(kind, versions)?.into_iter();
                state.members.extend(members.map(|(_, group, user, it)| ((group.into(), user.into()), it)));
            }
            Kind::Share => {
                let shares = self.relations::<ShareBody>(kind, versions)?.into_iter();
                state.shares.extend(shares.map(|(_, group, resource, it)| {
                    let it = it.map(|body| Share::from_parts(group.into(), resource.into(), body));
                    ((it.value.group.clone(), it.value.resource.clone()), it)
                }));
            }
            Kind::Own => {
                let owns = self.relations::<()>(kind, versions)?.into_iter();
                state.owns.extend(owns.map(|(_, user, resource, it)| ((user.into(), resource.into()), it)));
            }
            Kind::Key => {
                let keys = self.relations::<KeyBody>(kind, versions)?.into_iter();
                state.keys.extend(keys.map(|(id, user, key, it)| {
                    let attribution = self.apart.attribution(id);
                    let it = it.map(|body| Key::from_parts(user.into(), key.into(), body, attribution));
                    ((it.value.user.clone(), it.value.id.clone()), it)
                }));
            }
        }
        Ok(())
    }

    /// What holds of users, groups, resources or the contract: number, id and value of each.
    fn subjects<T: versions::Reported>(&self, kind: Kind, versions: &[Version]) -> Result<Vec<Subject<T>>, StoreError> {
        let seen = self.seen(kind, "");
        alive(versions, self.seq)
            .map(|versions| {
                let held = age(versions, seen, |version| self.body(kind, version))?;
                Ok((versions[0].subject, self.name(versions[0].subject)?, held))
            })
            .collect()
    }

    /// What holds of relations: the number of the object, both ids and the value of each.
    fn relations<T: versions::Reported>(
        &self,
        kind: Kind,
        versions: &[Version],
    ) -> Result<Vec<Relation<T>>, StoreError> {
        // Many relations have one body.
        let mut known: HashMap<i64, T> = HashMap::new();
        alive(versions, self.seq)
            .map(|versions| {
                let (subject, object) = (versions[0].subject, versions[0].object);
                let name = self.name(subject)?;
                let seen = self.seen(kind, &name);
                let held = age(versions, seen, |version| {
                    if let Some(found) = known.get(&version.body) {
                        return Ok(found.clone());
                    }
                    let body: T = self.body(kind, version)?;
                    known.insert(version.body, body.clone());
                    Ok(body)
                })?;
                Ok((object, name, self.name(object)?, held))
            })
            .collect()
    }

    fn seen(&self, kind: Kind, parent: &str) -> Seq {
        if self.unproven.is_empty() {
            return self.seq;
        }
        self.unproven.get(&(kind, Arc::from(parent))).copied().unwrap_or(self.seq)
    }

    fn name(&self, id: i64) -> Result<Arc<str>, StoreError> {
        self.refs.get(id).cloned().ok_or_else(|| StoreError::Inconsistent {
            table: "entity",
            what: format!("a fact names entity {id}, which is not there"),
        })
    }

    fn body<T: DeserializeOwned>(&self, kind: Kind, version: &Version) -> Result<T, StoreError> {
        let text = match (kind, version.body) {
            (Kind::Member | Kind::Own, 0) => "null",
            (_, id) => self.bodies.get(id).copied().ok_or_else(|| StoreError::Inconsistent {
                table: "fact",
                what: format!("a {kind} of entity {} has no body", version.subject),
            })?,
        };
        crate::domain::body::read(kind.as_str(), text).map_err(StoreError::StoredBody)
    }
}
