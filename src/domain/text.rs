//! Untrusted text made safe to look at: characters that hide, reorder or imitate are shown as what they are.
//!
//! Names come from forms that anybody can fill in. It knows nothing of markup: escaping is the business of each format.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Shows control, format, private-use and blank-looking characters as `⟨U+202E⟩`; everything else stays as it is.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            write!(shown, "⟨U+{:04X}⟩", u32::from(character)).expect("a String takes all text");
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Whether a reader would see nothing, or something else than what is there.
///
/// Unicode categories Cc, Cf, Co, Zl and Zp, spaces other than the plain one, variation selectors, and letters that are
/// drawn blank.
pub fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control()
        || character.is_whitespace()
        || matches!(u32::from(character),
            0x00AD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891 | 0x08E2
            | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202F
            | 0x205F..=0x206F | 0x2800 | 0x3164 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0x1_10BD | 0x1_10CD | 0x1_3430..=0x1_345F | 0x1_BCA0..=0x1_BCA3
            | 0x1_D173..=0x1_D17A | 0xE_0000..=0x10_FFFF)
}

/// [`visible`] text of at most so many characters; what is left out is marked by `…`.
pub fn visible_within(text: &str, max_chars: usize) -> String {
    let shown = visible(text);
    if shown.chars().count() <= max_chars {
        return shown.into_owned();
    }
    shown.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_visible(text: &str, expected: &str) {
        assert_eq!(visible(text), expected);
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["alice", "Jürgen Groß", "Анна", "山田 太郎", "O'Neill & Söhne <x>", "e\u{301}"] {
            check_visible(name, name);
        }
    }

    #[test]
    fn what_hides_or_reorders_is_shown() {
        check_visible("ab\u{202E}cd", "ab⟨U+202E⟩cd");
        check_visible("a\u{200B}b", "a⟨U+200B⟩b");
        check_visible("a\nb\tc\u{0}", "a⟨U+000A⟩b⟨U+0009⟩c⟨U+0000⟩");
        check_visible("a\u{A0}b\u{3164}\u{E0041}", "a⟨U+00A0⟩b⟨U+3164⟩⟨U+E0041⟩");
        check_visible("\u{2028}\u{FEFF}\u{AD}", "⟨U+2028⟩⟨U+FEFF⟩⟨U+00AD⟩");
    }

    #[test]
    fn long_text_ends_with_an_ellipsis() {
        assert_eq!(visible_within("abcdef", 6), "abcdef");
        assert_eq!(visible_within("abcdefg", 6), "abcde…");
        assert_eq!(visible_within("", 0), "");
    }
}
