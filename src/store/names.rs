//! Finds what somebody means by a name, in everything that was ever stored: also what is gone, and what has another name now.

use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::id::ContractNumber;

impl Store {
    /// The ids of users, groups, resources and keys that are or were called that: by id, e-mail address, first and last
    /// name, or name; upper and lower case of ASCII alike. In order.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn ids_named(&self, contract: ContractNumber, name: &str) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "WITH c AS (SELECT id FROM contract WHERE number = ?1) \
             SELECT e.ref FROM entity e, c WHERE e.contract = c.id AND e.kind <> 1 AND e.ref = ?2 COLLATE NOCASE \
             UNION SELECT e.ref FROM personal p JOIN entity e ON e.id = p.entity JOIN c ON e.contract = c.id \
             WHERE e.kind = 2 AND (p.email = ?2 COLLATE NOCASE \
             OR trim(coalesce(p.firstname, '') || ' ' || coalesce(p.lastname, '')) = ?2 COLLATE NOCASE) \
             UNION SELECT e.ref FROM fact f JOIN c ON f.contract = c.id JOIN entity e ON e.id = f.subject \
             JOIN body b ON b.id = f.body WHERE f.kind IN (3, 4) AND b.json ->> '$.name' = ?2 COLLATE NOCASE ORDER BY 1",
        )
        .bind(number_of(contract.0))
        .bind(name)
        .fetch_all(&self.readers)
        .await
        .when("look for a name")
    }
}
