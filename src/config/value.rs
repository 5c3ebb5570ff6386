//! Brings one given value into [`Config`], or says what is wrong with it.
//!
//! A message repeats a value only when the value is short, printable and of a kind that holds no secret.

use std::path::{Path, PathBuf};

use super::duration;
use super::effective::Config;
use super::keys::{Field, Form, Key};

/// A value as some layer gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Text of the file.
    Text(String),
    /// A whole number of the file.
    Integer(i64),
    /// True or false of the file.
    Flag(bool),
    /// Something of the file that no key takes; the name of its kind.
    Other(&'static str),
    /// A variable or an option, which have no kinds.
    Untyped(String),
}

/// Stores a value under its key. Relative paths are meant from `folder`.
pub(super) fn store(config: &mut Config, key: &Key, given: &Given, folder: &Path) -> Result<(), String> {
    match key.field {
        Field::Text { form, set, .. } => {
            let text = text(given)?;
            if text.chars().any(char::is_control) {
                return Err("must not hold control characters".to_owned());
            }
            set(config, text).map_err(|expected| match form {
                Form::Words(_) => format!("{expected}, is {}", quote(text)),
                Form::Free | Form::Address | Form::Fingerprint => expected,
            })
        }
        Field::Path { set, .. } => {
            set(config, path(text(given)?, folder)?);
            Ok(())
        }
        Field::Count { least, most, set, .. } => {
            set(config, count(given, least, most)?);
            Ok(())
        }
        Field::Flag { set, .. } => {
            set(config, flag(given)?);
            Ok(())
        }
        Field::Span { least, most, set, .. } => {
            let text = text(given)?;
            let span = duration::parse(text).map_err(|error| format!("{error}, is {}", quote(text)))?;
            if span < least || span > most {
                let (least, most) = (duration::show(least), duration::show(most));
                return Err(format!("must be {least} to {most}, is {}", duration::show(span)));
            }
            set(config, span);
            Ok(())
        }
    }
}

fn text(given: &Given) -> Result<&str, String> {
    match given {
        Given::Text(text) | Given::Untyped(text) => Ok(text),
        Given::Integer(_) => Err("must be text in quotes, is a whole number".to_owned()),
        Given::Flag(_) => Err("must be text in quotes, is true or false".to_owned()),
        Given::Other(kind) => Err(format!("must be text in quotes, is {kind}")),
    }
}

fn count(given: &Given, least: u64, most: u64) -> Result<u64, String> {
    let limits =
        if most == i64::MAX.unsigned_abs() { format!("at least {least}") } else { format!("{least} to {most}") };
    let number = match given {
        Given::Integer(number) => i128::from(*number),
        Given::Untyped(text) => text.trim().parse().map_err(|_| format!("must be {limits}, is {}", quote(text)))?,
        Given::Text(_) => return Err("must be a whole number without quotes, is text".to_owned()),
        Given::Flag(_) => return Err("must be a whole number, is true or false".to_owned()),
        Given::Other(kind) => return Err(format!("must be a whole number, is {kind}")),
    };
    u64::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be {limits}, is {number}"))
}

fn flag(given: &Given) -> Result<bool, String> {
    match given {
        Given::Flag(flag) => Ok(*flag),
        Given::Untyped(text) => text.trim().parse().map_err(|_| format!("must be true or false, is {}", quote(text))),
        Given::Text(_) => Err("must be true or false without quotes, is text".to_owned()),
        Given::Integer(_) => Err("must be true or false, is a whole number".to_owned()),
        Given::Other(kind) => Err(format!("must be true or false, is {kind}")),
    }
}

fn path(text: &str, folder: &Path) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("must not be empty; leave the key out".to_owned());
    }
    if looks_like_a_token(text) {
        return Err("must be the path of a file that holds the token, not the token itself".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    if text == "~" || text.starts_with("~/") {
        return Err("must be written out: ~ means nothing to a service".to_owned());
    }
    Ok(folder.join(text))
}

/// Whether a text has the shape of a signed token: three parts, of which the first begins an object in base64.
fn looks_like_a_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.matches('.').count() == 2
}

