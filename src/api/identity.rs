//! Who asks: the credentials as every request sends them. They are never printed; what leaves is a keyed digest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::settings::{Credentials, SettingsError};

/// What the digest is of, so that the same key in another place gives another one.
const PURPOSE: &[u8] = b"keyholder credentials\0";

/// A set of credentials, ready to be sent.
#[derive(Clone)]
pub(super) struct Identity(HeaderValue);

impl Identity {
    /// The header is marked, so that no library prints it.
    pub(super) fn of(credentials: &Credentials) -> Result<Self, SettingsError> {
        let text = match credentials {
            Credentials::Bearer(token) => Zeroizing::new(format!("Bearer {}", token.expose_secret())),
            Credentials::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose_secret()));
                Zeroizing::new(format!("Basic {}", *Zeroizing::new(BASE64.encode(pair.as_bytes()))))
            }
        };
        let mut header = HeaderValue::from_str(&text).map_err(|_| SettingsError::Credentials)?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// The value of `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// HMAC-SHA-256 under that key: the same for the same credentials, and of no use to whoever has not got the key.
    pub(super) fn digest(&self, key: &[u8; 32]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do for HMAC");
        mac.update(PURPOSE);
        mac.update(self.0.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn token(text: &str) -> Identity {
        Identity::of(&Credentials::Bearer(text.into())).unwrap()
    }

    fn password(username: &str, password: &str) -> Identity {
        Identity::of(&Credentials::Basic { username: username.to_owned(), password: password.into() }).unwrap()
    }

    #[test]
    fn the_same_credentials_have_the_same_digest_under_the_same_key_only() {
        assert_eq!(token("one").digest(&KEY), token("one").digest(&KEY));
        assert_ne!(token("one").digest(&KEY), token("one").digest(&[8; 32]));
    }

    #[test]
    fn another_token_user_or_password_has_another_digest() {
        let all = [token("one"), token("two"), password("ann", "one"), password("ann", "two"), password("ben", "one")];
        let digests: std::collections::BTreeSet<_> = all.iter().map(|identity| identity.digest(&KEY)).collect();
        assert_eq!(digests.len(), all.len());
    }

    #[test]
    fn credentials_are_not_printed() {
        assert_eq!(format!("{:?} {:?}", token("one"), token("one").header()), "Identity(***) Sensitive");
    }
}
