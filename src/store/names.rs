//! What users, groups, resources and keys are and ever were called: also what is gone, and what has another name now.

use std::collections::BTreeMap;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, normal};

/// An object with every name that it ever had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownObject {
    /// User, group, resource or key.
    pub kind: Kind,
    /// The API's id.
    pub id: String,
    /// E-mail addresses and full names, or names, in order of text; without the id.
    pub names: Vec<String>,
}

impl KnownObject {
    /// Whether that is its id or one of its names; capitals make no difference.
    pub fn is_called(&self, text: &str) -> bool {
        let text = normal(text).to_lowercase();
        self.id.to_lowercase() == text || self.names.iter().any(|name| name.to_lowercase() == text)
    }
}

impl Store {
    /// Every user, group, resource and key of a contract, in order of kind and id.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn known_objects(&self, contract: ContractNumber) -> Result<Vec<KnownObject>, StoreError> {
        let rows = sqlx::query(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1), \
             known AS (SELECT e.id, e.kind, e.ref FROM entity e JOIN c ON e.contract = c.id WHERE e.kind IN (2, 3, 4, 8)) \
             SELECT kind, ref, NULL FROM known \
             UNION SELECT kind, ref, p.email FROM known JOIN personal p ON p.entity = known.id \
             UNION SELECT kind, ref, trim(coalesce(p.firstname, '') || ' ' || coalesce(p.lastname, '')) \
             FROM known JOIN personal p ON p.entity = known.id \
             UNION SELECT known.kind, ref, b.json ->> '$.name' FROM known JOIN fact f ON f.subject = known.id \
             JOIN body b ON b.id = f.body WHERE f.contract = (SELECT id FROM c) AND f.kind IN (3, 4) ORDER BY 1, 2, 3",
        )
        .bind(number_of(contract.0))
        .fetch_all(&self.readers)
        .await
        .when("read the names of objects")?;
        let mut known: BTreeMap<(Kind, String), Vec<String>> = BTreeMap::new();
        for row in &rows {
            let row = Columns::of("entity", row);
            let names = known.entry((row.coded(0, Kind::from_code)?, row.get(1)?)).or_default();
            names.extend(row.optional::<String>(2)?.filter(|name| !name.is_empty()));
        }
        Ok(known.into_iter().map(|((kind, id), names)| KnownObject { kind, id, names }).collect())
    }
}
