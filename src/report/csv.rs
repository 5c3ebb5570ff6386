//! CSV as RFC 4180 has it, with every cell guarded against being run as a formula, and so that the guard can be undone.
//!
//! Nothing writes a cell but [`Cells`], so nothing can forget the guard.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use super::text::is_hidden;

/// How the file is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Comma, CR LF, UTF-8 without a mark.
    #[default]
    Rfc4180,
    /// What a German Excel opens by double click: semicolon, CR LF, UTF-8 with a byte order mark.
    ExcelDe,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 2] = [Self::Rfc4180, Self::ExcelDe];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc4180 => "rfc4180",
            Self::ExcelDe => "excel-de",
        }
    }

    /// The dialect with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == word)
    }

    fn delimiter(self) -> u8 {
        match self {
            Self::Rfc4180 => b',',
            Self::ExcelDe => b';',
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

/// The cells of one row; every one goes through the guard.
#[derive(Debug, Default)]
pub struct Cells {
    record: csv::ByteRecord,
    number: String,
}

impl Cells {
    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.record.push_field(cell(text).as_bytes());
        self
    }

    /// Adds text, or an empty cell.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or_default())
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

/// Writes the header and all rows.
pub fn write<R: Row>(
    rows: impl Iterator<Item = R>,
    dialect: Dialect,
    out: &mut dyn io::Write,
) -> Result<(), csv::Error> {
    if dialect == Dialect::ExcelDe {
        out.write_all("\u{FEFF}".as_bytes())?;
    }
    let mut writer =
        csv::WriterBuilder::new().delimiter(dialect.delimiter()).terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(R::COLUMNS.iter().map(|column| cell(column).into_owned()))?;
    let mut cells = Cells::default();
    for row in rows {
        cells.record.clear();
        row.cells(&mut cells);
        writer.write_byte_record(&cells.record)?;
    }
    writer.flush()?;
    Ok(())
}

/// The guarded form of a cell: with an apostrophe in front where a spreadsheet would see a formula, and where the text
/// itself begins with an apostrophe, so that [`unguard`] always gives the text back.
pub fn cell(text: &str) -> Cow<'_, str> {
    if needs_guard(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a guarded cell: takes one leading apostrophe off, if there is one.
pub fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// Whether a spreadsheet could take the text for a formula, also after trimming what it cannot show.
fn needs_guard(text: &str) -> bool {
    if text.starts_with(['\'', '\t', '\r', '\n']) {
        return true;
    }
    text.trim_start_matches(|character: char| character == ' ' || is_hidden(character)).starts_with(is_trigger)
}

/// The first characters that make a cell a formula, plain and full-width.
fn is_trigger(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Pair(String, String);

    impl Row for Pair {
        const COLUMNS: &'static [&'static str] = &["one", "other"];

        fn cells(&self, cells: &mut Cells) {
            cells.text(&self.0).text(&self.1);
        }
    }

    fn written(rows: Vec<Pair>, dialect: Dialect) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(rows.into_iter(), dialect, &mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8], dialect: Dialect) -> Vec<Vec<String>> {
        let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
        csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter())
            .from_reader(bytes)
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    #[track_caller]
    fn check_cell(text: &str, expected: &str) {
        assert_eq!(cell(text), expected);
        assert_eq!(unguard(&cell(text)), text);
    }

    #[test]
    fn formulas_become_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"] {
            check_cell(formula, &format!("'{formula}"));
        }
    }

    #[test]
    fn formulas_behind_blanks_become_text_too() {
        for formula in [" =1", "\u{A0}=1", "\u{200B}@x", "  \u{3000}+1", "\u{FEFF}=1", "\u{0}=1"] {
            check_cell(formula, &format!("'{formula}"));
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["", "ann@example.com", "a=b", " a", "2026-11-23T09:30:00Z", "O'Neill", "1-2"] {
            check_cell(text, text);
        }
        check_cell("'quoted", "''quoted");
    }

    #[test]
    fn lines_end_with_cr_lf_and_quotes_are_doubled() {
        let bytes = written(vec![Pair("a,b".into(), "say \"x\"".into())], Dialect::Rfc4180);
        assert_eq!(String::from_utf8(bytes).unwrap(), "one,other\r\n\"a,b\",\"say \"\"x\"\"\"\r\n");
    }

    #[test]
    fn german_excel_gets_a_mark_and_semicolons() {
        let bytes = written(vec![Pair("a,b".into(), "c;d".into())], Dialect::ExcelDe);
        assert_eq!(String::from_utf8(bytes).unwrap(), "\u{FEFF}one;other\r\na,b;\"c;d\"\r\n");
    }

    /// Any text, with the characters that matter more often than chance would have them.
    fn any_text() -> impl Strategy<Value = String> {
        let spicy = prop::sample::select(vec![
            '=', '+', '-', '@', '\t', '\r', '\n', '\'', '"', ',', ';', ' ', '＝', '\u{200B}',
        ]);
        prop::collection::vec(prop_oneof![spicy, any::<char>()], 0..12).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_none_is_a_formula(one in any_text(), other in any_text(), excel in any::<bool>()) {
            let dialect = if excel { Dialect::ExcelDe } else { Dialect::Rfc4180 };
            let bytes = written(vec![Pair(one.clone(), other.clone())], dialect);
            let rows = read(&bytes, dialect);
            prop_assert_eq!(rows.len(), 1);
            for (cell, original) in rows[0].iter().zip([&one, &other]) {
                prop_assert_eq!(unguard(cell), original.as_str());
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']));
                prop_assert!(!cell.trim_start().starts_with(is_trigger), "{:?}", cell);
            }
        }
    }
}
