//! Notices of sealed runs: written with the snapshot, read for its reports.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::coverage::ScopeKind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::{Notice, Parts};

impl Store {
    /// What the run of a snapshot noticed, in order of word, scope and numbers.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn notices(&self, contract: ContractNumber, seq: Seq) -> Result<Vec<Notice>, StoreError> {
        Ok(self.notices_of(contract, seq..=seq).await?.remove(&seq).unwrap_or_default())
    }

    /// What the runs of some snapshots noticed, each in order of word, scope and numbers. Snapshots without notices are left
    /// out.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn notices_of(
        &self,
        contract: ContractNumber,
        range: RangeInclusive<Seq>,
    ) -> Result<BTreeMap<Seq, Vec<Notice>>, StoreError> {
        let rows = sqlx::query(
            "SELECT n.notice, n.kind, n.parent, n.before, n.count, n.asked, n.present, s.seq, n.detail FROM notice n \
             JOIN v_snapshots s ON s.run = n.run WHERE s.contract_number = ? AND s.seq BETWEEN ? AND ? \
             ORDER BY s.seq, n.number",
        )
        .bind(number_of(contract.0))
        .bind(range.start().0)
        .bind(range.end().0)
        .fetch_all(&self.readers)
        .await
        .when("read what the runs noticed")?;
        let mut notices: BTreeMap<Seq, Vec<Notice>> = BTreeMap::new();
        for row in &rows {
            notices.entry(Columns::of("snapshot", row).seq(7)?).or_default().push(notice(row)?);
        }
        Ok(notices)
    }
}

/// Writes the notices of a run that is about to be sealed.
pub(super) async fn write(db: &mut SqliteConnection, run: i64, mut notices: Vec<Notice>) -> Result<(), StoreError> {
    notices.sort_by(|a, b| a.as_str().cmp(b.as_str()).then_with(|| a.cmp(b)));
    for (notice, number) in notices.iter().zip(1_i64..) {
        let Parts { kind, parent, before, count, asked, present, detail } = notice.parts();
        sqlx::query(
            "INSERT INTO notice (run, number, notice, kind, parent, before, count, asked, present, detail) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run)
        .bind(number)
        .bind(notice.as_str())
        .bind(kind.map(ScopeKind::code))
        .bind(parent)
        .bind(before.map(number_of))
        .bind(count)
        .bind(asked.map(number_of))
        .bind(present.map(number_of))
        .bind(detail)
        .execute(&mut *db)
        .await
        .when("write what the run noticed")?;
    }
    Ok(())
}

fn notice(row: &SqliteRow) -> Result<Notice, StoreError> {
    let row = Columns::of("notice", row);
    let word: String = row.get(0)?;
    let kind = row.optional::<u8>(1)?;
    let parts = Parts {
        kind: kind.map(|_| row.coded(1, ScopeKind::from_code)).transpose()?,
        parent: row.optional(2)?,
        before: row.optional_count(3)?,
        count: row.optional(4)?,
        asked: row.optional_count(5)?,
        present: row.optional_count(6)?,
        detail: row.optional(8)?,
    };
    Notice::from_parts(&word, &parts).ok_or_else(|| row.inconsistent(format!("{word:?} lacks something")))
}
