//! What answers leave out: the last known values stand for it, and that is sealed with the snapshot.
//!
//! An attribute is unknown from the snapshot whose answer left it out until the one that reports it again; a day on which
//! nothing of that changes writes nothing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::rows::Sighted;
use super::{Sealer, object_kind, parent_kind};
use crate::domain::body::Body;
use crate::domain::coverage::ScopeKind;
use crate::domain::fact::Kind;
use crate::domain::notice::{Notice, UnknownCount};
use crate::domain::unknown::{self, Carried};
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::intern::BATCH;
use crate::store::merge::Open;
use crate::store::parts::{self, Digest, PartKey, Row};

/// A fact by the numbers of its kind, subject and object.
type Fact = (u8, i64, i64);

/// An attribute that is unknown since a snapshot.
#[derive(Clone, Copy, Debug)]
struct Since {
    seq: i64,
    /// The last snapshot that knew it.
    last_known: Option<i64>,
}

/// The attributes that are unknown now, and what of that is to be written.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    open: BTreeMap<Fact, BTreeMap<String, Since>>,
    ended: Vec<(Fact, String, i64)>,
    begun: Vec<(Fact, String, Option<i64>)>,
}

/// What is unknown of one fact: the attributes, and since which snapshot the carried body has held; none where the
/// attribute was never known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    subject: Arc<str>,
    object: Arc<str>,
    attributes: BTreeMap<String, Option<i64>>,
}

/// The digest of an answer: of its rows, and of what it leaves out.
pub(super) fn observed(seen: &[Sighted]) -> Digest {
    let digest = parts::digest(seen.iter().map(|one| &one.row));
    if seen.iter().all(|one| one.carried.is_empty()) {
        // What is left out of a body is seen in the body.
        return digest;
    }
    let mut hash = Sha256::new();
    hash.update(digest);
    for one in seen.iter().filter(|one| !one.carried.is_empty()) {
        for text in [&*one.row.subject, &*one.row.object].into_iter().chain(one.carried.iter().copied()) {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
    }
    hash.finalize().into()
}

/// Completes what was seen of a part with what is known of it; with what is unknown of each fact that was seen. Both lists
/// are in order.
pub(super) fn complete(kind: Kind, open: &[Open], seen: Vec<Sighted>) -> Result<(Vec<Row>, Vec<Missing>), StoreError> {
    let privileges = if kind == Kind::Group { privilege_names(open, &seen)? } else { BTreeSet::new() };
    let mut open = open.iter().peekable();
    let mut rows = Vec::with_capacity(seen.len());
    let mut missing = Vec::new();
    for Sighted { mut row, unreported, carried } in seen {
        while open.next_if(|open| open.row.key() < row.key()).is_some() {}
        let known = open.next_if(|open| open.row.key() == row.key());
        let mut attributes: BTreeMap<String, Option<i64>> =
            unreported.into_iter().map(|name| (name.to_owned(), None)).collect();
        let since = known.map(|open| open.since);
        attributes.extend(carried.into_iter().map(|name| (name.to_owned(), since)));
        if let Some((before, seen)) = known.and_then(|open| open.row.body.as_ref()).zip(row.body.as_ref())
            && before != seen
        {
            let Carried { body, attributes: names } = unknown::carry(kind, before, seen)?;
            row.body = Some(body);
            attributes.extend(names.into_iter().map(|name| (name, since)));
        }
        if let Some(body) = row.body.as_ref().filter(|_| !privileges.is_empty()) {
            let reported = names_in(body)?;
            let unreported = privileges.iter().filter(|name| !reported.contains(*name));
            attributes.extend(unreported.map(|name| (name.clone(), None)));
        }
        if !attributes.is_empty() {
            missing.push(Missing { subject: Arc::clone(&row.subject), object: Arc::clone(&row.object), attributes });
        }
        rows.push(row);
    }
    Ok((rows, missing))
}

/// Every privilege that some group is known to have or not to have; empty where no group leaves any of them out.
fn privilege_names(open: &[Open], seen: &[Sighted]) -> Result<BTreeSet<String>, StoreError> {
    let bodies = open.iter().map(|open| &open.row).chain(seen.iter().map(|one| &one.row));
    let mut all: Vec<BTreeSet<String>> = Vec::new();
    for body in bodies.filter_map(|row| row.body.as_ref()) {
        all.push(names_in(body)?);
    }
    if all.windows(2).all(|two| two[0] == two[1]) {
        return Ok(BTreeSet::new());
    }
    Ok(all.into_iter().flatten().collect())
}

fn names_in(body: &Body) -> Result<BTreeSet<String>, StoreError> {
    let body: Map<String, Value> = body.read(Kind::Group.as_str())?;
    let privileges = body.get("privileges").and_then(Value::as_object);
    Ok(privileges.map(|privileges| privileges.keys().cloned().collect()).unwrap_or_default())
}

impl Unknown {
    /// The attributes of a contract that are unknown now.
    pub(super) async fn load(db: &mut SqliteConnection, contract: i64) -> Result<Self, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, subject, object, attribute, since, last_known FROM unknown WHERE contract = ? AND until IS NULL",
        )
        .bind(contract)
        .fetch_all(db)
        .await
        .when("read which attributes are unknown")?;
        let mut open: BTreeMap<Fact, BTreeMap<String, Since>> = BTreeMap::new();
        for row in &rows {
            let row = Columns::of("unknown", row);
            let since = Since { seq: row.get(4)?, last_known: row.optional(5)? };
            open.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().insert(row.get(3)?, since);
        }
        Ok(Self { open, ..Self::default() })
    }

    /// A fact that has ended has no attributes.
    pub(super) fn end(&mut self, kind: Kind, subject: i64, object: i64) {
        let fact = (kind.code(), subject, object);
        for (attribute, since) in self.open.remove(&fact).unwrap_or_default() {
            self.ended.push((fact, attribute, since.seq));
        }
    }

    /// What is unknown of a fact that was seen.
    fn set(&mut self, fact: Fact, now: BTreeMap<String, Option<i64>>, seq: i64) {
        let before = self.open.remove(&fact).unwrap_or_default();
        let mut open = BTreeMap::new();
        for (attribute, since) in before {
            if now.contains_key(&attribute) {
                open.insert(attribute, since);
            } else {
                self.ended.push((fact, attribute, since.seq));
            }
        }
        for (attribute, last_known) in now {
            if let Entry::Vacant(entry) = open.entry(attribute) {
                self.begun.push((fact, entry.key().clone(), last_known));
                entry.insert(Since { seq, last_known });
            }
        }
        if !open.is_empty() {
            self.open.insert(fact, open);
        }
    }

    /// What a run says about the attributes that are unknown in its snapshot, if any is.
    pub(super) fn notice(&self, seq: i64) -> Option<Notice> {
        let mut counts: BTreeMap<(Kind, &str), UnknownCount> = BTreeMap::new();
        for ((code, ..), attributes) in &self.open {
            let Some(kind) = Kind::from_code(*code) else { continue };
            for (attribute, since) in attributes {
                let count = counts.entry((kind, attribute)).or_insert_with(|| UnknownCount {
                    kind,
                    attribute: attribute.clone(),
                    count: 0,
                    never_known: 0,
                    new: 0,
                });
                count.count += 1;
                count.never_known += u64::from(since.last_known.is_none());
                count.new += u64::from(since.seq == seq);
            }
        }
        (!counts.is_empty()).then(|| Notice::AttributeUnknown { counts: counts.into_values().collect() })
    }
}

