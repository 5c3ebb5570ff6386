//! What is written is what is read back, in every dialect and whichever separator a program expects.

use proptest::prelude::*;

use super::guard::{bare, is_trigger};
use super::*;

struct Pair(String, String);

impl Row for Pair {
    const COLUMNS: &'static [&'static str] = &["one", "other"];

    fn cells(&self, cells: &mut Cells) {
        cells.text(&self.0).text(&self.1);
    }
}

/// An instant, and a list.
struct Timed(&'static str, Vec<String>);

impl Row for Timed {
    const COLUMNS: &'static [&'static str] = &["at_utc", "list"];

    fn cells(&self, cells: &mut Cells) {
        cells.time(self.0).list(&self.1, " | ");
    }
}

fn written<R: Row>(rows: Vec<R>, dialect: Dialect) -> String {
    let mut bytes = Vec::new();
    write(rows.into_iter(), dialect, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The rows as a program reads them that expects a separator, without the header.
fn read(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes())
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_cell_is_quoted_and_lines_end_with_cr_lf() {
    let text = written(vec![Pair("a,b".into(), "say \"x\"".into())], Dialect::Rfc4180);
    assert_eq!(text, "\"one\",\"other\"\r\n\"a,b\",\"say \"\"x\"\"\"\r\n");
}

#[test]
fn spreadsheets_get_a_mark_and_times_that_they_read() {
    let row = || vec![Timed("2026-11-23T09:30:00Z", vec!["Zoë".into()])];
    assert_eq!(written(row(), Dialect::Excel), "\u{FEFF}\"at_utc\",\"list\"\r\n\"2026-11-23 09:30:00\",\"Zoë\"\r\n");
    assert_eq!(written(row(), Dialect::ExcelDe), "\u{FEFF}\"at_utc\";\"list\"\r\n\"2026-11-23 09:30:00\";\"Zoë\"\r\n");
    assert_eq!(written(row(), Dialect::Rfc4180), "\"at_utc\",\"list\"\r\n\"2026-11-23T09:30:00Z\",\"Zoë\"\r\n");
}

/// A cell of a list, as it is read back.
fn list_cell(items: Vec<String>) -> String {
    read(&written(vec![Timed("", items)], Dialect::Rfc4180), b',').remove(0).remove(1)
}

#[test]
fn a_list_that_no_cell_holds_says_how_many_more_there_are() {
    let items: Vec<String> = (0..4000).map(|number| format!("path number {number}")).collect();
    let cell = list_cell(items.clone());
    assert!(cell.encode_utf16().count() <= MAX_CELL_UNITS);
    let (shown, more) = cell.rsplit_once(" | and ").unwrap();
    let shown: Vec<_> = shown.split(" | ").collect();
    assert_eq!(more, format!("{} more", items.len() - shown.len()));
    assert_eq!(shown, items[..shown.len()]);
    assert!(shown.len() > 1500, "most of a cell is used");
    assert_eq!(list_cell(items[..3].to_vec()), items[..3].join(" | "));
}

#[test]
fn a_text_that_no_cell_holds_says_how_much_more_there_is() {
    for text in ["=".repeat(40_000), "𝔘".repeat(20_000), ";'".repeat(20_000)] {
        let cell = list_cell(vec![text.clone()]);
        assert!(cell.encode_utf16().count() <= MAX_CELL_UNITS);
        let (shown, more) = cell.rsplit_once(" and ").unwrap();
        let more: usize = more.strip_suffix(" more characters").unwrap().parse().unwrap();
        assert_eq!(unguard(shown).chars().count() + more, text.chars().count());
        assert!(text.starts_with(&*unguard(shown)));
    }
    let whole = "x".repeat(MAX_CELL_UNITS);
    assert_eq!(list_cell(vec![whole.clone()]), whole);
}

/// Any text, with the characters that matter more often than chance would have them.
fn any_text() -> impl Strategy<Value = String> {
    let spicy =
        prop::sample::select(vec!['=', '+', '-', '@', '\t', '\r', '\n', '\'', '"', ',', ';', ' ', '＝', '\u{200B}']);
    prop::collection::vec(prop_oneof![3 => spicy, 1 => any::<char>()], 0..12).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn every_text_comes_back_in_every_dialect(
        one in any_text(),
        other in any_text(),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
    ) {
        let rows = read(&written(vec![Pair(one.clone(), other.clone())], dialect), dialect.delimiter());
        prop_assert_eq!(rows.len(), 1);
        for (cell, original) in rows[0].iter().zip([&one, &other]) {
            prop_assert_eq!(&*unguard(cell), original.as_str());
            prop_assert!(!cell.starts_with(['\t', '\r', '\n']));
        }
    }

    #[test]
    fn no_cell_is_a_formula_whichever_separator_is_expected(
        one in any_text(),
        other in any_text(),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        expected in prop::sample::select(vec![b',', b';', b'\t']),
    ) {
        for row in read(&written(vec![Pair(one.clone(), other.clone())], dialect), expected) {
            for cell in row {
                prop_assert!(!bare(&cell).starts_with(is_trigger), "{:?} of {:?} and {:?}", cell, one, other);
            }
        }
    }
}
