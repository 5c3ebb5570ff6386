//! What moves without meaning: last logins and attributions. Written only when different from what is known.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Sqlite};

use super::{Actors, Sealer};
use crate::domain::fact::Kind;
use crate::domain::sighting::Sightings;
use crate::domain::unknown::Nullable;
use crate::domain::user::Attribution;
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::intern::BATCH;

/// An attribution as it is stored: ids of actors, and seconds since 1970.
type Stored = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

impl Sealer<'_> {
    /// Writes last logins and attributions that differ from the latest known.
    pub(super) async fn write_volatile(&mut self, sightings: &Sightings) -> Result<(), StoreError> {
        self.write_logins(sightings).await?;
        self.write_attributions(sightings).await
    }

    async fn write_logins(&mut self, sightings: &Sightings) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT l.entity, l.at, max(l.seq) FROM last_login l JOIN entity e ON e.id = l.entity \
             WHERE e.contract = ? GROUP BY l.entity",
        )
        .bind(self.contract)
        .fetch_all(&mut *self.db)
        .await
        .when("read the last logins")?;
        let mut known: HashMap<i64, Option<i64>> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("last_login", row);
            known.insert(row.get(0)?, row.optional(1)?);
        }
        let mut fresh: HashMap<i64, Option<i64>> = HashMap::new();
        for user in &sightings.users {
            let Some(entity) = self.entities.find(Kind::User, &user.id.shared()) else { continue };
            let seen = match user.last_login {
                Nullable::NotReported => continue,
                Nullable::Null => None,
                Nullable::Value(at) => Some(at.timestamp()),
            };
            // Null is "never signed in", and says nothing against a time that is known.
            let is_new = known.get(&entity).is_none_or(|known| seen.is_some() && *known != seen);
            if is_new {
                fresh.insert(entity, seen);
            }
        }
        let mut fresh: Vec<(i64, Option<i64>)> = fresh.into_iter().collect();
        fresh.sort_unstable();
        for batch in fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO last_login (entity, seq, at) ");
            insert.push_values(batch, |mut values, (entity, at)| {
                values.push_bind(*entity).push_bind(self.seq).push_bind(*at);
            });
            insert.build().execute(&mut *self.db).await.when("write the last logins")?;
        }
        Ok(())
    }

    async fn write_attributions(&mut self, sightings: &Sightings) -> Result<(), StoreError> {
        let known = self.known_attributions().await?;
        let mut actors = Actors::load(self.db).await?;
        let users = sightings.users.iter().map(|user| (Kind::User, user.id.shared(), &user.attribution));
        let resources = sightings.resources.iter().map(|one| (Kind::Resource, one.id.shared(), &one.attribution));
        let keys = sightings.keys.iter().map(|key| (Kind::Key, key.id.shared(), &key.attribution));
        let mut fresh: HashMap<i64, Stored> = HashMap::new();
        for (kind, name, attribution) in users.chain(resources).chain(keys) {
            let Some(entity) = self.entities.find(kind, &name) else { continue };
            let known = known.get(&entity).copied().unwrap_or_default();
            let stored = kept(known, stored(attribution, &mut actors));
            if known != stored {
                fresh.insert(entity, stored);
            }
        }
        actors.write(self.db).await?;
        let mut fresh: Vec<(i64, Stored)> = fresh.into_iter().collect();
        fresh.sort_unstable();
        for batch in fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO attribution (entity, seq, created_by, created_by_user_id, modified, modified_by, \
                 modified_by_user_id) ",
            );
            insert.push_values(batch, |mut values, (entity, stored)| {
                values
                    .push_bind(*entity)
                    .push_bind(self.seq)
                    .push_bind(stored.0)
                    .push_bind(stored.1)
                    .push_bind(stored.2)
                    .push_bind(stored.3)
                    .push_bind(stored.4);
            });
            insert.build().execute(&mut *self.db).await.when("write the attributions")?;
        }
        Ok(())
    }

    async fn known_attributions(&mut self) -> Result<HashMap<i64, Stored>, StoreError> {
        let rows = sqlx::query(
            "SELECT a.entity, a.created_by, a.created_by_user_id, a.modified, a.modified_by, a.modified_by_user_id, \
             max(a.seq) FROM attribution a JOIN entity e ON e.id = a.entity WHERE e.contract = ? GROUP BY a.entity",
        )
        .bind(self.contract)
        .fetch_all(&mut *self.db)
        .await
        .when("read the attributions")?;
        let stored = |row| {
            let row = Columns::of("attribution", row);
            Ok((
                row.get(0)?,
                (row.optional(1)?, row.optional(2)?, row.optional(3)?, row.optional(4)?, row.optional(5)?),
            ))
        };
        rows.iter().map(stored).collect()
    }
}

/// What is known of who made an object and who changed it last is kept where an answer does not say. Each of the two is
/// taken as a whole: the one who changed an object last did not do so at another one's time.
fn kept(known: Stored, seen: Stored) -> Stored {
    let made = if seen.0.or(seen.1).is_some() { (seen.0, seen.1) } else { (known.0, known.1) };
    let is_changed = seen.2.is_some() || seen.3.or(seen.4).is_some();
    let changed = if is_changed { (seen.2, seen.3, seen.4) } else { (known.2, known.3, known.4) };
    (made.0, made.1, changed.0, changed.1, changed.2)
}

fn stored(attribution: &Attribution, actors: &mut Actors) -> Stored {
    (
        actors.intern(attribution.created_by.as_deref()),
        actors.intern(attribution.created_by_user_id.as_deref()),
        attribution.modified.map(|at| at.timestamp()),
        actors.intern(attribution.modified_by.as_deref()),
        actors.intern(attribution.modified_by_user_id.as_deref()),
    )
}
