//! Turns the values a walk saw into rows per part, in order and without duplicates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commitments::Commitments;
use crate::domain::body::Body;
use crate::domain::fact::Kind;
use crate::domain::id::ContractNumber;
use crate::domain::sighting::Sightings;
use crate::store::error::StoreError;
use crate::store::parts::{PartKey, Row};

/// Rows of every part in which anything was seen, ordered by subject and object.
pub(super) fn by_part(
    number: ContractNumber,
    sightings: &Sightings,
    commitments: &Commitments,
) -> Result<BTreeMap<PartKey, Vec<Row>>, StoreError> {
    let mut rows = Rows::default();
    if let (Some(contract), Some(owner)) = (&sightings.contract, &commitments.owner) {
        rows.list(Kind::Contract, number.to_string().into(), contract.body(owner)?);
    }
    for user in &sightings.users {
        rows.list(Kind::User, user.id.shared(), user.body(&commitments.users[&user.id])?);
    }
    for group in &sightings.groups {
        rows.list(Kind::Group, group.id.shared(), group.body()?);
    }
    for resource in &sightings.resources {
        rows.list(Kind::Resource, resource.id.shared(), resource.body()?);
    }
    for (group, user) in &sightings.members {
        rows.relation(Kind::Member, group.shared(), user.shared(), None);
    }
    for share in &sightings.shares {
        rows.relation(Kind::Share, share.group.shared(), share.resource.shared(), Some(share.body()?));
    }
    for (user, resource) in &sightings.owns {
        rows.relation(Kind::Own, user.shared(), resource.shared(), None);
    }
    for key in &sightings.keys {
        rows.relation(Kind::Key, key.user.shared(), key.id.shared(), Some(key.body()?));
    }
    Ok(rows.in_order())
}

#[derive(Default)]
struct Rows(BTreeMap<PartKey, Vec<Row>>);

impl Rows {
    fn list(&mut self, kind: Kind, subject: Arc<str>, body: Body) {
        let rows = self.0.entry((kind, Arc::from(""))).or_default();
        rows.push(Row { subject, object: Arc::from(""), body: Some(body) });
    }

    fn relation(&mut self, kind: Kind, subject: Arc<str>, object: Arc<str>, body: Option<Body>) {
        let rows = self.0.entry((kind, Arc::clone(&subject))).or_default();
        rows.push(Row { subject, object, body });
    }

    /// Arrival order leaves no trace: rows are sorted, and of two with one key the greater body stays.
    fn in_order(mut self) -> BTreeMap<PartKey, Vec<Row>> {
        for rows in self.0.values_mut() {
            rows.sort_by(|a, b| (a.key(), &a.body).cmp(&(b.key(), &b.body)).reverse());
            rows.dedup_by(|later, kept| later.key() == kept.key());
            rows.reverse();
        }
        self.0
    }
}
