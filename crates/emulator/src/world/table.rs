//! Rows in the order in which they were made, found by id. It holds rows and nothing that relates them.

use std::collections::{BTreeMap, HashMap};

use super::Id;

/// Rows by id, listed oldest first, as the API lists them.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    rows: BTreeMap<u64, T>,
    places: HashMap<Id, u64>,
    next: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), places: HashMap::new(), next: 0 }
    }
}

impl<T> Table<T> {
    pub(super) fn insert(&mut self, id: Id, row: T) {
        let place = self.next;
        self.next += 1;
        self.places.insert(id, place);
        self.rows.insert(place, row);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(self.places.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.rows.get_mut(self.places.get(id)?)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<T> {
        let place = self.places.remove(id)?;
        self.rows.remove(&place)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.rows.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.values_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
