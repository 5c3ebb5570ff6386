//! Receivers of alerts on loopback, for demonstrations: a webhook and a mail server that keep what arrives.
//!
//! Neither checks anything: signatures and encryption are for receivers that guard something.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes of one mail; a longer one is cut.
const MAX_MAIL_BYTES: usize = 8 * 1024 * 1024;

/// What arrived, in order.
type Kept<T> = Arc<Mutex<Vec<T>>>;

/// A webhook and a mail server that are open as long as this lives.
#[derive(Debug)]
pub struct Inbox {
    webhook_port: u16,
    mail_port: u16,
    posts: Kept<Bytes>,
    mails: Kept<String>,
    tasks: [JoinHandle<()>; 2],
}

impl Inbox {
    /// Listens on free ports of 127.0.0.1.
    pub async fn open() -> Result<Self, io::Error> {
        let (webhook, mail) = (listener().await?, listener().await?);
        let (webhook_port, mail_port) = (webhook.local_addr()?.port(), mail.local_addr()?.port());
        let (posts, mails) = (Kept::default(), Kept::default());
        let tasks = [
            tokio::spawn(receive_posts(webhook, Arc::clone(&posts))),
            tokio::spawn(receive_mails(mail, Arc::clone(&mails))),
        ];
        Ok(Self { webhook_port, mail_port, posts, mails, tasks })
    }

    /// Where to post.
    pub fn webhook_url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.webhook_port)
    }

    /// The port of the mail server on 127.0.0.1.
    pub fn mail_port(&self) -> u16 {
        self.mail_port
    }

    /// The bodies that were posted, in order.
    pub fn posts(&self) -> Vec<Bytes> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The mails that were sent, in order, with their headers.
    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listener() -> Result<TcpListener, io::Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

async fn receive_posts(listener: TcpListener, kept: Kept<Bytes>) {
    let keep = move |body: Bytes| {
        let kept = Arc::clone(&kept);
        async move {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
            StatusCode::NO_CONTENT
        }
    };
    let router = Router::new().route("/hook", post(keep));
    // It ends with the demonstration; what is lost then is nobody's.
    drop(axum::serve(listener, router).await);
}

async fn receive_mails(listener: TcpListener, kept: Kept<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client may go away at any point.
        drop(converse(stream, &kept).await);
    }
}

/// Enough of RFC 5321 for one client.
async fn converse(stream: TcpStream, kept: &Kept<String>) -> Result<(), io::Error> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 demonstration ESMTP\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.get(..4).map(str::to_ascii_uppercase).as_deref() {
            Some("EHLO") => "250-demonstration\r\n250 8BITMIME\r\n",
            Some("DATA") => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let mail = data(&mut stream).await?;
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
                "250 2.0.0 kept\r\n"
            }
            Some("QUIT") => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 2.0.0 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The lines of a mail up to the single dot.
async fn data(stream: &mut BufReader<TcpStream>) -> Result<String, io::Error> {
    let mut mail = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(mail);
        }
        let text = String::from_utf8_lossy(&line);
        if mail.len() + text.len() <= MAX_MAIL_BYTES {
            mail.push_str(text.strip_prefix('.').unwrap_or(&text));
        }
    }
}
