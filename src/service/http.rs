//! The listener of the service: health, readiness and metrics, to be read only.
//!
//! Answers are short texts without anything about users. A connection gets one request of a few kilobytes and a few seconds,
//! and there are few at once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::metrics::Metrics;
use crate::seams::Seams;
use crate::store::Store;

/// Connections at once; what is more is closed.
const MAX_CONNECTIONS: usize = 16;

/// From the first byte to the last of a connection.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(10);

/// Until the head of a request is complete.
const MAX_HEADER_TIME: Duration = Duration::from_secs(5);

/// Headers of a request, and bytes of its head.
const MAX_HEADERS: usize = 32;
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// A listener that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address} for health and metrics")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// The system's reason.
    #[source]
    pub source: std::io::Error,
}

/// What the answers are made from.
#[derive(Clone)]
pub struct Observed {
    /// The database.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub seams: Seams,
    /// Without a tick for so long, and without a run, the service is not ready.
    pub max_tick_age: Duration,
}

/// A listener that answers until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Listens at that address; port 0 is any free one.
    pub async fn start(address: SocketAddr, observed: Observed) -> Result<Self, ListenError> {
        let failed = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { address, task: tokio::spawn(accept(listener, observed)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, observed: Observed) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "A connection could not be accepted");
                // Without file descriptors the next attempt fails at once as well.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let observed = observed.clone();
        tokio::spawn(async move {
            drop(tokio::time::timeout(MAX_CONNECTION_TIME, serve(stream, observed)).await);
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, observed: Observed) {
    let service = service_fn(move |request: Request<Incoming>| {
        let observed = observed.clone();
        async move { Ok::<_, Infallible>(answer(&request, &observed).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEADER_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(error = &error as &dyn std::error::Error, "A connection ended early");
    }
}

async fn answer<B>(request: &Request<B>, observed: &Observed) -> Response<Text> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, "GET, HEAD".parse().expect("a constant header"));
        return refused;
    }
    match request.uri().path() {
        "/healthz" => match observed.metrics.health() {
            Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => unavailable(reason),
        },
        "/readyz" => match ready(observed).await {
            Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
            Err(reason) => unavailable(reason),
        },
        "/metrics" => match observed.metrics.page(&observed.store, observed.seams.now()).await {
            Ok(page) => text(StatusCode::OK, page),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "The metrics could not be read");
                unavailable("the database cannot be read\n".to_owned())
            }
        },
        _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz and /metrics are here\n".to_owned()),
    }
}

/// Whether the database can be read and the loop makes progress; if not, why.
async fn ready(observed: &Observed) -> Result<(), String> {
    if let Err(error) = observed.store.job_states().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "The service is not ready");
        return Err("the database cannot be read\n".to_owned());
    }
    observed.metrics.readiness(observed.max_tick_age)
}

fn unavailable(reason: String) -> Response<Text> {
    text(StatusCode::SERVICE_UNAVAILABLE, reason)
}

fn text(status: StatusCode, body: String) -> Response<Text> {
    let mut response = Response::new(Text(Some(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8".parse().expect("a constant header"));
    headers.insert(CACHE_CONTROL, "no-store".parse().expect("a constant header"));
    response
}

/// A body of one piece.
struct Text(Option<bytes::Bytes>);

impl Body for Text {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(|text| Ok(Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |text| text.len() as u64))
    }
}
