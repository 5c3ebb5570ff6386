//! Sealed snapshots: listing them, finding the one somebody means, and what they could not see.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use crate::domain::coverage::{Coverage, Effort, Gap, KindCoverage, Scope, ScopeKind, Status};
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::period::{NoSnapshot, Reason};
use crate::domain::snapshot::{RunState, Snapshot, Source};

impl Store {
    /// The contracts in the file, in order of number.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn contracts(&self) -> Result<Vec<ContractNumber>, StoreError> {
        let rows = sqlx::query(
            "SELECT number FROM contract c WHERE EXISTS (SELECT 1 FROM snapshot s WHERE s.contract = c.id) ORDER BY number",
        )
        .fetch_all(&self.readers)
        .await
        .when("list the contracts")?;
        rows.iter().map(|row| Columns::of("contract", row).contract(0)).collect()
    }

    /// The contract that is meant: the one asked for, or the only one there is.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn choose_contract(&self, asked: Option<ContractNumber>) -> Result<ContractNumber, StoreError> {
        let known = self.contracts().await?;
        match (asked, known.as_slice()) {
            (_, []) => Err(StoreError::NothingCollected),
            (Some(asked), known) if known.contains(&asked) => Ok(asked),
            (Some(asked), _) => Err(StoreError::NoContract(format!(
                "the database has no snapshot of contract {asked}, only of {}",
                listed(&known)
            ))),
            (None, [only]) => Ok(*only),
            (None, several) => Err(StoreError::NoContract(format!("the database has several: {}", listed(several)))),
        }
    }

    /// All snapshots of a contract, oldest first.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn snapshots(&self, contract: ContractNumber) -> Result<Vec<Snapshot>, StoreError> {
        let rows = sqlx::query(
            "SELECT contract_number, seq, label, state, schedule, nominal, started, finished, requests, began, ended, \
             changed, users, groups, resources, members, shares, owns, keys, root, api, tool FROM v_snapshots \
             WHERE contract_number = ? ORDER BY seq",
        )
        .bind(super::seal::number_of(contract.0))
        .fetch_all(&self.readers)
        .await
        .when("list the snapshots")?;
        let unread = self.unread_kinds(contract).await?;
        rows.iter().map(|row| snapshot_of(row, &unread)).collect()
    }

    /// The kinds of facts of which not everything was read, per snapshot.
    async fn unread_kinds(&self, contract: ContractNumber) -> Result<BTreeMap<Seq, BTreeSet<Kind>>, StoreError> {
        // The run's notice counts the lists of keys that were not applicable.
        let rows = sqlx::query(
            "SELECT c.kind, s.seq, c.scopes, c.complete, CASE c.kind WHEN 8 THEN coalesce((SELECT n.count FROM notice n \
             WHERE n.run = c.run AND n.notice = 'keys-not-listed'), 0) ELSE 0 END FROM contract n \
             JOIN snapshot s ON s.contract = n.id JOIN coverage c ON c.run = s.run WHERE n.number = ?",
        )
        .bind(super::seal::number_of(contract.0))
        .fetch_all(&self.readers)
        .await
        .when("read how complete the snapshots are")?;
        let mut coverages: BTreeMap<Seq, Coverage> = BTreeMap::new();
        for row in &rows {
            let row = Columns::of("coverage", row);
            let sum = KindCoverage {
                scopes: row.count(2)?,
                complete: row.count(3)?,
                not_applicable: row.count(4)?,
                effort: Effort::default(),
            };
            coverages.entry(row.seq(1)?).or_default().kinds.insert(row.coded(0, ScopeKind::from_code)?, sum);
        }
        let unread =
            |coverage: Coverage| Kind::ALL.into_iter().filter(|kind| coverage.unread(*kind).is_some()).collect();
        Ok(coverages.into_iter().map(|(seq, coverage)| (seq, unread(coverage))).collect())
    }

    /// One snapshot.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn snapshot(&self, contract: ContractNumber, seq: Seq) -> Result<Snapshot, StoreError> {
        let snapshots = self.snapshots(contract).await?;
        let count = snapshots.len();
        snapshots
            .into_iter()
            .find(|snapshot| snapshot.seq == seq)
            .ok_or_else(|| NoSnapshot { asked: seq.to_string(), reason: Reason::Unknown { contract, count } }.into())
    }

    /// Refuses a label that already names a snapshot, before anything is collected under it. Without a contract, the
    /// labels of all contracts count.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn refuse_taken_label(&self, contract: Option<ContractNumber>, label: &str) -> Result<(), StoreError> {
        let taken: Option<u32> = sqlx::query_scalar(
            "SELECT seq FROM v_snapshots WHERE label = ?1 AND (?2 IS NULL OR contract_number = ?2) LIMIT 1",
        )
        .bind(label)
        .bind(contract.map(|contract| super::seal::number_of(contract.0)))
        .fetch_optional(&self.writer)
        .await
        .when("look up the label")?;
        match taken {
            Some(seq) => Err(StoreError::LabelTaken { label: label.to_owned(), seq: Seq(seq) }),
            None => Ok(()),
        }
    }

    /// How complete the population of a snapshot is.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn coverage(&self, contract: ContractNumber, seq: Seq) -> Result<Coverage, StoreError> {
        let run: i64 = sqlx::query_scalar("SELECT run FROM v_snapshots WHERE contract_number = ? AND seq = ?")
            .bind(super::seal::number_of(contract.0))
            .bind(seq.0)
            .fetch_one(&self.readers)
            .await
            .when("find the run of the snapshot")?;
        let sums = sqlx::query(
            "SELECT kind, pages, items, attempts, first_at, last_at, scopes, complete FROM coverage WHERE run = ?",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .when("read the coverage")?;
        let gaps = sqlx::query(
            "SELECT kind, pages, items, attempts, first_at, last_at, parent, status, reason FROM gap WHERE run = ?",
        )
        .bind(run)
        .fetch_all(&self.readers)
        .await
        .when("read the gaps of the coverage")?;
        let mut coverage = Coverage::default();
        for row in &sums {
            let row = Columns::of("coverage", row);
            let sum = KindCoverage {
                scopes: row.count(6)?,
                complete: row.count(7)?,
                not_applicable: 0,
                effort: effort(row)?,
            };
            coverage.kinds.insert(row.coded(0, ScopeKind::from_code)?, sum);
        }
        coverage.gaps = gaps.iter().map(gap).collect::<Result<_, _>>()?;
        for gap in coverage.gaps.iter().filter(|gap| gap.status == Status::NotApplicable) {
            coverage.kinds.entry(gap.scope.kind()).or_default().not_applicable += 1;
        }
        coverage.finish();
        Ok(coverage)
    }
}

