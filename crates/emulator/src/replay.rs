//! Serving a recording again: every request gets the answers it got, in the same order, the last one for ever.
//!
//! A recording is a folder with `exchanges.jsonl`, one JSON object per exchange. Texts in it are replaced by their lengths;
//! here they become texts of these lengths, so that what was too long or broken still is. What nobody recorded is 404.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::api::Version;
use crate::emulator::StartError;

/// The file in the folder of a recording.
const EXCHANGES: &str = "exchanges.jsonl";

/// The most bytes that a body of a replay may have; a recording is somebody else's file.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why a recording cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file is not there or cannot be read.
    #[error("read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not an exchange.
    #[error("read {} line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// One recorded answer.
#[derive(Debug, Clone)]
struct Recorded {
    /// Without one the connection ends.
    status: Option<StatusCode>,
    headers: Vec<(String, String)>,
    body: Recipe,
}

/// How to make a body of a recorded shape.
#[derive(Debug, Clone)]
enum Recipe {
    Nothing,
    Json(Value),
    Filled { first: &'static [u8], with: u8, bytes: u64 },
}

/// A recording that was read.
#[derive(Debug)]
pub struct Recording {
    answers: BTreeMap<String, VecDeque<Recorded>>,
    exchanges: usize,
}

impl Recording {
    /// Reads the recording in a folder.
    #[expect(clippy::disallowed_methods, reason = "nothing is decided by it but what a server for trials answers")]
    pub fn read(folder: &Path) -> Result<Self, RecordingError> {
        let path = folder.join(EXCHANGES);
        let text = std::fs::read_to_string(&path)
            .map_err(|source| RecordingError::Unreadable { path: path.clone(), source })?;
        let mut recording = Self { answers: BTreeMap::new(), exchanges: 0 };
        for (line, number) in text.lines().zip(1..) {
            let wrong = |what: String| RecordingError::Line { path: path.clone(), line: number, what };
            let exchange: Value = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            // The last line of one that reached its limit.
            if exchange.get("end").is_some() {
                continue;
            }
            let (key, recorded) = exchange_of(&exchange).map_err(|missing| wrong(format!("no usable {missing}")))?;
            recording.answers.entry(key).or_default().push_back(recorded);
            recording.exchanges += 1;
        }
        Ok(recording)
    }

    /// How many exchanges it has.
    pub fn exchanges(&self) -> usize {
        self.exchanges
    }
}

/// A server of a recording on loopback; it ends when this is dropped.
#[derive(Debug)]
pub struct Replay {
    origin: String,
    stage: Arc<Stage>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Stage {
    base: [String; 2],
    answers: Mutex<BTreeMap<String, VecDeque<Recorded>>>,
    answered: AtomicU64,
    unknown: AtomicU64,
}

impl Replay {
    /// Serves a recording on 127.0.0.1; port 0 takes a free one. Any credentials will do.
    pub async fn start(recording: Recording, port: u16) -> Result<Self, StartError> {
        let bind = |source| StartError::Bind { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(bind)?;
        let origin = format!("http://{}", listener.local_addr().map_err(bind)?);
        let stage = Arc::new(Stage {
            base: Version::ALL.map(|version| format!("{origin}{}", version.prefix())),
            answers: Mutex::new(recording.answers),
            answered: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&stage))).abort_handle();
        Ok(Self { origin, stage, task })
    }

    /// The base address for a client.
    pub fn base_url(&self, version: Version) -> String {
        format!("{}{}", self.origin, version.prefix())
    }

    /// Requests that got a recorded answer.
    pub fn answered(&self) -> u64 {
        self.stage.answered.load(Ordering::Relaxed)
    }

