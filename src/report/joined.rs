//! Several texts that are one value of a row: text with separators in JSON, bounded in a cell.

use serde::{Serialize, Serializer};

use super::csv::Cells;

/// Texts with a separator between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    items: Vec<String>,
    separator: &'static str,
}

impl Joined {
    /// These, in this order.
    pub(super) fn new(items: Vec<String>, separator: &'static str) -> Self {
        Self { items, separator }
    }

    /// Adds them as one cell; of more than it holds, the first ones.
    pub(super) fn write(&self, cells: &mut Cells) {
        cells.list(&self.items, self.separator);
    }
}

impl Serialize for Joined {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.items.join(self.separator))
    }
}
