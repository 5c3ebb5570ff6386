//! Finds or makes the commitments that stand for names and e-mail addresses, and keeps the values apart.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Sqlite};

use super::Sealer;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, UserId};
use crate::domain::sighting::Sightings;
use crate::domain::user::Person;
use crate::seams::Seams;
use crate::store::columns::Columns;
use crate::store::commitment::commit;
use crate::store::error::{StoreError, While as _};
use crate::store::intern::BATCH;

/// Commitments to the personal data of users and of the contract's owner.
pub(super) struct Commitments {
    pub(super) users: HashMap<UserId, Committed>,
    pub(super) owner: Option<Committed>,
}

/// A commitment, and what of the data the answer did not report.
pub(super) struct Committed {
    /// In hex, as bodies carry it.
    pub(super) hex: String,
    /// Not reported: the last known value is committed to.
    pub(super) carried: Vec<&'static str>,
    /// Not reported, and never known.
    pub(super) never_known: Vec<&'static str>,
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
        let latest = self.latest_personal(sightings).await?;
        let mut users = HashMap::with_capacity(sightings.users.len());
        for user in &sightings.users {
            let entity = self.entities.intern(Kind::User, &user.id.shared());
            let (person, carried, never_known) = completed(&user.person, latest.get(&entity), &PERSON);
            let hex = hex::encode(one(&mut versions, &mut fresh, entity, &person, seams)?);
            users.insert(user.id.clone(), Committed { hex, carried, never_known });
        }
        let owner = match &sightings.contract {
            Some(contract) => {
                let entity = self.entities.intern(Kind::Contract, &number.to_string().into());
                let (owner, carried, never_known) = completed(&contract.owner, latest.get(&entity), &OWNER);
                let hex = hex::encode(one(&mut versions, &mut fresh, entity, &owner, seams)?);
                Some(Committed { hex, carried, never_known })
            }
            None => None,
        };
        self.entities.write(self.db).await?;
        self.write_personal(&fresh).await?;
        Ok(Commitments { users, owner })
    }

    /// What is known now of the people in the contract, by entity; looked up only where an answer leaves something out.
    async fn latest_personal(&mut self, sightings: &Sightings) -> Result<HashMap<i64, Person>, StoreError> {
        let is_whole = |person: &Person, parts: &[Part]| parts.iter().all(|(_, part)| part(person).is_some());
        let owner = sightings.contract.as_ref().map(|contract| &contract.owner);
        if sightings.users.iter().all(|user| is_whole(&user.person, &PERSON))
            && owner.is_none_or(|owner| is_whole(owner, &OWNER))
        {
            return Ok(HashMap::new());
        }
        let rows = sqlx::query(
            "SELECT p.entity, p.email, p.firstname, p.lastname FROM fact f JOIN body b ON b.id = f.body \
             JOIN personal p ON p.entity = f.subject \
             AND p.commitment = unhex(b.json ->> iif(f.kind = 1, '$.owner', '$.person')) \
             WHERE f.contract = ? AND f.kind IN (1, 2) AND f.until IS NULL",
        )
        .bind(self.contract)
        .fetch_all(&mut *self.db)
        .await
        .when("read the personal data that hold now")?;
        let known = |row| {
            let row = Columns::of("personal", row);
            Ok((
                row.get(0)?,
                Person { email: row.optional(1)?, firstname: row.optional(2)?, lastname: row.optional(3)? },
            ))
        };
        rows.iter().map(known).collect()
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
        for row in &rows {
            let row = Columns::of("personal", row);
            let person = Person { email: row.optional(3)?, firstname: row.optional(4)?, lastname: row.optional(5)? };
            let (commitment, key) = (row.digest(1)?, row.digest(2)?);
            versions
                .entry(row.get(0)?)
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

/// One of the personal data: its name, and where it stands.
type Part = (&'static str, fn(&Person) -> Option<&String>);

/// What the API reports of a user.
const PERSON: [Part; 3] = [
    ("email", |person| person.email.as_ref()),
    ("firstname", |person| person.firstname.as_ref()),
    ("lastname", |person| person.lastname.as_ref()),
];

/// What the API reports of the contract's owner.
const OWNER: [Part; 1] = [("owner", |person| person.email.as_ref())];

/// Puts the last known data in the place of those that were not reported; with the names of these and of those that were
/// never known.
fn completed(seen: &Person, known: Option<&Person>, parts: &[Part]) -> (Person, Vec<&'static str>, Vec<&'static str>) {
    let missing = parts.iter().filter(|(_, part)| part(seen).is_none());
    let (carried, never_known): (Vec<_>, Vec<_>) =
        missing.partition(|(_, part)| known.is_some_and(|known| part(known).is_some()));
    let names = |parts: Vec<&Part>| parts.into_iter().map(|(name, _)| *name).collect();
    let known = known.cloned().unwrap_or_default();
    let person = Person {
        email: seen.email.clone().or(known.email),
        firstname: seen.firstname.clone().or(known.firstname),
        lastname: seen.lastname.clone().or(known.lastname),
    };
    (person, names(carried), names(never_known))
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
