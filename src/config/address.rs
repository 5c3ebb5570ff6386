//! The address of the API in all the forms that users already have in `IONOS_API_URL`.
//!
//! No error of this module repeats the text it was given: an address can hold a password.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::api::settings::Version;

/// Where the API is: scheme, host, port and whatever a proxy puts before `/cloudapi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// No user info, no query, no `/cloudapi/vN`; the path has no slash at its end, save for the root.
    root: Url,
    /// The version that the text named, if it did.
    pub version: Option<Version>,
}

impl Address {
    /// The public address of IONOS: `https://api.ionos.com`.
    #[expect(clippy::missing_panics_doc, reason = "a constant address parses")]
    pub fn ionos() -> Self {
        Self { root: Url::parse("https://api.ionos.com").expect("a constant address"), version: None }
    }

    /// Scheme, host, port and the base path of a version: `https://api.ionos.com/cloudapi/v6`.
    pub fn base(&self, version: Version) -> Url {
        let mut base = self.root.clone();
        let path = format!("{}/cloudapi/{}", self.root.path().trim_end_matches('/'), word(version));
        base.set_path(&path);
        base
    }
}

impl fmt::Display for Address {
    /// Without a version and without a slash at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str().trim_end_matches('/'))
    }
}

/// The word of a version in addresses and in the configuration.
pub fn word(version: Version) -> &'static str {
    match version {
        Version::V5 => "v5",
        Version::V6 => "v6",
    }
}

/// The version of a word.
pub fn version(word: &str) -> Option<Version> {
    match word {
        "v5" => Some(Version::V5),
        "v6" => Some(Version::V6),
        _ => None,
    }
}

/// Why a text is no address of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address at all.
    #[error("must be an address such as https://api.ionos.com ({0})")]
    Unreadable(url::ParseError),
    /// Neither https nor http.
    #[error("must begin with https://")]
    Scheme,
    /// Clear text over a network.
    #[error("must begin with https://; http is allowed to this machine only")]
    ClearText,
    /// A secret in an address.
    #[error("must not hold a user name or password; see the section [credentials]")]
    UserInfo,
    /// More than scheme, host, port and path.
    #[error("must not hold a query or a fragment")]
    Query,
    /// `/cloudapi/v7`.
    #[error("names an API version other than v5 and v6")]
    Version,
}

impl FromStr for Address {
    type Err = AddressError;

    /// Takes the host alone or with a scheme, with or without `/cloudapi`, `/cloudapi/v5` or `/cloudapi/v6`, with or
    /// without slashes at the end. Without a scheme it is https.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let mut root = Url::parse(&whole).map_err(AddressError::Unreadable)?;
        if !root.username().is_empty() || root.password().is_some() {
            return Err(AddressError::UserInfo);
        }
        match root.scheme() {
            "https" => {}
            "http" if is_loopback(&root) => {}
            "http" => return Err(AddressError::ClearText),
            _ => return Err(AddressError::Scheme),
        }
        if root.query().is_some() || root.fragment().is_some() {
            return Err(AddressError::Query);
        }
        let path = root.path().trim_end_matches('/').to_owned();
        let (prefix, version) = take_version(&path)?;
        root.set_path(prefix);
        Ok(Self { root, version })
    }
}

/// Splits `/proxy/cloudapi/v6` into `/proxy` and v6.
fn take_version(path: &str) -> Result<(&str, Option<Version>), AddressError> {
    if let Some(prefix) = path.strip_suffix("/cloudapi") {
        return Ok((prefix, None));
    }
    match path.rsplit_once("/cloudapi/") {
        None => Ok((path, None)),
        Some((prefix, last)) => version(last).map(|version| (prefix, Some(version))).ok_or(AddressError::Version),
    }
}

/// Whether an address can only mean this machine.
fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, base: &str) {
        let address: Address = text.parse().expect("an address");
        assert_eq!(address.base(address.version.unwrap_or(Version::V6)).as_str(), base, "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, error: AddressError) {
        assert_eq!(text.parse::<Address>(), Err(error), "{text}");
    }

    #[test]
    fn every_form_users_have_means_the_same_base() {
        for text in [
            "api.ionos.com",
            "api.ionos.com/",
            " https://api.ionos.com ",
            "https://api.ionos.com/",
            "https://API.ionos.com",
            "https://api.ionos.com/cloudapi",
            "https://api.ionos.com/cloudapi/",
            "https://api.ionos.com/cloudapi/v6",
            "https://api.ionos.com/cloudapi/v6/",
            "api.ionos.com/cloudapi/v6//",
        ] {
            check(text, "https://api.ionos.com/cloudapi/v6");
        }
    }

    #[test]
    fn a_version_in_the_address_is_kept() {
        check("https://old.example/cloudapi/v5/", "https://old.example/cloudapi/v5");
        assert_eq!("api.ionos.com".parse::<Address>().unwrap().version, None);
    }

    #[test]
    fn ports_and_prefixes_of_proxies_stay() {
        check("https://proxy.example:8443/ionos", "https://proxy.example:8443/ionos/cloudapi/v6");
        check("https://proxy.example/ionos/cloudapi/v5", "https://proxy.example/ionos/cloudapi/v5");
    }

    #[test]
    fn clear_text_goes_to_this_machine_only() {
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080/cloudapi/v6");
        check("http://127.9.9.9", "http://127.9.9.9/cloudapi/v6");
        check("http://[::1]:8080/cloudapi/v5", "http://[::1]:8080/cloudapi/v5");
        check("http://localhost:8080", "http://localhost:8080/cloudapi/v6");
        for text in ["http://api.ionos.com", "http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"]
        {
            check_refused(text, AddressError::ClearText);
        }
    }

    #[test]
    fn secrets_and_oddities_are_refused() {
        check_refused("https://ann:pw@api.ionos.com", AddressError::UserInfo);
        check_refused("ann@api.ionos.com", AddressError::UserInfo);
        check_refused("http://ann:pw@127.0.0.1", AddressError::UserInfo);
        check_refused("https://api.ionos.com?depth=1", AddressError::Query);
        check_refused("https://api.ionos.com/#x", AddressError::Query);
        check_refused("ftp://api.ionos.com", AddressError::Scheme);
        check_refused("https://api.ionos.com/cloudapi/v7", AddressError::Version);
        check_refused("https://api.ionos.com/cloudapi/v6/um", AddressError::Version);
        check_refused("", AddressError::Unreadable(url::ParseError::EmptyHost));
    }

    #[test]
    fn no_error_repeats_the_text() {
        for text in [
            "https://ann:CANARY@x",
            "CANARY:CANARY@x y",
            "ftp://CANARY",
            "https://x/cloudapi/CANARY",
            "https://x?CANARY",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(!error.to_string().contains("CANARY") && !format!("{error:?}").contains("CANARY"), "{error}");
        }
    }
}
