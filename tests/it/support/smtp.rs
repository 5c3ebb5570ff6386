//! A mail server on loopback: enough of RFC 5321 for one client, with STARTTLS, TLS from the first byte, or neither.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How the server encrypts.
#[derive(Clone)]
pub(crate) enum Encryption {
    /// Not at all.
    None,
    /// After STARTTLS.
    StartTls(TlsAcceptor),
    /// From the first byte.
    Tls(TlsAcceptor),
}

/// A mail server that keeps commands and mails, and gives this reply to each recipient but `gone@…`, who is
/// refused.
pub(crate) struct MailServer {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    commands: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl MailServer {
    /// Starts to listen.
    pub(crate) async fn replying(encryption: Encryption, recipient_reply: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (commands, mails) = (Arc::<Mutex<_>>::default(), Arc::<Mutex<_>>::default());
        let session = Session { commands: Arc::clone(&commands), mails: Arc::clone(&mails), recipient_reply };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client may go away at any point, for instance because of the certificate.
                session.serve(stream, &encryption).await;
            }
        });
        Self { port, commands, mails, task }
    }

    /// The commands so far; those inside TLS have a `*` in front.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }

    /// The mails so far.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Session {
    commands: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
    recipient_reply: &'static str,
}

impl Session {
    async fn serve(&self, mut stream: TcpStream, encryption: &Encryption) -> Option<()> {
        match encryption {
            Encryption::None => self.converse(&mut stream, false, false, true).await.map(|_| ()),
            Encryption::Tls(acceptor) => {
                let mut stream = acceptor.accept(stream).await.ok()?;
                self.converse(&mut stream, true, false, true).await.map(|_| ())
            }
            Encryption::StartTls(acceptor) => {
                if self.converse(&mut stream, false, true, true).await? {
                    let mut stream = acceptor.accept(stream).await.ok()?;
                    self.converse(&mut stream, true, false, false).await?;
                }
                Some(())
            }
        }
    }

    /// Answers until the client leaves or asks for TLS (`true`).
    async fn converse<S>(&self, stream: &mut S, is_secure: bool, offers_tls: bool, greets: bool) -> Option<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if greets {
            say(stream, "220 mail.test ESMTP").await?;
        }
        loop {
            let line = line(stream).await?;
            self.commands.lock().unwrap().push(format!("{}{line}", if is_secure { "*" } else { "" }));
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match word.as_str() {
                "EHLO" if offers_tls => say(stream, "250-mail.test\r\n250 STARTTLS").await?,
                "EHLO" => say(stream, "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN").await?,
                "STARTTLS" => {
                    say(stream, "220 go ahead").await?;
                    return Some(true);
                }
                "AUTH" => {
                    // "\0user\0right" in base64; anything else is refused.
                    let is_right = line.ends_with("AHVzZXIAcmlnaHQ=");
                    say(stream, if is_right { "235 2.7.0 welcome" } else { "535 5.7.8 wrong password" }).await?;
                }
                "RCPT" if line.contains("gone@") => say(stream, "550 5.1.1 no such user").await?,
                "RCPT" => say(stream, self.recipient_reply).await?,
                "DATA" => {
                    say(stream, "354 go ahead").await?;
                    let mail = mail(stream).await?;
                    self.mails.lock().unwrap().push(mail);
                    say(stream, "250 2.0.0 queued as 42").await?;
                }
                "QUIT" => {
                    say(stream, "221 bye").await?;
                    return Some(false);
                }
                _ => say(stream, "250 2.0.0 fine").await?,
            }
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> Option<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

async fn until(stream: &mut (impl AsyncRead + Unpin), end: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(stream.read_u8().await.ok()?);
    }
    bytes.truncate(bytes.len() - end.len());
    Some(String::from_utf8(bytes).unwrap())
}

async fn line(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    until(stream, b"\r\n").await
}

async fn mail(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    until(stream, b"\r\n.\r\n").await
}
