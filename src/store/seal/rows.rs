//! Turns the values a walk saw into rows per part, in order and without duplicates, with what they leave out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commitments::Commitments;
use crate::domain::body::Body;
use crate::domain::fact::Kind;
use crate::domain::id::ContractNumber;
use crate::domain::sighting::Sightings;
use crate::store::error::StoreError;
use crate::store::parts::{PartKey, Row};

/// A fact as it was seen, and what the answer did not report of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighted {
    pub(super) row: Row,
    /// Attributes that are not in the body, or stand there as null.
    pub(super) unreported: Vec<&'static str>,
    /// Personal data that are not reported, for which the last known stand in the commitment.
    pub(super) carried: Vec<&'static str>,
}

/// Rows of every part in which anything was seen, ordered by subject and object.
pub(super) fn by_part(
    number: ContractNumber,
    sightings: &Sightings,
    commitments: &Commitments,
) -> Result<BTreeMap<PartKey, Vec<Sighted>>, StoreError> {
    let mut rows = Rows::default();
    if let (Some(contract), Some(owner)) = (&sightings.contract, &commitments.owner) {
        let unreported = contract.unreported().chain(owner.never_known.iter().copied()).collect();
        let carried = owner.carried.clone();
        rows.list(Kind::Contract, number.to_string().into(), contract.body(&owner.hex)?, unreported, carried);
    }
    for user in &sightings.users {
        let person = &commitments.users[&user.id];
        let unreported = user.unreported().chain(person.never_known.iter().copied()).collect();
        rows.list(Kind::User, user.id.shared(), user.body(&person.hex)?, unreported, person.carried.clone());
    }
    for group in &sightings.groups {
        // Which privileges are not reported is shown by the other groups.
        let unreported = group.name.is_none().then_some("name").into_iter().collect();
        rows.list(Kind::Group, group.id.shared(), group.body()?, unreported, Vec::new());
    }
    for resource in &sightings.resources {
        rows.list(Kind::Resource, resource.id.shared(), resource.body()?, resource.unreported().collect(), Vec::new());
    }
    for (group, user) in &sightings.members {
        rows.relation(Kind::Member, group.shared(), user.shared(), None, Vec::new());
    }
    for share in &sightings.shares {
        let unreported = share.unreported().collect();
        rows.relation(Kind::Share, share.group.shared(), share.resource.shared(), Some(share.body()?), unreported);
    }
    for (user, resource) in &sightings.owns {
        rows.relation(Kind::Own, user.shared(), resource.shared(), None, Vec::new());
    }
    for key in &sightings.keys {
        let unreported = key.active.is_none().then_some("active").into_iter().collect();
        rows.relation(Kind::Key, key.user.shared(), key.id.shared(), Some(key.body()?), unreported);
    }
    Ok(rows.in_order())
}

#[derive(Default)]
struct Rows(BTreeMap<PartKey, Vec<Sighted>>);

impl Rows {
    fn list(
        &mut self,
        kind: Kind,
        subject: Arc<str>,
        body: Body,
        unreported: Vec<&'static str>,
        carried: Vec<&'static str>,
    ) {
        let rows = self.0.entry((kind, Arc::from(""))).or_default();
        rows.push(Sighted { row: Row { subject, object: Arc::from(""), body: Some(body) }, unreported, carried });
    }

    fn relation(
        &mut self,
        kind: Kind,
        subject: Arc<str>,
        object: Arc<str>,
        body: Option<Body>,
        unreported: Vec<&'static str>,
    ) {
        let rows = self.0.entry((kind, Arc::clone(&subject))).or_default();
        rows.push(Sighted { row: Row { subject, object, body }, unreported, carried: Vec::new() });
    }

    /// Arrival order leaves no trace: rows are sorted, and of two with one key the greater body stays.
    fn in_order(mut self) -> BTreeMap<PartKey, Vec<Sighted>> {
        for rows in self.0.values_mut() {
            rows.sort_by(|a, b| (a.row.key(), &a.row.body).cmp(&(b.row.key(), &b.row.body)).reverse());
            rows.dedup_by(|later, kept| later.row.key() == kept.row.key());
            rows.reverse();
        }
        self.0
    }
}
