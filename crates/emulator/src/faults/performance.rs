//! Answers that no proper server sends: bytes of our own on a connection that was taken from the HTTP server. Every
//! such connection ends with its performance.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::response::Parts;
use axum::response::Response;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::gzip::{Bomb, Gzip};
use super::{Effect, Ending, Flood, Phase};

/// The way by which a request takes its connection away from the HTTP server.
#[derive(Debug, Clone)]
pub(crate) struct Line(mpsc::Sender<Performance>);

impl Line {
    /// The way, and where performances come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Performance>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Hands the connection over. Whoever calls this is dropped together with the HTTP server of the connection.
    pub(crate) async fn take_over<T>(&self, performance: Performance) -> T {
        // Nobody listens any more only where the connection is gone already.
        let _ = self.0.send(performance).await;
        std::future::pending().await
    }
}

/// What is sent.
#[derive(Debug)]
enum Source {
    Bytes(Vec<u8>),
    Pieces { body: Vec<u8>, bytes: usize, every: Duration },
    Bomb(Bomb),
    Flood(Flood),
}

/// Bytes on a connection, and its end.
#[derive(Debug)]
pub(crate) struct Performance {
    /// Status, if one is sent at all.
    pub(crate) status: Option<u16>,
    head: Vec<u8>,
    source: Source,
    /// The end waits for the next request.
    abandoned: bool,
    ending: Ending,
}

impl Performance {
    /// How this effect sends that answer; `Err` with the answer if the effect leaves that to the HTTP server.
    pub(super) async fn of(effect: &Effect, phase: Phase, response: Response) -> Result<Self, Box<Response>> {
        let ending = match effect {
            Effect::Break(ending) if phase != Phase::During => {
                return Ok(Self::unanswered(*ending));
            }
            Effect::Flood(flood) => return Ok(Self::endless(*flood)),
            Effect::Break(ending) | Effect::Abandon(ending) => *ending,
            // The rest of the body is in the connection as long as the client keeps it.
            Effect::MisstateLength(..0) => Ending::HANG,
            Effect::MisstateLength(_) | Effect::Drip { .. } | Effect::Gzip(_) => Ending::Close,
            _ => return Err(Box::new(response)),
        };
        let (mut parts, body) = response.into_parts();
        let mut body = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
        let mut length = body.len() as u64;
        let source = match effect {
            Effect::Break(_) => {
                body.truncate(body.len() / 2);
                Source::Bytes(body)
            }
            Effect::MisstateLength(by) => {
                length = length.saturating_add_signed(*by);
                Source::Bytes(body)
            }
            Effect::Drip { bytes, every } => Source::Pieces { body, bytes: (*bytes).max(1), every: *every },
            Effect::Gzip(gzip) => {
                parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                let source = match *gzip {
                    Gzip::Bomb { bytes } => Source::Bomb(Bomb::of(bytes)),
                    _ => Source::Bytes(gzip.damage(body)),
                };
                length = source.len();
                source
            }
            _ => Source::Bytes(body),
        };
        let abandoned = matches!(effect, Effect::Abandon(_));
        Ok(Self { status: Some(parts.status.as_u16()), head: head(&parts, length), source, abandoned, ending })
    }

    fn unanswered(ending: Ending) -> Self {
        Self { status: None, head: Vec::new(), source: Source::Bytes(Vec::new()), abandoned: false, ending }
    }

    fn endless(flood: Flood) -> Self {
        let head = flood.head().as_bytes().to_vec();
        Self { status: Some(200), head, source: Source::Flood(flood), abandoned: false, ending: Ending::Close }
    }

    /// Bytes of body that are going to be sent, if the client takes them all; of an endless one, none are known.
    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    /// Sends everything and ends the connection.
    pub(crate) async fn play(self, mut stream: TcpStream) {
        // A client that goes away in the middle is the client's business.
        if self.say(&mut stream).await.is_err() {
            return;
        }
        if self.abandoned {
            // Nothing but the next request or the client's end of the connection gets past this.
            let _ = stream.read(&mut vec![0; 64 << 10]).await;
        }
        match self.ending {
            Ending::Close => {
                let _ = stream.shutdown().await;
            }
            Ending::Reset => {
                let _ = stream.set_zero_linger();
            }
            Ending::Silence(time) => {
                let _ = tokio::time::timeout(time, io::copy(&mut stream, &mut io::sink())).await;
            }
        }
    }

    async fn say(&self, stream: &mut TcpStream) -> io::Result<()> {
        match &self.source {
            Source::Bytes(body) => {
                let mut all = self.head.clone();
                all.extend_from_slice(body);
                stream.write_all(&all).await
            }
            Source::Pieces { body, bytes, every } => {
                stream.write_all(&self.head).await?;
                for piece in body.chunks(*bytes) {
                    stream.write_all(piece).await?;
                    tokio::time::sleep(*every).await;
                }
                Ok(())
            }
            Source::Flood(flood) => {
                stream.write_all(&self.head).await?;
                let mut number = 0;
                loop {
                    stream.write_all(flood.piece(number).as_bytes()).await?;
                    number += 1;
                }
            }
            Source::Bomb(bomb) => {
                stream.write_all(&self.head).await?;
                for piece in bomb.pieces() {
                    stream.write_all(piece).await?;
                }
                Ok(())
            }
        }
    }
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(body) | Self::Pieces { body, .. } => body.len() as u64,
            Self::Bomb(bomb) => bomb.len(),
            Self::Flood(_) => 0,
        }
    }
}

/// Status line and headers, with this length.
fn head(parts: &Parts, length: u64) -> Vec<u8> {
    let Parts { status, headers, .. } = parts;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\ncontent-length: {length}\r\n", status.as_str()).into_bytes();
    for (name, value) in headers {
        if ![CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(name) {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}
