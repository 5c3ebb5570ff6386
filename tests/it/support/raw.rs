//! A server on loopback that says exactly these bytes, for answers no proper server gives.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One connection after the other gets the next answer; the last answer repeats.
pub(crate) struct Raw {
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Raw {
    /// Starts to listen.
    pub(crate) async fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            let mut next = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers[next.min(answers.len() - 1)].clone();
                next += 1;
                if let Some(head) = serve(stream, &answer).await {
                    seen.lock().unwrap().push(head);
                }
            }
        });
        Self { origin, heads, task }
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request without a body, answers, and closes. `None` if the client went away.
async fn serve(mut stream: TcpStream, answer: &[u8]) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    // A client that refuses a large answer closes early, which is what some tests want to see.
    if stream.write_all(answer).await.is_ok() {
        stream.shutdown().await.ok();
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// An answer with status 200, a length that is right, and more headers.
pub(crate) fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}
