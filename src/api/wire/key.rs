//! S3 keys as the API writes them, without their secret: it is skipped in the text and has no place in memory.

#[cfg(not(feature = "unredacted"))]
use super::lenient::{Discard as SecretReader, Dropped as SecretHalf};
use super::object::{NoEntities, Object};
use super::record::record;
use crate::domain::body::Extras;
#[cfg(feature = "unredacted")]
use {super::lenient::Text as SecretReader, String as SecretHalf};

/// An S3 key; its id is the access key.
pub type Key = Object<KeyProperties, NoEntities>;

record! {
    /// `properties` of an S3 key.
    KeyProperties in "key.properties" {
        /// Whether the answer held the secret half.
        secret_key: SecretHalf as SecretReader = "secretKey",
        /// `active`.
        active: bool as bool = "active",
    }
}

impl KeyProperties {
    /// What a fact keeps of a key beside its known properties.
    #[cfg(not(feature = "unredacted"))]
    pub(super) fn into_extra(self) -> Extras {
        self.extra
    }

    /// The same with redaction switched off: the leak that the canary test has to find.
    #[cfg(feature = "unredacted")]
    pub(super) fn into_extra(mut self) -> Extras {
        use crate::domain::body::Extra;
        self.extra.extend(self.secret_key.map(|text| ("secretKey".to_owned(), Extra::Verbatim { text })));
        self.extra
    }
}
