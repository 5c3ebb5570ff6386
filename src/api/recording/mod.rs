//! Recording: every exchange with the API as a listener hears it, without anything that is secret or somebody's own.
//!
//! A recording is for a maintainer who has to see what the API answered. It has methods, path templates, statuses, times,
//! sizes and the shape of the bodies. Ids, names and addresses are replaced by made-up ones, the same for the same within
//! one recording; all times are moved by one secret span; of everything else only what the API's documents name is kept.
//! Nothing here writes a file.

mod documented;
mod redact;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use self::redact::{Redactor, Unshaped};
use super::answer::{http_date, server_date};
use super::error::Fault;
use super::operation::Operation;
use crate::domain::time::to_millis;
use crate::seams::{RandomError, Seams};

/// Who hears of every exchange.
pub trait Listener: Send + Sync {
    /// One exchange ended. Called from within the client: it must not take long.
    fn heard(&self, exchange: &Exchange);
}

/// One request and what came of it. Serialised, it is one line of a recording, version 1.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// The method.
    pub method: &'static str,
    /// The path behind the base address, ids in braces: `/um/groups/{groupId}/users`.
    pub path: &'static str,
    /// The made-up ids in the place of the braces, in order.
    pub ids: Vec<String>,
    /// The query with its question mark; empty without one.
    pub query: String,
    /// Which attempt at this request it was, from 1.
    pub attempt: u32,
    /// When it was sent, moved as all times of the recording: RFC 3339 in UTC with milliseconds.
    pub sent_utc: String,
    /// Milliseconds until the answer was complete or given up.
    pub duration_ms: u64,
    /// The status; `None` if no answer came.
    pub status: Option<u16>,
    /// What went wrong, if something did, without anything that the server said; the outcome of decoding the body is not in it.
    pub fault: Option<String>,
    /// The headers that decide anything, by lower-case name: limits, dates, what the body is.
    pub headers: BTreeMap<&'static str, String>,
    /// Bytes of the body after decompression.
    pub bytes: u64,
    /// The shape of the body; `None` if none came.
    pub body: Option<Shape>,
}

/// A body without what it says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// JSON with replaced texts and numbers.
    Json(Box<RawValue>),
    /// Something else, or JSON that cannot be read: what it looks like.
    Other(&'static str),
    /// JSON whose shape would be larger than a recording takes.
    Large,
}

/// What the client knows of an exchange.
pub(super) struct Heard<'a> {
    pub(super) operation: &'static Operation,
    pub(super) ids: &'a [&'a str],
    pub(super) query: &'a str,
    pub(super) attempt: u32,
    pub(super) sent_at: DateTime<Utc>,
    pub(super) duration: Duration,
    pub(super) answer: Result<(u16, &'a HeaderMap, &'a [u8]), &'a Fault>,
    /// What the status means, if it is none of success.
    pub(super) fault: Option<&'a Fault>,
}

/// A listener, and the replacements of one recording.
#[derive(Clone)]
pub(super) struct Recorder {
    listener: Arc<dyn Listener>,
    redactor: Arc<Redactor>,
}

impl Recorder {
    /// Begins a recording. The key of its replacements, which also decides how far times are moved, is thrown away with it.
    pub(super) fn new(listener: Arc<dyn Listener>, prefix: &str, seams: &Seams) -> Result<Self, RandomError> {
        let key = Zeroizing::new(seams.secret_bytes()?);
        Ok(Self { listener, redactor: Arc::new(Redactor::new(key, prefix)) })
    }

    /// Hands an exchange on without what is secret or somebody's own.
    pub(super) fn record(&self, heard: &Heard<'_>) {
        let (status, headers, body) = match heard.answer {
            Ok((status, headers, body)) => (Some(status), self.headers(headers), Some(body)),
            Err(_) => (None, BTreeMap::new(), None),
        };
        let fault = heard.answer.err().or(heard.fault);
        self.listener.heard(&Exchange {
            method: heard.operation.method.as_str(),
            path: heard.operation.template,
            ids: self.redactor.ids(heard.operation, heard.ids),
            query: heard.query.to_owned(),
            attempt: heard.attempt,
            sent_utc: to_millis(self.redactor.time(heard.sent_at)),
            duration_ms: u64::try_from(heard.duration.as_millis()).unwrap_or(u64::MAX),
            status,
            fault: fault.map(said),
            headers,
            bytes: body.map_or(0, |body| body.len() as u64),
            body: body.filter(|body| !body.is_empty()).map(|body| self.shape(heard.operation, body)),
        });
    }

    fn shape(&self, operation: &Operation, body: &[u8]) -> Shape {
        match self.redactor.shape(operation, body) {
            Ok(json) => Shape::Json(json),
            Err(Unshaped::Large) => Shape::Large,
            Err(Unshaped::Broken) => Shape::Other(looks(body)),
        }
    }

    /// The headers that decide anything, as far as they say what such a header says.
    fn headers(&self, headers: &HeaderMap) -> BTreeMap<&'static str, String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str| text(name)?.parse::<u64>().ok().map(|number| number.to_string());
        let mut kept = BTreeMap::new();
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-burst"] {
            kept.extend(number(name).map(|number| (name, number)));
        }
        let date = |name: &str| text(name).and_then(http_date).map(|at| self.redactor.time(at).to_rfc2822());
        kept.extend(number(RETRY_AFTER.as_str()).or_else(|| date("retry-after")).map(|value| ("retry-after", value)));
        if server_date(headers).is_some() {
            kept.extend(date(DATE.as_str()).map(|value| ("date", value)));
        }
        let known = ["application/json", "text/html", "text/plain", "application/xml"];
        let media = text(CONTENT_TYPE.as_str()).and_then(|text| text.split(';').next()).map(str::trim);
        let media = known.into_iter().find(|known| Some(*known) == media);
        kept.extend(media.map(|known| ("content-type", known.to_owned())));
        kept
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// What went wrong, without the codes and fingerprints that a server chose.
fn said(fault: &Fault) -> String {
    match fault {
        Fault::Unauthorised { .. } => "credentials refused (401)".to_owned(),
        Fault::Forbidden { .. } => "access refused (403)".to_owned(),
        Fault::Rejected { status, .. } => format!("refused with status {status}"),
        Fault::CertificateMismatch(_) => "another certificate than the pinned one".to_owned(),
        Fault::NoRetryLeft { last, .. } => format!("{}, and no retry is left", said(last)),
        other => other.to_string(),
    }
}

/// What a body that is no JSON looks like.
fn looks(body: &[u8]) -> &'static str {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "blank",
        Some(b'{' | b'[') => "broken JSON",
        Some(b'<') => "markup",
        Some(_) if std::str::from_utf8(body).is_ok() => "text",
        Some(_) => "binary",
    }
}
