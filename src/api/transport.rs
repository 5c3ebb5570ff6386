//! One way in and one way out: sends a request, takes the answer in, decodes it, and asks again where that is allowed.
//!
//! Logs method, path template, status, attempt, time and bytes; never an address, a header or a body.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, PRAGMA,
};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;
use zeroize::Zeroizing;

use super::answer::{Answer, Rate, Receipt, server_date};
use super::body::{self, Coding, Whole};
use super::error::{Error, Fault, Phase};
use super::fault::{of_status, of_transport};
use super::frame;
use super::identity::Identity;
use super::operation::{self, Method, Operation};
use super::pace::{self, Pace, Permit, Signal, Verdict};
use super::recording::{self, Listener, Recorder};
use super::room::{self, Room};
use super::settings::{Settings, SettingsError};
use super::target::Target;
use super::tls;
use super::wire::record::Record;
use super::wire::{self, DecodeError, Decoded, Notes};
use crate::seams::{RandomError, Seams};

/// What all clones of a client share.
#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    identity: Identity,
    target: Arc<Target>,
    base: Url,
    prefix: String,
    pace: Pace,
    room: Room,
    settings: Limits,
    seams: Seams,
    /// Once cancelled, nothing more is sent; what was sent before comes to its end.
    stop: CancellationToken,
    recorder: Option<Recorder>,
}

/// What is asked for.
struct Request<'a> {
    operation: &'static Operation,
    ids: &'a [&'a str],
    query: &'a str,
    url: Url,
}

impl Request<'_> {
    /// Bytes that a run keeps of an answer to this, about.
    fn keeps<T>(&self, answer: &Decoded<T>) -> u64 {
        let values = u64::from(answer.values);
        if self.query.ends_with("depth=0") {
            return values * room::REFERENCE;
        }
        let is_of_parents = [operation::USERS.template, operation::GROUPS.template].contains(&self.operation.template);
        answer.weight + if is_of_parents { values * room::PARENT } else { 0 }
    }
}

/// The settings that every request needs.
#[derive(Clone, Debug)]
struct Limits {
    concurrency: usize,
    attempts: u32,
    longest_retry_after: Duration,
    first_byte: Duration,
    whole: Duration,
    largest_run: u64,
}

/// The connection to one server with one set of credentials.
#[derive(Clone, Debug)]
struct Transport(Arc<Shared>);

/// Sends GET and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Getter(Transport);

/// Sends anything once.
#[derive(Clone, Debug)]
pub(super) struct Sender(Transport);

/// A whole answer.
struct Taken<'a> {
    status: StatusCode,
    headers: HeaderMap,
    rate: Option<Rate>,
    body: Whole<'a>,
}

/// The answer to a write: a value where the server sent one, and its `Location`.
pub(super) struct Sent<T> {
    pub(super) answer: Answer<Option<T>>,
    pub(super) location: Option<String>,
}

impl Getter {
    pub(super) fn new(settings: &Settings, seams: Seams) -> Result<Self, SettingsError> {
        Transport::new(settings, seams, settings.largest_run).map(Self)
    }

    /// Reads the answer of an operation; `query` begins with `?` or is empty.
    pub(super) async fn get<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        query: &str,
    ) -> Result<Answer<T>, Error> {
        self.0.get(operation, ids, query).await
    }

    /// The same connections and credentials for another run: its retries and its breaker start over.
    pub(super) fn for_another_run(&self, stop: CancellationToken) -> Self {
        Self(self.0.for_another_run(stop))
    }

    /// The same connections and credentials, with somebody who hears of every exchange.
    pub(super) fn recorded(&self, listener: Arc<dyn Listener>) -> Result<Self, RandomError> {
        self.0.recorded(listener).map(Self)
    }

    /// A keyed digest of the credentials.
    pub(super) fn identity(&self, key: &[u8; 32]) -> [u8; 32] {
        self.0.0.identity.digest(key)
    }

    /// Takes room for what an earlier part of the run kept.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), Fault> {
        self.0.0.room.take(bytes)
    }

    /// The limits of the newest answer.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.0.0.pace.rate()
    }

    /// The base address.
    pub(super) fn base(&self) -> &Url {
        &self.0.0.base
    }

    /// The server, for messages.
    pub(super) fn target(&self) -> &Arc<Target> {
        &self.0.0.target
    }

    /// Our clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.0.seams.now()
    }
}

impl Sender {
    pub(super) fn new(settings: &Settings, seams: Seams) -> Result<Self, SettingsError> {
        // Answers to writes are not kept.
        Transport::new(settings, seams, u64::MAX).map(Self)
    }

    /// Sends a write once, and reads what the server says to it.
    pub(super) async fn send<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Sent<T>, Error> {
        self.0.send(operation, ids, body).await
    }

    /// Reads the answer of an operation.
    pub(super) async fn get<T: Record>(&self, operation: &'static Operation, ids: &[&str]) -> Result<Answer<T>, Error> {
        self.0.get(operation, ids, "").await
    }
}

