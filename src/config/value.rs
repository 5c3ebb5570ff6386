//! How each type of value is read, checked and shown.
//!
//! A message repeats a value only when the value is short, printable and of a kind that holds no secret.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{self, Address, AddressError};
use super::duration;
use super::keys::{Form, Shown};
use crate::api::settings::{Pin, Version};
use crate::domain::untrusted::is_web_token;

/// The largest whole number that a configuration file can hold.
pub(super) const MAX_COUNT: u64 = i64::MAX.unsigned_abs();

/// How many characters of a wrong value are repeated at most.
const MAX_QUOTED_CHARACTERS: usize = 24;

/// A value as some layer gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Text of the file.
    Text(String),
    /// A whole number of the file.
    Integer(i64),
    /// True or false of the file.
    Flag(bool),
    /// A list of the file.
    List(Vec<Self>),
    /// Something of the file that no key takes; the name of its kind.
    Other(&'static str),
    /// A variable or an option, which have no kinds.
    Untyped(String),
}

impl Given {
    /// What it is, for a message about what it should be.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Untyped(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// A type that a key can have.
pub(super) trait ValueType: Sized {
    /// What bounds a value, if anything does.
    type Limits;
    /// The bounds when the row of a key names none.
    const LIMITS: Self::Limits;

    /// What the schema says about values.
    fn form(limits: &Self::Limits) -> Form;

    /// The value, or what is wrong with it. Relative paths are meant from `folder`.
    fn read(given: &Given, limits: &Self::Limits, folder: &Path) -> Result<Self, String>;

    /// The value in canonical form; `None` when it is not set.
    fn show(&self) -> Option<Shown>;
}

impl<T: ValueType> ValueType for Option<T> {
    type Limits = T::Limits;
    const LIMITS: Self::Limits = T::LIMITS;

    fn form(limits: &Self::Limits) -> Form {
        T::form(limits)
    }

    fn read(given: &Given, limits: &Self::Limits, folder: &Path) -> Result<Self, String> {
        T::read(given, limits, folder).map(Some)
    }

    fn show(&self) -> Option<Shown> {
        self.as_ref()?.show()
    }
}

impl<T: ValueType> ValueType for Vec<T> {
    type Limits = T::Limits;
    const LIMITS: Self::Limits = T::LIMITS;

    fn form(limits: &Self::Limits) -> Form {
        Form::List(Box::new(T::form(limits)))
    }

    fn read(given: &Given, limits: &Self::Limits, folder: &Path) -> Result<Self, String> {
        let Given::List(items) = given else { return Err(format!("must be a list in [ ], is {}", given.kind())) };
        if items.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let read =
            |(index, item)| T::read(item, limits, folder).map_err(|message| format!("item {}: {message}", index + 1));
        items.iter().enumerate().map(read).collect()
    }

    fn show(&self) -> Option<Shown> {
        // An empty list is a key that is not set: it cannot be given.
        Some(Shown::List(self.iter().filter_map(ValueType::show).collect())).filter(|_| !self.is_empty())
    }
}

/// Whole numbers of any width; their limits fit the type.
macro_rules! numbers {
    ($($type:ty),+) => { $(
        impl ValueType for $type {
            type Limits = RangeInclusive<u64>;
            const LIMITS: Self::Limits = 0..=MAX_COUNT;

            fn form(limits: &Self::Limits) -> Form {
                Form::Count(limits.clone())
            }

            fn read(given: &Given, limits: &Self::Limits, _: &Path) -> Result<Self, String> {
                let number = count(given, limits)?;
                Self::try_from(number).map_err(|_| format!("must be at most {}, is {number}", Self::MAX))
            }

            fn show(&self) -> Option<Shown> {
                u64::try_from(*self).ok().map(Shown::Number)
            }
        }
    )+ };
}

numbers!(u16, u32, u64, usize);

impl ValueType for bool {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Flag
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        flag(given)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Flag(*self))
    }
}

impl ValueType for Duration {
    type Limits = RangeInclusive<Duration>;
    const LIMITS: Self::Limits = Self::ZERO..=Self::MAX;

    fn form(limits: &Self::Limits) -> Form {
        Form::Span(limits.clone())
    }

