//! Tells which facts a walk would end, before anything is sealed. Reads only.
//!
//! Costs what could matter: the ids of the three lists of the contract, and of the scopes below groups and users those that
//! are not what they were: their digest tells, without reading a fact.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::columns::Columns;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::parts::{Digest, PartKey, Row, digest};
use super::seal::facts::part_key;
use super::seal::{number_of, parent_kind};
use crate::domain::body::{Body, BodyError};
use crate::domain::coverage::{Scope, Status};
use crate::domain::fact::Kind;
use crate::domain::id::ContractNumber;
use crate::domain::sighting::Sightings;
use crate::domain::vanishing::{Vanished, Vanishing, VanishingByScope};

/// What is kept of a part, as far as it matters here.
struct Known {
    digest: Digest,
    facts: u64,
}

impl Store {
    /// What those sightings would end, by scope: of scopes that claim to be complete, the facts that were not seen;
    /// of the lists of the contract also where the walk found them unstable.
    ///
    /// Scopes whose parent is gone never count: that was confirmed by asking for the parent.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn vanishing(
        &self,
        contract: ContractNumber,
        sightings: &Sightings,
    ) -> Result<VanishingByScope, StoreError> {
        let known = self.known_parts(contract).await?;
        let seen = Seen::of(sightings, |part| part.1.is_empty() || known.contains_key(part))?;
        let mut found = VanishingByScope::new();
        for (scope, (status, _)) in &sightings.scopes {
            let Some(part) = part_key(scope).filter(|part| counts(part, status)) else { continue };
            let Some(known) = known.get(&part).filter(|_| *scope != Scope::Contract) else { continue };
            let rows = seen.rows.get(&part).map(Vec::as_slice).unwrap_or_default();
            let is_list = part.1.is_empty();
            let is_same = || known.facts == rows.len() as u64 && known.digest == digest(rows);
            if !is_list && is_same() {
                continue;
            }
            let there: BTreeSet<&str> =
                rows.iter().map(|row| if is_list { &*row.subject } else { &*row.object }).collect();
            let holds = if is_list { self.listed(contract, part.0).await? } else { self.held(contract, &part).await? };
            let mut vanished: Vec<Vanished> = holds
                .into_iter()
                .filter(|id| !there.contains(id.as_str()))
                .map(|id| Vanished { id: id.into(), kind: None })
                .collect();
            if !vanished.is_empty() {
                vanished.sort();
                found.insert(scope.clone(), Vanishing { before: known.facts, vanished });
            }
        }
        if let Some(resources) = found.get_mut(&Scope::Resources) {
            self.tell_kinds(contract, &mut resources.vanished).await?;
        }
        Ok(found)
    }

    async fn known_parts(&self, contract: ContractNumber) -> Result<HashMap<PartKey, Known>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.kind, coalesce(e.ref, ''), p.digest, p.facts FROM part p LEFT JOIN entity e ON e.id = p.parent \
             WHERE p.contract = (SELECT id FROM contract WHERE number = ?) AND p.facts > 0",
        )
        .bind(number_of(contract.0))
        .fetch_all(&self.readers)
        .await
        .when("read the digests of the parts")?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("part", row);
            let part = (row.coded(0, Kind::from_code)?, Arc::from(row.get::<&str>(1)?));
            known.insert(part, Known { digest: row.digest(2)?, facts: row.count(3)? });
        }
        Ok(known)
    }

    /// The ids in a list of the contract as it is known.
    async fn listed(&self, contract: ContractNumber, kind: Kind) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT e.ref FROM fact f JOIN entity e ON e.id = f.subject \
             WHERE f.contract = (SELECT id FROM contract WHERE number = ?) AND f.kind = ? AND f.until IS NULL",
        )
        .bind(number_of(contract.0))
        .bind(kind.code())
        .fetch_all(&self.readers)
        .await
        .when("list what is there")
    }

    /// The ids of what a group or user is known to hold.
    async fn held(&self, contract: ContractNumber, (kind, parent): &PartKey) -> Result<Vec<String>, StoreError> {
        let holder = parent_kind(*kind).unwrap_or(*kind);
        sqlx::query_scalar(
            "SELECT e.ref FROM entity p JOIN fact f ON f.contract = p.contract AND f.kind = ? AND f.subject = p.id \
             JOIN entity e ON e.id = f.object \
             WHERE p.contract = (SELECT id FROM contract WHERE number = ?) AND p.kind = ? AND p.ref = ? AND f.until IS NULL",
        )
        .bind(kind.code())
        .bind(number_of(contract.0))
        .bind(holder.code())
        .bind(parent.to_string())
        .fetch_all(&self.readers)
        .await
        .when("list what a group or user holds")
    }

    /// Adds the kinds of resources.
    async fn tell_kinds(&self, contract: ContractNumber, vanished: &mut [Vanished]) -> Result<(), StoreError> {
        let rows = sqlx::query(
            "SELECT e.ref, json_extract(b.json, '$.type') FROM fact f JOIN entity e ON e.id = f.subject \
             JOIN body b ON b.id = f.body \
             WHERE f.contract = (SELECT id FROM contract WHERE number = ?) AND f.kind = ? AND f.until IS NULL",
        )
        .bind(number_of(contract.0))
        .bind(Kind::Resource.code())
        .fetch_all(&self.readers)
        .await
        .when("read the kinds of resources")?;
        let mut kinds: HashMap<String, Option<String>> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("body", row);
            kinds.insert(row.get(0)?, row.optional(1)?);
        }
        for one in vanished {
            one.kind = kinds.remove(&*one.id).flatten();
        }
        Ok(())
    }
}

