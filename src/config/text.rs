//! Texts with rules of their own: names, labels, schedules, hosts, URLs and e-mail addresses.
//!
//! Each is checked when it is read, so that whatever holds one need not check again. Whether a named thing exists is
//! decided elsewhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use chrono_tz::Tz;
use url::{Host, Url};

use super::keys::{Form, Shown};
use super::value::{Given, ValueType, plain, quote};
use crate::domain::schedule::{Schedule, ScheduleError};

/// The longest name of a contract, job or sink, and the longest label.
const MAX_NAME_CHARACTERS: usize = 40;

/// Declares a text with a rule: a function that gives its canonical spelling or says how it should be.
macro_rules! texts {
    ($($(#[$doc:meta])* $visible:vis $name:ident: $form:expr, $rule:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $visible struct $name(String);

        impl AsRef<str> for $name {
            /// The text in its canonical spelling.
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl ValueType for $name {
            type Limits = ();
            const LIMITS: () = ();

            fn form((): &()) -> Form {
                $form
            }

            fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
                let rule: fn(&str) -> Result<String, String> = $rule;
                rule(plain(given)?).map(Self)
            }

            fn show(&self) -> Option<Shown> {
                Some(Shown::Text(self.0.clone()))
            }
        }
    )+ };
}

texts! {
    /// The name of a contract, job or sink: lower-case letters, digits and hyphens.
    pub(super) Name: Form::Pattern("^[a-z0-9-]{1,40}$"), |text| {
        let is_name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
        if !text.is_empty() && text.chars().all(|character| character.is_ascii_digit()) {
            return Err("must hold a letter: a number alone is the number of a contract".to_owned());
        }
        within(text, is_name, "lower-case letters, digits and hyphens")
    };
    /// A short word that groups contracts.
    pub(super) Label: Form::Pattern("^[A-Za-z0-9._-]{1,40}$"), |text| {
        let is_label = |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        within(text, is_label, "letters, digits, '.', '_' and '-'")
    };
    /// The name of a systemd credential: it becomes the name of a file.
    pub(super) CredentialName: Form::Pattern("^[A-Za-z0-9._-]{1,40}$"), |text| {
        let is_name = |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        if text.starts_with('.') {
            return Err("must not begin with '.'".to_owned());
        }
        within(text, is_name, "letters, digits, '.', '_' and '-'")
    };
    /// The name of an environment variable.
    pub(super) VariableName: Form::Pattern("^[A-Z_][A-Z0-9_]{0,39}$"), |text| {
        let is_name = |character: char| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_';
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err("must not begin with a digit".to_owned());
        }
        within(text, is_name, "capital letters, digits and '_'")
    };
    /// A cron expression of five fields or a shorthand such as `@daily`, in its canonical spelling.
    pub(super) CronExpression: Form::Special, |text| {
        let schedule = Schedule::parse(text, "UTC", Duration::ZERO).map_err(|error| refusal(text, &error))?;
        let canonical = schedule.to_string();
        Ok(canonical.strip_suffix(" UTC").unwrap_or(&canonical).to_owned())
    };
    /// The name of an IANA time zone.
    pub ZoneName: Form::Special, |text| {
        let schedule = Schedule::parse("@daily", text, Duration::ZERO).map_err(|error| refusal(text, &error))?;
        Ok(schedule.zone().name().to_owned())
    };
    /// A mail address without a display name.
    pub MailAddress: Form::Special, |text| {
        let is_plain = |character: char| character.is_ascii_graphic() && !"<>()[],;:\\\"".contains(character);
        let parts = text.split_once('@').filter(|(user, host)| !user.is_empty() && host_name(host).is_ok());
        if parts.is_none() || !text.chars().all(is_plain) || text.len() > 254 {
            return Err(format!("must be a mail address such as security@example.com, is {}", quote(text)));
        }
        Ok(text.to_owned())
    };
    /// The name or IP address of a host, without a port.
    pub HostName: Form::Special, |text| host_name(text);
}

