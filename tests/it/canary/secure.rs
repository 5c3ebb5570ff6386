//! A server of TLS and HTTP/2, the way the real API is reached: the libraries of both have lines of their own to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};
use keyholder::api::{Credentials, Settings, Version};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::library::{envelope, strange_keys};
use crate::api_tls::{acceptor, authority, leaf};

/// Answers keys, sign-on links, and to everything else 403; each answer is full of the canary.
pub(super) struct Server {
    port: u16,
    roots: String,
    secrets: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn start(canary: &str) -> Self {
        let authority = authority();
        let acceptor = acceptor(&leaf(&authority, "localhost", false), &[], &[b"h2"]);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let secrets = Arc::new(AtomicU32::new(0));
        let (seen, canary) = (Arc::clone(&secrets), canary.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, canary.clone(), Arc::clone(&seen)));
            }
        });
        Self { port, roots: authority.pem(), secrets, task }
    }

    /// Settings for this server.
    pub(super) fn settings(&self, credentials: Credentials) -> Settings {
        let base = format!("https://localhost:{}/cloudapi/v6", self.port).parse().unwrap();
        Settings { extra_roots: Some(self.roots.clone()), ..Settings::new(base, Version::V6, credentials) }
    }

    /// How many credentials and bodies with the canary in them arrived.
    pub(super) fn secrets_seen(&self) -> u32 {
        self.secrets.load(Ordering::SeqCst)
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, canary: String, seen: Arc<AtomicU32>) {
    let stream = acceptor.accept(stream).await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond, canary.clone(), Arc::clone(&seen)));
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, canary: String, seen: Arc<AtomicU32>) {
    let (head, mut body) = request.into_parts();
    let credentials = head.headers["authorization"].to_str().unwrap();
    let credentials = match credentials.strip_prefix("Basic ") {
        Some(pair) => String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap(),
        None => credentials.to_owned(),
    };
    let mut sent = Vec::new();
    while let Some(chunk) = body.data().await {
        sent.extend_from_slice(&chunk.unwrap());
    }
    for text in [credentials, String::from_utf8(sent).unwrap()] {
        seen.fetch_add(u32::from(text.contains(&canary)), Ordering::SeqCst);
    }
    let (status, body) = match head.uri.path().rsplit('/').next() {
        Some("s3keys") => (200, strange_keys(&canary)),
        Some("s3ssourl") => (200, json!({"ssoUrl": format!("https://example.com/?token={canary}")})),
        _ => (403, envelope(403, &canary)),
    };
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    for name in ["set-cookie", "x-secret-token", "etag"] {
        response = response.header(name, &canary);
    }
    let mut stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
    stream.send_data(body.to_string().into(), true).unwrap();
}
