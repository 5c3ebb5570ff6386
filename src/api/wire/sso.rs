//! The sign-on link: a credential, kept in a type that cannot be printed.

use secrecy::SecretString;

use super::lenient::{Lenient, Place};
use super::notes::Context;
use super::record::record;

/// Reads text into a secret.
pub(super) struct SecretText;

impl Lenient for SecretText {
    type Value = SecretString;

    fn of_text(text: &str, _: Place, _: &Context) -> Option<SecretString> {
        Some(SecretString::from(text))
    }
}

record! {
    /// The answer of `s3ssourl`.
    SignOn in "sign-on" {
        /// `ssoUrl`.
        url: SecretString as SecretText = "ssoUrl",
    }
}
