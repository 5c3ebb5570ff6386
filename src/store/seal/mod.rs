//! Sealing: one transaction that turns what a walk saw into a snapshot.
//!
//! Facts of a scope that does not prove absence are carried, never ended. What is unchanged is not written.

pub mod announce;
mod commitments;
pub(super) mod facts;
mod rows;
mod unknown;
mod volatile;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use self::announce::{Announce, Subject, announce};
use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::intern::{Actors, BATCH, Bodies, Entities};
use super::notices;
use super::open::Store;
use super::origins;
use super::parts::{self, Part, PartKey};
use super::principals;
use super::runs::{self, RunId};
use super::staging;
use crate::domain::coverage::{Coverage, Effort, Scope, ScopeKind, Status};
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::Notice;
use crate::domain::principal::{Collector, Principal};
use crate::domain::sighting::Sightings;
use crate::domain::snapshot::{RunState, Snapshot};
use crate::domain::time::to_millis;
use crate::seams::Seams;

/// What is to be sealed.
#[derive(Debug)]
pub struct Sealing {
    /// The run that saw it.
    pub run: RunId,
    /// The contract it belongs to.
    pub contract: ContractNumber,
    /// What was seen.
    pub sightings: Sightings,
    /// When the walk ended.
    pub finished: DateTime<Utc>,
    /// A name for the snapshot.
    pub label: Option<String>,
    /// What the run noticed about its own answers, in any order.
    pub notices: Vec<Notice>,
    /// Whose credentials collected. One that is held back becomes the accepted one if it saw everything that is known.
    pub collector: Collector,
    /// The accepted principal, if it is another one.
    pub accepted: Option<Principal>,
}

/// How many facts began, ended and changed.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    began: u64,
    ended: u64,
    changed: u64,
}

/// The transaction's working set.
struct Sealer<'c> {
    db: &'c mut SqliteConnection,
    contract: i64,
    seq: i64,
    entities: Entities,
    bodies: Bodies,
    parts: BTreeMap<PartKey, Part>,
    touched: BTreeSet<PartKey>,
    unknown: unknown::Unknown,
    counts: Counts,
}

impl Store {
    /// Seals a run: facts, changes, coverage, the snapshot itself and its alerts, all or nothing.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn seal(
        &self,
        sealing: Sealing,
        announcer: &dyn Announce,
        seams: &Seams,
    ) -> Result<Snapshot, StoreError> {
        let mut transaction = self.begin("begin to seal the snapshot").await?;
        let number = sealing.contract;
        let seq = seal(&mut transaction, sealing, announcer, seams).await?;
        transaction.commit().await.when("commit the snapshot")?;
        self.snapshot(number, seq).await
    }
}

async fn seal(
    db: &mut SqliteConnection,
    sealing: Sealing,
    announcer: &dyn Announce,
    seams: &Seams,
) -> Result<Seq, StoreError> {
    let contract = contract_id(db, sealing.contract).await?;
    // Before there is a row of the snapshot: a history that begins now begins with it.
    let origin = origins::of(&mut *db, contract, seams).await?;
    let mut sealer = Sealer::load(db, contract).await?;
    let Sealing { run, contract: number, sightings, finished, label, mut notices, collector, accepted } = sealing;

    let before = sealer.open_parents().await?;
    let commitments = sealer.commit(number, &sightings, seams).await?;
    let seen = rows::by_part(number, &sightings, &commitments)?;
    let after = sealer.apply(seen, &sightings.scopes, &before).await?;
    let coverage = coverage_of(&sightings, &after);
    sealer.write_volatile(&sightings).await?;
    sealer.write_parts().await?;
    sealer.write_unknown().await?;
    notices.extend(sealer.unknown.notice(sealer.seq));

    let seq = sealer.seq;
    let snapshot = sealer.snapshot_row(run, label);
    snapshot.write(db).await?;
    write_coverage(db, run, &coverage).await?;
    let collector = principals::settled(collector, &coverage);
    notices.extend(principals::notice(db, contract, seq, &collector, accepted.as_ref()).await?);
    principals::write(db, run.0, &collector).await?;
    staging::forget(db, run).await?;
    let finished = runs::moment(&mut *db, finished).await?.at;
    notices::write(db, run.0, notices.clone()).await?;
    let state = if coverage.is_complete() { RunState::Complete } else { RunState::Partial };
    let marked = sqlx::query(
        "UPDATE run SET contract = ?, state = ?, finished = ?, requests = ? WHERE id = ? AND state = 'collecting'",
    )
    .bind(contract)
    .bind(state.as_str())
    .bind(to_millis(finished))
    .bind(number_of(coverage.attempts()))
    .bind(run.0)
    .execute(&mut *db)
    .await
    .when("mark the run as sealed")?;
    if marked.rows_affected() != 1 {
        return Err(StoreError::RunOver);
    }
    let seq = u32::try_from(seq).map(Seq).map_err(|_| StoreError::Inconsistent {
        table: "snapshot",
        what: format!("sequence number {seq} is out of range"),
    })?;
    let subject =
        Subject { contract: number, row: contract, run, seq, finished, origin, notices: &notices, coverage: &coverage };
    announce(db, subject, announcer).await?;
    Ok(seq)
}

