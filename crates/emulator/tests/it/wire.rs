//! A client that sees bytes: what came over a connection, and how the connection ended.

use std::time::Duration;

use keyholder_emulator::{Emulator, Version};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a connection is watched that has no reason to say anything any more.
const QUIET: Duration = Duration::from_millis(60);

/// Longer than any answer takes that is going to come, however busy the machine is.
const MAX_DURATION: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
    /// Nothing came for a while, and it is still there.
    Open,
}

/// A connection that stays open as long as the server likes.
pub(crate) struct Wire {
    stream: TcpStream,
    host: String,
    authorization: String,
}

/// What came, cut at the end of the head.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Heard {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("nothing")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What `Content-Length` claims.
    #[track_caller]
    pub(crate) fn length(&self) -> usize {
        self.header("content-length").unwrap().parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Wire {
    pub(crate) async fn to(emulator: &Emulator) -> Self {
        let host = emulator.origin().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.unwrap();
        Self { stream, host, authorization: format!("Bearer {}", emulator.token()) }
    }

    /// Asks on this connection; `path` is below v6.
    pub(crate) async fn ask(&mut self, path: &str) {
        let request = format!(
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
            Version::V6.prefix(),
            self.host,
            self.authorization
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// Everything that comes: until the connection ends, or stays quiet behind an answer that is whole.
    pub(crate) async fn hear(&mut self) -> Heard {
        let mut bytes = Vec::new();
        let end = loop {
            let patience = if is_whole(&bytes) { QUIET } else { MAX_DURATION };
            match tokio::time::timeout(patience, self.stream.read_buf(&mut bytes)).await {
                Err(_) => break End::Open,
                Ok(Ok(0)) => break End::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                    break End::Reset;
                }
            }
        };
        let head = head(&bytes).unwrap_or(0);
        let body = bytes.split_off(head);
        Heard { head: String::from_utf8(bytes).unwrap(), body, end }
    }

    /// Head and first byte of the body.
    pub(crate) async fn hear_one_byte(&mut self) -> (String, u8) {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(self.stream.read_u8().await.unwrap());
        }
        (String::from_utf8(bytes).unwrap(), self.stream.read_u8().await.unwrap())
    }

    /// Expects that the connection is there and says nothing.
    #[track_caller]
    pub(crate) fn stays_quiet(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let mut byte = [0];
            let heard = tokio::time::timeout(QUIET, self.stream.read(&mut byte)).await;
            assert!(heard.is_err(), "{heard:?} {byte:?} at {caller}");
        }
    }

    /// Whatever comes first; nothing where the connection ends instead.
    pub(crate) async fn first_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 << 10);
        let _ = self.stream.read_buf(&mut bytes).await;
        bytes
    }
}

/// Where the head ends.
fn head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}

/// Whether the answer has as many bytes as it says; what comes behind it may still come.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(at) = head(bytes) else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    bytes.len() - at >= length.unwrap_or(0)
}

/// Asks once on a connection of its own.
pub(crate) async fn hear(emulator: &Emulator, path: &str) -> Heard {
    let mut wire = Wire::to(emulator).await;
    wire.ask(path).await;
    wire.hear().await
}
