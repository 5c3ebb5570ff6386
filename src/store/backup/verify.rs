//! Whether a file is a complete, undamaged database of this program: structure, references, schema, and the digests of what
//! is stored, which SQLite itself knows nothing of.

use std::collections::BTreeMap;
use std::path::Path;

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::error::BackupError;
use super::inventory::Inventory;
use super::{Contents, LatestSnapshot, watch};
use crate::domain::body::Body;
use crate::domain::fact::Kind;
use crate::store::columns::Columns;
use crate::store::damage;
use crate::store::error::{StoreError, While as _};
use crate::store::header::{Header, inspect};
use crate::store::open::{options, schema_version};
use crate::store::parts::{self, Part, PartKey, Row};
use crate::store::schema::{self, Schema};
use crate::store::seal::parent_kind;

/// Verifies a file that nobody writes to. `name` is what it is called in messages.
pub(in crate::store) async fn verify(
    path: &Path,
    name: &Path,
    stop: &CancellationToken,
) -> Result<(Contents, Inventory), BackupError> {
    let unverified = |what: String| BackupError::Unverified { path: name.to_owned(), what };
    let schema = match inspect(path)? {
        Header::Absent | Header::Empty | Header::Foreign => {
            return Err(unverified("it is not a keyholder database".to_owned()));
        }
        Header::Ours(found) if found == 0 || found > schema_version() => {
            let known = schema_version();
            return Err(unverified(format!(
                "its schema has version {found}, this program knows versions 1 to {known}"
            )));
        }
        Header::Ours(found) => found,
    };
    let outcome = look(path, schema, stop).await;
    if stop.is_cancelled() {
        return Err(BackupError::Stopped);
    }
    match outcome {
        Ok((_, _, problems)) if !problems.is_empty() => {
            Err(unverified(problems.into_iter().take(damage::TOLD).collect::<Vec<_>>().join("; ")))
        }
        Ok((contracts, inventory, _)) => Ok((Contents { schema, contracts }, inventory)),
        Err(StoreError::Sql { source, .. }) if damage::is_damage(&source) || damage::is_misfit(&source) => {
            Err(unverified(source.to_string()))
        }
        Err(StoreError::Inconsistent { table, what }) => Err(unverified(format!("table {table}: {what}"))),
        Err(StoreError::Column { table, column, source }) => {
            Err(unverified(format!("table {table}: column {column}: {source}")))
        }
        Err(error) => Err(error.into()),
    }
}

async fn look(
    path: &Path,
    version: u32,
    stop: &CancellationToken,
) -> Result<(Vec<LatestSnapshot>, Inventory, Vec<String>), StoreError> {
    let mut db = options(path).read_only(true).immutable(true).connect().await.when("open the backup")?;
    watch(&mut db, stop).await?;
    let mut problems = damage_of(&mut db).await?;
    if !problems.is_empty() {
        return Ok((Vec::new(), Inventory::empty(), problems));
    }
    let differences = Schema::read(&mut db).await?.differences(&Schema::of_version(version).await?);
    if !differences.is_empty() {
        // A trigger or view that is not ours decides what a statement shows.
        return Ok((Vec::new(), Inventory::empty(), vec![schema::listed(&differences)]));
    }
    let inventory = Inventory::of(&mut db).await?;
    problems.extend(body_problems(&mut db).await?);
    let contracts = latest_snapshots(&mut db).await?;
    for (id, latest) in &contracts {
        let found = hex::encode(root_of_facts(&mut db, *id).await?);
        if found != latest.root {
            let LatestSnapshot { contract, seq, root, .. } = latest;
            problems.push(format!("contract {contract}: snapshot {seq} has root {root}, its facts have root {found}"));
        }
    }
    db.close().await.when("close the backup")?;
    Ok((contracts.into_iter().map(|(_, latest)| latest).collect(), inventory, problems))
}

/// What SQLite itself finds.
async fn damage_of(db: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut *db)
        .await
        .when("check the backup for damage")?;
    let lines = found.iter().flat_map(|row| row.lines()).filter(|line| *line != "ok");
    let mut problems: Vec<String> = lines.map(|line| format!("integrity_check: {line}")).collect();
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(db).await.when("check the references")?;
    if let Some(first) = dangling.first() {
        let first = Columns::of("foreign_key_check", first);
        let (from, to): (&str, &str) = (first.get(0)?, first.get(2)?);
        let count = dangling.len();
        problems.push(format!("foreign_key_check: {count} rows of {from} refer to rows of {to} that are not there"));
    }
    Ok(problems)
}

/// Bodies whose text is not what their hash says.
async fn body_problems(db: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
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

async fn latest_snapshots(db: &mut SqliteConnection) -> Result<Vec<(i64, LatestSnapshot)>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.id, c.number, s.seq, r.finished, lower(hex(s.root)), \
         (SELECT count(*) FROM snapshot n WHERE n.contract = c.id) \
         FROM snapshot s JOIN contract c ON c.id = s.contract JOIN run r ON r.id = s.run \
         WHERE s.seq = (SELECT max(n.seq) FROM snapshot n WHERE n.contract = c.id) ORDER BY c.number",
    )
    .fetch_all(db)
    .await
    .when("find the last snapshots")?;
    let latest = |row: &sqlx::sqlite::SqliteRow| {
        let row = Columns::of("snapshot", row);
        let (contract, seq, count) = (row.contract(1)?, row.seq(2)?, row.count(5)?);
        if u64::from(seq.0) != count {
            let what = format!("contract {contract} has {count} snapshots, the last one has number {seq}");
            return Err(row.inconsistent(what));
        }
        Ok((row.get(0)?, LatestSnapshot { contract, seq, finished: row.instant(3)?, root: row.get(4)? }))
    };
    rows.iter().map(latest).collect()
}

/// The root of the facts that are so now, computed anew.
async fn root_of_facts(db: &mut SqliteConnection, contract: i64) -> Result<parts::Digest, StoreError> {
    let mut facts = sqlx::query(
        "SELECT f.kind, s.ref, coalesce(o.ref, ''), b.json FROM fact f JOIN entity s ON s.id = f.subject \
         LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body \
         WHERE f.contract = ? AND f.until IS NULL ORDER BY 1, 2, 3",
    )
    .bind(contract)
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
        let subject: std::sync::Arc<str> = row.get::<&str>(1)?.into();
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
