//! What a database and its copy are compared by: schema, snapshots with their roots, and the count of every table whose
//! rows are never deleted.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::store::error::{StoreError, While as _};

/// An entry of the schema: type, name, table and statement.
type SchemaObject = (String, String, String, Option<String>);

/// The contents of a database in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Inventory {
    schema: BTreeSet<SchemaObject>,
    /// Contract and sequence number to root.
    roots: BTreeMap<(i64, i64), String>,
    /// Rows of each table that only grows.
    rows: BTreeMap<String, i64>,
}

impl Inventory {
    /// That of a database.
    pub(super) async fn of(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let schema = schema(db).await?;
        let snapshots =
            "SELECT c.number, s.seq, lower(hex(s.root)) FROM snapshot s JOIN contract c ON c.id = s.contract";
        let snapshots: Vec<(i64, i64, String)> =
            sqlx::query_as(snapshots).fetch_all(&mut *db).await.when("list the snapshots")?;
        let roots = snapshots.into_iter().map(|(contract, seq, root)| ((contract, seq), root)).collect();
        let mut rows = BTreeMap::new();
        for table in growing(&schema) {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *db).await.when("count the rows")?;
            rows.insert(table.to_owned(), count);
        }
        Ok(Self { schema, roots, rows })
    }

    /// That of a file that was not looked at.
    pub(super) fn empty() -> Self {
        Self { schema: BTreeSet::new(), roots: BTreeMap::new(), rows: BTreeMap::new() }
    }

    /// How this copy differs from every state that its database can have had between the two inventories.
    pub(super) fn difference(&self, before: &Self, after: &Self) -> Option<String> {
        if self.schema != before.schema && self.schema != after.schema {
            return Some("its schema is not that of the database".to_owned());
        }
        for (key, root) in &before.roots {
            if self.roots.get(key) != Some(root) {
                return Some(format!("snapshot {} of contract {} is missing or has another root", key.1, key.0));
            }
        }
        if let Some((key, _)) = self.roots.iter().find(|(key, root)| after.roots.get(key) != Some(root)) {
            return Some(format!("snapshot {} of contract {} is not in the database", key.1, key.0));
        }
        self.rows.iter().find_map(|(table, count)| {
            let (least, most) = (before.rows.get(table)?, after.rows.get(table)?);
            let differs = !(*least..=*most).contains(count);
            differs.then(|| format!("table {table} has {count} rows, that of the database {least} to {most}"))
        })
    }

    /// The tables whose rows are counted.
    #[cfg(test)]
    pub(super) fn counted(&self) -> Vec<&str> {
        self.rows.keys().map(String::as_str).collect()
    }
}

/// The whole schema of a database.
async fn schema(db: &mut SqliteConnection) -> Result<BTreeSet<SchemaObject>, StoreError> {
    let objects = sqlx::query_as("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetch_all(db).await;
    objects.map(BTreeSet::from_iter).when("read the schema")
}

/// The tables with a trigger that refuses every deletion.
fn growing(schema: &BTreeSet<SchemaObject>) -> BTreeSet<&str> {
    let refuses = |sql: &str| sql.contains("BEFORE DELETE ON") && !sql.contains("WHEN");
    let triggers = schema.iter().filter(|(kind, .., sql)| kind == "trigger" && sql.as_deref().is_some_and(refuses));
    triggers.map(|(_, _, table, _)| table.as_str()).collect()
}
