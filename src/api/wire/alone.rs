//! Answers read without a client: what the benches measure of decoding, so that it is the code that collections run.
//!
//! Says nothing about where the bytes are from, and keeps no notes.

use super::user::User;
use super::{Collection, DecodeError, decode, key, share};

/// A page of `GET /um/users`, or a list of `GET /um/groups/{groupId}/users`.
pub fn users(bytes: &[u8]) -> Result<Collection<User>, DecodeError> {
    decode(bytes).map(|answer| answer.value)
}

/// A list of `GET /um/groups/{groupId}/shares`.
pub fn shares(bytes: &[u8]) -> Result<Collection<share::Share>, DecodeError> {
    decode(bytes).map(|answer| answer.value)
}

/// A list of `GET /um/users/{userId}/s3keys`, without the secrets.
pub fn keys(bytes: &[u8]) -> Result<Collection<key::Key>, DecodeError> {
    decode(bytes).map(|answer| answer.value)
}
