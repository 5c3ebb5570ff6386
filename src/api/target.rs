//! Which server a client asks, and with which kind of credentials: what a person has to look at when a request fails.
//!
//! Holds no secret: an address with a user name or a password in it is refused before a client is made.

use std::fmt;

use super::operation::{CONTRACTS, GROUPS, Operation, RESOURCES, USERS};
use super::settings::{Credentials, Settings, Version};

/// The server of a client and the credentials that it is asked with, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Scheme, host, port and base path.
    address: String,
    address_origin: Option<String>,
    version: Version,
    is_token: bool,
    credentials_origin: Option<String>,
}

impl Target {
    /// The target of these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        let base = &settings.base;
        let port = base.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        let host = base.host_str().unwrap_or_default();
        Self {
            address: format!("{}://{host}{port}{}", base.scheme(), base.path().trim_end_matches('/')),
            address_origin: settings.base_origin.clone(),
            version: settings.version,
            is_token: matches!(settings.credentials, Credentials::Bearer(_)),
            credentials_origin: settings.credentials_origin.clone(),
        }
    }

    /// What to do when the credentials are refused.
    pub(super) fn refusal_hint(&self) -> String {
        let origin = origin(self.credentials_origin.as_deref());
        if self.is_token {
            format!(
                "check the token{origin}: it may have expired or been deleted; create a new one in the token manager of the \
                 Data Center Designer"
            )
        } else {
            format!(
                "check user name and password{origin}: IONOS refuses them for accounts with two-factor authentication, which \
                 need a token"
            )
        }
    }

    /// What to do when the server does not know an operation that every contract answers; nothing for the others.
    pub(super) fn address_hint(&self, operation: &Operation) -> Option<String> {
        let is_always_there = [CONTRACTS, USERS, GROUPS, RESOURCES].contains(&operation);
        is_always_there.then(|| match self.version {
            Version::V5 => "v5 of the API is switched off at IONOS: set the address to https://api.ionos.com (or \
                            https://api.ionos.com/cloudapi/v6) and leave api.version at v6"
                .to_owned(),
            Version::V6 => "there is no API of IONOS Cloud at that address; a right one is https://api.ionos.com or \
                            https://api.ionos.com/cloudapi/v6 (v5 is switched off)"
                .to_owned(),
        })
    }
}

impl fmt::Display for Target {
    /// The address, and where it was set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.address, origin(self.address_origin.as_deref()))
    }
}

fn origin(origin: Option<&str>) -> String {
    origin.map(|origin| format!(" ({origin})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use url::Url;

    use super::*;

    #[track_caller]
    fn check(base: &str, origin: Option<&str>, shown: &str) {
        let credentials = Credentials::Bearer(SecretString::from("CANARY"));
        let mut settings = Settings::new(Url::parse(base).unwrap(), Version::V6, credentials);
        settings.base_origin = origin.map(str::to_owned);
        assert_eq!(Target::of(&settings).to_string(), shown);
    }

    #[test]
    fn a_target_is_shown_with_its_port_and_its_origin() {
        check("https://api.ionos.com/cloudapi/v6", None, "https://api.ionos.com:443/cloudapi/v6");
        check("http://[::1]:8080/", Some("env IONOS_API_URL"), "http://[::1]:8080 (env IONOS_API_URL)");
    }
}