/// A value in quotes, as far as it may be repeated.
fn quote(text: &str) -> String {
    if text.chars().count() <= 24 {
        format!("{text:?}")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::Shown;

    #[track_caller]
    fn check(path: &str, given: &Given, shown: &Shown) {
        let (mut config, key) = (Config::default(), Key::find(path).expect("a key"));
        assert_eq!(store(&mut config, key, given, Path::new("/etc/keyholder")), Ok(()));
        assert_eq!(key.shown(&config), Some(shown.clone()));
    }

    #[track_caller]
    fn check_refused(path: &str, given: &Given, message: &str) {
        let (mut config, key) = (Config::default(), Key::find(path).expect("a key"));
        assert_eq!(store(&mut config, key, given, Path::new("/etc/keyholder")), Err(message.to_owned()));
        assert_eq!(config, Config::default(), "a refused value changes nothing");
    }

    fn text(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    fn untyped(text: &str) -> Given {
        Given::Untyped(text.to_owned())
    }

    fn shown(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    #[test]
    fn numbers_are_numbers_in_files_and_text_in_variables() {
        check("api.concurrency", &Given::Integer(64), &Shown::Number(64));
        check("api.concurrency", &untyped("64"), &Shown::Number(64));
        check_refused("api.concurrency", &text("64"), "must be a whole number without quotes, is text");
        check_refused("api.concurrency", &untyped("many"), "must be 1 to 256, is \"many\"");
        check_refused("api.concurrency", &Given::Flag(true), "must be a whole number, is true or false");
    }

    #[test]
    fn numbers_stay_within_their_limits() {
        check("api.concurrency", &Given::Integer(1), &Shown::Number(1));
        check("api.concurrency", &Given::Integer(256), &Shown::Number(256));
        check_refused("api.concurrency", &Given::Integer(0), "must be 1 to 256, is 0");
        check_refused("api.concurrency", &Given::Integer(257), "must be 1 to 256, is 257");
        check_refused("api.concurrency", &untyped("-1"), "must be 1 to 256, is -1");
        check_refused("api.contract_number", &Given::Integer(0), "must be at least 1, is 0");
    }

    #[test]
    fn durations_have_units_and_limits() {
        check("report.dormant_after", &text("90d"), &shown("90d"));
        check("api.request_timeout", &untyped("120s"), &shown("2m"));
        check_refused("api.request_timeout", &Given::Integer(30), "must be text in quotes, is a whole number");
        check_refused("api.connect_timeout", &text("1h"), "must be 100ms to 5m, is 1h");
        check_refused(
            "api.connect_timeout",
            &text("5"),
            "must be a whole number and a unit out of ms, s, m, h, d, w, such as \"30s\" or \"90d\", is \"5\"",
        );
    }

    #[test]
    fn what_is_true_or_false_has_no_quotes_in_files() {
        check("collect.cross_check", &Given::Flag(true), &Shown::Flag(true));
        check("collect.cross_check", &untyped("true"), &Shown::Flag(true));
        check_refused("collect.cross_check", &text("true"), "must be true or false without quotes, is text");
        check_refused("collect.cross_check", &untyped("yes"), "must be true or false, is \"yes\"");
        check_refused("collect.cross_check", &Given::Integer(1), "must be true or false, is a whole number");
        check_refused("log.level", &Given::Flag(true), "must be text in quotes, is true or false");
    }

    #[test]
    fn words_come_from_a_list() {
        check("log.level", &text("trace"), &shown("trace"));
        check("api.version", &untyped("v5"), &shown("v5"));
        check_refused("log.format", &text("xml"), "must be one of text, json, is \"xml\"");
        check_refused("api.version", &text("v7"), "must be v6 or v5, is \"v7\"");
    }

    #[test]
    fn relative_paths_are_meant_from_the_folder_of_their_file() {
        check("credentials.token_file", &text("token"), &shown("/etc/keyholder/token"));
        check("credentials.token_file", &text("/run/token"), &shown("/run/token"));
        check_refused("store.path", &text("~/k.db"), "must be written out: ~ means nothing to a service");
        check_refused("store.path", &text(""), "must not be empty; leave the key out");
    }

    #[test]
    fn a_token_in_place_of_its_file_is_refused_without_repeating_it() {
        check_refused(
            "credentials.token_file",
            &untyped("eyJhbGciOiJSUzI1NiJ9.CANARY.CANARY"),
            "must be the path of a file that holds the token, not the token itself",
        );
    }

    #[test]
    fn fingerprints_take_colons_blanks_and_any_case() {
        let plain = "ab".repeat(32);
        check("api.pinned_cert", &text(&["AB"; 32].join(":")), &shown(&plain));
        check("api.pinned_cert", &text(&["ab"; 32].join(" ")), &shown(&plain));
        check_refused(
            "api.pinned_cert",
            &text("abcd"),
            "must be a SHA-256 in hex: 64 digits, colons and blanks allowed",
        );
    }

    #[test]
    fn long_values_are_not_repeated() {
        check_refused(
            "log.level",
            &text(&"x".repeat(25)),
            "must be one of off, error, warn, info, debug, trace, is a text of 25 characters",
        );
        check_refused("report.organisation", &text("a\nb"), "must not hold control characters");
    }
}