impl Transport {
    /// Whoever reads keeps so many bytes of a run.
    fn new(settings: &Settings, seams: Seams, largest_run: u64) -> Result<Self, SettingsError> {
        settings.validate()?;
        tls::install_provider();
        let identity = Identity::of(&settings.credentials)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(settings)?)
            .default_headers(headers(settings, &identity))
            .user_agent(concat!("keyholder/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .http2_max_header_list_size(body::MAX_HEAD_BYTES)
            .pool_max_idle_per_host(settings.concurrency)
            .tcp_nodelay(true);
        builder = if settings.base.scheme() == "https" { builder.https_only(true) } else { builder.no_proxy() };
        let http = builder.build().map_err(|error| SettingsError::Http(error.without_url().to_string()))?;
        Ok(Self(Arc::new(Shared {
            http,
            identity,
            target: Arc::new(Target::of(settings)),
            base: settings.base.clone(),
            prefix: settings.base.as_str().trim_end_matches('/').to_owned(),
            pace: Pace::new(settings.concurrency, settings.longest_retry_after),
            room: Room::new(largest_run),
            settings: Limits {
                concurrency: settings.concurrency,
                attempts: settings.attempts,
                longest_retry_after: settings.longest_retry_after,
                first_byte: settings.first_byte_timeout,
                whole: settings.request_timeout,
                largest_run,
            },
            seams,
            recorder: None,
            stop: CancellationToken::new(),
        })))
    }

    fn for_another_run(&self, stop: CancellationToken) -> Self {
        self.with(self.0.recorder.clone(), stop)
    }

    fn recorded(&self, listener: Arc<dyn Listener>) -> Result<Self, RandomError> {
        let recorder = Recorder::new(listener, &self.0.prefix, &self.0.seams)?;
        Ok(self.with(Some(recorder), self.0.stop.clone()))
    }

    fn with(&self, recorder: Option<Recorder>, stop: CancellationToken) -> Self {
        let Shared { http, identity, target, base, prefix, settings, seams, .. } = &*self.0;
        Self(Arc::new(Shared {
            http: http.clone(),
            identity: identity.clone(),
            target: Arc::clone(target),
            base: base.clone(),
            prefix: prefix.clone(),
            pace: Pace::new(settings.concurrency, settings.longest_retry_after),
            room: Room::new(settings.largest_run),
            settings: settings.clone(),
            seams: seams.clone(),
            recorder,
            stop,
        }))
    }

    /// Reads, and asks again as long as that may help.
    async fn get<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        query: &str,
    ) -> Result<Answer<T>, Error> {
        let shared = &*self.0;
        let mut sent_at = shared.seams.now();
        let target = &shared.target;
        let fail = |attempts, sent_at, fault| Error { operation, target: Arc::clone(target), attempts, sent_at, fault };
        let url = shared.url(operation, ids, query).map_err(|fault| fail(0, sent_at, fault))?;
        let request = Request { operation, ids, query, url };
        let mut attempt = 0;
        let mut broken_before = false;
        loop {
            shared.room.check().map_err(|fault| fail(attempt, sent_at, fault))?;
            let permit = shared.permit().await.map_err(|fault| fail(attempt, sent_at, fault))?;
            attempt += 1;
            if attempt == 1 {
                sent_at = shared.seams.now();
            }
            let outcome = shared.exchange(&request, None, attempt, permit, broken_before).await;
            let fault = match outcome.and_then(|taken| shared.decode(&request, &taken, attempt, sent_at)) {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            broken_before |= matches!(Signal::of(&fault), Signal::Broken { .. });
            let wait = shared.before_retry(fault, attempt).map_err(|fault| fail(attempt, sent_at, fault))?;
            shared.stop.run_until_cancelled(shared.pace.rest(wait)).await;
        }
    }

    /// Writes, once.
    async fn send<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Sent<T>, Error> {
        let shared = &*self.0;
        let sent_at = shared.seams.now();
        let target = &shared.target;
        let fail = |attempts, fault| Error { operation, target: Arc::clone(target), attempts, sent_at, fault };
        let url = shared.url(operation, ids, "").map_err(|fault| fail(0, fault))?;
        let permit = shared.permit().await.map_err(|fault| fail(0, fault))?;
        let request = Request { operation, ids, query: "", url };
        let taken = shared.exchange(&request, body, 1, permit, false).await.map_err(|fault| fail(1, fault))?;
        let location = taken.headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = if taken.body.bytes.iter().all(u8::is_ascii_whitespace) {
            Answer { value: None, notes: Notes::default(), receipt: shared.receipt(&taken, 1, sent_at) }
        } else {
            shared.decode(&request, &taken, 1, sent_at).map_err(|fault| fail(1, fault))?.map(Some)
        };
        Ok(Sent { answer, location })
    }
}

impl Shared {
    fn url(&self, operation: &Operation, ids: &[&str], query: &str) -> Result<Url, Fault> {
        let path = operation.path(ids)?;
        // The base was parsed once; only what is behind it is looked at again.
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query.strip_prefix('?'));
        Ok(url)
    }

