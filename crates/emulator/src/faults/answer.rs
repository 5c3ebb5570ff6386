//! Answers that no operation gave: status, headers and body as a rule says.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};

use crate::api::Problem;

/// What an answer has for a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The API's error envelope with the code and text that are usual for the status.
    Usual,
    /// This, as JSON.
    Json(serde_json::Value),
    /// This text under `application/json`, whether it parses or not.
    Verbatim(String),
    /// A gateway's page.
    Html(String),
    /// Plain text.
    Text(String),
    /// Nothing.
    Empty,
    /// A list with one string of so many bytes in it.
    LongString(usize),
    /// Arrays inside each other, so many.
    Nested(usize),
}

/// When a server asks to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// In so many seconds, as a number.
    Seconds(u64),
    /// So long after the emulator's clock, as an HTTP date in whole seconds.
    Date(Duration),
}

/// An answer in the place of the operation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// Additional headers; they win over the usual ones.
    pub headers: Vec<(String, String)>,
    /// `Retry-After`, if there is one.
    pub retry_after: Option<RetryAfter>,
}

impl Answer {
    /// The usual answer with this status.
    pub fn usual(status: u16) -> Self {
        Self { status, body: Body::Usual, headers: Vec::new(), retry_after: None }
    }

    pub(super) fn response(&self, now: DateTime<Utc>) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let typed = |kind: &'static str, text: String| (status, [(header::CONTENT_TYPE, kind)], text).into_response();
        let mut response = match &self.body {
            Body::Usual => Problem::usual(status).into_response(),
            Body::Json(value) => typed("application/json", value.to_string()),
            Body::Verbatim(text) => typed("application/json", text.clone()),
            Body::Html(text) => typed("text/html; charset=utf-8", text.clone()),
            Body::Text(text) => typed("text/plain; charset=utf-8", text.clone()),
            Body::Empty => status.into_response(),
            Body::LongString(bytes) => {
                typed("application/json", format!(r#"{{"items":[],"note":"{}"}}"#, "x".repeat(*bytes)))
            }
            Body::Nested(levels) => {
                typed("application/json", format!(r#"{{"items":{}{}}}"#, "[".repeat(*levels), "]".repeat(*levels)))
            }
        };
        if let Some(value) = self.retry_after.and_then(|when| HeaderValue::try_from(when.written(now)).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl RetryAfter {
    fn written(self, now: DateTime<Utc>) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date(after) => {
                let at = now.checked_add_signed(TimeDelta::from_std(after).unwrap_or_default()).unwrap_or(now);
                at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
            }
        }
    }
}