    /// Requests that nobody recorded.
    pub fn unknown(&self) -> u64 {
        self.stage.unknown.load(Ordering::Relaxed)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let stage = Arc::clone(&stage);
                connections.spawn(async move {
                    let service = service_fn(|request| std::future::ready(stage.answer(&request)));
                    // A client that goes away is the client's business.
                    drop(http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service).await);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer was recorded")]
struct Hangup;

impl From<Infallible> for Hangup {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Stage {
    fn answer(&self, request: &Request<Incoming>) -> Result<Response<Body>, Hangup> {
        let asked = request.uri().path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        let version = Version::ALL.into_iter().zip(&self.base).find(|(version, _)| asked.starts_with(version.prefix()));
        let key = version.map(|(version, _)| format!("{} {}", request.method(), &asked[version.prefix().len()..]));
        let recorded = key.and_then(|key| self.next(&key));
        let (Some(recorded), Some((_, base))) = (recorded, version) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            let missing = Response::builder().status(StatusCode::NOT_FOUND).body(Body::from("{\"httpStatus\":404}"));
            return missing.map_err(|_| Hangup);
        };
        self.answered.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::builder().status(recorded.status.ok_or(Hangup)?);
        // When it was recorded is not now: a client would think that its clock is wrong.
        for (name, value) in recorded.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date")) {
            response = response.header(name, value);
        }
        response.body(Body::from(recorded.body.make(base))).map_err(|_| Hangup)
    }

    /// The next answer to a request; the last one stays.
    fn next(&self, key: &str) -> Option<Recorded> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = answers.get_mut(key)?;
        if waiting.len() > 1 { waiting.pop_front() } else { waiting.front().cloned() }
    }
}

impl Recipe {
    fn make(&self, base: &str) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Json(value) => spelt_out(value, base).to_string().into_bytes(),
            Self::Filled { first, with, bytes } => {
                let mut body = first.to_vec();
                body.resize(usize::try_from((*bytes).min(MAX_FILE_BYTES)).unwrap_or_default(), *with);
                body
            }
        }
    }
}

/// A value with texts in the place of their lengths.
fn spelt_out(value: &Value, base: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text_of(text, base)),
        Value::Array(items) => items.iter().map(|item| spelt_out(item, base)).collect(),
        Value::Object(object) => {
            let spelt: Map<String, Value> =
                object.iter().map(|(name, value)| (text_of(name, base), spelt_out(value, base))).collect();
            Value::Object(spelt)
        }
        other => other.clone(),
    }
}

fn text_of(text: &str, base: &str) -> String {
    let length =
        |rest: &str| rest.parse::<u64>().ok().and_then(|length| usize::try_from(length.min(MAX_FILE_BYTES)).ok());
    if let Some(length) = text.strip_prefix("$text:").or_else(|| text.strip_prefix("$name:")).and_then(length) {
        return "x".repeat(length);
    }
    match text.strip_prefix("$base") {
        Some(behind) => format!("{base}{behind}"),
        None if text == "$elsewhere" => "https://elsewhere.invalid/".to_owned(),
        None => text.to_owned(),
    }
}

/// The request that an exchange answers, and the answer; else what is missing.
fn exchange_of(exchange: &Value) -> Result<(String, Recorded), &'static str> {
    let text = |name: &'static str| exchange[name].as_str().ok_or(name);
    let mut ids = exchange["ids"].as_array().ok_or("ids")?.iter();
    let mut path = String::new();
    for segment in text("path")?.split('/').skip(1) {
        path.push('/');
        path.push_str(if segment.starts_with('{') {
            ids.next().and_then(Value::as_str).ok_or("ids")?
        } else {
            segment
        });
    }
    let key = format!("{} {path}{}", text("method")?, text("query")?);
    let status = match &exchange["status"] {
        Value::Null => None,
        status => {
            let number = status.as_u64().and_then(|status| u16::try_from(status).ok()).ok_or("status")?;
            Some(StatusCode::from_u16(number).map_err(|_| "status")?)
        }
    };
    let headers = exchange["headers"].as_object().ok_or("headers")?.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let bytes = exchange["bytes"].as_u64().ok_or("bytes")?;
    Ok((key, Recorded { status, headers, body: recipe_of(&exchange["body"], bytes)? }))
}

fn recipe_of(body: &Value, bytes: u64) -> Result<Recipe, &'static str> {
    let filled = |first: &'static [u8], with| Recipe::Filled { first, with, bytes };
    if let Some(json) = body.get("json") {
        return Ok(Recipe::Json(json.clone()));
    }
    match body.get("other").and_then(Value::as_str) {
        Some("blank") => Ok(filled(b"", b' ')),
        Some("broken JSON") => Ok(filled(b"{", b' ')),
        Some("markup") => Ok(filled(b"<", b' ')),
        Some("text") => Ok(filled(b"x", b'x')),
        Some(_) => Ok(filled(b"\xff", 0)),
        None if body == "large" => Ok(filled(b"[", b' ')),
        None if body.is_null() => Ok(Recipe::Nothing),
        None => Err("body"),
    }
}
