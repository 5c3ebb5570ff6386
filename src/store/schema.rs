//! Is this schema ours? Tables, views, triggers and indexes are compared with what the migrations make, before any statement on
//! a table: a trigger or view of another program would decide what such a statement does or shows.
//!
//! A digest per version answers for nearly every opening. Where it differs, the schema is made anew in memory to say what differs.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::damage;
use super::error::{StoreError, While as _};
use super::open::{migrate, migrator, schema_version};
use crate::domain::untrusted;

/// SHA-256 of the schema of each version, from 1; a test compares them with the migrations and says which line is missing.
const DIGESTS: [&str; 14] = [
    "e54b6f29b530c82616c9ecab1e4cd22ed0296ce059d70777e07f17f189789039",
    "3e361a12afe417e437e878f2b810dcb61127b20c1d2d1f155cc58d022eb3b02a",
    "0ad78217379f143dcd23b88b1592a2b61faf04d170769a5c4bc3e0ed539cb710",
    "951fe4abd6dfa79393e1d42073c94dc19bfec878716fafe24a90b1436966d901",
    "5deb7f59ae3ea904c707f2f96ea975085352ec3c9216f108354f5fca75121c90",
    "2fdaa66c9710c487e4648f41eae8496b4fd6b982f452c716d12a15c109e5c6f0",
    "25cefedbda2032da81e066c576b0a30678bfabcbf4db5cd986c017837259a217",
    "387f28a06e1a2b2f5ca9a897e3a2db08cefb3948c06d050601b1b7bbb73d0436",
    "399225259479994f6aca0b31aa841d619c665967832fe8797290de1516362bd4",
    "25b0934eeeae4e7506da8c246d4ecd2492fcb58d1a7b3dd00444e1f0b9f48d59",
    "b001042db03268d45d3af522592531708f1be96df5f0424733251d0cc5333f04",
    "1ba33d2a35f342203baeed184cdc65986d4a99ce17489c2a3967e6f7caaf239f",
    "41cc9ae5c0024340a866939ed55928566d259b381501eda4e0b04e76f2ee3de9",
    "18a451974cfde77f69b518ead1ab879cd5405e4821bc374d88f4082cc82176ac",
];

/// Objects that are read of a schema, at most: far more than there are in ours.
const MAX_OBJECTS: u32 = 10_000;

/// Differences that are listed; what made one has often made more.
const MAX_LISTED: usize = 5;

/// What kind of object, and its name.
type Name = (String, String);

/// The objects of a schema: on which table each is, and the statement that made it, with single blanks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Schema(BTreeMap<Name, (String, String)>);

/// An object of a database that is not as the migrations make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaDifference {
    /// `table`, `index`, `view` or `trigger`.
    kind: String,
    name: String,
    table: String,
    how: Difference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    Missing,
    Changed,
    Extra,
}

impl std::fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [kind, name, table] = [&self.kind, &self.name, &self.table].map(|text| untrusted::visible(text));
        let on = if ["trigger", "index"].contains(&&*kind) { format!(" on {table}") } else { String::new() };
        match self.how {
            Difference::Missing => write!(f, "{kind} {name} is missing"),
            Difference::Changed => write!(f, "{kind} {name} is not what it should be"),
            Difference::Extra => write!(f, "{kind} {name}{on} is not one of this program"),
        }
    }
}

impl SchemaDifference {
    /// The statement that removes it, if it is not ours and removing it is all that there is to do.
    pub(super) fn remedy(&self) -> Option<String> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_safe = self.how == Difference::Extra && is_plain(&self.kind) && is_plain(&self.name);
        is_safe.then(|| format!("DROP {} {}", self.kind.to_uppercase(), self.name))
    }
}

/// Refuses a database whose schema is not that of its version, or of a later one: an upgrade may have been interrupted.
pub(super) async fn refuse_unknown_schema(db: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let differences = match read_differences(db).await {
        Err(StoreError::Sql { source, .. }) if damage::is_damage(&source) => {
            return Err(StoreError::Damaged { path: path.to_owned(), what: source.to_string() });
        }
        differences => differences?,
    };
    if differences.is_empty() {
        return Ok(());
    }
    Err(StoreError::Schema { path: path.to_owned(), differences })
}

async fn read_differences(db: &mut SqliteConnection) -> Result<Vec<SchemaDifference>, StoreError> {
    let version: i64 = sqlx::query_scalar("SELECT user_version FROM pragma_user_version")
        .fetch_one(&mut *db)
        .await
        .when("read the schema version")?;
    let version = u32::try_from(version).unwrap_or(u32::MAX).max(1);
    let found = Schema::read(db).await?;
    let digest = found.digest();
    if DIGESTS.iter().zip(1..).any(|(known, at)| at >= version && *known == digest) {
        return Ok(Vec::new());
    }
    let mut nearest: Option<Vec<SchemaDifference>> = None;
    for version in (version..=schema_version()).rev() {
        let differences = found.differences(&Schema::of_version(version).await?);
        if nearest.as_ref().is_none_or(|nearest| differences.len() <= nearest.len()) {
            nearest = Some(differences);
        }
    }
    Ok(nearest.unwrap_or_default())
}

