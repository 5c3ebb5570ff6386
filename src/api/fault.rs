//! From what the HTTP library and the server say to a [`Fault`].

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

/// The error of the TLS library inside, if that is what it was. I/O errors hide what they wrap from `source`.
fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return tls_error(wrapped);
    }
    error.source().and_then(tls_error)
}

fn of_tls(error: &rustls::Error) -> Fault {
    if let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error
        && let Some(mismatch) = other.0.downcast_ref::<Mismatch>()
    {
        return Fault::CertificateMismatch(Box::new(*mismatch));
    }
    // What a server in clear text answers to a greeting is no record of TLS.
    if matches!(error, rustls::Error::InvalidMessage(_)) {
        return Fault::NoTls;
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
    let (is_api, code, message) = first_message(body);
    match number {
        300..=399 => Fault::Redirected { status: number },
        401 => Fault::Unauthorised { code },
        403 => Fault::Forbidden { code },
        404 if is_api => Fault::NotFound,
        404 => Fault::NotFoundByOther,
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

/// Whether it is an error body of the API at all, its code and its meaning; the first message that means something wins.
fn first_message(body: &[u8]) -> (bool, Option<String>, Option<KnownMessage>) {
    let Ok(wire::Decoded { value: failure, .. }) = wire::decode::<Failure>(body) else {
        return (false, None, None);
    };
    let is_api = failure.status.is_some() || failure.messages.is_some();
    let messages = failure.messages.unwrap_or_default();
    let known = messages.iter().find_map(|message| message.message);
    (is_api, messages.into_iter().find_map(|message| message.code), known)
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

#[cfg(test)]
mod tests {
    use reqwest::header::{DATE, HeaderValue};

    use super::*;

    fn headers(pairs: &[(reqwest::header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn check_wait(pairs: &[(reqwest::header::HeaderName, &'static str)], expected: Option<u64>) {
        let now = DateTime::from_timestamp(784_111_777, 0).unwrap();
        assert_eq!(retry_after(&headers(pairs), now).map(|wait| wait.as_secs()), expected, "{pairs:?}");
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_date() {
        check_wait(&[], None);
        check_wait(&[(RETRY_AFTER, "120")], Some(120));
        check_wait(&[(RETRY_AFTER, " 0 ")], Some(0));
        check_wait(&[(RETRY_AFTER, "soon")], None);
        check_wait(&[(RETRY_AFTER, "-1")], None);
        check_wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60));
        check_wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0));
        let skewed = [(RETRY_AFTER, "Sun, 06 Nov 2044 08:50:37 GMT"), (DATE, "Sun, 06 Nov 2044 08:50:07 GMT")];
        check_wait(&skewed, Some(30));
    }

    #[track_caller]
    fn check(operation: &Operation, status: u16, body: &str, expected: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let fault = of_status(operation, status, &HeaderMap::new(), body.as_bytes(), DateTime::UNIX_EPOCH);
        assert_eq!(fault.to_string(), expected);
    }

    fn envelope(code: &str, message: &str) -> String {
        serde_json::json!({"httpStatus": 1, "messages": [{"errorCode": code, "message": message}]}).to_string()
    }

    #[test]
    fn a_status_decides_and_a_known_message_explains() {
        let users = operation::USERS;
        check(users, 401, &envelope("315", "Unauthorized"), "credentials refused (401, code 315)");
        check(users, 403, &envelope("paas-feature-1", "no"), "access refused (403, code paas-feature-1)");
        check(users, 404, &envelope("309", "Resource does not exist"), "not found");
        for other in ["<html>", "", "{}", "[]", "not found"] {
            check(users, 404, other, "not found, by an answer that is not the API's (404)");
        }
        check(users, 302, "", "the server redirects (status 302)");
        check(users, 304, "", "the server redirects (status 304)");
        check(users, 415, "", "refused with status 415");
        check(users, 501, "", "refused with status 501");
        for status in [408, 429, 500, 502, 503, 504, 599] {
            check(users, status, "", &format!("the server is busy or broken (status {status})"));
        }
        let required = envelope("100", "[(root).properties.email] Attribute 'email' is required");
        check(users, 422, &required, "refused with status 422, code 100: an e-mail address is required");
    }

    #[test]
    fn a_missing_key_is_not_found_although_the_api_says_422() {
        let body = envelope("x", "The access key cannot be found, please double-check the key id and try again.");
        check(operation::USER_S3KEY, 422, &body, "not found");
        check(operation::REPLACE_S3KEY, 422, &body, "not found");
        check(operation::DELETE_S3KEY, 422, &body, "not found");
        check(operation::GROUP, 422, &body, "refused with status 422, code x: the access key cannot be found");
        let other = envelope("x", "something else");
        check(operation::USER_S3KEY, 422, &other, "refused with status 422, code x");
    }

    #[test]
    fn free_text_of_a_server_is_never_kept() {
        for code in ["CANARY 1", &"C".repeat(25), "<CANARY>", ""] {
            check(operation::USERS, 422, &envelope(code, "CANARY"), "refused with status 422");
        }
        check(operation::USERS, 422, "CANARY", "refused with status 422");
        check(operation::USERS, 422, r#"{"messages":"CANARY"}"#, "refused with status 422");
    }
}
