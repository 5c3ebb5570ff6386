//! CSV as RFC 4180 has it and as spreadsheets open it, with every cell quoted and guarded against being run as a formula, so
//! that the guard can be undone.

mod cells;
mod guard;
#[cfg(test)]
mod tests;

use std::io;

pub use self::cells::{Cells, MAX_CELL_UNITS};
pub use self::guard::{cell, unguard};

/// A spreadsheet shows so many lines of a file, the header included.
pub const MAX_SPREADSHEET_LINES: u64 = 1_048_576;

/// How the file is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Comma, CR LF, UTF-8 without a mark; for programs.
    #[default]
    Rfc4180,
    /// What an English Excel opens by double click: comma, CR LF, UTF-8 with a byte order mark, times that it reads.
    Excel,
    /// What a German Excel opens by double click: the same with semicolons.
    ExcelDe,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 3] = [Self::Rfc4180, Self::Excel, Self::ExcelDe];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc4180 => "rfc4180",
            Self::Excel => "excel",
            Self::ExcelDe => "excel-de",
        }
    }

    /// The dialect with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == word)
    }

    fn delimiter(self) -> u8 {
        match self {
            Self::Rfc4180 | Self::Excel => b',',
            Self::ExcelDe => b';',
        }
    }

    /// What stands before the header.
    fn mark(self) -> &'static str {
        match self {
            Self::Rfc4180 => "",
            Self::Excel | Self::ExcelDe => "\u{FEFF}",
        }
    }
}

/// One row of a file with fixed columns.
pub trait Row {
    /// The header, in order.
    const COLUMNS: &'static [&'static str];

    /// Writes one cell per column, in the same order.
    fn cells(&self, cells: &mut Cells);
}

/// Writes the header and all rows, and says how many lines of a spreadsheet that makes.
pub fn write<R: Row>(
    rows: impl Iterator<Item = R>,
    dialect: Dialect,
    out: &mut dyn io::Write,
) -> Result<u64, csv::Error> {
    out.write_all(dialect.mark().as_bytes())?;
    let mut writer = writer(dialect, out);
    writer.write_record(R::COLUMNS.iter().map(|column| cell(column).into_owned()))?;
    let (mut cells, mut lines) = (Cells::new(dialect), 1);
    for row in rows {
        cells.record.clear();
        row.cells(&mut cells);
        writer.write_byte_record(&cells.record)?;
        lines += 1;
    }
    writer.flush()?;
    Ok(lines)
}

/// A writer that quotes every cell: a program that expects another separator then cuts less of the file.
pub fn writer<W: io::Write>(dialect: Dialect, out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new()
        .delimiter(dialect.delimiter())
        .terminator(csv::Terminator::CRLF)
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(out)
}
