//! Lists for people and for programs: the same rows as a table, as CSV or as JSON.
//!
//! Names are untrusted: in tables, what hides in them is shown, wherever they go; CSV and JSON have them as they are, unless
//! they go to a terminal.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::presets::UTF8_NO_BORDERS;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle};

use super::terminal::csv_lines;
use crate::domain::count::Count;
use crate::domain::untrusted::visible;
use crate::report::csv::{self, Dialect};

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// For people, as wide as the terminal; the most important columns.
    #[default]
    Table,
    /// Every column, RFC 4180, guarded against formulas.
    Csv,
    /// Every column, one array of objects.
    Json,
}

/// What a column costs beside its text: a blank on both sides and the line.
const BETWEEN: usize = 3;

/// On a terminal narrower than this a row is a block of lines, since columns would be too narrow for words.
const NARROW: u16 = 72;

/// One value of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Words.
    Text(String),
    /// A count.
    Number(u64),
    /// A count of what may not have been read.
    Count(Count),
    /// A number that can be negative.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// There is no value.
    Nothing,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Count> for Value {
    fn from(count: Count) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, Self::from)
    }
}

impl Value {
    /// For people.
    fn to_text(&self) -> String {
        match self {
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Count(count) => count.to_string(),
            value => value.to_cell(),
        }
    }

    /// For programs that know only text.
    fn to_cell(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Count(count) => count.value().map(|number| number.to_string()).unwrap_or_default(),
            Self::Integer(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Nothing => String::new(),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Number(number) => (*number).into(),
            Self::Count(count) => count.value().into(),
            Self::Integer(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Nothing => serde_json::Value::Null,
        }
    }
}

/// A list under its column names, in the order it is printed.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty list. Column names are lower case with underscores, as in files.
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, one value per column.
    pub(super) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has one value per column");
        self.rows.push(row.into());
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the list; `width` is the terminal's, if the output is one.
    pub(super) fn write(&self, out: &mut dyn Write, format: ListFormat, width: Option<u16>) -> io::Result<()> {
        match format {
            ListFormat::Table => self.write_table(out, width),
            ListFormat::Csv if width.is_some() => {
                let mut document = Vec::new();
                self.write_csv(&mut document)?;
                out.write_all(csv_lines(&document).as_bytes())
            }
            ListFormat::Csv => self.write_csv(out),
            ListFormat::Json => self.write_json(out),
        }
    }

    fn write_table(&self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        if width.is_some_and(|width| width < NARROW) {
            return self.write_blocks(out);
        }
        let mut table = comfy_table::Table::new();
        table
            .load_style(UTF8_NO_BORDERS.row_separator(LineStyle::none()))
            .set_header(self.columns.iter().map(|name| name.replace('_', " ")));
        match width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(20)),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        for row in &self.rows {
            table.add_row(row.iter().map(|value| visible(&value.to_text()).into_owned()));
        }
        for (index, value) in self.rows[0].iter().enumerate() {
            if let (Value::Number(_) | Value::Count(_), Some(column)) = (value, table.column_mut(index)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for index in width.map(|width| self.unwrapped(width)).unwrap_or_default() {
            if let Some(column) = table.column_mut(index) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// One block a row, one line a value; what is empty is left out.
    fn write_blocks(&self, out: &mut dyn Write) -> io::Result<()> {
        let widest = self.columns.iter().map(|name| name.len()).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            for (name, value) in self.columns.iter().zip(row) {
                let text = visible(&value.to_text()).into_owned();
                if !text.is_empty() {
                    writeln!(out, "{:<widest$}  {text}", name.replace('_', " "))?;
                }
            }
        }
        Ok(())
    }

    /// The columns that keep their words whole on a terminal of that width: the narrowest ones, as long as two fifths of
    /// the line are left to the others.
    fn unwrapped(&self, width: u16) -> Vec<usize> {
        let mut widths: Vec<(usize, usize)> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let cells = self.rows.iter().map(|row| visible(&row[index].to_text()).chars().count());
                (cells.fold(name.len(), usize::max) + BETWEEN, index)
            })
            .collect();
        widths.sort_unstable();
        let mut left = usize::from(width) * 3 / 5;
        widths
            .into_iter()
            .map_while(|(wide, index)| {
                left = left.checked_sub(wide)?;
                Some(index)
            })
            .collect()
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::writer(Dialect::Rfc4180, out);
        csv.write_record(self.columns)?;
        for row in &self.rows {
            csv.write_record(row.iter().map(|value| csv::cell(&value.to_cell()).into_owned()))?;
        }
        csv.flush()
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<serde_json::Value> = self
            .rows
            .iter()
            .map(|row| {
                self.columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.to_json())).collect()
            })
            .collect();
        serde_json::to_writer_pretty(&mut *out, &rows)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: ListFormat) -> String {
        written_on(format, 80)
    }

    fn written_on(format: ListFormat, width: impl Into<Option<u16>>) -> String {
        let mut table = Table::new(&["name", "items", "active"]);
        table.push(["=1+1".into(), 7_u64.into(), true.into()]);
        table.push(["a\u{1b}[2Jb".into(), 12_u64.into(), false.into()]);
        let mut out = Vec::new();
        table.write(&mut out, format, width.into()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_shows_control_characters_instead_of_obeying_them() {
        let text = written(ListFormat::Table);
        assert!(text.contains("a⟨U+001B⟩[2Jb") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_narrow_terminal_gets_blocks_instead_of_columns() {
        let expected = "name    =1+1\nitems   7\nactive  yes\n\nname    a⟨U+001B⟩[2Jb\nitems   12\nactive  no\n";
        assert_eq!(written_on(ListFormat::Table, 60), expected);
    }

    #[test]
    fn a_short_column_is_not_broken_for_a_long_one() {
        let mut table = Table::new(&["severity", "what"]);
        table.push(["critical".into(), "long words ".repeat(20).into()]);
        let mut out = Vec::new();
        table.write(&mut out, ListFormat::Table, Some(80)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(" critical ") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn csv_is_guarded_against_formulas() {
        assert!(
            written_on(ListFormat::Csv, None)
                .starts_with("\"name\",\"items\",\"active\"\r\n\"'=1+1\",\"7\",\"true\"\r\n")
        );
    }

    #[test]
    fn json_keeps_values_as_they_are() {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&written(ListFormat::Json)).unwrap();
        assert_eq!(rows[0], serde_json::json!({"name": "=1+1", "items": 7, "active": true}));
        assert_eq!(rows[1]["name"], "a\u{1b}[2Jb");
    }
}
