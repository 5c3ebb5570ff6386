//! Untrusted text: what a server, a file or the environment brought. It is shown only in a form in which it cannot act.
//!
//! Characters that hide, reorder or imitate are shown as their code points, and what looks like a secret by its length. It
//! knows nothing of markup: escaping is the business of each format.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A longer text is shortened when it is shown.
const MAX_SHOWN_CHARS: usize = 300;

/// Text chosen outside this program. It has no `Display`, so that it is shown only through [`Untrusted::visible`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// The text as it came, to be compared or stored; never to be shown.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text on one line of limited length, in which nothing hides and what looks like a secret is its length.
    pub fn visible(&self) -> String {
        visible_within(&without_secrets(&self.0), MAX_SHOWN_CHARS)
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.visible())
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// What a bad byte in the name of a file becomes is still no secret and hides nothing.
impl From<&Path> for Untrusted {
    fn from(path: &Path) -> Self {
        Self(path.display().to_string())
    }
}

/// How a message shows an error: on one line, in which nothing hides, secrets by their length.
pub fn message(text: &str) -> String {
    visible(&without_secrets(text)).into_owned()
}

/// The shortest piece that counts as a secret.
const MIN_TOKEN_CHARS: usize = 20;
const MIN_MIXED_CHARS: usize = 32;

/// Whether a word looks like a secret: a web token, or a long run of letters of both cases and digits. Ids, hashes in
/// hexadecimal digits and ordinary names do not.
pub fn looks_like_secret(word: &str) -> bool {
    if is_web_token(word) {
        return true;
    }
    let runs = word.split(|character: char| !(character.is_ascii_alphanumeric() || "+=".contains(character)));
    runs.filter(|run| run.len() >= MIN_MIXED_CHARS).any(|run| {
        let has = |kind: fn(&u8) -> bool| run.bytes().any(|byte| kind(&byte));
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
    })
}

/// Whether a word is a web token, as those of IONOS are.
pub fn is_web_token(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() >= MIN_TOKEN_CHARS && !word.contains('/')
}

/// The text with its length in the place of each word that [`looks_like_secret`].
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let belongs = |character: char| character.is_ascii_alphanumeric() || "+=_.-".contains(character);
    let mut shown = String::new();
    let mut done = 0;
    let mut rest = text;
    while let Some(start) = rest.find(belongs) {
        let word = &rest[start..];
        let word = &word[..word.find(|character| !belongs(character)).unwrap_or(word.len())];
        // A token may have something before it, as in `token=eyJ`.
        let token = word.find("eyJ").filter(|at| looks_like_secret(&word[*at..]));
        let at = token.or_else(|| looks_like_secret(word).then_some(0));
        let from = text.len() - rest.len() + start;
        if let Some(at) = at {
            shown.push_str(&text[done..from + at]);
            write!(shown, "({} characters that look like a secret)", word.len() - at).expect("a String takes all text");
            done = from + word.len();
        }
        rest = &text[from + word.len()..];
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[done..]) }
}

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

/// Shows the same characters as `\\u202e`, which is the same value to a reader of JSON: for whole documents on their way to a
/// terminal. Line ends are the caller's business.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|character| push_escaped(&mut shown, character));
    Cow::Owned(shown)
}

/// Adds a character, [`escaped`] if need be.
pub fn push_escaped(shown: &mut String, character: char) {
    if is_hidden(character) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a String takes all text");
        }
    } else {
        shown.push(character);
    }
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
    fn an_escaped_document_has_the_same_values() {
        let text = "a\u{7f}\u{202e}\u{E0041}é\u{9b}";
        assert_eq!(escaped(text), r"a\u007f\u202e\udb40\udc41é\u009b");
        let quoted: String = serde_json::from_str(&format!("\"{}\"", escaped(text))).unwrap();
        assert_eq!(quoted, text);
    }

    #[test]
    fn long_text_ends_with_an_ellipsis() {
        assert_eq!(visible_within("abcdef", 6), "abcdef");
        assert_eq!(visible_within("abcdefg", 6), "abcde…");
        assert_eq!(visible_within("", 0), "");
    }

    #[test]
    fn untrusted_text_is_shown_in_one_form_only() {
        let text = Untrusted::from("a\u{1b}[2J\nok  token\u{202e}");
        assert_eq!(text.visible(), "a⟨U+001B⟩[2J⟨U+000A⟩ok  token⟨U+202E⟩");
        assert_eq!(format!("{text:?}"), format!("\"{}\"", text.visible()));
        assert_eq!(text.raw(), "a\u{1b}[2J\nok  token\u{202e}");
        assert!(Untrusted::from("x".repeat(5_000)).visible().ends_with("xx…"));
    }

    #[track_caller]
    fn check_secrets(text: &str, expected: &str) {
        assert_eq!(without_secrets(text), expected);
    }

    #[test]
    fn what_looks_like_a_secret_is_named_by_its_length() {
        let token = "eyJ0eXAiOiJKV1QifQ.eyJpZGVudGl0eSI6e319.c2ln-bmF0_dXJl";
        check_secrets(token, "(54 characters that look like a secret)");
        check_secrets(&format!("/etc/{token}/x"), "/etc/(54 characters that look like a secret)/x");
        check_secrets(&format!("read token={token}: no"), "read token=(54 characters that look like a secret): no");
        check_secrets(&format!("ü{token}ü{token}"), &"ü(54 characters that look like a secret)".repeat(2));
        let key = "kR7f2mQx9LtVb4Zs8WnYc3Hd6PjEa1Gu+KiTo5Xr";
        check_secrets(&format!("key {key:?}"), "key \"(40 characters that look like a secret)\"");
    }

    #[test]
    fn names_ids_hashes_and_paths_are_no_secrets() {
        for text in [
            "",
            "eyJustAName",
            "15f67991-0f51-4efc-a8ad-ef1fb31a480c",
            "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
            "/home/ann/.local/state/keyholder/keyholder.db",
            "access-review_31912345_2026-11-01T00-00-00Z_to_2026-12-01T00-00-00Z.csv",
            "KEYHOLDER_CREDENTIALS_USERNAME",
            "accessAndManageDNSAndKubernetesClusters",
        ] {
            check_secrets(text, text);
        }
    }
}
