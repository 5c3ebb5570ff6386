//! An HTTP receiver on loopback, plain or with TLS, that keeps what it is sent and gives scripted answers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The request line and the headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One connection after the other gets the next answer; the last answer repeats. An empty one is never sent: the
/// connection stays open without a word.
pub(crate) struct Receiver {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts to listen.
    pub(crate) async fn answering(tls: Option<TlsAcceptor>, answers: Vec<String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let task = tokio::spawn(async move {
            let mut next = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers[next.min(answers.len() - 1)].clone();
                next += 1;
                let request = match &tls {
                    // A client that refuses the certificate ends the handshake, and that connection with it.
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => serve(stream, &answer).await,
                        Err(_) => None,
                    },
                    None => serve(stream, &answer).await,
                };
                kept.lock().unwrap().extend(request);
            }
        });
        Self { port, received, task }
    }

    /// A receiver without TLS that answers with these status lines and headers.
    pub(crate) async fn plain(answers: &[&str]) -> Self {
        Self::answering(None, answers.iter().map(|answer| response(answer)).collect()).await
    }

    /// What was received so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer without a body: a status line, and more header lines behind it.
pub(crate) fn response(head: &str) -> String {
    if head.is_empty() {
        String::new()
    } else {
        format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }
}

/// Reads a request whole, answers, and closes. `None` if the client went away.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut received = Received { head, body: Vec::new() };
    let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
    received.body = vec![0; length];
    stream.read_exact(&mut received.body).await.ok()?;
    if answer.is_empty() {
        // Until the client has had enough.
        stream.read_u8().await.ok();
    }
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok();
    Some(received)
}
