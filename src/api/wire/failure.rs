//! Error bodies: of their free text only messages from a fixed list are recognised, and none is kept.

use super::lenient::{Count, Lenient, Place};
use super::notes::Context;
use super::record::{List, record};
use super::word::is_word;

/// A message of the API that means more than its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownMessage {
    /// `Unauthorized`.
    Unauthorised,
    /// `Resource does not exist`.
    DoesNotExist,
    /// `The access key cannot be found, …`, sent with 422 instead of 404.
    NoSuchKey,
    /// `Access Denied: …`.
    AccessDenied,
    /// `feature is not enabled for the contract`.
    FeatureOff,
    /// `The user needs to be part of a group that has ACCESS_S3_OBJECT_STORAGE privilege`.
    NoObjectStorage,
    /// `Attribute 'email' is required`.
    EmailRequired,
    /// `Attribute 'name' is required`.
    NameRequired,
    /// `Service Unavailable`.
    Unavailable,
}

impl KnownMessage {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Unauthorised, "Unauthorized"),
        (Self::DoesNotExist, "Resource does not exist"),
        (Self::NoSuchKey, "The access key cannot be found"),
        (Self::AccessDenied, "Access Denied"),
        (Self::FeatureOff, "feature is not enabled for the contract"),
        (Self::NoObjectStorage, "a group that has ACCESS_S3_OBJECT_STORAGE privilege"),
        (Self::EmailRequired, "Attribute 'email' is required"),
        (Self::NameRequired, "Attribute 'name' is required"),
        (Self::Unavailable, "Service Unavailable"),
    ];

    /// Our words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorised => "unauthorised",
            Self::DoesNotExist => "the resource does not exist",
            Self::NoSuchKey => "the access key cannot be found",
            Self::AccessDenied => "access denied",
            Self::FeatureOff => "the feature is not enabled for the contract",
            Self::NoObjectStorage => "the user needs a group with the object storage privilege",
            Self::EmailRequired => "an e-mail address is required",
            Self::NameRequired => "a name is required",
            Self::Unavailable => "service unavailable",
        }
    }
}

/// Reads a message by recognising it.
pub(super) struct Message;

impl Lenient for Message {
    type Value = KnownMessage;

    fn of_text(text: &str, _: Place, _: &Context) -> Option<KnownMessage> {
        KnownMessage::ALL.into_iter().find(|(_, part)| text.contains(part)).map(|(message, _)| message)
    }
}

/// Longest error code that is kept; the documented ones are shorter.
const MAX_CODE_LENGTH: usize = 24;

/// Reads an error code, a short word.
pub(super) struct Code;

impl Lenient for Code {
    type Value = String;

    fn of_integer(code: u64) -> Option<String> {
        Some(code.to_string())
    }

    fn of_text(code: &str, _: Place, _: &Context) -> Option<String> {
        (is_word(code) && code.len() <= MAX_CODE_LENGTH).then(|| code.to_owned())
    }
}

record! {
    /// The documented envelope of an error.
    Failure in "error" {
        /// `httpStatus`.
        status: u64 as Count = "httpStatus",
        /// `messages`.
        messages: Vec<FailureMessage> as List<FailureMessage> = "messages",
    }
}

record! {
    /// One message of an error.
    FailureMessage in "error.messages" {
        /// `errorCode`.
        code: String as Code = "errorCode",
        /// `message`, if it is one of the list.
        message: KnownMessage as Message = "message",
    }
}
