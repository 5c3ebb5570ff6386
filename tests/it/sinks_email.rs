//! E-mail against a mail server on loopback: STARTTLS, TLS, logins, refusals and certificates.

use keyholder::sinks::email::{self, Login, Security};
use keyholder::sinks::target::{Network, TargetPolicy};
use keyholder::sinks::{DeliveryError, DeliveryFailure, Receipt, Settings, SettingsError, Sink};
use rcgen::{CertifiedIssuer, KeyPair};

use crate::api_tls::{acceptor, authority, leaf};
use crate::support::alert::{HOSTILE, key_added, now};
use crate::support::smtp::{Encryption, MailServer};

const ACCEPTED: &str = "250 2.1.5 accepted";

fn settings(port: u16, security: Security, authorities: Vec<Vec<u8>>) -> email::Settings {
    email::Settings {
        host: "localhost".to_owned(),
        port,
        security,
        login: None,
        from: "keyholder <audit@example.com>".to_owned(),
        to: vec!["soc@example.com".to_owned()],
        attachments: false,
        max_attachment_bytes: email::DEFAULT_MAX_ATTACHMENT_BYTES,
        targets: TargetPolicy { allow_loopback: true, allow_link_local: false },
        authorities,
    }
}

fn sink(settings: email::Settings) -> Result<Sink, SettingsError> {
    Sink::new("mail", Settings::Email(settings), &Network::system())
}

async fn deliver(settings: email::Settings) -> Result<Receipt, DeliveryError> {
    sink(settings).unwrap().deliver(&key_added(HOSTILE), now()).await
}

fn der(authority: &CertifiedIssuer<'static, KeyPair>) -> Vec<Vec<u8>> {
    vec![authority.der().to_vec()]
}

/// A server with STARTTLS and a certificate for `localhost`, and the authority behind it.
async fn with_starttls(recipient_reply: &'static str) -> (MailServer, Vec<Vec<u8>>) {
    let authority = authority();
    let acceptor = acceptor(&leaf(&authority, "localhost", false), &[], &[]);
    (MailServer::replying(Encryption::StartTls(acceptor), recipient_reply).await, der(&authority))
}

#[tokio::test]
async fn starttls_comes_before_anything_else() {
    let (server, authorities) = with_starttls(ACCEPTED).await;
    let receipt = deliver(settings(server.port, Security::StartTls, authorities)).await.unwrap();
    assert_eq!(receipt.detail, "localhost answers SMTP 250: 2.0.0 queued as 42");
    let commands = server.commands();
    let words: Vec<&str> = commands.iter().map(|command| command.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(words, ["EHLO", "STARTTLS", "*EHLO", "*MAIL", "*RCPT", "*DATA", "*QUIT"]);
    let mail = server.mails().remove(0);
    assert!(mail.contains("multipart/alternative") && mail.contains("text/html"), "{mail}");
    assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "{mail}");
}

