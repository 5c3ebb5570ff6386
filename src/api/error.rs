//! What can go wrong between a question and its answer, and whether asking again may help.
//!
//! Nothing here holds text that a server wrote, except short error codes: bodies may carry secrets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::frame::FrameError;
use super::operation::Operation;
use super::settings::Pin;
use super::target::Target;
use super::wire::failure::KnownMessage;
use super::wire::{ConvertError, DecodeError};

/// An operation that failed for good: which one, what it took, and why.
#[derive(Debug, thiserror::Error)]
#[error("{operation} at {target} (attempts: {attempts})")]
pub struct Error {
    /// The operation.
    pub operation: &'static Operation,
    /// Which server was asked.
    pub target: Arc<Target>,
    /// Requests that were sent; 0 if none was.
    pub attempts: u32,
    /// When the first one was sent, by our clock.
    pub sent_at: DateTime<Utc>,
    /// Why.
    #[source]
    pub fault: Fault,
}

impl Error {
    /// Whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        self.fault.is_retryable()
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match &self.fault {
            Fault::Unauthorised { .. } => Some(self.target.refusal_hint()),
            Fault::NotFound | Fault::NotFoundByOther => self.target.address_hint(self.operation),
            fault => fault.hint(),
        }
    }
}

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Phase {
    /// Getting a connection.
    #[error("no connection in time")]
    Connect,
    /// From the request to the first byte of the answer.
    #[error("no answer in time")]
    FirstByte,
    /// The whole request.
    #[error("the answer did not end in time")]
    Whole,
    /// Less than 1 KiB per second.
    #[error("the answer trickled too slowly")]
    Trickle,
}

/// Another certificate than the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate has the fingerprint {found}, pinned is {expected}")]
pub struct Mismatch {
    /// The pinned fingerprint.
    pub expected: Pin,
    /// The fingerprint of the server's leaf certificate.
    pub found: Pin,
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// 401: the credentials are refused. Never retried.
    #[error("credentials refused (401{})", code_suffix(code.as_deref()))]
    Unauthorised {
        /// `errorCode`, if it was a short word.
        code: Option<String>,
    },
    /// 403: these credentials may not do that.
    #[error("access refused (403{})", code_suffix(code.as_deref()))]
    Forbidden {
        /// `errorCode`, if it was a short word.
        code: Option<String>,
    },
    /// 404 of the API, or 422 with the message that stands for it on S3 keys.
    #[error("not found")]
    NotFound,
    /// 404 without the error body of the API: of a gateway, or of another program at that address. It says nothing about what
    /// was asked for.
    #[error("not found, by an answer that is not the API's (404)")]
    NotFoundByOther,
    /// Any other refusal.
    #[error("refused with status {status}{}{}", code_suffix(code.as_deref()), message_suffix(*message))]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// `errorCode`, if it was a short word.
        code: Option<String>,
        /// The message, if it is one that this version knows.
        message: Option<KnownMessage>,
    },
    /// 429 or 5xx: later, perhaps.
    #[error("the server is busy or broken (status {status})")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server asks to wait longer than the settings allow.
    #[error("the server asks to wait {} s (status {status}), longer than the {} s allowed", asked.as_secs(), longest.as_secs())]
    WaitTooLong {
        /// The HTTP status.
        status: u16,
        /// What the server asks for.
        asked: Duration,
        /// What the settings allow.
        longest: Duration,
    },
    /// No connection, or one that broke: name resolution, refused, reset.
    #[error("the server cannot be reached")]
    Unreachable {
        /// The cause, without the address.
        #[source]
        source: reqwest::Error,
    },
    /// TLS could not be agreed upon, for example because the certificate is not trusted.
    #[error("no trusted TLS connection")]
    Tls {
        /// The cause.
        #[source]
        source: rustls::Error,
    },
    /// An answer in clear text where TLS was to begin.
    #[error("the server does not speak TLS on that port")]
    NoTls,
    /// The certificate is trusted, but not the pinned one.
    #[error(transparent)]
    CertificateMismatch(Box<Mismatch>),
    /// Too slow.
    #[error(transparent)]
    Timeout(Phase),
    /// A redirect. It is never followed, since credentials would travel with it.
    #[error("the server redirects (status {status})")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// The body broke off.
    #[error("the answer broke off")]
    Truncated {
        /// The cause, without the address.
        #[source]
        source: reqwest::Error,
    },
    /// The body could not be decompressed, or its compressed form broke off.
    #[error("the answer cannot be decompressed")]
    Garbled {
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The body is larger than [`super::body::MAX_BODY_BYTES`].
    #[error("the answer is larger than {} MiB", super::body::MAX_BODY_BYTES >> 20)]
    TooLarge,
    /// The body grows beyond [`super::body::DENSEST`] while it is decompressed.
    #[error("the answer grows to more than {} times what was sent", super::body::DENSEST)]
    TooDense,
    /// The headers are larger than [`super::body::MAX_HEAD_BYTES`].
    #[error("the headers of the answer are larger than {} KiB", super::body::MAX_HEAD_BYTES >> 10)]
    LargeHead,
    /// The answer claims success but is a page of HTML or other text.
    #[error("the answer is not JSON")]
    NotJson,
    /// The answer claims success but has no body where one must be.
    #[error("the answer is empty")]
    Empty,
    /// JSON that cannot be read.
    #[error(transparent)]
    Decode(DecodeError),
    /// An object that lacks what it needs to mean something.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// An answer that says of itself that it is not the whole, or not the answer to what was asked.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A list without `items` where the items were asked for. It is not empty: it was not expanded.
    #[error("the list came without its items")]
    NotExpanded,
    /// More pages or items than a walk takes.
    #[error("more than {most} {what}")]
    Budget {
        /// The limit.
        most: u64,
        /// `pages` or `users`.
        what: &'static str,
    },
    /// The request failed, and so did too many others of the run for it to be repeated.
    #[error("{last}, and the {spent} retries of this run are used up")]
    NoRetryLeft {
        /// Retries that the run has had.
        spent: u64,
        /// Why one more was wanted.
        last: Box<Fault>,
    },
    /// Nothing was sent: the server was found broken too often for anything more to be sent in this run.
    #[error("not asked, because the server was found broken {openings} times")]
    Breaker {
        /// How often failures in a row made us leave the server alone.
        openings: u32,
    },
    /// Nothing more was sent, because the run is being stopped.
    #[error("not asked, because the run was stopped")]
    Stopped,
    /// What the server said in this run is more than a run keeps; nothing more is asked.
    #[error("the answers of this run hold more than {} MiB", most >> 20)]
    RunTooLarge {
        /// The limit, in bytes.
        most: u64,
    },
    /// An id that cannot be put into a path.
    #[error("an id that cannot be part of a path")]
    UnusableId,
}

