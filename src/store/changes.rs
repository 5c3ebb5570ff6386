//! Changes out of the log: the net difference of two snapshots, every event in between, and the facts themselves.
//!
//! Cost grows with what changed, not with what is there; only where nearly everything changed are two states compared.
//! Everything is compared by number first: names and bodies are looked up of what is left.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteRow;

use super::error::{StoreError, While as _};
use super::open::Store;
use super::reader::Reader;
use super::seal::number_of;
use super::wide::{self, Bodies, ById, Ids};
use crate::domain::body::Body;
use crate::domain::change::{Change, Op};
use crate::domain::fact::{Fact, FactKey, Kind};
use crate::domain::id::{ContractNumber, Seq};

/// A row of the log, by the numbers of what it is about. Zero is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    seq: i64,
    key: (u8, i64, i64),
    op: i64,
    before: i64,
    after: i64,
}

/// How a net difference is found. The answer is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// By adding up the log between the two snapshots.
    Log,
    /// By comparing what held in the two snapshots.
    States,
}

impl Store {
    /// Every event of the snapshots after `from` up to and including `to`, in order of snapshot and fact.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn events(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Change>, StoreError> {
        Reader::of(self).events(contract, from, to).await
    }

    /// What differs between two snapshots, whatever happened in between, in order of fact.
    /// With `from` after `to` the difference is turned round.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn net(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Change>, StoreError> {
        let plan = self.plan(contract, from.min(to), from.max(to)).await?;
        self.net_by(plan, contract, from, to).await
    }

    /// The same by one of the two ways.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn net_by(
        &self,
        plan: Plan,
        contract: ContractNumber,
        from: Seq,
        to: Seq,
    ) -> Result<Vec<Change>, StoreError> {
        let (earlier, later) = (from.min(to), from.max(to));
        let net = match plan {
            Plan::Log => fold(Reader::of(self).log(contract, earlier, later).await?),
            Plan::States => self.compared(contract, earlier, later).await?,
        };
        let changes = Reader::of(self).name_changes(net).await?.into_iter();
        if from > to {
            Ok(changes.map(|change| reverse(change, to)).collect())
        } else {
            Ok(changes.map(|change| Change { seq: to, ..change }).collect())
        }
    }

    /// Every event that a user, group, resource or key had a part in, in order of snapshot and fact.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn events_of(&self, contract: ContractNumber, id: &str) -> Result<Vec<Change>, StoreError> {
        let row = sqlx::query(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1), \
             it AS (SELECT e.id FROM c JOIN entity e ON e.contract = c.id WHERE e.kind IN (1, 2, 3, 4, 8) AND e.ref = ?2) \
             SELECT group_concat(seq), group_concat(kind), group_concat(subject), group_concat(object), group_concat(op), \
             group_concat(coalesce(before, 0)), group_concat(coalesce(after, 0)) FROM change \
             WHERE contract = (SELECT id FROM c) AND (subject IN (SELECT id FROM it) OR object IN (SELECT id FROM it))",
        )
        .bind(number_of(contract.0))
        .bind(id)
        .fetch_one(&self.readers)
        .await
        .when("read the history of an object")?;
        Reader::of(self).name_changes(events_in(&row)?).await
    }

    /// What was so of a user, group, resource or key in a snapshot, as if it had begun in it, in order of fact.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn facts_of(&self, contract: ContractNumber, id: &str, seq: Seq) -> Result<Vec<Change>, StoreError> {
        let row = sqlx::query(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1), \
             it AS (SELECT e.id FROM c JOIN entity e ON e.contract = c.id WHERE e.kind IN (2, 3, 4, 8) AND e.ref = ?2) \
             SELECT group_concat(?3), group_concat(kind), group_concat(subject), group_concat(object), group_concat(1), \
             group_concat(0), group_concat(coalesce(body, 0)) FROM fact \
             WHERE contract = (SELECT id FROM c) AND (subject IN (SELECT id FROM it) OR object IN (SELECT id FROM it)) \
             AND since <= ?3 AND (until IS NULL OR until > ?3)",
        )
        .bind(number_of(contract.0))
        .bind(id)
        .bind(seq.0)
        .fetch_one(&self.readers)
        .await
        .when("read what an object was")?;
        Reader::of(self).name_changes(events_in(&row)?).await
    }

    /// All facts as of a snapshot, in order.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn facts(&self, contract: ContractNumber, seq: Seq) -> Result<Vec<Fact>, StoreError> {
        let row = sqlx::query(
            "SELECT group_concat(since), group_concat(kind), group_concat(subject), group_concat(object), \
             group_concat(1), group_concat(0), group_concat(coalesce(body, 0)) FROM fact \
             WHERE contract = (SELECT id FROM contract WHERE number = ?1) AND since <= ?2 \
             AND (until IS NULL OR until > ?2)",
        )
        .bind(number_of(contract.0))
        .bind(seq.0)
        .fetch_one(&self.readers)
        .await
        .when("read the facts")?;
        let mut facts = Reader::of(self).name_changes(events_in(&row)?).await?;
        facts.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(facts.into_iter().map(|one| Fact { key: one.key, body: one.after }).collect())
    }

    /// The log costs by what happened, the comparison by what is there.
    async fn plan(&self, contract: ContractNumber, earlier: Seq, later: Seq) -> Result<Plan, StoreError> {
        let (events, facts): (i64, i64) = sqlx::query_as(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1) SELECT \
             (SELECT coalesce(sum(began + ended + changed), 0) FROM snapshot \
             WHERE contract = (SELECT id FROM c) AND seq > ?2 AND seq <= ?3), \
             (SELECT coalesce(sum(contracts + users + groups + resources + members + shares + owns + keys), 0) FROM snapshot \
             WHERE contract = (SELECT id FROM c) AND seq = ?3)",
        )
        .bind(number_of(contract.0))
        .bind(earlier.0)
        .bind(later.0)
        .fetch_one(&self.readers)
        .await
        .when("count what changed")?;
        // The first snapshot has no log, so there is nothing to compare with before it.
        Ok(if earlier.0 > 0 && events > facts / 2 { Plan::States } else { Plan::Log })
    }

    /// The net difference out of the versions that held in one of two snapshots or began between them.
    async fn compared(&self, contract: ContractNumber, earlier: Seq, later: Seq) -> Result<Vec<Event>, StoreError> {
        let row = sqlx::query(
            "SELECT group_concat(since), group_concat(kind), group_concat(subject), group_concat(object), \
             group_concat(1), group_concat(coalesce(until, 0)), group_concat(coalesce(body, 0)) FROM fact \
             WHERE contract = (SELECT id FROM contract WHERE number = ?1) AND since <= ?3 \
             AND (until IS NULL OR until > ?2) AND (since > ?2 OR until <= ?3)",
        )
        .bind(number_of(contract.0))
        .bind(earlier.0)
        .bind(later.0)
        .fetch_one(&self.readers)
        .await
        .when("read the facts of two snapshots")?;
        let first_looks: HashSet<(i64, (u8, i64, i64))> = Reader::of(self)
            .log(contract, earlier, later)
            .await?
            .into_iter()
            .filter(|event| event.op == i64::from(super::seal::facts::op_code(Op::FirstSeen)))
            .map(|event| (event.seq, event.key))
            .collect();
        let mut versions = events_in(&row)?;
        versions.sort_by_key(|version| (version.key, version.seq));
        let (earlier, later) = (i64::from(earlier.0), i64::from(later.0));
        let differences = versions.chunk_by(|a, b| a.key == b.key).filter_map(|versions| {
            // Here `before` is until when a version held, and `after` its body.
            let (first, last) = (versions[0], versions[versions.len() - 1]);
            let was = (first.seq <= earlier).then_some(first.after);
            let is = (last.before == 0 || last.before > later).then_some(last.after);
            let op = match (was, is) {
                (None, None) => return None,
                (Some(was), Some(is)) if was == is => return None,
                (Some(_), Some(_)) => Op::Changed,
                (Some(_), None) => Op::Ended,
                (None, Some(_)) if first_looks.contains(&(first.seq, first.key)) => Op::FirstSeen,
                (None, Some(_)) => Op::Began,
            };
            let op = super::seal::facts::op_code(op).into();
            Some(Event { seq: later, op, before: was.unwrap_or(0), after: is.unwrap_or(0), ..first })
        });
        Ok(differences.collect())
    }
}

