//! Many rows read as one.
//!
//! SQLite's thread hands every row over to the thread that asked for it, which costs more than finding the row. So columns
//! are put together inside SQLite, numbers as text with commas and texts as JSON or as lines, and taken apart here.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::error::{StoreError, While as _};
use super::reader::Reader;
use crate::domain::body::Body;

/// Whole numbers that stand in a row, with commas.
#[derive(Clone, Debug)]
pub(super) struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    /// The numbers of a column; none where there was no row.
    pub(super) fn of(row: &'a SqliteRow, column: usize) -> Self {
        Self(row.get::<Option<&str>, _>(column).unwrap_or_default().as_bytes())
    }
}

impl Iterator for Numbers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.0.is_empty() {
            return None;
        }
        let mut value = 0_i64;
        let mut at = 0;
        while let Some(digit) = self.0.get(at).filter(|byte| byte.is_ascii_digit()) {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            at += 1;
        }
        self.0 = self.0.get(at + 1..).unwrap_or_default();
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
    let Some(text) = row.get::<Option<&str>, _>(column) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|error| StoreError::Inconsistent { table, what: error.to_string() })
}

/// The API's ids of entities.
pub(super) async fn refs(reader: &Reader<'_>, ids: &Ids) -> Result<ById<Arc<str>>, StoreError> {
    let row = ids.read(reader, "SELECT group_concat(id), json_group_array(ref) FROM entity WHERE", "id", "", 0).await?;
    let refs: Vec<Shared> = json(&row, 1, "entity")?;
    Ok(ById::of(Numbers::of(&row, 0).zip(refs.into_iter().map(|text| text.0))))
}

/// Bodies as they are stored: canonical JSON has no line feed of its own.
pub(super) struct Bodies(SqliteRow);

impl Bodies {
    pub(super) async fn read(reader: &Reader<'_>, ids: &Ids) -> Result<Self, StoreError> {
        let head = "SELECT group_concat(id), group_concat(json, char(10)) FROM body WHERE";
        ids.read(reader, head, "id", "", 0).await.map(Self)
    }

    /// The texts by number.
    pub(super) fn by_id(&self) -> ById<&str> {
        let lines = self.0.get::<Option<&str>, _>(1).unwrap_or_default().split('\n');
        ById::of(Numbers::of(&self.0, 0).zip(lines))
    }

    /// The bodies by number.
    pub(super) fn shared(&self) -> ById<Body> {
        ById(self.by_id().0.into_iter().map(|(id, text)| (id, Body::from_canonical(text))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back_as_they_were_put_together() {
        let check = |text: &str, expected: &[i64]| assert_eq!(Numbers(text.as_bytes()).collect::<Vec<_>>(), expected);
        check("", &[]);
        check("0", &[0]);
        check("7,0,9223372036854775807,12", &[7, 0, i64::MAX, 12]);
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