    /// Waits for the leave to send, which nobody gets any more once the run is being stopped.
    async fn permit(&self) -> Result<Permit<'_>, Fault> {
        self.stop.run_until_cancelled(self.pace.permit()).await.unwrap_or(Err(Fault::Stopped))
    }

    /// How long to wait before the next attempt, or the fault that stands because there is none.
    fn before_retry(&self, fault: Fault, attempt: u32) -> Result<Duration, Fault> {
        let unit = self.seams.unit().unwrap_or(1.0);
        let limits = &self.settings;
        match pace::verdict(fault, attempt, limits.attempts, limits.longest_retry_after, unit) {
            Verdict::Final(fault) => Err(fault),
            Verdict::Again { wait, last } => self.pace.retry(last).map(|()| wait),
        }
    }

    /// Sends once and takes the answer in; anything but success is a fault. `again` if the same request found the server
    /// broken before.
    async fn exchange(
        &self,
        request: &Request<'_>,
        body: Option<Zeroizing<Vec<u8>>>,
        attempt: u32,
        permit: Permit<'_>,
        again: bool,
    ) -> Result<Taken<'_>, Fault> {
        let Request { operation, ids, query, url } = request;
        let (begun, sent_at) = (Instant::now(), self.seams.now());
        let outcome = match timeout_at(begun + self.settings.whole, self.take(operation.method, url, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::Timeout(Phase::Whole)),
        };
        let status = outcome.as_ref().ok().map(|taken| taken.status.as_u16());
        tracing::debug!(
            method = operation.method.as_str(),
            path = operation.template,
            status,
            attempt,
            duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes = outcome.as_ref().map_or(0, |taken| taken.body.bytes.len()),
            "API request"
        );
        let rate = outcome.as_ref().ok().and_then(|taken| taken.rate);
        let refusal = outcome.as_ref().ok().and_then(|taken| self.refusal(operation, taken));
        if let Some(recorder) = &self.recorder {
            let answer =
                outcome.as_ref().map(|taken| (taken.status.as_u16(), &taken.headers, taken.body.bytes.as_slice()));
            let (duration, fault) = (begun.elapsed(), refusal.as_ref());
            recorder.record(&recording::Heard { operation, ids, query, attempt, sent_at, duration, answer, fault });
        }
        let outcome = outcome.and_then(|taken| refusal.map_or(Ok(taken), Err));
        permit.end(outcome.as_ref().map_or_else(Signal::of, |_| Signal::Working), again, rate);
        outcome
    }

    /// Why an answer is none by its head; a read is answered by the whole or not at all.
    fn refusal(&self, operation: &Operation, taken: &Taken<'_>) -> Option<Fault> {
        if !taken.status.is_success() {
            return Some(of_status(operation, taken.status, &taken.headers, &taken.body.bytes, self.seams.now()));
        }
        let is_read = operation.method == Method::Get;
        is_read.then(|| frame::check_head(taken.status, &taken.headers).err()).flatten().map(Fault::Frame)
    }

    async fn take(&self, method: Method, url: &Url, body: Option<Zeroizing<Vec<u8>>>) -> Result<Taken<'_>, Fault> {
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = self.http.request(method, url.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(body));
        }
        let mut response: Response = match timeout(self.settings.first_byte, request.send()).await {
            Ok(outcome) => outcome.map_err(|error| of_transport(error, |source| Fault::Unreachable { source }))?,
            Err(_) => return Err(Fault::Timeout(Phase::FirstByte)),
        };
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        body::check_head(&headers)?;
        let body = body::read(response, Coding::of(&headers), &self.room).await?;
        Ok(Taken { status, rate: Rate::of(&headers), headers, body })
    }

    fn decode<T: Record>(
        &self,
        request: &Request<'_>,
        taken: &Taken<'_>,
        attempts: u32,
        sent_at: DateTime<Utc>,
    ) -> Result<Answer<T>, Fault> {
        match taken.body.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(Fault::Empty),
            Some(b'{' | b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {}
            Some(_) => return Err(Fault::NotJson),
        }
        let decoded = wire::decode::<T>(&taken.body.bytes).map_err(|error: DecodeError| Fault::Decode(error))?;
        if request.operation.method == Method::Get {
            frame::check_body(request.operation, request.ids, &decoded.value.frame())?;
        }
        self.room.take(request.keeps(&decoded))?;
        let Decoded { value, notes, .. } = decoded;
        Ok(Answer { value, notes, receipt: self.receipt(taken, attempts, sent_at) })
    }

    fn receipt(&self, taken: &Taken<'_>, attempts: u32, sent_at: DateTime<Utc>) -> Receipt {
        Receipt {
            attempts,
            bytes: taken.body.bytes.len() as u64,
            sent_at,
            answered_at: self.seams.now(),
            server_date: server_date(&taken.headers),
            rate: taken.rate,
        }
    }
}

/// The headers of every request.
fn headers(settings: &Settings, identity: &Identity) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(AUTHORIZATION, identity.header());
    // An answer that a cache kept is not what is so now.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    if let Some(number) = settings.contract_number {
        headers.insert("x-contract-number", HeaderValue::from(number));
    }
    headers
}
