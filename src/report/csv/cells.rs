//! The cells of one row: guarded, within what a spreadsheet holds, and with times as the dialect has them.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Dialect;
use super::guard::{cell, unguard};
use crate::report::joined::Joined;

/// A spreadsheet holds so much in a cell, counted in units of UTF-16.
pub const MAX_CELL_UNITS: usize = 32_767;

/// Room for " and N more characters".
const REMARK_UNITS: usize = 48;

/// The cells of one row. Nothing else writes one, so nothing can forget the guard.
#[derive(Debug, Default)]
pub struct Cells {
    dialect: Dialect,
    pub(super) record: csv::ByteRecord,
    number: String,
}

impl Cells {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Adds text; of more than a cell holds, the beginning and how much more there is.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.record.push_field(bounded(cell(text)).as_bytes());
        self
    }

    /// Adds text, or an empty cell.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or_default())
    }

    /// Adds several texts with a separator between them; of more than a cell holds, the first ones and how many more there
    /// are.
    pub fn list(&mut self, items: &[String], separator: &str) -> &mut Self {
        let (mut text, mut units) = (String::new(), 0);
        for (number, item) in items.iter().enumerate() {
            let between = if number == 0 { "" } else { separator };
            units += between.len() + units_of(&cell(item));
            if number > 0 && units > MAX_CELL_UNITS - REMARK_UNITS {
                write!(text, "{separator}and {} more", items.len() - number).expect("a String takes all text");
                break;
            }
            text.push_str(between);
            text.push_str(item);
        }
        self.text(&text)
    }

    /// The same of texts that know their separator.
    pub fn joined(&mut self, joined: &Joined) -> &mut Self {
        joined.write(self);
        self
    }

    /// Adds an instant in RFC 3339, UTC, to the second; as a spreadsheet reads it, where the dialect is one of a spreadsheet.
    pub fn time(&mut self, instant: &str) -> &mut Self {
        match (self.dialect, instant.strip_suffix('Z').and_then(|instant| instant.split_once('T'))) {
            (Dialect::Excel | Dialect::ExcelDe, Some((day, time))) => self.text(&format!("{day} {time}")),
            _ => self.text(instant),
        }
    }

    /// Adds an instant, or an empty cell.
    pub fn optional_time(&mut self, instant: Option<&str>) -> &mut Self {
        self.time(instant.unwrap_or_default())
    }

    /// Adds a whole number.
    pub fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        self.optional_number(Some(number))
    }

    /// Adds a whole number, or an empty cell.
    pub fn optional_number(&mut self, number: Option<impl Into<i128>>) -> &mut Self {
        self.number.clear();
        if let Some(number) = number {
            write!(self.number, "{}", number.into()).expect("a String takes all text");
        }
        self.record.push_field(cell(&self.number).as_bytes());
        self
    }

    /// Adds `true`, `false`, or an empty cell for what is not known.
    pub fn flag(&mut self, flag: Option<bool>) -> &mut Self {
        self.text(match flag {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        })
    }
}

fn units_of(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A guarded text that fits into a cell.
fn bounded(guarded: Cow<'_, str>) -> Cow<'_, str> {
    // A text has no more units than bytes.
    if guarded.len() <= MAX_CELL_UNITS || units_of(&guarded) <= MAX_CELL_UNITS {
        return guarded;
    }
    let mut units = 0;
    let is_beyond = |character: char| {
        units += character.len_utf16();
        units > MAX_CELL_UNITS - REMARK_UNITS
    };
    let end = guarded.find(is_beyond).unwrap_or(guarded.len());
    let more = unguard(&guarded[end..]).chars().count();
    Cow::Owned(format!("{} and {more} more characters", &guarded[..end]))
}
