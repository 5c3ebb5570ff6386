//! S3 keys as the API writes them, without their secret: it is skipped in the text and has no place in memory.

use super::lenient::{Discard, Dropped};
use super::object::{NoEntities, Object};
use super::record::record;

/// An S3 key; its id is the access key.
pub type Key = Object<KeyProperties, NoEntities>;

record! {
    /// `properties` of an S3 key.
    KeyProperties in "key.properties" {
        /// Whether the answer held the secret half.
        secret_key: Dropped as Discard = "secretKey",
        /// `active`.
        active: bool as bool = "active",
    }
}
