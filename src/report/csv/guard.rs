//! The guard of a cell: no spreadsheet runs it as a formula, whichever separator it takes the file to have, and the guard can
//! be undone.
//!
//! A program that expects another separator cuts inside values. So each piece of a text between commas, semicolons, tabs and
//! line ends is guarded as if it were a cell of its own.

use std::borrow::Cow;

use crate::report::text::is_hidden;

/// What may end a cell in some program.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\r', '\n'];

/// The guarded form of a cell: with an apostrophe before each piece that a spreadsheet could take for a formula, and before
/// each that itself begins with an apostrophe, so that [`unguard`] always gives the text back.
pub fn cell(text: &str) -> Cow<'_, str> {
    let is_control_first = text.starts_with(['\t', '\r', '\n']);
    if !is_control_first && !pieces(text).any(needs_guard) {
        return Cow::Borrowed(text);
    }
    let mut guarded = String::with_capacity(text.len() + 8);
    for (number, piece) in pieces(text).enumerate() {
        if needs_guard(piece) || (number == 0 && is_control_first) {
            guarded.push('\'');
        }
        guarded.push_str(piece);
    }
    Cow::Owned(guarded)
}

/// The text of a guarded cell: takes one leading apostrophe off each piece that has one.
pub fn unguard(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\'') {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(pieces(cell).map(|piece| piece.strip_prefix('\'').unwrap_or(piece)).collect())
}

/// The pieces of a text, each with the separator behind it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(SEPARATORS)
}

/// Whether a spreadsheet could take the text for a formula, also after trimming what it cannot show and quotes.
fn needs_guard(piece: &str) -> bool {
    piece.starts_with('\'') || bare(piece).starts_with(is_trigger)
}

/// A text without what a program may trim before it looks for a formula.
pub(super) fn bare(text: &str) -> &str {
    text.trim_start_matches(|character: char| character == ' ' || character == '"' || is_hidden(character))
}

/// The first characters that make a cell a formula, plain and full-width.
pub(super) fn is_trigger(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn formulas_behind_blanks_and_quotes_become_text_too() {
        for formula in [" =1", "\u{A0}=1", "\u{200B}@x", "  \u{3000}+1", "\u{FEFF}=1", "\u{0}=1", "\"=1", "\" \"=1"] {
            check_cell(formula, &format!("'{formula}"));
        }
    }

    #[test]
    fn formulas_behind_any_separator_become_text() {
        check_cell("a;=cmd;b", "a;'=cmd;b");
        check_cell("a,\"=cmd", "a,'\"=cmd");
        check_cell("a\t=cmd\r\n-b", "a\t'=cmd\r\n'-b");
        check_cell("a;'b", "a;''b");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["", "ann@example.com", "a=b", " a", "2026-11-23T09:30:00Z", "O'Neill", "1-2", "a; b, c\r\nd"] {
            check_cell(text, text);
        }
        check_cell("'quoted", "''quoted");
    }
}
