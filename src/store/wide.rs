//! Many rows read as one.
//!
//! SQLite's thread hands every row over to the thread that asked for it, which costs more than finding the row. So columns
//! are put together inside SQLite, numbers as text with commas and texts as JSON or as lines, and taken apart here.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::reader::Reader;
use crate::domain::body::Body;

/// Whole numbers that stand in a row, with commas; none is negative.
#[derive(Clone, Debug)]
pub(super) struct Numbers<'a> {
    rest: &'a [u8],
    count: usize,
}

impl<'a> Numbers<'a> {
    /// The numbers of a column; none where there was no row.
    pub(super) fn of(table: &'static str, row: &'a SqliteRow, column: usize) -> Result<Self, StoreError> {
        let row = Columns::of(table, row);
        let text = row.optional::<&str>(column)?.unwrap_or_default();
        Self::parse(text).ok_or_else(|| row.inconsistent("a number is negative, too large or none".to_owned()))
    }

    /// Nothing if any of them is none: where SQLite found another type, or nothing, in one row, the others would be taken
    /// for those of their neighbours.
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.as_bytes();
        if rest.is_empty() {
            return Some(Self { rest, count: 0 });
        }
        let (mut count, mut digits) = (1, 0_usize);
        for byte in rest {
            match byte {
                b'0'..=b'9' if digits < MAX_DIGITS => digits += 1,
                b',' if digits > 0 => (count, digits) = (count + 1, 0),
                _ => return None,
            }
        }
        (digits > 0).then_some(Self { rest, count })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }
}

/// Digits of a number that is surely below 2^63; no row has such a number.
const MAX_DIGITS: usize = 18;

/// The first columns of a row, which were put together from the same rows.
pub(super) fn columns<'a, const N: usize>(
    table: &'static str,
    row: &'a SqliteRow,
) -> Result<[Numbers<'a>; N], StoreError> {
    let mut columns: [Numbers<'a>; N] = std::array::from_fn(|_| Numbers { rest: &[], count: 0 });
    for (at, column) in columns.iter_mut().enumerate() {
        *column = Numbers::of(table, row, at)?;
    }
    refuse_uneven(table, &columns.each_ref().map(Numbers::len))?;
    Ok(columns)
}

/// Refuses columns that were put together from the same rows and do not have the same number of values.
pub(super) fn refuse_uneven(table: &'static str, counts: &[usize]) -> Result<(), StoreError> {
    if counts.windows(2).any(|two| two[0] != two[1]) {
        return Err(StoreError::Inconsistent { table, what: "a row lacks a value".to_owned() });
    }
    Ok(())
}

impl Iterator for Numbers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.rest.is_empty() {
            return None;
        }
        let mut value = 0_i64;
        let mut at = 0;
        // Not more digits than such a number can have.
        while let Some(digit) = self.rest.get(at).filter(|byte| byte.is_ascii_digit()) {
            value = value * 10 + i64::from(digit - b'0');
            at += 1;
        }
        self.rest = self.rest.get(at + 1..).unwrap_or_default();
        Some(value)
    }
}

/// Ids to look up: a span where they are close together, else one by one.
#[derive(Debug)]
pub(super) struct Ids {
    first: i64,
    last: i64,
    /// A JSON list; `None` if all of the span is meant.
    listed: Option<String>,
}

impl Ids {
    /// Of ids in any order; zeros, which stand for nothing, are left out.
    pub(super) fn of(mut ids: Vec<i64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        let first = ids.iter().copied().find(|id| *id > 0).unwrap_or(1);
        let last = ids.last().copied().unwrap_or(0);
        let close = last - first < 2 * i64::try_from(ids.len()).unwrap_or(i64::MAX);
        Self { first, last, listed: (!close).then(|| list(&ids)) }
    }

    /// Runs a query that ends in `WHERE`, for the rows that have one of the ids in a column; `tail` comes behind it.
    pub(super) async fn read(
        &self,
        reader: &Reader<'_>,
        head: &str,
        column: &str,
        tail: &str,
        seq: u32,
    ) -> Result<SqliteRow, StoreError> {
        let sql = match self.listed {
            None => format!("{head} {column} BETWEEN ?1 AND ?2 {tail}"),
            Some(_) => format!("{head} {column} IN (SELECT value FROM json_each(?1)) AND ?2 = ?2 {tail}"),
        };
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = match &self.listed {
            None => query.bind(self.first).bind(self.last),
            Some(listed) => query.bind(listed).bind(0),
        };
        reader.fetch_one(query.bind(seq)).await.when("look up what is stored by its number")
    }
}

/// A JSON list of numbers.
pub(super) fn list(ids: &[i64]) -> String {
    let mut text = String::with_capacity(ids.len() * 8 + 2);
    text.push('[');
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}

/// A JSON list of texts.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = texts.into_iter().collect();
    serde_json::to_string(&all).expect("text always has a JSON form")
}

/// Values by number.
#[derive(Debug)]
pub(super) struct ById<T>(Vec<(i64, T)>);

impl<T> ById<T> {
    /// Of pairs in any order.
    pub(super) fn of(pairs: impl Iterator<Item = (i64, T)>) -> Self {
        let mut all: Vec<(i64, T)> = pairs.collect();
        if !all.is_sorted_by_key(|(id, _)| *id) {
            all.sort_by_key(|(id, _)| *id);
        }
        Self(all)
    }

