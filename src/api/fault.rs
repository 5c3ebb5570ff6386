//! From what the HTTP library and the server say to a [`Fault`].

use std::error::Error as _;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::answer::{http_date, server_date};
use super::error::{Fault, Mismatch, Phase};
use super::operation::{self, Operation};
use super::wire;
use super::wire::failure::{Failure, KnownMessage};

/// The fault of an error of the HTTP library; what TLS says goes first, `otherwise` decides about the rest.
pub(super) fn of_transport(error: reqwest::Error, otherwise: fn(reqwest::Error) -> Fault) -> Fault {
    if let Some(tls) = tls_error(&error) {
        return of_tls(tls);
    }
    if error.is_timeout() {
        return Fault::Timeout(if error.is_connect() { Phase::Connect } else { Phase::Whole });
    }
    otherwise(error.without_url())
}

/// The error of the TLS library inside, if that is what it was.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(tls) = wrapped.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(tls);
        }
        cause = error.source();
    }
    None
}

fn of_tls(error: &rustls::Error) -> Fault {
    if let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error
        && let Some(mismatch) = other.0.downcast_ref::<Mismatch>()
    {
        return Fault::CertificateMismatch(Box::new(*mismatch));
    }
    Fault::Tls { source: error.clone() }
}

/// The fault of an answer that is no success. Of the body only codes and known messages are used.
pub(super) fn of_status(
    operation: &Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Fault {
    let number = status.as_u16();
    let (code, message) = first_message(body);
    match number {
        300..=399 => Fault::Redirected { status: number },
        401 => Fault::Unauthorised { code },
        403 => Fault::Forbidden { code },
        404 => Fault::NotFound,
        422 if is_about_key(operation) && message == Some(KnownMessage::NoSuchKey) => Fault::NotFound,
        408 | 429 | 500 | 502..=504 | 506..=599 => {
            Fault::Busy { status: number, retry_after: retry_after(headers, now) }
        }
        _ => Fault::Rejected { status: number, code, message },
    }
}

/// On these a missing key is answered with 422 instead of 404.
fn is_about_key(operation: &Operation) -> bool {
    operation.template == operation::USER_S3KEY.template
}

/// Code and meaning of an error body; the first message that means something wins.
fn first_message(body: &[u8]) -> (Option<String>, Option<KnownMessage>) {
    let Ok((failure, _)) = wire::decode::<Failure>(body) else {
        return (None, None);
    };
    let messages = failure.messages.unwrap_or_default();
    let known = messages.iter().find_map(|message| message.message);
    (messages.into_iter().find_map(|message| message.code), known)
}

/// `Retry-After`, in seconds or as a date; a date counts from the server's own clock if it tells it.
pub(super) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    Some((until - server_date(headers).unwrap_or(now)).to_std().unwrap_or(Duration::ZERO))
}
