//! Kind F of the cases, and T2: files that are right in the program that opens them.

use std::collections::BTreeMap;

use keyholder::report::csv::{Dialect, MAX_CELL_UNITS, MAX_SPREADSHEET_LINES};
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, Rendered, Report, named as report, render};
use serde_json::Value;

use crate::analyse_world::World;
use crate::report_fixture::{LAST, alone, month, named};
use crate::report_people::Furnish as _;
use crate::support::cli::{Desk, RUNTIME};
use crate::support::cut::raw;

fn text(report: Report, input: &Input, format: Format, dialect: Dialect) -> String {
    let rendered = render(report, input, format, dialect, &Templates::embedded()).unwrap();
    String::from_utf8(rendered.bytes).unwrap()
}

/// The rows as a program reads them that expects a separator, by column.
fn rows(text: &str, delimiter: u8) -> Vec<BTreeMap<String, String>> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row =
        |record: csv::StringRecord| header.iter().zip(&record).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Every cell as a program reads the file that expects a separator.
fn cells(text: &str, delimiter: u8) -> Vec<String> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text.as_bytes());
    reader.records().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn is_like(cell: &str, pattern: &str) -> bool {
    cell.len() == pattern.len()
        && cell
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like })
}

#[test]
fn f1_ids_of_our_own_begin_with_a_letter() {
    let desk = Desk::with_month();
    for (name, column, letter) in [("access-review", "line_id", 'l'), ("changes", "change_id", 'c')] {
        let arguments = ["report", name, "--as-of", "5", "--since", "1", "--format", "csv", "--out", "-"];
        let rows = rows(&desk.run(&arguments).ends(0).out, b',');
        assert!(rows.len() > 3);
        for row in rows {
            let (first, digits) = row[column].split_at(1);
            assert_eq!(first, letter.to_string());
            assert!(digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digits}");
        }
    }
}

/// Expects the mark, the separator and times of a spreadsheet, of the real binary.
#[track_caller]
fn check_dialect(dialect: &str, delimiter: u8, mark: &str, time: &str) {
    for name in ["access-review", "changes", "population"] {
        let arguments = ["report", name, "--as-of", "5", "--since", "1", "--format", "csv", "--out", "-"];
        let out = Desk::with_month().run(&[&arguments[..], &["--dialect", dialect]].concat()).ends(0).out;
        assert_eq!(out.starts_with('\u{FEFF}'), !mark.is_empty(), "{dialect} {name}");
        let mut times = 0;
        for row in rows(&out, delimiter) {
            assert!(row.len() > 10, "{dialect} {name}: the separator is another one");
            for (_, cell) in row.iter().filter(|(column, cell)| column.ends_with("_utc") && !cell.is_empty()) {
                assert!(is_like(cell, time), "{dialect} {name}: {cell}");
                times += 1;
            }
        }
        assert!(times > 3, "{dialect} {name}");
    }
}

#[test]
fn f2_an_english_excel_reads_letters_columns_and_dates() {
    check_dialect("excel", b',', "\u{FEFF}", "0000-00-00 00:00:00");
}

#[test]
fn f2_a_german_excel_reads_letters_columns_and_dates() {
    check_dialect("excel-de", b';', "\u{FEFF}", "0000-00-00 00:00:00");
}

#[test]
fn f2_programs_get_rfc_3339_and_no_mark() {
    check_dialect("rfc4180", b',', "", "0000-00-00T00:00:00Z");
}

/// What came with SQLite after the version that the documents name, with the version.
const NEWER: [&str; 13] = [
    "is distinct from 3.39",
    "is not distinct from 3.39",
    "right join 3.39",
    "full join 3.39",
    "full outer join 3.39",
    "unhex( 3.41",
    "octet_length( 3.43",
    "timediff( 3.43",
    "string_agg( 3.44",
    " concat( 3.44",
    "concat_ws( 3.44",
    "jsonb 3.45",
    "unistr( 3.50",
];