async fn contract_id(db: &mut SqliteConnection, number: ContractNumber) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "INSERT INTO contract (number) VALUES (?) ON CONFLICT (number) DO UPDATE SET number = excluded.number RETURNING id",
    )
    .bind(number_of(number.0))
    .fetch_one(db)
    .await
    .when("find the contract")
}

impl<'c> Sealer<'c> {
    async fn load(db: &'c mut SqliteConnection, contract: i64) -> Result<Self, StoreError> {
        let seq = sqlx::query_scalar("SELECT coalesce(max(seq), 0) + 1 FROM snapshot WHERE contract = ?")
            .bind(contract)
            .fetch_one(&mut *db)
            .await
            .when("count the snapshots")?;
        let entities = Entities::load(db, contract).await?;
        let bodies = Bodies::load(db).await?;
        let parts = load_parts(db, contract).await?;
        let unknown = unknown::Unknown::load(db, contract).await?;
        let (touched, counts) = (BTreeSet::new(), Counts::default());
        Ok(Self { db, contract, seq, entities, bodies, parts, touched, unknown, counts })
    }

    async fn write_parts(&mut self) -> Result<(), StoreError> {
        self.entities.write(self.db).await?;
        let touched: Vec<PartKey> = std::mem::take(&mut self.touched).into_iter().collect();
        for batch in touched.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO part (contract, kind, parent, digest, facts, proven, observed) ",
            );
            insert.push_values(batch, |mut values, key| {
                let part = &self.parts[key];
                let parent = parent_kind(key.0).and_then(|kind| self.entities.find(kind, &key.1)).unwrap_or(0);
                values
                    .push_bind(self.contract)
                    .push_bind(key.0.code())
                    .push_bind(parent)
                    .push_bind(part.digest.to_vec())
                    .push_bind(number_of(part.facts))
                    .push_bind(part.proven)
                    .push_bind(part.observed.map(|it| if it == part.digest { Vec::new() } else { it.to_vec() }));
            });
            insert.push(
                " ON CONFLICT (contract, kind, parent) DO UPDATE SET digest = excluded.digest, facts = excluded.facts, \
                 proven = excluded.proven, observed = excluded.observed",
            );
            insert.build().execute(&mut *self.db).await.when("write the digests of the parts")?;
        }
        Ok(())
    }

    fn snapshot_row(&self, run: RunId, label: Option<String>) -> SnapshotRow {
        SnapshotRow {
            contract: self.contract,
            seq: self.seq,
            run: run.0,
            label,
            root: parts::root(&self.parts),
            counts: self.counts,
            totals: Kind::ALL.map(|kind| parts::total(&self.parts, kind)),
        }
    }
}

/// A snapshot as it is written.
struct SnapshotRow {
    contract: i64,
    seq: i64,
    run: i64,
    label: Option<String>,
    root: parts::Digest,
    counts: Counts,
    totals: [u64; 8],
}

impl SnapshotRow {
    async fn write(self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let mut insert = sqlx::query(
            "INSERT INTO snapshot (contract, seq, run, label, root, began, ended, changed, contracts, users, groups, \
             resources, members, shares, owns, keys) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.contract)
        .bind(self.seq)
        .bind(self.run)
        .bind(self.label)
        .bind(self.root.to_vec())
        .bind(number_of(self.counts.began))
        .bind(number_of(self.counts.ended))
        .bind(number_of(self.counts.changed));
        for total in self.totals {
            insert = insert.bind(number_of(total));
        }
        insert.execute(db).await.when("write the snapshot")?;
        Ok(())
    }
}

async fn load_parts(db: &mut SqliteConnection, contract: i64) -> Result<BTreeMap<PartKey, Part>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.kind, coalesce(e.ref, ''), p.digest, p.facts, p.proven, p.observed FROM part p \
         LEFT JOIN entity e ON e.id = p.parent WHERE p.contract = ?",
    )
    .bind(contract)
    .fetch_all(db)
    .await
    .when("read the digests of the parts")?;
    let mut parts = BTreeMap::new();
    for row in &rows {
        let row = Columns::of("part", row);
        let part = (row.coded(0, Kind::from_code)?, row.get::<&str>(1)?.into());
        let digest = row.digest(2)?;
        let observed = match row.optional::<&[u8]>(5)? {
            Some([]) => Some(digest),
            Some(_) => Some(row.digest(5)?),
            None => None,
        };
        parts.insert(part, Part { digest, facts: row.count(3)?, proven: row.get(4)?, observed });
    }
    Ok(parts)
}