impl Reader<'_> {
    /// See [`Store::events`].
    pub(super) async fn events(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Change>, StoreError> {
        let log = self.log(contract, from, to).await?;
        self.name_changes(log).await
    }

    /// The rows of the log after `from` up to and including `to`.
    async fn log(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Event>, StoreError> {
        let query = sqlx::query(
            "SELECT group_concat(seq), group_concat(kind), group_concat(subject), group_concat(object), group_concat(op), \
             group_concat(coalesce(before, 0)), group_concat(coalesce(after, 0)) FROM change \
             WHERE contract = (SELECT id FROM contract WHERE number = ?) AND seq > ? AND seq <= ?",
        )
        .bind(number_of(contract.0))
        .bind(from.0)
        .bind(to.0);
        let row = self.fetch_one(query).await.when("read the changes")?;
        events_in(&row)
    }

    /// Puts names and bodies to events, in order of snapshot and fact.
    async fn name_changes(&self, events: Vec<Event>) -> Result<Vec<Change>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let named = Ids::of(events.iter().flat_map(|event| [event.key.1, event.key.2]).collect());
        let bodies = Ids::of(events.iter().flat_map(|event| [event.before, event.after]).collect());
        let (refs, bodies) = tokio::try_join!(wide::refs(self, &named), Bodies::read(self, &bodies))?;
        let bodies = bodies.shared()?;
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            let (code, subject, object) = event.key;
            let key = FactKey {
                kind: Kind::from_code(code).ok_or_else(|| inconsistent("fact", format!("unknown kind {code}")))?,
                subject: named_by(&refs, subject)?,
                object: if object == 0 { None } else { Some(named_by(&refs, object)?) },
            };
            let seq = u32::try_from(event.seq).map(Seq);
            let seq = seq.map_err(|_| inconsistent("change", format!("snapshot {} is out of range", event.seq)))?;
            let (before, after) = (body_by(&bodies, event.before)?, body_by(&bodies, event.after)?);
            changes.push(Change { seq, key, op: op_of(event.op)?, before, after });
        }
        changes.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
        Ok(changes)
    }
}