#[test]
fn f3_the_schema_needs_no_newer_sqlite_than_is_documented() {
    for document in [include_str!("../../README.md"), include_str!("../../docs/data-model.md")] {
        assert!(document.contains("SQLite 3.38"), "the version is not said");
    }
    let desk = Desk::with_month();
    let schema: Vec<String> = RUNTIME.block_on(async {
        let db = raw(&desk.database()).await;
        let sql = "SELECT lower(sql) FROM sqlite_schema WHERE sql IS NOT NULL";
        let schema = sqlx::query_scalar(sql).fetch_all(&db).await.unwrap();
        db.close().await;
        schema
    });
    assert!(schema.iter().any(|sql| sql.contains("->>")), "3.38 is needed, not only enough");
    for (word, version) in NEWER.iter().map(|line| line.rsplit_once(' ').unwrap()) {
        let found = schema.iter().find(|sql| sql.replace('\n', " ").contains(word));
        assert!(found.is_none(), "{word} needs SQLite {version}: {found:?}");
    }
}

#[test]
fn f4_no_cell_is_longer_than_a_spreadsheet_holds() {
    let long = "x".repeat(40_000);
    for report in ALL {
        let input = named(&long);
        let rows = rows(&text(report, &input, Format::Csv, Dialect::Excel), b',');
        let cells: Vec<_> = rows.iter().flat_map(BTreeMap::values).collect();
        assert!(cells.iter().all(|cell| cell.encode_utf16().count() <= MAX_CELL_UNITS), "{}", report.name);
        assert!(cells.iter().any(|cell| cell.ends_with(" more characters")), "{}", report.name);
        assert!(text(report, &input, Format::Jsonl, Dialect::Excel).contains(&long), "JSON Lines are complete");
    }
}

#[test]
fn f4_a_list_of_paths_says_how_many_more_there_are() {
    let mut world = World::new(LAST).person(1, LAST);
    for number in 0..700 {
        world = world.crew(number, &format!("Group of a rather long name with number {number}"), &["reserveIp"]);
        world = world.joins(number, 1, LAST);
    }
    let (input, review) = (alone(world.0), report("access-review").unwrap());
    let rows = rows(&text(review, &input, Format::Csv, Dialect::Rfc4180), b',');
    let row = rows.iter().find(|row| row["entitlement_id"] == "reserveIp").unwrap();
    let (shown, more) = row["access_path"].rsplit_once(" | and ").unwrap();
    let more: usize = more.strip_suffix(" more").unwrap().parse().unwrap();
    let paths = 701;
    assert_eq!(
        (shown.split(" | ").count() + more, &*row["path_count"]),
        (paths, "701"),
        "one is that of an administrator"
    );
    let lines = text(review, &input, Format::Jsonl, Dialect::Rfc4180);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["entitlement_id"] == "reserveIp").unwrap();
    assert_eq!(line["access_path"].as_str().unwrap().split(" | ").count(), paths);
}

#[test]
fn f4_a_file_beyond_the_lines_of_a_spreadsheet_has_a_warning() {
    let input = month();
    let rendered = |format| render(ALL[0], &input, format, Dialect::Excel, &Templates::embedded()).unwrap();
    let lines = rendered(Format::Csv).lines;
    assert_eq!(lines, input.current.grants.len() as u64 + 1);
    let with = |lines| Rendered { lines, ..rendered(Format::Jsonl) }.warning();
    assert_eq!(with(MAX_SPREADSHEET_LINES), None);
    let warning = with(MAX_SPREADSHEET_LINES + 1).unwrap();
    assert!(warning.contains("has 1048577 lines") && warning.contains("--format jsonl"), "{warning}");
}

#[test]
fn t2_no_separator_turns_a_name_into_a_formula() {
    for name in ["a;=cmd|' /C calc'!A0;b", "a,=1+1,b", "a\t@x\tb", "a\r\n-1\n+1", "a;\"=1\";b", "\"=1\""] {
        let input = named(name);
        for (report, dialect) in ALL.iter().flat_map(|report| Dialect::ALL.map(|dialect| (*report, dialect))) {
            let text = text(report, &input, Format::Csv, dialect);
            for expected in [b',', b';', b'\t'] {
                for cell in cells(&text, expected) {
                    let bare = cell.trim_start_matches([' ', '"', '\t', '\r', '\n']);
                    assert!(!bare.starts_with(['=', '+', '-', '@']), "{name:?} in {dialect:?}: {cell:?}");
                }
            }
        }
    }
}

#[test]
fn t2_lists_of_commands_are_quoted_and_guarded_too() {
    let out = Desk::with_month().run(&["diff", "1", "2", "--format", "csv"]).ends(0).out;
    assert!(out.lines().all(|line| line.starts_with('"') && line.ends_with('"')), "{out}");
    assert!(out.contains("\"'=cmd"), "{out}");
}