fn listed(contracts: &[ContractNumber]) -> String {
    contracts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn snapshot_of(row: &SqliteRow, unread: &BTreeMap<Seq, BTreeSet<Kind>>) -> Result<Snapshot, StoreError> {
    let row = Columns::of("snapshot", row);
    let seq = row.seq("seq")?;
    let mut totals: BTreeMap<Kind, u64> = BTreeMap::new();
    for (kind, column) in [
        (Kind::User, "users"),
        (Kind::Group, "groups"),
        (Kind::Resource, "resources"),
        (Kind::Member, "members"),
        (Kind::Share, "shares"),
        (Kind::Own, "owns"),
        (Kind::Key, "keys"),
    ] {
        totals.insert(kind, row.count(column)?);
    }
    Ok(Snapshot {
        contract: row.contract("contract_number")?,
        seq,
        state: row.word("state", RunState::from_word)?,
        schedule: row.get("schedule")?,
        nominal: row.instant("nominal")?,
        started: row.instant("started")?,
        finished: row.instant("finished")?,
        label: row.optional("label")?,
        source: Source { api: row.get("api")?, tool: row.get("tool")? },
        requests: row.count("requests")?,
        totals,
        unread: unread.get(&seq).cloned().unwrap_or_default(),
        began: row.count("began")?,
        ended: row.count("ended")?,
        changed: row.count("changed")?,
        root: row.get("root")?,
    })
}

fn effort(row: Columns<'_>) -> Result<Effort, StoreError> {
    Ok(Effort {
        pages: row.count(1)?,
        items: row.count(2)?,
        attempts: row.count(3)?,
        first_at: row.optional_instant(4)?,
        last_at: row.optional_instant(5)?,
    })
}

fn gap(row: &SqliteRow) -> Result<Gap, StoreError> {
    let row = Columns::of("gap", row);
    let kind = row.coded(0, ScopeKind::from_code)?;
    let (parent, status): (&str, &str) = (row.get(6)?, row.get(7)?);
    let inconsistent = || row.inconsistent(format!("{kind} of {parent:?} with status {status:?}"));
    Ok(Gap {
        scope: Scope::from_parts(kind, Some(parent).filter(|parent| !parent.is_empty())).ok_or_else(inconsistent)?,
        status: Status::from_parts(status, row.optional(8)?).ok_or_else(inconsistent)?,
        effort: effort(row)?,
    })
}
