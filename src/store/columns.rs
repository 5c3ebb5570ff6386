//! Typed reading of columns: a value that does not fit ends in an error that names table and column, never in a panic.
//!
//! A file can hold anything: it may have been damaged, or another program may have written to it. Knows nothing of any table.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, ColumnIndex, Decode, Row as _, Sqlite, Type};

use super::error::StoreError;
use crate::domain::id::{ContractNumber, Seq};

/// The largest count: JSON holds no larger whole number exactly, and thousands of them add up without overflow.
const MAX_COUNT: u64 = (1 << 53) - 1;

/// The columns of a row, by place or name.
#[derive(Clone, Copy)]
pub(super) struct Columns<'r> {
    table: &'static str,
    row: &'r SqliteRow,
}

impl<'r> Columns<'r> {
    /// Those of a row that comes from that table, for messages.
    pub(super) fn of(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row }
    }

    /// A value of a type that SQLite knows, within its limits.
    pub(super) fn get<T: Stored<'r>>(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<T, StoreError> {
        self.optional(column)?.ok_or_else(|| self.missing(column))
    }

    /// The same where there may be none.
    pub(super) fn optional<T: Stored<'r>>(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<T>, StoreError> {
        let table = self.table;
        self.row.try_get(column).map_err(|source| StoreError::Column { table, column: self.name(column), source })
    }

    /// How many there are of something.
    pub(super) fn count(self, column: impl ColumnIndex<SqliteRow> + Copy + Display) -> Result<u64, StoreError> {
        self.optional_count(column)?.ok_or_else(|| self.missing(column))
    }

    /// The same where there may be none.
    pub(super) fn optional_count(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<u64>, StoreError> {
        let impossible = |count| self.inconsistent(format!("{} is {count}", self.name(column)));
        let checked = |count| u64::try_from(count).ok().filter(|count| *count <= MAX_COUNT);
        self.optional::<i64>(column)?.map(|count| checked(count).ok_or_else(|| impossible(count))).transpose()
    }

    /// The number of a contract.
    pub(super) fn contract(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<ContractNumber, StoreError> {
        self.count(column).map(ContractNumber)
    }

    /// The number of a contract where there may be none.
    pub(super) fn optional_contract(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<ContractNumber>, StoreError> {
        Ok(self.optional_count(column)?.map(ContractNumber))
    }

    /// The number of a snapshot.
    pub(super) fn seq(self, column: impl ColumnIndex<SqliteRow> + Copy + Display) -> Result<Seq, StoreError> {
        self.get(column).map(Seq)
    }

    /// The number of a snapshot where there may be none.
    pub(super) fn optional_seq(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<Seq>, StoreError> {
        Ok(self.optional::<u32>(column)?.map(Seq))
    }

    /// A time as it is stored: RFC 3339.
    pub(super) fn instant(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<DateTime<Utc>, StoreError> {
        instant(self.table, self.get(column)?)
    }

    /// The same where there may be none.
    pub(super) fn optional_instant(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.optional::<&str>(column)?.map(|text| instant(self.table, text)).transpose()
    }

    /// A digest, a key or a commitment.
    pub(super) fn digest(self, column: impl ColumnIndex<SqliteRow> + Copy + Display) -> Result<[u8; 32], StoreError> {
        digest(self.table, self.get(column)?)
    }

    /// The same where there may be none.
    pub(super) fn optional_digest(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        self.optional::<&[u8]>(column)?.map(|bytes| digest(self.table, bytes)).transpose()
    }

    /// What a stored number stands for.
    pub(super) fn coded<T>(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
        of: impl FnOnce(u8) -> Option<T>,
    ) -> Result<T, StoreError> {
        let code: i64 = self.get(column)?;
        let known = u8::try_from(code).ok().and_then(of);
        known.ok_or_else(|| self.inconsistent(format!("{} is {code}, which stands for nothing", self.name(column))))
    }

    /// What a stored word stands for.
    pub(super) fn word<T>(
        self,
        column: impl ColumnIndex<SqliteRow> + Copy + Display,
        of: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word: &str = self.get(column)?;
        of(word)
            .ok_or_else(|| self.inconsistent(format!("{} is {word:?}, which stands for nothing", self.name(column))))
    }

    /// An error about this row.
    pub(super) fn inconsistent(self, what: String) -> StoreError {
        StoreError::Inconsistent { table: self.table, what }
    }

    fn missing(self, column: impl ColumnIndex<SqliteRow> + Copy + Display) -> StoreError {
        self.inconsistent(format!("{} is missing", self.name(column)))
    }

    fn name(self, column: impl ColumnIndex<SqliteRow> + Copy + Display) -> String {
        self.row.try_column(column).map_or_else(|_| column.to_string(), |column| column.name().to_owned())
    }
}

/// What a column can hold. Null is none of these: sqlx alone would read it as zero or as an empty text.
pub(super) trait Stored<'r>: Decode<'r, Sqlite> + Type<Sqlite> {}

impl Stored<'_> for bool {}
impl Stored<'_> for u8 {}
impl Stored<'_> for u32 {}
impl Stored<'_> for i64 {}
impl Stored<'_> for String {}
impl<'r> Stored<'r> for &'r str {}
impl<'r> Stored<'r> for &'r [u8] {}

/// A time as it is stored: RFC 3339.
pub(super) fn instant(table: &'static str, text: &str) -> Result<DateTime<Utc>, StoreError> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc));
    parsed.map_err(|_| StoreError::Inconsistent { table, what: format!("the time {text:?} is none") })
}

fn digest(table: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    let wrong = || format!("a digest, key or commitment has {} bytes, not 32", bytes.len());
    bytes.try_into().map_err(|_| StoreError::Inconsistent { table, what: wrong() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fact::Kind;

    /// Reads the only column of a statement; what it says where it does not fit.
    async fn check<T>(sql: &'static str, read: impl FnOnce(Columns<'_>) -> Result<T, StoreError>, expected: &str) {
        let db = sqlx::sqlite::SqlitePoolOptions::new().connect("sqlite::memory:").await.unwrap();
        let row = sqlx::query(sql).fetch_one(&db).await.unwrap();
        let error = read(Columns::of("fact", &row)).err().unwrap();
        let hint = error.hint().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(hint.contains("keyholder restore"), "{hint}");
    }

    #[tokio::test]
    async fn a_value_of_another_type_is_an_error() {
        check("SELECT 'many' AS seq", |row| row.seq("seq"), "read table fact: column seq").await;
        check("SELECT 1.5 AS seq", |row| row.count(0), "read table fact: column seq").await;
        check("SELECT NULL AS body", |row| row.get::<String>(0), "read table fact: body is missing").await;
        check("SELECT NULL AS seq", |row| row.seq(0), "read table fact: seq is missing").await;
        check("SELECT CAST(x'ff' AS TEXT) AS ref", |row| row.get::<String>(0), "read table fact: column ref").await;
    }

    #[tokio::test]
    async fn a_number_out_of_range_is_an_error() {
        check("SELECT -1 AS users", |row| row.count(0), "users is -1").await;
        check("SELECT 9007199254740992 AS users", |row| row.count(0), "users is 9007199254740992").await;
        check("SELECT 4294967296 AS seq", |row| row.seq(0), "column seq").await;
        check("SELECT 99 AS kind", |row| row.coded(0, Kind::from_code), "kind is 99").await;
        check("SELECT 258 AS kind", |row| row.coded(0, Kind::from_code), "kind is 258").await;
    }

    #[tokio::test]
    async fn a_time_or_digest_that_is_none_is_an_error() {
        check("SELECT '2026-13-01T00:00:00Z' AS at", |row| row.instant(0), "is none").await;
        check("SELECT x'0102' AS root", |row| row.digest(0), "has 2 bytes, not 32").await;
    }
}
