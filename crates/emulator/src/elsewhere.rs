//! Another host: a second listener on loopback that nobody should ever talk to. It only counts who does.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The longest head of a request that is read.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Where redirects and links lead that a client must not follow.
#[derive(Debug)]
pub struct Elsewhere {
    origin: String,
    seen: Arc<Seen>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU64,
    requests: AtomicU64,
    credentials: AtomicU64,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Elsewhere {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(accept(listener, seen.clone())).abort_handle();
        Ok(Self { origin, seen, task })
    }

    /// `http://127.0.0.1:PORT`, another port than the emulator's.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Requests so far that brought an `Authorization` header.
    pub fn credentials(&self) -> u64 {
        self.seen.credentials.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    let seen = seen.clone();
                    connections.spawn(async move {
                        // Whoever strayed here may go away at any time.
                        let _ = serve(stream, &seen).await;
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Reads one request and answers it with an empty list, so that who followed the way here goes on.
async fn serve(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    seen.requests.fetch_add(1, Ordering::SeqCst);
    if String::from_utf8_lossy(&head).to_lowercase().contains("\r\nauthorization:") {
        seen.credentials.fetch_add(1, Ordering::SeqCst);
    }
    let body = r#"{"id":"elsewhere","type":"collection","items":[]}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