#[tokio::test]
async fn tls_from_the_first_byte_carries_a_login() {
    let authority = authority();
    let acceptor = acceptor(&leaf(&authority, "localhost", false), &[], &[]);
    let server = MailServer::replying(Encryption::Tls(acceptor), ACCEPTED).await;
    let with_password = |password: &str| email::Settings {
        login: Some(Login { username: "user".to_owned(), password: password.into() }),
        ..settings(server.port, Security::Tls, der(&authority))
    };
    deliver(with_password("right")).await.unwrap();
    assert!(server.commands().iter().all(|command| command.starts_with('*')), "{:?}", server.commands());
    let error = deliver(with_password("wrong")).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "a wrong password can be mended: {error:?}");
    assert_eq!(error.to_string(), "localhost answers SMTP 535: 5.7.8 wrong password");
    assert!(error.reason().hint().is_some());
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let server = MailServer::replying(Encryption::None, ACCEPTED).await;
    let error = deliver(settings(server.port, Security::StartTls, Vec::new())).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
    assert!(error.summary().contains("STARTTLS is not supported"), "{}", error.summary());
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_reply_decides_whether_it_is_tried_again() {
    let (server, authorities) = with_starttls("550 5.1.1 no such user \u{1b}[2J").await;
    let error = deliver(settings(server.port, Security::StartTls, authorities)).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Rejected { .. }), "{error:?}");
    assert_eq!(error.to_string(), "localhost answers SMTP 550: 5.1.1 no such user ⟨U+001B⟩[2J");
    let (server, authorities) = with_starttls("451 4.7.1 greylisted").await;
    let error = deliver(settings(server.port, Security::StartTls, authorities)).await.unwrap_err();
    let DeliveryError::Retry { reason, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**reason, DeliveryFailure::Smtp { code: 451, .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_recipient_keeps_the_mail_from_no_other() {
    let (server, authorities) = with_starttls(ACCEPTED).await;
    let to = ["gone@example.com", "soc@example.com"].map(str::to_owned).to_vec();
    let receipt =
        deliver(email::Settings { to, ..settings(server.port, Security::StartTls, authorities) }).await.unwrap();
    let refused = "refused recipients: gone@example.com (SMTP 550: 5.1.1 no such user)";
    assert_eq!(receipt.detail, format!("localhost answers SMTP 250: 2.0.0 queued as 42; {refused}"));
    assert_eq!(server.mails().len(), 1);
}

/// Delivers to a server whose certificate is for that host.
async fn deliver_with_certificate(host: &str, is_expired: bool, is_trusted: bool, security: Security) -> DeliveryError {
    let authority = authority();
    let acceptor = acceptor(&leaf(&authority, host, is_expired), &[], &[]);
    let encryption = if security == Security::Tls { Encryption::Tls(acceptor) } else { Encryption::StartTls(acceptor) };
    let server = MailServer::replying(encryption, ACCEPTED).await;
    let authorities = if is_trusted { der(&authority) } else { Vec::new() };
    let error = deliver(settings(server.port, security, authorities)).await.unwrap_err();
    assert!(!server.commands().iter().any(|command| command.starts_with('*')), "{:?}", server.commands());
    error
}

#[tokio::test]
async fn a_wrong_certificate_is_named_with_its_reason() {
    for security in [Security::StartTls, Security::Tls] {
        for (host, is_expired, is_trusted, reason) in [
            ("localhost", false, false, "its issuer is not trusted"),
            ("localhost", true, true, "it has expired"),
            ("example.com", false, true, "it is not valid for this host name"),
        ] {
            let error = deliver_with_certificate(host, is_expired, is_trusted, security).await;
            assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
            assert_eq!(error.to_string(), format!("the certificate of localhost is not accepted: {reason}"));
        }
    }
}

#[tokio::test]
async fn mail_without_encryption_stays_on_this_machine() {
    let server = MailServer::replying(Encryption::None, ACCEPTED).await;
    deliver(settings(server.port, Security::Plain, Vec::new())).await.unwrap();
    assert_eq!(server.mails().len(), 1);
    let host = "192.0.2.1".to_owned();
    let error = sink(email::Settings { host, ..settings(25, Security::Plain, Vec::new()) }).unwrap_err();
    assert!(error.to_string().contains("192.0.2.1 is not encrypted"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let refused = |settings| sink(settings).unwrap_err().to_string();
    let base = || settings(25, Security::StartTls, Vec::new());
    assert_eq!(refused(email::Settings { to: Vec::new(), ..base() }), "recipients must be 1 to 50");
    let from = "a\r\nBcc: b@example.com".to_owned();
    assert_eq!(
        refused(email::Settings { from, ..base() }),
        "\"a\\r\\nBcc: b@example.com\" is not an e-mail address (from)"
    );
    let error = refused(email::Settings { host: "169.254.169.254".to_owned(), ..base() });
    assert!(error.contains("metadata service"), "{error}");
}