/// Takes apart the columns seq, kind, subject, object, op, before and after.
fn events_in(row: &SqliteRow) -> Result<Vec<Event>, StoreError> {
    let mut columns = wide::columns::<7>("change", row)?;
    let mut events = Vec::with_capacity(columns[0].len());
    while let [Some(seq), Some(kind), Some(subject), Some(object), Some(op), Some(before), Some(after)] =
        columns.each_mut().map(Iterator::next)
    {
        let kind = u8::try_from(kind).map_err(|_| inconsistent("fact", format!("unknown kind {kind}")))?;
        events.push(Event { seq, key: (kind, subject, object), op, before, after });
    }
    Ok(events)
}

/// Reduces events to one net change per fact; what came and went cancels out.
fn fold(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| (event.key, event.seq));
    let code = |op| i64::from(super::seal::facts::op_code(op));
    let (ended, changed) = (code(Op::Ended), code(Op::Changed));
    let net = events.chunk_by(|a, b| a.key == b.key).filter_map(|events| {
        let (first, last) = (events[0], events[events.len() - 1]);
        let was = first.op == ended || first.op == changed;
        let is = last.op != ended;
        let op = match (was, is) {
            (false, false) => return None,
            (true, true) if first.before == last.after => return None,
            (true, true) => changed,
            (true, false) => ended,
            (false, true) => first.op,
        };
        Some(Event { seq: 0, op, after: last.after, ..first })
    });
    net.collect()
}

fn reverse(change: Change, to: Seq) -> Change {
    let op = match change.op {
        Op::Began | Op::FirstSeen => Op::Ended,
        Op::Ended => Op::Began,
        Op::Changed => Op::Changed,
    };
    Change { seq: to, op, before: change.after, after: change.before, ..change }
}

/// Applies changes to facts: what was so before becomes what is so after. The law every diff is tested by.
pub fn apply(facts: &[Fact], changes: &[Change]) -> Vec<Fact> {
    let mut state: BTreeMap<FactKey, Option<Body>> =
        facts.iter().map(|fact| (fact.key.clone(), fact.body.clone())).collect();
    for change in changes {
        if change.op == Op::Ended {
            state.remove(&change.key);
        } else {
            state.insert(change.key.clone(), change.after.clone());
        }
    }
    state.into_iter().map(|(key, body)| Fact { key, body }).collect()
}

fn op_of(code: i64) -> Result<Op, StoreError> {
    match code {
        1 => Ok(Op::Began),
        2 => Ok(Op::Ended),
        3 => Ok(Op::Changed),
        4 => Ok(Op::FirstSeen),
        other => Err(inconsistent("change", format!("unknown op {other}"))),
    }
}

fn named_by(refs: &ById<Arc<str>>, id: i64) -> Result<Arc<str>, StoreError> {
    refs.get(id).cloned().ok_or_else(|| inconsistent("entity", format!("entity {id} is named and not there")))
}

fn body_by(bodies: &ById<Body>, id: i64) -> Result<Option<Body>, StoreError> {
    match id {
        0 => Ok(None),
        id => match bodies.get(id) {
            Some(body) => Ok(Some(body.clone())),
            None => Err(inconsistent("body", format!("body {id} is named and not there"))),
        },
    }
}

fn inconsistent(table: &'static str, what: String) -> StoreError {
    StoreError::Inconsistent { table, what }
}