    pub(super) fn get(&self, id: i64) -> Option<&T> {
        let first = self.0.first()?.0;
        // Where no number is left out, the place is known.
        let guess = usize::try_from(id - first).ok().and_then(|at| self.0.get(at)).filter(|(found, _)| *found == id);
        let found = match guess {
            Some(found) => found,
            None => &self.0[self.0.binary_search_by_key(&id, |(found, _)| *found).ok()?],
        };
        Some(&found.1)
    }
}

/// Text of a JSON list, shared without another copy.
pub(super) struct Shared(pub(super) Arc<str>);

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Shared;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shared, E> {
                Ok(Shared(text.into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Takes apart a JSON column that this module's queries have put together; nothing where there was no row.
pub(super) fn json<'a, T: Deserialize<'a>>(
    row: &'a SqliteRow,
    column: usize,
    table: &'static str,
) -> Result<Vec<T>, StoreError> {
    let Some(text) = Columns::of(table, row).optional::<&str>(column)? else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|error| StoreError::Inconsistent { table, what: error.to_string() })
}

/// The API's ids of entities.
pub(super) async fn refs(reader: &Reader<'_>, ids: &Ids) -> Result<ById<Arc<str>>, StoreError> {
    let row = ids.read(reader, "SELECT group_concat(id), json_group_array(ref) FROM entity WHERE", "id", "", 0).await?;
    let (ids, refs): (_, Vec<Shared>) = (Numbers::of("entity", &row, 0)?, json(&row, 1, "entity")?);
    refuse_uneven("entity", &[ids.len(), refs.len()])?;
    Ok(ById::of(ids.zip(refs.into_iter().map(|text| text.0))))
}

/// Bodies as they are stored: canonical JSON has no line feed of its own.
pub(super) struct Bodies(SqliteRow);

impl Bodies {
    pub(super) async fn read(reader: &Reader<'_>, ids: &Ids) -> Result<Self, StoreError> {
        let head =
            "SELECT group_concat(id), group_concat(json, char(10)), group_concat(lower(hex(hash))) FROM body WHERE";
        ids.read(reader, head, "id", "", 0).await.map(Self)
    }

    /// The texts by number.
    pub(super) fn by_id(&self) -> Result<ById<&str>, StoreError> {
        let ids = Numbers::of("body", &self.0, 0)?;
        let text = Columns::of("body", &self.0).optional::<&str>(1)?;
        let lines: Vec<&str> = text.map(|text| text.split('\n').collect()).unwrap_or_default();
        let hashes = Columns::of("body", &self.0).optional::<&str>(2)?;
        let hashes: Vec<&str> = hashes.map(|hashes| hashes.split(',').collect()).unwrap_or_default();
        refuse_uneven("body", &[ids.len(), lines.len(), hashes.len()])?;
        if let Some(edited) =
            lines.iter().zip(hashes).position(|(line, hash)| hex::encode(Sha256::digest(line)) != hash)
        {
            let id = Numbers::of("body", &self.0, 0)?.nth(edited).unwrap_or_default();
            return Err(StoreError::Inconsistent {
                table: "body",
                what: format!("the text of row {id} does not have its hash"),
            });
        }
        Ok(ById::of(ids.zip(lines)))
    }

    /// The bodies by number.
    pub(super) fn shared(&self) -> Result<ById<Body>, StoreError> {
        Ok(ById(self.by_id()?.0.into_iter().map(|(id, text)| (id, Body::from_canonical(text))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_as_they_were_put_together() {
        let check = |text: &str, expected: &[i64]| {
            let numbers = Numbers::parse(text).unwrap();
            assert_eq!((numbers.len(), numbers.collect::<Vec<_>>()), (expected.len(), expected.to_vec()));
        };
        check("", &[]);
        check("0", &[0]);
        check("7,0,999999999999999999,12", &[7, 0, 999_999_999_999_999_999, 12]);
    }

    #[test]
    fn a_column_with_a_value_that_is_no_number_is_refused() {
        for text in ["-1", "1,-1,2", "1.0", "a", "1,,2", ",1", "1,", "9223372036854775807", "99999999999999999999999"] {
            assert!(Numbers::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_close_together_is_a_span_and_the_rest_a_list() {
        let close = Ids::of(vec![5, 0, 3, 4, 4, 9]);
        assert_eq!((close.first, close.last, close.listed), (3, 9, None));
        assert_eq!(Ids::of(vec![900, 3]).listed.as_deref(), Some("[3,900]"));
        let none = Ids::of(vec![0]);
        assert!(none.first > none.last && none.listed.is_none(), "nothing is looked up");
    }

    #[test]
    fn values_are_found_by_their_number_with_and_without_holes() {
        let found = ById::of([(9, 'c'), (3, 'a'), (4, 'b')].into_iter());
        let got: Vec<Option<char>> = [2, 3, 4, 5, 9, 10].into_iter().map(|id| found.get(id).copied()).collect();
        assert_eq!(got, [None, Some('a'), Some('b'), None, Some('c'), None]);
    }
}
