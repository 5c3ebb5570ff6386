//! Why a delivery did not work, and what that means for the next attempt.
//!
//! Messages name the host and never more of an address: the path and the query of a webhook are often a credential.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::target::TargetError;

/// What a sink could not do, with its source.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryFailure {
    /// The target is not allowed, or its name has no address.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No connection.
    #[error("cannot connect to {host}")]
    Connect {
        /// The host.
        host: String,
        /// What the network says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificate of the host is not accepted.
    #[error("the certificate of {host} is not accepted: {reason}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: String,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
    /// The TLS handshake failed for another reason.
    #[error("cannot agree on TLS with {host}")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
    /// The host did not answer in time.
    #[error("{target} does not finish the delivery within {seconds} s")]
    Timeout {
        /// The host, or the name of the sink.
        target: String,
        /// The limit.
        seconds: u64,
    },
    /// The connection broke.
    #[error("cannot send to {host}")]
    Send {
        /// The host.
        host: String,
        /// What the network says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The host wants to be asked elsewhere.
    #[error("{host} answers HTTP {status}, a redirect, and redirects are not followed")]
    Redirected {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The host does not take the message.
    #[error("{host} answers HTTP {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The mail server does not take the message.
    #[error("{host} answers SMTP {code}: {text}")]
    Smtp {
        /// The host.
        host: String,
        /// The reply code.
        code: u16,
        /// The text of the reply, made visible.
        text: String,
        /// What the SMTP library says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The message cannot be put into the form of the sink.
    #[error("cannot write the message for {target}")]
    Encode {
        /// The host, or the name of the sink.
        target: String,
        /// What the encoder says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file cannot be written or read.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted, such as `append to`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The output of the program cannot be written.
    #[error("cannot write to standard output")]
    Output {
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl DeliveryFailure {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Target(error) => error.hint(),
            Self::Certificate { .. } => {
                Some("check the host name; for a private certificate authority name its file for this sink")
            }
            Self::Redirected { .. } => Some("configure the address that it redirects to, if it is the intended one"),
            Self::Status { status: 401 | 403 | 404, .. } => Some("check the address and the credentials of the sink"),
            Self::Status { status: 410, .. } => Some("the address is gone for good: make a new one and configure it"),
            Self::Smtp { code: 530 | 534 | 535, .. } => Some("check the user name and the password of the sink"),
            Self::File { .. } => Some("check the path, its owner and mode, and the free space"),
            _ => None,
        }
    }
}

/// A delivery that did not work, by what follows from it.
#[derive(Debug)]
pub enum DeliveryError {
    /// May work later.
    Retry {
        /// What failed.
        reason: Box<DeliveryFailure>,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// The receiver refuses this message: a permanent 4xx, a redirect, a permanent SMTP 5xx.
    Rejected {
        /// What failed.
        reason: Box<DeliveryFailure>,
    },
    /// The receiver is gone for good (HTTP 410): the sink is to be disabled.
    Gone {
        /// What failed.
        reason: Box<DeliveryFailure>,
    },
}

impl DeliveryError {
    /// A failure that may pass.
    pub(super) fn retry(reason: impl Into<DeliveryFailure>) -> Self {
        Self::Retry { reason: Box::new(reason.into()), after: None }
    }

    /// A failure that stays.
    pub(super) fn rejected(reason: impl Into<DeliveryFailure>) -> Self {
        Self::Rejected { reason: Box::new(reason.into()) }
    }

    /// What failed.
    pub fn reason(&self) -> &DeliveryFailure {
        match self {
            Self::Retry { reason, .. } | Self::Rejected { reason } | Self::Gone { reason } => reason,
        }
    }

    /// The failure with all its sources in one line.
    pub fn summary(&self) -> String {
        let mut line = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Some libraries repeat the text of their source in their own.
            if !line.ends_with(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            source = error.source();
        }
        crate::domain::untrusted::visible(&line).into_owned()
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

impl Error for DeliveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason().source()
    }
}
