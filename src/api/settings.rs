//! What a client needs to know before its first request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

/// Which dialect of the API a server speaks. v5 was switched off by IONOS in 2024 and lives on in emulators and old data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `/cloudapi/v5`.
    V5,
    /// `/cloudapi/v6`.
    V6,
}

/// How to prove who asks. Neither variant can be printed.
pub enum Credentials {
    /// A bearer token from the token manager.
    Bearer(SecretString),
    /// User name and password; refused by IONOS for accounts with two-factor authentication.
    Basic {
        /// The e-mail address.
        username: String,
        /// The password.
        password: SecretString,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(***)",
            Self::Basic { .. } => "Basic(***)",
        })
    }
}

/// SHA-256 of the server's leaf certificate in DER form (`IONOS_PINNED_CERT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// Text that is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a certificate fingerprint is 64 hexadecimal digits (SHA-256), with or without colons and blanks")]
pub struct PinError;

impl FromStr for Pin {
    type Err = PinError;

    /// Reads hexadecimal digits of any case; colons and blanks are skipped.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| PinError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Everything a client needs. Built by `config`, or by hand in tests.
#[derive(Debug)]
pub struct Settings {
    /// Scheme, host, port and base path, for example `https://api.ionos.com/cloudapi/v6`; no user info, no query.
    /// Plain http only to loopback.
    pub base: Url,
    /// Which setting named the address, for messages: `env IONOS_API_URL`; nothing for the default.
    pub base_origin: Option<String>,
    /// The dialect.
    pub version: Version,
    /// Who asks.
    pub credentials: Credentials,
    /// Where the credentials are kept, for messages: `env IONOS_TOKEN`.
    pub credentials_origin: Option<String>,
    /// Sent as `X-Contract-Number`; only resellers need it.
    pub contract_number: Option<u64>,
    /// Refuse any server whose leaf certificate is another one, on top of normal verification.
    pub pin: Option<Pin>,
    /// More certificate authorities to trust: PEM text.
    pub extra_roots: Option<String>,
    /// Requests in flight at once.
    pub concurrency: usize,
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time from sending a request to the first byte of its answer.
    pub first_byte_timeout: Duration,
    /// Time for a whole request.
    pub request_timeout: Duration,
    /// How often a request is sent at most, the first time included.
    pub attempts: u32,
    /// The longest `Retry-After` that is waited for.
    pub longest_retry_after: Duration,
    /// Bytes that a run keeps of all answers together; see [`super::room`].
    pub largest_run: u64,
}

/// A setting no client can be built from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// The scheme is neither https nor http.
    #[error("the API address has the scheme {0}; it must be https, or http to this machine")]
    Scheme(String),
    /// Plain http to somewhere else than this machine: the credentials would travel in the clear.
    #[error("the API address {0} is plain http; only this machine may be asked that way")]
    PlainHttp(String),
    /// A user name or password inside the address.
    #[error("the API address must not hold a user name or password")]
    UserInfo,
    /// A query or a fragment behind the path.
    #[error("the API address must end with its path, without query or fragment")]
    Query,
    /// No host.
    #[error("the API address has no host")]
    Host,
    /// No request may ever be sent.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The credentials cannot be written into a header.
    #[error("the credentials hold characters that cannot be sent in a header")]
    Credentials,
    /// The extra certificate authorities are not PEM certificates.
    #[error("the extra certificate authorities are not PEM certificates")]
    Roots,
    /// The TLS library refuses its own configuration.
    #[error("prepare TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP library cannot be set up.
    #[error("prepare the HTTP client: {0}")]
    Http(String),
}

impl Settings {
    /// Says what is wrong with the address and the limits, before any request is sent.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let base = &self.base;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(SettingsError::UserInfo);
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(SettingsError::Query);
        }
        let host = base.host().ok_or(SettingsError::Host)?;
        match base.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(SettingsError::PlainHttp(host.to_string())),
            other => return Err(SettingsError::Scheme(other.to_owned())),
        }
        if self.concurrency == 0 {
            return Err(SettingsError::Zero("the number of requests at once"));
        }
        if self.attempts == 0 {
            return Err(SettingsError::Zero("the number of attempts"));
        }
        Ok(())
    }

    /// The documented defaults for a base address and credentials.
    pub fn new(base: Url, version: Version, credentials: Credentials) -> Self {
        Self {
            base,
            base_origin: None,
            version,
            credentials,
            credentials_origin: None,
            contract_number: None,
            pin: None,
            extra_roots: None,
            concurrency: 16,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_mins(2),
            attempts: 5,
            longest_retry_after: Duration::from_mins(5),
            largest_run: super::room::MAX_RUN_BYTES,
        }
    }
}

/// Whether a host is this machine and no other.
fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref().eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "the expected refusal is made for this call")]
    fn check(base: &str, refusal: Option<SettingsError>) {
        let settings = Settings::new(
            Url::parse(base).unwrap(),
            Version::V6,
            Credentials::Bearer(SecretString::from("token".to_owned())),
        );
        assert_eq!(settings.validate().err(), refusal, "{base}");
    }

    #[test]
    fn https_goes_anywhere_and_plain_http_only_to_this_machine() {
        check("https://api.ionos.com/cloudapi/v6", None);
        check("http://127.0.0.1:8080/cloudapi/v6", None);
        check("http://127.8.9.1/cloudapi/v6", None);
        check("http://[::1]:8080/cloudapi/v6", None);
        check("http://localhost:8080/cloudapi/v6", None);
        check("http://api.ionos.com/cloudapi/v6", Some(SettingsError::PlainHttp("api.ionos.com".into())));
        check("http://10.0.0.1/cloudapi/v6", Some(SettingsError::PlainHttp("10.0.0.1".into())));
        check("http://localhost.example/", Some(SettingsError::PlainHttp("localhost.example".into())));
        check("ftp://api.ionos.com/", Some(SettingsError::Scheme("ftp".into())));
    }

    #[test]
    fn an_address_with_credentials_or_a_query_is_refused() {
        check("https://me@api.ionos.com/cloudapi/v6", Some(SettingsError::UserInfo));
        check("https://me:secret@api.ionos.com/cloudapi/v6", Some(SettingsError::UserInfo));
        check("https://api.ionos.com/cloudapi/v6?depth=1", Some(SettingsError::Query));
        check("https://api.ionos.com/cloudapi/v6#x", Some(SettingsError::Query));
    }

    #[test]
    fn a_pin_is_read_with_colons_and_blanks_in_any_case() {
        let plain = "ab".repeat(32);
        let pin: Pin = plain.parse().unwrap();
        assert_eq!(pin.0, [0xab; 32]);
        assert_eq!(pin.to_string(), plain);
        assert_eq!(vec!["AB"; 32].join(":").parse(), Ok(pin));
        assert_eq!(format!(" {} \n{} ", "aB ".repeat(16), "Ab:".repeat(16)).parse(), Ok(pin));
    }

    #[test]
    fn what_is_no_sha_256_is_no_pin() {
        for text in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"xy".repeat(32), "sha256//aaaa"] {
            assert_eq!(text.parse::<Pin>(), Err(PinError), "{text}");
        }
    }
}