impl Default for ZoneName {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl ZoneName {
    /// The zone.
    pub fn zone(&self) -> Tz {
        // What is no name of a zone was refused when it was read.
        self.0.parse().unwrap_or(Tz::UTC)
    }
}

impl HostName {
    /// What is special about the host, as far as its name says so.
    pub fn place(&self) -> Place {
        Host::parse(&self.0).map_or(Place::Elsewhere, |host| place(&host))
    }
}

/// Where a host is, as far as its name or address says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This machine.
    Loopback,
    /// The link, with the metadata service of a cloud machine on it.
    LinkLocal,
    /// Anywhere else, or a name that only its resolution can tell.
    Elsewhere,
}

/// Where the service listens: an address and a port, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub Option<SocketAddr>);

impl ValueType for ListenAddress {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Free
    }

    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        let text = plain(given)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let wrong =
            |_| format!("must be an IP address with a port such as 127.0.0.1:9184, or empty, is {}", quote(text));
        text.parse().map(|address| Self(Some(address))).map_err(wrong)
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.0.map(|address| address.to_string()).unwrap_or_default()))
    }
}

/// The URL of a receiver: `https`, or `http` to this machine; without user name, password, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl(Url);

impl TargetUrl {
    /// The URL itself.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// What is special about its host, as far as its name says so.
    pub fn place(&self) -> Place {
        self.0.host().map_or(Place::Elsewhere, |host| place(&host.to_owned()))
    }
}

impl ValueType for TargetUrl {
    type Limits = ();
    const LIMITS: () = ();

    fn form((): &()) -> Form {
        Form::Special
    }

    /// No message repeats the text: a URL can hold a password.
    fn read(given: &Given, (): &(), _: &Path) -> Result<Self, String> {
        let wrong = |error| format!("must be a URL such as https://alerts.example.com/keyholder ({error})");
        let url = Url::parse(plain(given)?.trim()).map_err(wrong)?;
        let is_local = url.host().is_some_and(|host| place(&host.to_owned()) == Place::Loopback);
        match url.scheme() {
            "https" => {}
            "http" if is_local => {}
            "http" => return Err("must begin with https://; http is allowed to this machine only".to_owned()),
            _ => return Err("must begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not hold a query or a fragment, which can hold a secret; keep such a URL in a file \
                        of mode 0600"
                .to_owned());
        }
        Ok(Self(url))
    }

    fn show(&self) -> Option<Shown> {
        Some(Shown::Text(self.0.to_string()))
    }
}

fn within(text: &str, is_allowed: impl Fn(char) -> bool, allowed: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_NAME_CHARACTERS || !text.chars().all(is_allowed) {
        return Err(format!("must be 1 to {MAX_NAME_CHARACTERS} {allowed}, is {}", quote(text)));
    }
    Ok(text.to_owned())
}

fn host_name(text: &str) -> Result<String, String> {
    let host = Host::parse(text).ok().filter(|_| !text.is_empty() && text.len() <= 253);
    // An IPv6 address is written in brackets, as in a URL.
    host.map(|host| host.to_string())
        .ok_or_else(|| format!("must be the name or IP address of a host, without a port, is {}", quote(text)))
}

fn place(host: &Host) -> Place {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            if name == "localhost" || name.ends_with(".localhost") {
                Place::Loopback
            } else if name == "metadata.google.internal" {
                Place::LinkLocal
            } else {
                Place::Elsewhere
            }
        }
        Host::Ipv4(address) => place_of(IpAddr::V4(*address)),
        Host::Ipv6(address) => place_of(address.to_canonical()),
    }
}

fn place_of(address: IpAddr) -> Place {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        // The second is where machines at Amazon ask for their credentials.
        IpAddr::V6(address) => address.is_unicast_link_local() || address.segments()[..3] == [0xfd00, 0x0ec2, 0],
    };
    if address.is_loopback() || address.is_unspecified() {
        Place::Loopback
    } else if is_link_local {
        Place::LinkLocal
    } else {
        Place::Elsewhere
    }
}