/// Whether a scope of that status is to be judged: what claims to be complete, keys that are not listed and may be known, and the lists of the contract also where a walk
/// has doubts of its own, for a list that collapsed has to be reported of.
fn counts(part: &PartKey, status: &Status) -> bool {
    matches!(status, Status::Complete | Status::NotApplicable) || (part.1.is_empty() && *status == Status::Unstable)
}

/// What was seen, by part.
#[derive(Default)]
struct Seen {
    /// What was seen of those that were asked for. The bodies of users, groups and resources are left out: nobody needs them.
    rows: HashMap<PartKey, Vec<Row>>,
}

impl Seen {
    fn of(sightings: &Sightings, wanted: impl Fn(&PartKey) -> bool) -> Result<Self, StoreError> {
        let mut seen = Self::default();
        let none: Arc<str> = Arc::from("");
        let mut add = |kind, parent: &Arc<str>, subject, object, body: &dyn Fn() -> Result<Option<Body>, BodyError>| {
            let part: PartKey = (kind, Arc::clone(parent));
            if wanted(&part) {
                seen.rows.entry(part).or_default().push(Row { subject, object, body: body()? });
            }
            Ok::<_, StoreError>(())
        };
        let bare = || Ok(None);
        for user in &sightings.users {
            add(Kind::User, &none, user.id.shared(), Arc::clone(&none), &bare)?;
        }
        for group in &sightings.groups {
            add(Kind::Group, &none, group.id.shared(), Arc::clone(&none), &bare)?;
        }
        for resource in &sightings.resources {
            add(Kind::Resource, &none, resource.id.shared(), Arc::clone(&none), &bare)?;
        }
        for (group, user) in &sightings.members {
            add(Kind::Member, &group.shared(), group.shared(), user.shared(), &bare)?;
        }
        for share in &sightings.shares {
            let group = share.group.shared();
            add(Kind::Share, &group, share.group.shared(), share.resource.shared(), &|| share.body().map(Some))?;
        }
        for (user, resource) in &sightings.owns {
            add(Kind::Own, &user.shared(), user.shared(), resource.shared(), &bare)?;
        }
        for key in &sightings.keys {
            add(Kind::Key, &key.user.shared(), key.user.shared(), key.id.shared(), &|| key.body().map(Some))?;
        }
        Ok(seen)
    }
}
