//! Interning inside one transaction: entities, bodies, actors. Each is loaded once it is needed and written in batches.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::columns::Columns;
use super::error::{StoreError, While as _};
use crate::domain::body::Body;
use crate::domain::fact::Kind;

/// Rows per statement: large enough to amortise a statement, small enough to stay below SQLite's limit of parameters.
pub(super) const BATCH: usize = 256;

/// Ids of entities of one contract.
pub(super) struct Entities {
    contract: i64,
    ids: HashMap<(u8, Arc<str>), i64>,
    next: i64,
    fresh: Vec<(i64, Kind, Arc<str>)>,
}

impl Entities {
    pub(super) async fn load(db: &mut SqliteConnection, contract: i64) -> Result<Self, StoreError> {
        let next: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM entity")
            .fetch_one(&mut *db)
            .await
            .when("count the entities")?;
        let rows = sqlx::query("SELECT kind, ref, id FROM entity WHERE contract = ?")
            .bind(contract)
            .fetch_all(&mut *db)
            .await
            .when("read the entities")?;
        let mut ids = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("entity", row);
            let name: String = row.get(1)?;
            ids.insert((row.get(0)?, name.into()), row.get(2)?);
        }
        Ok(Self { contract, ids, next, fresh: Vec::new() })
    }

    /// The id, if the entity was ever seen.
    pub(super) fn find(&self, kind: Kind, name: &Arc<str>) -> Option<i64> {
        self.ids.get(&(kind.code(), Arc::clone(name))).copied()
    }

    /// The id, a fresh one if the entity is new.
    pub(super) fn intern(&mut self, kind: Kind, name: &Arc<str>) -> i64 {
        if let Some(id) = self.find(kind, name) {
            return id;
        }
        let id = self.next;
        self.next += 1;
        self.ids.insert((kind.code(), Arc::clone(name)), id);
        self.fresh.push((id, kind, Arc::clone(name)));
        id
    }

    /// Writes what is fresh.
    pub(super) async fn write(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for batch in self.fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO entity (id, contract, kind, ref) ");
            insert.push_values(batch, |mut values, (id, kind, name)| {
                values.push_bind(*id).push_bind(self.contract).push_bind(kind.code()).push_bind(name.to_string());
            });
            insert.build().execute(&mut *db).await.when("write the entities")?;
        }
        self.fresh.clear();
        Ok(())
    }
}

/// Ids of bodies by their digest.
pub(super) struct Bodies {
    ids: HashMap<[u8; 32], i64>,
    next: i64,
    /// Whether the table held anything when the transaction began; if not, nothing needs to be looked up.
    any: bool,
    fresh: Vec<(i64, [u8; 32], Body)>,
}

impl Bodies {
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let next: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM body")
            .fetch_one(&mut *db)
            .await
            .when("count the bodies")?;
        Ok(Self { ids: HashMap::new(), next, any: next > 1, fresh: Vec::new() })
    }

    /// The id, a fresh one if no equal body is there.
    pub(super) async fn intern(&mut self, db: &mut SqliteConnection, body: &Body) -> Result<i64, StoreError> {
        let hash: [u8; 32] = Sha256::digest(body.as_str().as_bytes()).into();
        if let Some(id) = self.ids.get(&hash) {
            return Ok(*id);
        }
        let found: Option<i64> = if self.any {
            sqlx::query_scalar("SELECT id FROM body WHERE hash = ?")
                .bind(hash.as_slice().to_vec())
                .fetch_optional(&mut *db)
                .await
                .when("look up a body")?
        } else {
            None
        };
        let id = found.unwrap_or_else(|| {
            let id = self.next;
            self.next += 1;
            self.fresh.push((id, hash, body.clone()));
            id
        });
        self.ids.insert(hash, id);
        Ok(id)
    }

    /// Writes what is fresh.
    pub(super) async fn write(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for batch in self.fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO body (id, hash, json) ");
            insert.push_values(batch, |mut values, (id, hash, body)| {
                values.push_bind(*id).push_bind(hash.to_vec()).push_bind(body.as_str().to_owned());
            });
            insert.build().execute(&mut *db).await.when("write the bodies")?;
        }
        self.fresh.clear();
        Ok(())
    }
}

/// Ids of the names that attributions carry: e-mail addresses, URNs, `System`.
pub(super) struct Actors {
    ids: HashMap<String, i64>,
    next: i64,
    fresh: Vec<(i64, String)>,
}

impl Actors {
    pub(super) async fn load(db: &mut SqliteConnection) -> Result<Self, StoreError> {
        let rows = sqlx::query("SELECT name, id FROM actor").fetch_all(&mut *db).await.when("read the actors")?;
        let mut ids: HashMap<String, i64> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("actor", row);
            ids.insert(row.get(0)?, row.get(1)?);
        }
        let next = ids.values().max().copied().unwrap_or(0).saturating_add(1);
        Ok(Self { ids, next, fresh: Vec::new() })
    }

    /// The id, a fresh one if the name is new; `None` for no name.
    pub(super) fn intern(&mut self, name: Option<&str>) -> Option<i64> {
        let name = name?;
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let id = self.next;
        self.next += 1;
        self.ids.insert(name.to_owned(), id);
        self.fresh.push((id, name.to_owned()));
        Some(id)
    }

    /// Writes what is fresh.
    pub(super) async fn write(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        for batch in self.fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO actor (id, name) ");
            insert.push_values(batch, |mut values, (id, name)| {
                values.push_bind(*id).push_bind(name.clone());
            });
            insert.build().execute(&mut *db).await.when("write the actors")?;
        }
        self.fresh.clear();
        Ok(())
    }
}
