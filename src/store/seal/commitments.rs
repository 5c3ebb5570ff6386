//! Finds or makes the commitments that stand for names and e-mail addresses, and keeps the values apart.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::Sealer;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, UserId};
use crate::domain::sighting::Sightings;
use crate::domain::user::Person;
use crate::seams::Seams;
use crate::store::commitment::commit;
use crate::store::error::{StoreError, While as _};
use crate::store::intern::BATCH;

/// Commitments in hex, as bodies carry them.
pub(super) struct Commitments {
    pub(super) users: HashMap<UserId, String>,
    pub(super) owner: Option<String>,
}

/// The versions of one subject's personal data, and the key they are committed under.
struct Versions {
    key: [u8; 32],
    known: Vec<([u8; 32], Person)>,
}

struct Fresh {
    entity: i64,
    commitment: [u8; 32],
    key: [u8; 32],
    person: Person,
}

impl Sealer<'_> {
    /// A commitment for every user and for the contract's owner. An unchanged person keeps the one they have.
    pub(super) async fn commit(
        &mut self,
        number: ContractNumber,
        sightings: &Sightings,
        seams: &Seams,
    ) -> Result<Commitments, StoreError> {
        let mut versions = self.load_personal().await?;
        let mut fresh = Vec::new();
        let mut users = HashMap::with_capacity(sightings.users.len());
        for user in &sightings.users {
            let entity = self.entities.intern(Kind::User, &user.id.shared());
            let commitment = one(&mut versions, &mut fresh, entity, &user.person, seams)?;
            users.insert(user.id.clone(), hex::encode(commitment));
        }
        let owner = match &sightings.contract {
            Some(contract) => {
                let entity = self.entities.intern(Kind::Contract, &number.to_string().into());
                Some(hex::encode(one(&mut versions, &mut fresh, entity, &contract.owner, seams)?))
            }
            None => None,
        };
        self.entities.write(self.db).await?;
        self.write_personal(&fresh).await?;
        Ok(Commitments { users, owner })
    }

    async fn load_personal(&mut self) -> Result<HashMap<i64, Versions>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.entity, p.commitment, p.key, p.email, p.firstname, p.lastname FROM personal p \
             JOIN entity e ON e.id = p.entity WHERE e.contract = ?",
        )
        .bind(self.contract)
        .fetch_all(&mut *self.db)
        .await
        .when("read the personal data")?;
        let mut versions: HashMap<i64, Versions> = HashMap::with_capacity(rows.len());
        for row in rows {
            let bytes = |column: usize| -> Result<[u8; 32], StoreError> {
                row.get::<Vec<u8>, _>(column).try_into().map_err(|_| StoreError::Inconsistent {
                    table: "personal",
                    what: format!("a key or commitment of entity {} has not 32 bytes", row.get::<i64, _>(0)),
                })
            };
            let person = Person { email: row.get(3), firstname: row.get(4), lastname: row.get(5) };
            let (commitment, key) = (bytes(1)?, bytes(2)?);
            versions
                .entry(row.get(0))
                .or_insert_with(|| Versions { key, known: Vec::new() })
                .known
                .push((commitment, person));
        }
        Ok(versions)
    }

    async fn write_personal(&mut self, fresh: &[Fresh]) -> Result<(), StoreError> {
        for batch in fresh.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO personal (entity, commitment, key, email, firstname, lastname) ",
            );
            insert.push_values(batch, |mut values, row| {
                values
                    .push_bind(row.entity)
                    .push_bind(row.commitment.to_vec())
                    .push_bind(row.key.to_vec())
                    .push_bind(row.person.email.clone())
                    .push_bind(row.person.firstname.clone())
                    .push_bind(row.person.lastname.clone());
            });
            insert.build().execute(&mut *self.db).await.when("write the personal data")?;
        }
        Ok(())
    }
}

fn one(
    versions: &mut HashMap<i64, Versions>,
    fresh: &mut Vec<Fresh>,
    entity: i64,
    person: &Person,
    seams: &Seams,
) -> Result<[u8; 32], StoreError> {
    let key = match versions.get(&entity) {
        Some(subject) => {
            if let Some((commitment, _)) = subject.known.iter().find(|(_, known)| known == person) {
                return Ok(*commitment);
            }
            subject.key
        }
        None => seams.secret_bytes()?,
    };
    let commitment = commit(&key, person)?;
    versions
        .entry(entity)
        .or_insert_with(|| Versions { key, known: Vec::new() })
        .known
        .push((commitment, person.clone()));
    fresh.push(Fresh { entity, commitment, key, person: person.clone() });
    Ok(commitment)
}
