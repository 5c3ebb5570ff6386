//! What a client needs to know before its first request.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

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

/// Everything a client needs. Built by `config`, or by hand in tests.
#[derive(Debug)]
pub struct Settings {
    /// Scheme, host, port and base path, for example `https://api.ionos.com/cloudapi/v6`; no user info, no query.
    /// Plain http only to loopback.
    pub base: Url,
    /// The dialect.
    pub version: Version,
    /// Who asks.
    pub credentials: Credentials,
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
}

impl Settings {
    /// The documented defaults for a base address and credentials.
    pub fn new(base: Url, version: Version, credentials: Credentials) -> Self {
        Self {
            base,
            version,
            credentials,
            contract_number: None,
            pin: None,
            extra_roots: None,
            concurrency: 16,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_mins(2),
            attempts: 5,
            longest_retry_after: Duration::from_mins(5),
        }
    }
}
