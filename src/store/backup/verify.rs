//! Whether a file is a complete, undamaged database of this program: structure, references, schema, and the digests of what
//! is stored, which SQLite itself knows nothing of.

use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::error::BackupError;
use super::inventory::Inventory;
use super::{Contents, LatestSnapshot, watch};
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::header::{Header, inspect};
use crate::store::open::{options, schema_version};
use crate::store::schema::{self, Schema};
use crate::store::{damage, digests};

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
    problems.extend(digests::body_problems(&mut db).await?);
    let contracts = latest_snapshots(&mut db).await?;
    for (id, latest) in &contracts {
        problems.extend(digests::root_problem(&mut db, *id, latest.contract, latest.seq).await?);
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
