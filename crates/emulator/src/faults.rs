//! Answers that the world did not give: rules that put another answer in the place of an operation's. They only choose
//! answers; counting and dressing them is the gate's.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::api::Problem;

/// What a rule answers with.
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
}

/// One fault: which requests it meets and what they get instead of their answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `GET`, `POST`, …; `*` for any.
    pub method: String,
    /// A path template (`/um/groups/{groupId}/shares`) or an exact path (`/um/groups/<uuid>/shares`), both without
    /// the version.
    pub path: String,
    /// If given, the query has to contain this (`offset=100`).
    pub query: Option<String>,
    /// The first so many requests that fit are let through.
    pub skip: u32,
    /// How often it fires; `None` for ever.
    pub times: Option<u32>,
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// Additional headers; they win over the usual ones.
    pub headers: Vec<(String, String)>,
}

impl Rule {
    /// Every such request gets 500 for ever, until the other methods say otherwise.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: None,
            skip: 0,
            times: None,
            status: 500,
            body: Body::Usual,
            headers: Vec::new(),
        }
    }

    /// Answers with this status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Answers with this body.
    #[must_use]
    pub fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// Answers with this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Meets only requests whose query contains this.
    #[must_use]
    pub fn query(self, part: &str) -> Self {
        Self { query: Some(part.to_owned()), ..self }
    }

    /// Fires so often, then no more.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Lets the first so many requests through.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    fn meets(&self, exchange: &Exchange) -> bool {
        (self.method == "*" || self.method == exchange.method)
            && (self.path == exchange.template || self.path == exchange.path)
            && self.query.as_ref().is_none_or(|part| exchange.query.contains(part))
    }

    fn answer(&self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let typed = |kind: &'static str, text: String| (status, [(header::CONTENT_TYPE, kind)], text).into_response();
        let mut response = match &self.body {
            Body::Usual => Problem::usual(status).into_response(),
            Body::Json(value) => typed("application/json", value.to_string()),
            Body::Verbatim(text) => typed("application/json", text.clone()),
            Body::Html(text) => typed("text/html; charset=utf-8", text.clone()),
            Body::Text(text) => typed("text/plain; charset=utf-8", text.clone()),
            Body::Empty => status.into_response(),
        };
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What a fault may look at to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// The path template without the version, or `(unmatched)`.
    pub(crate) template: String,
    /// The path without the version.
    pub(crate) path: String,
    pub(crate) query: String,
}

/// A rule in force: how often it fired, and the way to end it. Dropping this leaves the rule in force.
#[derive(Debug, Clone)]
pub struct Fault(Arc<Armed>);

#[derive(Debug)]
struct Armed {
    rule: Rule,
    met: AtomicU32,
    fired: AtomicU32,
    withdrawn: AtomicBool,
}

impl Fault {
    /// How often the rule fired so far.
    pub fn fired(&self) -> u32 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// Ends the rule.
    pub fn withdraw(&self) {
        self.0.withdrawn.store(true, Ordering::SeqCst);
    }
}

/// All rules of a server; the first in force that fits decides.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn arm(&self, rule: Rule) -> Fault {
        let fault = Fault(Arc::new(Armed {
            rule,
            met: AtomicU32::new(0),
            fired: AtomicU32::new(0),
            withdrawn: AtomicBool::new(false),
        }));
        self.rules().push(fault.clone());
        fault
    }

    pub(crate) fn clear(&self) {
        self.rules().clear();
    }

    /// The answer that takes the place of the real one, if a rule fires. The lock makes counting and firing one step.
    pub(crate) fn answer(&self, exchange: &Exchange) -> Option<Response> {
        let mut rules = self.rules();
        rules.retain(|fault| !fault.0.withdrawn.load(Ordering::SeqCst));
        for Fault(armed) in rules.iter().filter(|fault| fault.0.rule.meets(exchange)) {
            if armed.met.fetch_add(1, Ordering::SeqCst) < armed.rule.skip {
                continue;
            }
            if armed.rule.times.is_none_or(|times| armed.fired.load(Ordering::SeqCst) < times) {
                armed.fired.fetch_add(1, Ordering::SeqCst);
                return Some(armed.rule.answer());
            }
        }
        None
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
