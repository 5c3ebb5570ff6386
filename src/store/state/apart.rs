//! What the store keeps apart from the bodies: personal data, last logins, attributions.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike as _, Utc};
use sqlx::sqlite::SqliteRow;
use tokio::try_join;

use crate::domain::id::{ContractNumber, Seq};
use crate::domain::unknown::Nullable;
use crate::domain::user::{Attribution, Person};
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::reader::Reader;
use crate::store::seal::number_of;
use crate::store::wide::{self, ById, Ids, Numbers, refuse_uneven};

/// Personal data, last logins and attributions by the number of who and what they are about.
pub(super) struct Apart {
    /// By entity: the commitment in hex, and what it stands for.
    persons: ById<Vec<(String, Person)>>,
    logins: ById<Option<DateTime<Utc>>>,
    attributions: ById<Attribution>,
}

/// A row of personal data: entity, commitment, e-mail address, first and last name.
type Row = (i64, String, Option<String>, Option<String>, Option<String>);

impl Reader<'_> {
    /// What was known up to a snapshot of these people and these objects.
    pub(super) async fn apart(
        &self,
        contract: ContractNumber,
        seq: Seq,
        people: Ids,
        made: Ids,
    ) -> Result<Apart, StoreError> {
        let (persons, logins, mut attributions) =
            try_join!(self.persons(&people), self.logins(&people, seq), self.attributions(&made, seq))?;
        let nameless: BTreeSet<&str> = attributions.iter().flat_map(|(_, it)| it.nameless()).collect();
        if !nameless.is_empty() {
            let addresses = self.addresses(contract, seq, wide::texts(nameless)).await?;
            for (_, attribution) in &mut attributions {
                attribution.resolve(|id| addresses.get(id).map(String::as_str));
            }
        }
        Ok(Apart { persons, logins, attributions: ById::of(attributions.into_iter()) })
    }

    /// The latest e-mail addresses up to a snapshot of users by their ids, those who are gone included.
    async fn addresses(
        &self,
        contract: ContractNumber,
        seq: Seq,
        ids: String,
    ) -> Result<HashMap<String, String>, StoreError> {
        let query = sqlx::query(
            "SELECT e.ref, p.email, max(f.since) FROM json_each(?1) j JOIN entity e ON e.ref = j.value AND e.kind = 2 \
             AND e.contract = (SELECT id FROM contract WHERE number = ?2) \
             JOIN fact f ON f.contract = e.contract AND f.kind = 2 AND f.subject = e.id AND f.since <= ?3 \
             JOIN body b ON b.id = f.body \
             JOIN personal p ON p.entity = e.id AND lower(hex(p.commitment)) = b.json ->> '$.person' \
             WHERE p.email IS NOT NULL GROUP BY e.ref",
        )
        .bind(ids)
        .bind(number_of(contract.0))
        .bind(seq.0);
        let rows = self.fetch_all(query).await.when("look up who is named by an id")?;
        let address = |row| {
            let row = Columns::of("personal", row);
            Ok((row.get(0)?, row.get(1)?))
        };
        rows.iter().map(address).collect()
    }

    async fn persons(&self, people: &Ids) -> Result<ById<Vec<(String, Person)>>, StoreError> {
        let head = "SELECT json_group_array(json_array(entity, lower(hex(commitment)), email, firstname, lastname)) \
                    FROM personal WHERE";
        let row = people.read(self, head, "entity", "", 0).await?;
        let mut rows: Vec<Row> = wide::json(&row, 0, "personal")?;
        rows.sort_by_key(|row| row.0);
        let mut persons: Vec<(i64, Vec<(String, Person)>)> = Vec::with_capacity(rows.len());
        for (entity, commitment, email, firstname, lastname) in rows {
            let version = (commitment, Person { email, firstname, lastname });
            match persons.last_mut().filter(|(last, _)| *last == entity) {
                Some((_, versions)) => versions.push(version),
                None => persons.push((entity, vec![version])),
            }
        }
        Ok(ById::of(persons.into_iter()))
    }

    async fn logins(&self, people: &Ids, seq: Seq) -> Result<ById<Option<DateTime<Utc>>>, StoreError> {
        let head = "SELECT group_concat(entity), json_group_array(at) FROM \
                    (SELECT entity, at, max(seq) FROM last_login WHERE";
        let row = people.read(self, head, "entity", "AND seq <= ?3 GROUP BY entity)", seq.0).await?;
        let (people, at) = (Numbers::of("last_login", &row, 0)?, instants(&row, 1, "last_login")?);
        refuse_uneven("last_login", &[people.len(), at.len()])?;
        Ok(ById::of(people.zip(at)))
    }

    async fn attributions(&self, made: &Ids, seq: Seq) -> Result<Vec<(i64, Attribution)>, StoreError> {
        let head = "SELECT group_concat(entity), group_concat(coalesce(created_by, 0)), \
                    group_concat(coalesce(created_by_user_id, 0)), group_concat(coalesce(modified_by, 0)), \
                    group_concat(coalesce(modified_by_user_id, 0)), json_group_array(modified) FROM \
                    (SELECT entity, created_by, created_by_user_id, modified, modified_by, modified_by_user_id, max(seq) \
                    FROM attribution WHERE";
        let row = made.read(self, head, "entity", "AND seq <= ?3 GROUP BY entity)", seq.0).await?;
        let columns = wide::columns::<5>("attribution", &row)?;
        let [entities, actors @ ..] = columns;
        let names = self.actors(&actors).await?;
        let [created_by, created_by_id, modified_by, modified_by_id] =
            actors.map(|column| column.map(|actor| names.get(actor).cloned()));
        let modified = instants(&row, 5, "attribution")?;
        refuse_uneven("attribution", &[entities.len(), modified.len()])?;
        let who = created_by.zip(created_by_id).zip(modified_by.zip(modified_by_id));
        let made = entities.zip(who.zip(modified)).map(|(entity, (who, modified))| {
            let ((created_by, created_by_user_id), (modified_by, modified_by_user_id)) = who;
            (entity, Attribution { created_by, created_by_user_id, modified, modified_by, modified_by_user_id })
        });
        Ok(made.collect())
    }

    async fn actors(&self, wanted: &[Numbers<'_>]) -> Result<ById<String>, StoreError> {
        let actors = Ids::of(wanted.iter().cloned().flatten().collect());
        let head = "SELECT group_concat(id), json_group_array(name) FROM actor WHERE";
        let found = actors.read(self, head, "id", "", 0).await?;
        let (ids, names): (_, Vec<String>) = (Numbers::of("actor", &found, 0)?, wide::json(&found, 1, "actor")?);
        refuse_uneven("actor", &[ids.len(), names.len()])?;
        Ok(ById::of(ids.zip(names)))
    }
}

