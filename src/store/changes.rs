//! Changes out of the log: the net difference of two snapshots, every event in between, and the facts themselves.
//!
//! Cost grows with what changed, not with what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::body::Body;
use crate::domain::change::{Change, Op};
use crate::domain::fact::{Fact, FactKey, Kind};
use crate::domain::id::{ContractNumber, Seq};

impl Store {
    /// Every event of the snapshots after `from` up to and including `to`, in order of snapshot and fact.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn events(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.seq, h.kind, s.ref, o.ref, h.op, b.json, a.json FROM change h \
             JOIN entity s ON s.id = h.subject LEFT JOIN entity o ON o.id = h.object \
             LEFT JOIN body b ON b.id = h.before LEFT JOIN body a ON a.id = h.after \
             WHERE h.contract = (SELECT id FROM contract WHERE number = ?) AND h.seq > ? AND h.seq <= ?",
        )
        .bind(number_of(contract.0))
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&self.readers)
        .await
        .when("read the changes")?;
        let mut changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        changes.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
        Ok(changes)
    }

    /// What differs between two snapshots, whatever happened in between, in order of fact.
    /// With `from` after `to` the difference is turned round.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn net(&self, contract: ContractNumber, from: Seq, to: Seq) -> Result<Vec<Change>, StoreError> {
        if from > to {
            let forward = fold(self.events(contract, to, from).await?, from);
            return Ok(forward.into_iter().map(|change| reverse(change, to)).collect());
        }
        Ok(fold(self.events(contract, from, to).await?, to))
    }

    /// Every event that a user, group, resource or key had a part in, in order of snapshot and fact.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn events_of(&self, contract: ContractNumber, id: &str) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.seq, h.kind, s.ref, o.ref, h.op, b.json, a.json FROM change h \
             JOIN entity s ON s.id = h.subject LEFT JOIN entity o ON o.id = h.object \
             LEFT JOIN body b ON b.id = h.before LEFT JOIN body a ON a.id = h.after \
             WHERE h.contract = (SELECT id FROM contract WHERE number = ?1) AND (s.ref = ?2 OR o.ref = ?2)",
        )
        .bind(number_of(contract.0))
        .bind(id)
        .fetch_all(&self.readers)
        .await
        .when("read the history of an object")?;
        let mut changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        changes.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
        Ok(changes)
    }

    /// All facts as of a snapshot, in order.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn facts(&self, contract: ContractNumber, seq: Seq) -> Result<Vec<Fact>, StoreError> {
        let rows = sqlx::query(
            "SELECT f.kind, s.ref, o.ref, b.json FROM fact f JOIN entity s ON s.id = f.subject \
             LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body \
             WHERE f.contract = (SELECT id FROM contract WHERE number = ?1) AND f.since <= ?2 \
             AND (f.until IS NULL OR f.until > ?2)",
        )
        .bind(number_of(contract.0))
        .bind(seq.0)
        .fetch_all(&self.readers)
        .await
        .when("read the facts")?;
        let mut facts = rows
            .iter()
            .map(|row| Ok(Fact { key: key(row, 0)?, body: body(row, 3) }))
            .collect::<Result<Vec<_>, StoreError>>()?;
        facts.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(facts)
    }
}

/// Reduces events, ordered by snapshot, to one net change per fact; what came and went cancels out.
fn fold(events: Vec<Change>, to: Seq) -> Vec<Change> {
    let mut net: BTreeMap<FactKey, (Change, Change)> = BTreeMap::new();
    for event in events {
        net.entry(event.key.clone())
            .and_modify(|(_, last)| *last = event.clone())
            .or_insert_with(|| (event.clone(), event));
    }
    net.into_values()
        .filter_map(|(first, last)| {
            let was = matches!(first.op, Op::Ended | Op::Changed);
            let is = last.op != Op::Ended;
            let op = match (was, is) {
                (false, false) => return None,
                (true, true) if first.before == last.after => return None,
                (true, true) => Op::Changed,
                (true, false) => Op::Ended,
                (false, true) => first.op,
            };
            Some(Change { seq: to, key: first.key, op, before: first.before, after: last.after })
        })
        .collect()
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

fn change(row: &SqliteRow) -> Result<Change, StoreError> {
    let op = match row.get::<u8, _>(4) {
        1 => Op::Began,
        2 => Op::Ended,
        3 => Op::Changed,
        4 => Op::FirstSeen,
        other => {
            return Err(StoreError::Inconsistent { table: "change", what: format!("unknown op {other}") });
        }
    };
    Ok(Change { seq: Seq(row.get(0)), key: key(row, 1)?, op, before: body(row, 5), after: body(row, 6) })
}

fn key(row: &SqliteRow, from: usize) -> Result<FactKey, StoreError> {
    let code: u8 = row.get(from);
    let kind = Kind::from_code(code)
        .ok_or_else(|| StoreError::Inconsistent { table: "fact", what: format!("unknown kind {code}") })?;
    let subject: String = row.get(from + 1);
    let object: Option<String> = row.get(from + 2);
    Ok(FactKey { kind, subject: subject.into(), object: object.map(Arc::from) })
}

fn body(row: &SqliteRow, column: usize) -> Option<Body> {
    row.get::<Option<String>, _>(column).map(Body::from_canonical)
}
