//! Marks: what a report says about the time after its snapshot, such as that its period is provisional or its picture outdated. They come
//! and go with the time, so two files that differ in nothing else are the same report.
//!
//! Tables of rows have no marks.

use serde::de::IgnoredAny;

use super::Format;

/// Marks take less room than that: files whose sizes differ by more differ in something else.
pub const MAX_MARKS_BYTES: u64 = 64 << 10;

/// Where marks stand in a page: between these. The title says that a picture is outdated, and otherwise repeats the cover.
const IN_PAGES: [(&[u8], &[u8]); 4] = [
    (b"<title>", b"</title>"),
    (b"<!--mark-->", b"<!--/mark-->"),
    (b"<!--mark-->", b"<!--/mark-->"),
    (b"<!--mark-->", b"<!--/mark-->"),
];

/// The properties of the cover that are marks, in their order. A quotation mark inside of a text has a backslash before it.
const IN_JSON: [&[u8]; 3] = [b"\"period_remarks\":", b"\"recency\":", b"\"undelivered_alerts\":"];

/// Whether two files of a format differ in their marks at most.
pub fn differ_in_marks_only(format: Format, one: &[u8], other: &[u8]) -> bool {
    match format {
        Format::Html => without_marks(one) == without_marks(other),
        Format::Json => without_properties(one) == without_properties(other),
        Format::Csv | Format::Jsonl => one == other,
    }
}

/// The pieces of a page beside its marks.
fn without_marks(page: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = page;
    for (begin, end) in IN_PAGES {
        let Some(from) = position(rest, begin) else { continue };
        let Some(length) = position(&rest[from..], end) else { continue };
        pieces.push(&rest[..from]);
        rest = &rest[from + length..];
    }
    pieces.push(rest);
    pieces
}

/// The pieces of a document beside the values of those properties.
fn without_properties(document: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = document;
    for name in IN_JSON {
        let Some(from) = position(rest, name).map(|at| at + name.len()) else { continue };
        let mut values = serde_json::Deserializer::from_slice(&rest[from..]).into_iter::<IgnoredAny>();
        let Some(Ok(_)) = values.next() else { continue };
        pieces.push(&rest[..from]);
        rest = &rest[from + values.byte_offset()..];
    }
    pieces.push(rest);
    pieces
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, one: &str, other: &str, expected: bool) {
        assert_eq!(differ_in_marks_only(format, one.as_bytes(), other.as_bytes()), expected, "{one} / {other}");
    }

    #[test]
    fn marks_of_a_page_make_no_difference() {
        let page = |title: &str, marks: [&str; 3], body: &str| {
            let marks = marks.map(|mark| format!("<!--mark-->{mark}<!--/mark-->"));
            format!("<title>{title}</title><h1>x</h1>{}<p>y</p>{}{}{body}", marks[0], marks[1], marks[2])
        };
        let plain = page("a", ["", "", ""], "rows");
        check(Format::Html, &plain, &page("a, OUTDATED", ["provisional", "late", "dead"], "rows"), true);
        check(Format::Html, &plain, &page("a", ["provisional", "", ""], "other rows"), false);
        check(Format::Html, "<title>mine</title>", &plain, false);
    }

    #[test]
    fn marks_of_a_document_make_no_difference() {
        let document = |remarks: &str, recency: &str, rows: &str| {
            format!(
                r#"{{"cover": {{"organisation": "\"recency\": 7", "period_remarks": {remarks}, "complete": true,
                "recency": {recency}, "undelivered_alerts": []}}, "rows": {rows}}}"#
            )
        };
        let plain = document("[]", "{}", "[1]");
        check(Format::Json, &plain, &document(r#"["provisional ] }"]"#, r#"{"outdated": true}"#, "[1]"), true);
        check(Format::Json, &plain, &document("[]", "{}", "[2]"), false);
        check(Format::Json, "[]", &plain, false);
        check(Format::Csv, "a", "b", false);
    }
}