impl Sealer<'_> {
    /// Takes in what is unknown of the facts of a part that were seen.
    pub(super) async fn take_unknown(
        &mut self,
        key: &PartKey,
        rows: &[(Arc<str>, Arc<str>)],
        missing: Vec<Missing>,
    ) -> Result<(), StoreError> {
        if missing.is_empty() && self.unknown.open.is_empty() {
            return Ok(());
        }
        let mut last_proved = None;
        let mut missing = missing.into_iter().peekable();
        for (subject, object) in rows {
            let attributes = missing.next_if(|one| one.subject == *subject && one.object == *object);
            let Some(fact) = self.fact(key.0, subject, object) else { continue };
            let mut now = attributes.map(|one| one.attributes).unwrap_or_default();
            let before = self.unknown.open.get(&fact);
            if now.is_empty() && before.is_none() {
                continue;
            }
            let is_new = |name: &String| before.is_none_or(|before| !before.contains_key(name));
            if now.iter().any(|(name, since)| since.is_some() && is_new(name)) {
                let proved = match last_proved {
                    Some(proved) => proved,
                    None => *last_proved.insert(self.last_proved(key).await?),
                };
                for since in now.values_mut().flatten() {
                    *since = (*since).max(proved);
                }
            }
            self.unknown.set(fact, now, self.seq);
        }
        Ok(())
    }

    fn fact(&self, kind: Kind, subject: &Arc<str>, object: &Arc<str>) -> Option<Fact> {
        let subject = self.entities.find(parent_kind(kind).unwrap_or(kind), subject)?;
        let object = match object_kind(kind) {
            Some(kind) => self.entities.find(kind, object)?,
            None => 0,
        };
        Some((kind.code(), subject, object))
    }

    /// The last snapshot before this one in which the scope of a part was read to its end.
    async fn last_proved(&mut self, (kind, parent): &PartKey) -> Result<i64, StoreError> {
        let scope = ScopeKind::ALL.into_iter().find(|scope| super::facts::fact_kind(*scope) == Some(*kind));
        sqlx::query_scalar(
            "SELECT coalesce(max(s.seq), 0) FROM snapshot s WHERE s.contract = ?1 AND NOT EXISTS \
             (SELECT 1 FROM gap g WHERE g.run = s.run AND g.kind = ?2 AND g.parent = ?3)",
        )
        .bind(self.contract)
        .bind(scope.map(ScopeKind::code))
        .bind(parent.to_string())
        .fetch_one(&mut *self.db)
        .await
        .when("look up when a scope was read last")
    }

    /// Writes which attributes became unknown, and which are known again.
    pub(super) async fn write_unknown(&mut self) -> Result<(), StoreError> {
        for ((kind, subject, object), attribute, since) in std::mem::take(&mut self.unknown.ended) {
            sqlx::query(
                "UPDATE unknown SET until = ? WHERE contract = ? AND kind = ? AND subject = ? AND object = ? \
                 AND attribute = ? AND since = ?",
            )
            .bind(self.seq)
            .bind(self.contract)
            .bind(kind)
            .bind(subject)
            .bind(object)
            .bind(attribute)
            .bind(since)
            .execute(&mut *self.db)
            .await
            .when("write that an attribute is known again")?;
        }
        let begun = std::mem::take(&mut self.unknown.begun);
        for batch in begun.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO unknown (contract, kind, subject, object, attribute, since, last_known) ",
            );
            insert.push_values(batch, |mut values, ((kind, subject, object), attribute, last_known)| {
                values
                    .push_bind(self.contract)
                    .push_bind(*kind)
                    .push_bind(*subject)
                    .push_bind(*object)
                    .push_bind(attribute.clone())
                    .push_bind(self.seq)
                    .push_bind(*last_known);
            });
            insert.build().execute(&mut *self.db).await.when("write which attributes are unknown")?;
        }
        Ok(())
    }
}