impl Fault {
    /// Whether asking again may help. By type only; whether the operation may be repeated at all is another question.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::Timeout(_)
            | Self::Truncated { .. }
            | Self::Garbled { .. }
            | Self::NotJson
            | Self::Empty
            | Self::NotFoundByOther
            | Self::Frame(_)
            | Self::Decode(DecodeError::Syntax { .. }) => true,
            Self::Unauthorised { .. }
            | Self::Forbidden { .. }
            | Self::NotFound
            | Self::Rejected { .. }
            | Self::WaitTooLong { .. }
            | Self::Tls { .. }
            | Self::NoTls
            | Self::CertificateMismatch(_)
            | Self::Redirected { .. }
            | Self::TooLarge
            | Self::TooDense
            | Self::LargeHead
            | Self::Decode(DecodeError::Refused(_))
            | Self::Convert(_)
            | Self::NotExpanded
            | Self::Budget { .. }
            | Self::NoRetryLeft { .. }
            | Self::Breaker { .. }
            | Self::Stopped
            | Self::RunTooLarge { .. }
            | Self::UnusableId => false,
        }
    }

    /// What the reader can do about it; `None` where there is nothing better to say than the fault itself, or where it
    /// depends on who was asked for what: see [`Error::hint`].
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Forbidden { .. } => "use the credentials of the contract owner or of an administrator",
            Self::Rejected { message: Some(KnownMessage::NoObjectStorage), .. } => {
                "put the user into a group with the object storage privilege; it takes effect after a while"
            }
            Self::Rejected { status: 402, .. } => "the contract is a trial without access to this API",
            Self::Busy { .. } => "try again later, or lower the number of requests at once",
            Self::NoRetryLeft { .. } => "try again later: the server fails too often to be asked more in one run",
            Self::Breaker { .. } => "try again later, when the server or the way to it works again",
            Self::WaitTooLong { .. } => "wait as long as the server asks, or allow a longer wait",
            Self::Unreachable { .. } => "check the address, the name resolution, the proxy and the firewall",
            Self::Tls { .. } => "check the address and the clock; give a private certificate authority in the settings",
            Self::NoTls => {
                "check host and port: https is answered in clear text; plain http is allowed to this machine only"
            }
            Self::CertificateMismatch(_) => {
                "if the operator of the server has changed its certificate, confirm that with them and pin the new one"
            }
            Self::Timeout(_) => "check the network, or allow more time",
            Self::Redirected { .. } => {
                "check the address: redirects are not followed, since credentials would travel along"
            }
            Self::NotJson | Self::Empty => {
                "check that the address is the API's base and that no portal or gateway answers in its place"
            }
            Self::Frame(_) => {
                "check for a proxy, gateway or cache on the way to the API: it may cut, keep or mix up answers"
            }
            Self::NotExpanded => "ask for the list by an operation of its own instead of a greater depth",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn code_suffix(code: Option<&str>) -> String {
    code.map(|code| format!(", code {code}")).unwrap_or_default()
}

fn message_suffix(message: Option<KnownMessage>) -> String {
    message.map(|message| format!(": {}", message.as_str())).unwrap_or_default()
}