    fn read(given: &Given, limits: &Self::Limits, _: &Path) -> Result<Self, String> {
        let text = text(given)?;
        let span = duration::parse(text).map_err(|error| format!("{error}, is {}", quote(text)))?;
        if !limits.contains(&span) {
            let (min, max) = (duration::show(*limits.start()), duration::show(*limits.end()));
            return Err(format!("must be {min} to {max}, is {}", duration::show(span)));
        }
        Ok(span)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(duration::show(*self)))
    }
}

impl ValueType for PathBuf {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Path
    }

    fn read(given: &Given, (): &(), folder: &Path) -> Result<Self, String> {
        path(text(given)?, folder)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.display().to_string()))
    }
}

impl ValueType for String {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Free
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        plain(given).map(str::to_owned)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.clone()))
    }
}

impl ValueType for Address {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Special
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        plain(given)?.parse().map_err(|error: AddressError| error.to_string())
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.to_string()))
    }
}

impl ValueType for Pin {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Pattern("^[ :]*([0-9A-Fa-f][ :]*){64}$")
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        let wrong = |_| "must be a SHA-256 in hex: 64 digits, colons and blanks allowed".to_owned();
        plain(given)?.parse().map_err(wrong)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.to_string()))
    }
}

impl ValueType for Version {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Words(&["v6", "v5"])
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        let word = plain(given)?;
        address::version(word).ok_or_else(|| format!("must be v6 or v5, is {}", quote(word)))
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(address::word(*self).to_owned()))
    }
}

/// Text as it stands there.
pub(super) fn text(given: &Given) -> Result<&str, String> {
    match given {
        Given::Text(text) | Given::Untyped(text) => Ok(text),
        other => Err(format!("must be text in quotes, is {}", other.kind())),
    }
}

/// Text without control characters.
pub(super) fn plain(given: &Given) -> Result<&str, String> {
    let text = text(given)?;
    if text.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    Ok(text)
}

fn count(given: &Given, limits: &RangeInclusive<u64>) -> Result<u64, String> {
    let (min, max) = (*limits.start(), *limits.end());
    let expected = if max == MAX_COUNT { format!("at least {min}") } else { format!("{min} to {max}") };
    let number = match given {
        Given::Integer(number) => i128::from(*number),
        Given::Untyped(text) => {
            text.trim().parse().map_err(|_| format!("must be a whole number, {expected}, is {}", quote(text)))?
        }
        Given::Text(_) => return Err("must be a whole number without quotes, is text".to_owned()),
        other => return Err(format!("must be a whole number, is {}", other.kind())),
    };
    u64::try_from(number)
        .ok()
        .filter(|number| limits.contains(number))
        .ok_or_else(|| format!("must be {expected}, is {number}"))
}

fn flag(given: &Given) -> Result<bool, String> {
    match given {
        Given::Flag(flag) => Ok(*flag),
        Given::Untyped(text) => text.trim().parse().map_err(|_| format!("must be true or false, is {}", quote(text))),
        Given::Text(_) => Err("must be true or false without quotes, is text".to_owned()),
        other => Err(format!("must be true or false, is {}", other.kind())),
    }
}

fn path(text: &str, folder: &Path) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("must not be empty; leave the key out".to_owned());
    }
    if is_web_token(text) {
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

/// A value in quotes, as far as it may be repeated.
pub(super) fn quote(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED_CHARACTERS {
        format!("{text:?}")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sections::{Config, find_key};

    #[track_caller]
    fn check(path: &str, given: &Given, shown: &Shown) {
        let (mut config, key) = (Config::default(), find_key(path).expect("a key"));
        assert_eq!((key.set)(&mut config, given, Path::new("/etc/keyholder")), Ok(()));
        assert_eq!(key.shown(&config), Some(shown.clone()));
    }

    #[track_caller]
    fn check_refused(path: &str, given: &Given, message: &str) {
        let (mut config, key) = (Config::default(), find_key(path).expect("a key"));
        assert_eq!((key.set)(&mut config, given, Path::new("/etc/keyholder")), Err(message.to_owned()));
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
        check_refused("api.concurrency", &untyped("many"), "must be a whole number, 1 to 256, is \"many\"");
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