/// What is wrong with a schedule, with the reason and what to do; a long text is not repeated.
fn refusal(text: &str, error: &ScheduleError) -> String {
    if text.chars().count() > 100 {
        return format!("is {} and no schedule or time zone; {}", quote(text), error.hint());
    }
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}; {}", error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: ValueType<Limits = ()>>(text: &str) -> Result<T, String> {
        T::read(&Given::Text(text.to_owned()), &(), Path::new(""))
    }

    #[track_caller]
    fn check<T: ValueType<Limits = ()>>(text: &str, shown: &str) {
        let value = read::<T>(text).expect("a value");
        assert_eq!(value.show(), Some(Shown::Text(shown.to_owned())));
    }

    #[track_caller]
    fn check_refused<T: ValueType<Limits = ()>>(text: &str, part: &str) {
        let message = read::<T>(text).err().expect("a refusal");
        assert!(message.contains(part), "{text}: {message}");
    }

    #[test]
    fn names_are_short_and_plain() {
        check::<Name>("prod-2", "prod-2");
        for text in ["", "Prod", "a_b", "a b", "a/b", &"a".repeat(41)] {
            check_refused::<Name>(text, "must be 1 to 40 lower-case letters, digits and hyphens");
        }
        check_refused::<Name>("31234567", "must hold a letter");
        check_refused::<CredentialName>("../token", "must not begin with '.'");
        check_refused::<CredentialName>("a/b", "must be 1 to 40 letters");
        check_refused::<VariableName>("path", "capital letters");
    }

    #[test]
    fn equal_schedules_are_spelled_equally() {
        check::<CronExpression>("@daily", "0 0 * * *");
        check::<CronExpression>("0  6 * * mon-fri", "0 6 * * MON-FRI");
        check_refused::<CronExpression>("0 6 * *", "4 fields, expected 5");
        check_refused::<CronExpression>("61 6 * * *", "61");
        check_refused::<CronExpression>("@yearly", "expected @hourly");
        check_refused::<CronExpression>(&"9 ".repeat(99), "a text of 198 characters");
    }

    #[test]
    fn a_zone_is_one_of_the_iana_database() {
        check::<ZoneName>("Europe/Berlin", "Europe/Berlin");
        check_refused::<ZoneName>("europe/berlin", "the zone is called Europe/Berlin");
        check_refused::<ZoneName>("Mars", "not the name of an IANA time zone");
    }

    #[test]
    fn mail_addresses_have_no_display_name() {
        check::<MailAddress>("ann@example.com", "ann@example.com");
        for text in
            ["ann", "@example.com", "ann@", "Ann <ann@example.com>", "a b@example.com", "a@b@c", "a,b@example.com"]
        {
            check_refused::<MailAddress>(text, "must be a mail address");
        }
    }

    #[test]
    fn hosts_have_no_port() {
        check::<HostName>("Mail.Example.com", "mail.example.com");
        check::<HostName>("[::1]", "[::1]");
        for text in ["", "mail:25", "https://mail", "a b"] {
            check_refused::<HostName>(text, "must be the name or IP address of a host");
        }
    }

    #[track_caller]
    fn check_place(host: &str, expected: Place) {
        assert_eq!(read::<HostName>(host).expect("a host").place(), expected, "{host}");
    }

    #[test]
    fn loopback_and_link_local_hosts_are_recognised() {
        for host in
            ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
        {
            check_place(host, Place::Loopback);
        }
        for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "metadata.google.internal", "0xa9fea9fe"] {
            check_place(host, Place::LinkLocal);
        }
        for host in ["example.com", "10.0.0.1", "localhost.example.com"] {
            check_place(host, Place::Elsewhere);
        }
    }

    #[test]
    fn urls_of_targets_are_https_and_hold_no_secret() {
        check::<TargetUrl>("https://alerts.example.com/hook", "https://alerts.example.com/hook");
        check::<TargetUrl>("http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook");
        check_refused::<TargetUrl>("http://alerts.example.com", "must begin with https://");
        check_refused::<TargetUrl>("ftp://alerts.example.com", "must begin with https://");
        for text in
            ["https://CANARY@x.example", "https://x.example/?CANARY", "https://CANARY:CANARY@x y", "https://[CANARY"]
        {
            let message = read::<TargetUrl>(text).expect_err("a refusal");
            assert!(!message.contains("CANARY"), "{message}");
        }
    }
}
