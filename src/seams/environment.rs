//! The environment variables of the process, and what people and tools leave around a value without meaning it.
//!
//! Variables reach a program through files of many formats: `docker --env-file` keeps quotes, a file that was saved on Windows
//! brings line ends and a byte order mark. Blank is as absent, as the tools of IONOS take it. What was taken off is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;

/// Variables that this program reads begin like this; their values are always cleaned.
const OURS: [&str; 2] = ["IONOS_", "KEYHOLDER_"];

/// A password may begin and end with anything but the end of its line.
const PASSWORD: &str = "IONOS_PASSWORD";

/// A value without what surrounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned<'a> {
    /// The value; nothing if it is blank.
    pub value: Option<&'a str>,
    /// What was taken off, for a message.
    pub ignored: Option<&'static str>,
}

/// Takes off a byte order mark, blanks, line ends and one pair of quotes.
pub fn clean(text: &str) -> Cleaned<'_> {
    let bare = text.trim_matches(is_around);
    let unquoted = ['"', '\''].iter().find_map(|quote| bare.strip_prefix(*quote)?.strip_suffix(*quote));
    let value = unquoted.map_or(bare, |inner| inner.trim_matches(is_around));
    let ignored = if value.is_empty() {
        (!text.is_empty()).then_some("it is blank, which counts as not set")
    } else if unquoted.is_some() {
        Some("the quotes around its value are ignored")
    } else {
        (bare.len() < text.len()).then_some("blanks, line ends or a byte order mark around its value are ignored")
    };
    Cleaned { value: Some(value).filter(|value| !value.is_empty()), ignored }
}

/// Takes the end of its line and a byte order mark off a password, and nothing else.
fn clean_password(text: &str) -> Cleaned<'_> {
    let value = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() {
        return Cleaned { value: None, ..clean(text) };
    }
    let is_quoted =
        ['"', '\''].iter().any(|quote| value.len() > 1 && value.starts_with(*quote) && value.ends_with(*quote));
    let ignored = if value.len() < text.len() {
        Some("a line end or a byte order mark around its value is ignored")
    } else {
        is_quoted.then_some("the quotes around its value are taken as part of the password")
    };
    Cleaned { value: Some(value), ignored }
}

fn is_around(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

/// The arguments of this process, its name first.
pub fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// What a secret may begin and end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// With neither blanks nor quotes: an address, a key, a token.
    Token,
    /// With anything but the end of a line.
    Password,
}

/// The environment variables of the process, taken once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Variables of ours whose values are no text.
    unreadable: BTreeSet<String>,
}

impl Environment {
    /// The variables of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.variables.insert(name, value)),
                Err(_) if is_ours(&name) => drop(environment.unreadable.insert(name)),
                Err(_) => {}
            }
        }
        environment
    }

    /// Exactly these variables.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { variables, unreadable: BTreeSet::new() }
    }

    /// The value of a variable. An empty one counts as not set, and so does a blank one of ours, whose value is cleaned.
    pub fn get(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?;
        if is_ours(name) { cleaned(name, text).value } else { Some(text.as_str()).filter(|text| !text.is_empty()) }
    }

    /// The value of a variable that the configuration names for a secret: without what surrounds it. A blank one
    /// counts as not set.
    pub fn secret(&self, name: &str, kind: SecretKind) -> Option<&str> {
        let text = self.variables.get(name)?;
        match kind {
            SecretKind::Password => clean_password(text).value,
            SecretKind::Token => clean(text).value,
        }
    }

    /// Variables whose name begins with that, in order.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.variables
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What is ignored of the variables of ours, in sentences without values.
    pub fn ignored(&self) -> Vec<String> {
        let of_text = self.variables.iter().filter(|(name, _)| is_ours(name));
        let of_text = of_text.filter_map(|(name, text)| Some((name, cleaned(name, text).ignored?)));
        let unreadable = self.unreadable.iter().map(|name| (name, "its value is not UTF-8 and is not read"));
        of_text.chain(unreadable).map(|(name, what)| format!("env {name}: {what}")).collect()
    }
}

fn is_ours(name: &str) -> bool {
    OURS.iter().any(|prefix| name.starts_with(prefix))
}

fn cleaned<'a>(name: &str, text: &'a str) -> Cleaned<'a> {
    if name == PASSWORD { clean_password(text) } else { clean(text) }
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, value: Option<&str>, ignored: Option<&str>) {
        let environment = Environment::of([(name, text)]);
        assert_eq!(environment.get(name), value, "{text:?}");
        let expected: Vec<_> = ignored.map(|what| format!("env {name}: {what}")).into_iter().collect();
        assert_eq!(environment.ignored(), expected, "{text:?}");
    }

    #[test]
    fn what_surrounds_a_value_is_taken_off_and_reported() {
        let around = Some("blanks, line ends or a byte order mark around its value are ignored");
        let quotes = Some("the quotes around its value are ignored");
        let blank = Some("it is blank, which counts as not set");
        for name in ["IONOS_TOKEN", "KEYHOLDER_DB"] {
            check(name, "abc", Some("abc"), None);
            check(name, "", None, None);
            for text in [" ", "\r\n", "\u{feff}", "\"\"", "' '", "\t\u{a0}"] {
                check(name, text, None, blank);
            }
            for text in [" abc ", "abc\r\n", "\u{feff}abc"] {
                check(name, text, Some("abc"), around);
            }
            for text in ["\"abc\"", "'abc'", " \"abc\"\r\n", "\u{feff}' abc '"] {
                check(name, text, Some("abc"), quotes);
            }
            check(name, "\"", Some("\""), None);
            check(name, "'abc\"", Some("'abc\""), None);
        }
    }

    #[test]
    fn a_password_keeps_blanks_and_quotes() {
        let line = Some("a line end or a byte order mark around its value is ignored");
        check(PASSWORD, " a b ", Some(" a b "), None);
        check(PASSWORD, "ab\r\n", Some("ab"), line);
        check(PASSWORD, "\u{feff}ab", Some("ab"), line);
        check(
            PASSWORD,
            "\"ab\"",
            Some("\"ab\""),
            Some("the quotes around its value are taken as part of the password"),
        );
        check(PASSWORD, "  ", None, Some("it is blank, which counts as not set"));
    }

    #[test]
    fn variables_of_others_are_left_as_they_are() {
        check("HOME", " /a ", Some(" /a "), None);
        check("HOME", " ", Some(" "), None);
        check("HOME", "", None, None);
    }
}