/// The kind of entity that a part of that kind belongs to.
pub(in crate::store) fn parent_kind(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Contract | Kind::User | Kind::Group | Kind::Resource => None,
        Kind::Member | Kind::Share => Some(Kind::Group),
        Kind::Own | Kind::Key => Some(Kind::User),
    }
}

/// The kind of entity that the object of such a fact is.
fn object_kind(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Contract | Kind::User | Kind::Group | Kind::Resource => None,
        Kind::Member => Some(Kind::User),
        Kind::Share | Kind::Own => Some(Kind::Resource),
        Kind::Key => Some(Kind::Key),
    }
}

/// The users and groups that are there, by id.
#[derive(Debug, Default)]
struct Parents {
    users: BTreeSet<Arc<str>>,
    groups: BTreeSet<Arc<str>>,
}

impl Parents {
    fn of(&self, kind: Kind) -> Option<&BTreeSet<Arc<str>>> {
        match parent_kind(kind)? {
            Kind::Group => Some(&self.groups),
            _ => Some(&self.users),
        }
    }
}

/// The walk's own coverage, and every scope that nobody got to because its parent was not listed this time.
fn coverage_of(sightings: &Sightings, parents: &Parents) -> Coverage {
    let mut coverage = sightings.coverage();
    for kind in [ScopeKind::Members, ScopeKind::Shares, ScopeKind::Owns, ScopeKind::Keys] {
        let all = match kind {
            ScopeKind::Members | ScopeKind::Shares => &parents.groups,
            _ => &parents.users,
        };
        for parent in all {
            let scope = Scope::from_parts(kind, Some(parent)).expect("these four kinds of scope have a parent");
            if !sightings.scopes.contains_key(&scope) {
                coverage.record(scope, Status::NotAttempted, Effort::default());
            }
        }
    }
    for list in [Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources] {
        if !sightings.scopes.contains_key(&list) {
            coverage.record(list, Status::NotAttempted, Effort::default());
        }
    }
    coverage.finish();
    coverage
}

async fn write_coverage(db: &mut SqliteConnection, run: RunId, coverage: &Coverage) -> Result<(), StoreError> {
    for (kind, sum) in &coverage.kinds {
        sqlx::query(
            "INSERT INTO coverage (run, kind, scopes, complete, pages, items, attempts, first_at, last_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run.0)
        .bind(kind.code())
        .bind(number_of(sum.scopes))
        .bind(number_of(sum.complete))
        .bind(number_of(sum.effort.pages))
        .bind(number_of(sum.effort.items))
        .bind(number_of(sum.effort.attempts))
        .bind(sum.effort.first_at.map(to_millis))
        .bind(sum.effort.last_at.map(to_millis))
        .execute(&mut *db)
        .await
        .when("write the coverage")?;
    }
    for batch in coverage.gaps.chunks(BATCH) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO gap (run, kind, parent, status, reason, pages, items, attempts, first_at, last_at) ",
        );
        insert.push_values(batch, |mut values, gap| {
            values
                .push_bind(run.0)
                .push_bind(gap.scope.kind().code())
                .push_bind(gap.scope.parent().unwrap_or_default().to_owned())
                .push_bind(gap.status.as_str())
                .push_bind(gap.status.reason().map(str::to_owned))
                .push_bind(number_of(gap.effort.pages))
                .push_bind(number_of(gap.effort.items))
                .push_bind(number_of(gap.effort.attempts))
                .push_bind(gap.effort.first_at.map(to_millis))
                .push_bind(gap.effort.last_at.map(to_millis));
        });
        insert.build().execute(&mut *db).await.when("write the gaps of the coverage")?;
    }
    Ok(())
}

/// SQLite's integers are signed; nothing counted here comes near the limit.
pub(super) fn number_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
