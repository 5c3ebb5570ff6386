//! Whether what is stored has the digests that were sealed with it: the hash of each body, the root of each snapshot.
//!
//! Everything is computed anew from the rows. SQLite's own checks see a damaged page; these see a row that was edited.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use super::columns::Columns;
use super::damage::TOLD;
use super::error::{StoreError, While as _};
use super::parts::{self, Part, PartKey, Row};
use super::seal::parent_kind;
use crate::domain::body::Body;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};

/// The first things that are wrong with the digests of the whole database.
pub(super) async fn problems(db: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut problems = body_problems(db).await?;
    let rows = sqlx::query(
        "SELECT c.id, c.number, s.seq FROM snapshot s JOIN contract c ON c.id = s.contract ORDER BY c.number, s.seq",
    )
    .fetch_all(&mut *db)
    .await
    .when("list the snapshots to verify")?;
    for row in &rows {
        let row = Columns::of("snapshot", row);
        problems.extend(root_problem(db, row.get(0)?, row.contract(1)?, row.seq(2)?).await?);
    }
    problems.truncate(TOLD);
    Ok(problems)
}

/// Bodies whose text is not what their hash says.
pub(super) async fn body_problems(db: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut bodies = sqlx::query("SELECT id, hash, json FROM body ORDER BY id").fetch(db);
    let mut problems = Vec::new();
    while let Some(row) = bodies.try_next().await.when("read the bodies")? {
        let row = Columns::of("body", &row);
        let (id, hash, json): (i64, &[u8], &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if Sha256::digest(json.as_bytes()).as_slice() != hash {
            problems.push(format!("table body: the text of row {id} does not have its hash"));
        }
    }
    Ok(problems)
}

/// What is wrong with the root of a snapshot, if anything is.
pub(super) async fn root_problem(
    db: &mut SqliteConnection,
    row: i64,
    contract: ContractNumber,
    seq: Seq,
) -> Result<Option<String>, StoreError> {
    let sealed: String = sqlx::query_scalar("SELECT lower(hex(root)) FROM snapshot WHERE contract = ? AND seq = ?")
        .bind(row)
        .bind(seq.0)
        .fetch_one(&mut *db)
        .await
        .when("read the root of a snapshot")?;
    let found = hex::encode(root_of_facts(db, row, seq).await?);
    Ok((found != sealed)
        .then(|| format!("contract {contract}: snapshot {seq} has root {sealed}, its facts have root {found}")))
}

/// The root of the facts of a snapshot. A fact of a snapshot that does not exist counts in all: it belongs to none.
async fn root_of_facts(db: &mut SqliteConnection, contract: i64, seq: Seq) -> Result<parts::Digest, StoreError> {
    let mut facts = sqlx::query(
        "WITH newest AS (SELECT max(seq) AS seq FROM snapshot WHERE contract = ?1) \
         SELECT f.kind, s.ref, coalesce(o.ref, ''), b.json FROM newest, fact f JOIN entity s ON s.id = f.subject \
         LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body \
         WHERE f.contract = ?1 AND (f.since <= ?2 OR f.since > newest.seq) \
         AND (f.until IS NULL OR f.until > ?2 AND f.until <= newest.seq) ORDER BY 1, 2, 3",
    )
    .bind(contract)
    .bind(seq.0)
    .fetch(db);
    let mut all: BTreeMap<PartKey, Part> = BTreeMap::new();
    let mut open: Option<(PartKey, Vec<Row>)> = None;
    let close = |all: &mut BTreeMap<PartKey, Part>, part: Option<(PartKey, Vec<Row>)>| {
        if let Some((key, rows)) = part {
            let (digest, facts) = (parts::digest(&rows), rows.len() as u64);
            all.insert(key, Part { digest, facts, proven: true, observed: None });
        }
    };
    while let Some(row) = facts.try_next().await.when("read the facts")? {
        let row = Columns::of("fact", &row);
        let kind = row.coded(0, Kind::from_code)?;
        let subject: Arc<str> = row.get::<&str>(1)?.into();
        let parent = if parent_kind(kind).is_some() { subject.clone() } else { "".into() };
        let body = row.optional::<&str>(3)?.map(Body::from_canonical);
        let fact = Row { subject, object: row.get::<&str>(2)?.into(), body };
        match &mut open {
            Some((key, rows)) if *key == (kind, parent.clone()) => rows.push(fact),
            _ => close(&mut all, open.replace(((kind, parent), vec![fact]))),
        }
    }
    close(&mut all, open);
    Ok(parts::root(&all))
}