impl Apart {
    /// Who a commitment stands for; nobody if that is not kept any more.
    pub(super) fn person(&self, entity: i64, commitment: &str) -> Person {
        let versions = self.persons.get(entity).map(Vec::as_slice).unwrap_or_default();
        versions.iter().find(|(of, _)| of == commitment).map(|(_, person)| person.clone()).unwrap_or_default()
    }

    pub(super) fn login(&self, entity: i64) -> Nullable<DateTime<Utc>> {
        self.logins.get(entity).copied().map_or(Nullable::NotReported, Nullable::from)
    }

    pub(super) fn attribution(&self, entity: i64) -> Attribution {
        self.attributions.get(entity).cloned().unwrap_or_default()
    }
}

/// Takes apart a JSON column of seconds since 1970, of years with four digits: what other times have no text.
fn instants(row: &SqliteRow, column: usize, table: &'static str) -> Result<Vec<Option<DateTime<Utc>>>, StoreError> {
    let seconds: Vec<Option<i64>> = wide::json(row, column, table)?;
    let instant = |seconds: i64| {
        let at = DateTime::from_timestamp(seconds, 0).filter(|at| (0..=9_999).contains(&at.year()));
        at.ok_or_else(|| StoreError::Inconsistent { table, what: format!("{seconds} is no time") })
    };
    seconds.into_iter().map(|one| one.map(instant).transpose()).collect()
}