impl Schema {
    /// That of a database. Read as bytes: what is damaged need not be text.
    pub(super) async fn read(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Option<Vec<u8>>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema LIMIT ?",
        )
        .bind(MAX_OBJECTS)
        .fetch_all(db)
        .await
        .when("read the schema")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut objects = BTreeMap::new();
        for (kind, name, table, sql) in rows {
            let (kind, name, table) = (text(&kind), text(&name), text(&table));
            if !is_of_sqlite(&kind, &name, &table, sql.is_some()) {
                let sql = text(&sql.unwrap_or_default());
                objects.insert((kind, name), (table, sql.split_ascii_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        Ok(Self(objects))
    }

    /// That of a version, made by its migrations.
    pub(super) async fn of_version(version: u32) -> Result<Self, StoreError> {
        let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.when("make the expected schema")?;
        migrate(&mut db, &migrator(version), Path::new(":memory:")).await?;
        let schema = Self::read(&mut db).await?;
        db.close().await.when("make the expected schema")?;
        Ok(schema)
    }

    /// SHA-256 over kind, name, table and statement of all objects, in order of kind and name.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for ((kind, name), (table, sql)) in &self.0 {
            for text in [kind, name, table, sql] {
                hash.update(text.as_bytes());
                hash.update([0]);
            }
        }
        hex::encode(hash.finalize())
    }

    /// How this schema differs from the one that it should be, what is not ours first.
    pub(super) fn differences(&self, expected: &Self) -> Vec<SchemaDifference> {
        let difference = |((kind, name), (table, _)): (&Name, &(String, String)), how| SchemaDifference {
            kind: kind.clone(),
            name: name.clone(),
            table: table.clone(),
            how,
        };
        let extra = self.0.iter().filter(|(name, _)| !expected.0.contains_key(name));
        let extra = extra.map(|object| difference(object, Difference::Extra));
        let others = expected.0.iter().filter(|(name, object)| self.0.get(name) != Some(object)).map(|object| {
            let how = if self.0.contains_key(object.0) { Difference::Changed } else { Difference::Missing };
            difference(object, how)
        });
        extra.chain(others).collect()
    }
}

/// What SQLite and sqlx keep for themselves: it decides nothing, and its form is theirs.
fn is_of_sqlite(kind: &str, name: &str, table: &str, has_sql: bool) -> bool {
    match kind {
        "table" => {
            name == table
                && (["_sqlx_migrations", "sqlite_sequence"].contains(&name) || name.starts_with("sqlite_stat"))
        }
        "index" => name.starts_with("sqlite_autoindex_") && !has_sql,
        _ => false,
    }
}

/// The first differences as a sentence.
pub(super) fn listed(differences: &[SchemaDifference]) -> String {
    let mut listed: Vec<String> = differences.iter().take(MAX_LISTED).map(ToString::to_string).collect();
    if differences.len() > MAX_LISTED {
        listed.push(format!("and {} more", differences.len() - MAX_LISTED));
    }
    listed.join("; ")
}

/// What to do about them.
pub(super) fn hint(path: &Path, differences: &[SchemaDifference]) -> String {
    let remedies: Option<Vec<String>> = differences.iter().map(SchemaDifference::remedy).collect();
    match remedies.filter(|remedies| remedies.len() <= MAX_LISTED) {
        Some(remedies) => format!(
            "nothing was read: find out who made it, then remove it, sqlite3 {} '{}', or put a backup in place with `keyholder restore \
             BACKUP --replace`; views and indexes of your own belong in a database beside it (docs/data-model.md)",
            path.display(),
            remedies.join("; ")
        ),
        None => damage::RESTORE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_schema_version_has_its_digest() {
        let mut lines = Vec::new();
        for version in 1..=schema_version() {
            lines.push(format!("    \"{}\",", Schema::of_version(version).await.unwrap().digest()));
        }
        let known: Vec<String> = DIGESTS.iter().map(|digest| format!("    \"{digest}\",")).collect();
        assert!(known == lines, "DIGESTS in src/store/schema.rs has to be\n{}", lines.join("\n"));
    }

    #[tokio::test]
    async fn what_sqlite_keeps_for_itself_is_no_difference() {
        let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        migrate(&mut db, &migrator(schema_version()), Path::new(":memory:")).await.unwrap();
        let before = Schema::read(&mut db).await.unwrap();
        sqlx::raw_sql("INSERT INTO contract (number) VALUES (1); ANALYZE").execute(&mut db).await.unwrap();
        assert_eq!(Schema::read(&mut db).await.unwrap(), before);
    }
}
