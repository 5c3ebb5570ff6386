//! Syslog against real sockets: datagrams, octet counting over TCP and TLS, and a parser of RFC 5424 as the judge.

use std::collections::BTreeMap;

use keyholder::sinks::message::Message;
use keyholder::sinks::syslog::{self, Transport};
use keyholder::sinks::target::{Network, TargetPolicy};
use keyholder::sinks::{DeliveryError, Receipt, Settings, SettingsError, Sink};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};

use crate::api_tls::{acceptor, authority, leaf};
use crate::support::alert::{HOSTILE, digest, key_added, now};

/// The parts of a message of RFC 5424.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    priority: u8,
    /// VERSION to MSGID.
    header: Vec<String>,
    sd_id: String,
    parameters: BTreeMap<String, String>,
    text: String,
}

/// Reads a message by the grammar of RFC 5424, section 6; panics where it is not one.
fn parse(message: &str) -> Parsed {
    let rest = message.strip_prefix('<').unwrap();
    let (priority, rest) = rest.split_once('>').unwrap();
    let mut fields = rest.splitn(7, ' ');
    let header: Vec<String> = fields.by_ref().take(6).map(str::to_owned).collect();
    assert!(
        header.iter().all(|field| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_graphic())),
        "{header:?}"
    );
    let rest = fields.next().unwrap().strip_prefix('[').unwrap();
    let (sd_id, mut rest) = rest.split_once(' ').unwrap();
    let mut parameters = BTreeMap::new();
    loop {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
        let (value, after) = parameter_value(value);
        assert!(parameters.insert(name.to_owned(), value).is_none(), "{name} is there twice");
        if let Some(text) = after.strip_prefix("] ") {
            let text = text.strip_prefix('\u{feff}').expect("a UTF-8 message begins with the byte order mark");
            return Parsed {
                priority: priority.parse().unwrap(),
                header,
                sd_id: sd_id.to_owned(),
                parameters,
                text: text.to_owned(),
            };
        }
        rest = after.strip_prefix(' ').unwrap();
    }
}

/// A value up to its quote, and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            ']' => panic!("] must be escaped: {text}"),
            '\\' => value.push(letters.next().unwrap().1),
            _ => value.push(letter),
        }
    }
    panic!("no end of the value: {text}");
}

fn sink(transport: Transport, port: u16, authorities: Vec<Vec<u8>>) -> Result<Sink, SettingsError> {
    let settings = syslog::Settings {
        host: "localhost".to_owned(),
        port,
        transport,
        facility: syslog::DEFAULT_FACILITY,
        enterprise_number: syslog::DEFAULT_ENTERPRISE_NUMBER,
        hostname: None,
        targets: TargetPolicy { allow_loopback: true, allow_link_local: false },
        authorities,
    };
    Sink::new("siem", Settings::Syslog(settings), &Network::system())
}

/// Reads frames of octet counting until the client ends its side.
async fn frames(mut stream: impl AsyncRead + Unpin) -> Vec<String> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let blank = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
        let (frame, after) = rest[blank + 1..].split_at(length);
        found.push(String::from_utf8(frame.to_vec()).unwrap());
        rest = after;
    }
    found
}

/// That a message is the alert of a key of a user with that name.
#[track_caller]
fn check_alert(message: &str, name: &str) {
    let parsed = parse(message);
    assert_eq!(parsed.priority, 16 * 8 + 3);
    assert_eq!(parsed.header, ["1", "2026-11-23T03:00:05Z", "-", "keyholder", "-", "key-added"]);
    assert_eq!(parsed.sd_id, "keyholder@32473");
    assert_eq!(parsed.parameters["id"], "ab".repeat(32));
    assert_eq!(parsed.parameters["subjectName"], name);
    assert!(parsed.text.starts_with(&format!("S3 key added: user {name}")), "{}", parsed.text);
}

#[tokio::test]
async fn a_datagram_is_one_message() {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let name = "\"A\" [b]\\ ü";
    sink(Transport::Udp, port, Vec::new()).unwrap().deliver(&key_added(name), now()).await.unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).await.unwrap();
    check_alert(std::str::from_utf8(&buffer[..length]).unwrap(), name);
}

/// Delivers over TCP to a socket that reads frames.
async fn over_tcp(message: &Message) -> Vec<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = tokio::spawn(async move { frames(listener.accept().await.unwrap().0).await });
    let receipt = sink(Transport::Tcp, port, Vec::new()).unwrap().deliver(message, now()).await.unwrap();
    let frames = reader.await.unwrap();
    assert_eq!(receipt.detail, format!("{} syslog messages sent to localhost", frames.len()));
    frames
}

#[tokio::test]
async fn octet_counting_keeps_hostile_names_in_one_frame() {
    let frames = over_tcp(&key_added(HOSTILE)).await;
    assert_eq!(frames.len(), 1);
    let parsed = parse(&frames[0]);
    let name = &parsed.parameters["subjectName"];
    assert!(name.starts_with("\"O'Neill\"⟨U+000D⟩⟨U+000A⟩Bcc") && name.contains("]\\ <!here>"), "{name}");
    assert!(!frames[0].contains(char::is_control), "{:?}", frames[0]);
}

#[tokio::test]
async fn a_digest_is_one_frame_per_item() {
    let frames = over_tcp(&digest(30, "x")).await;
    let classes: Vec<String> = frames.iter().map(|frame| parse(frame).parameters["class"].clone()).collect();
    assert_eq!((classes.len(), classes[0].as_str(), classes[30].as_str()), (31, "digest", "key-added"));
}

/// Delivers over TLS to `localhost`, with a certificate for that host.
async fn over_tls(host: &str, is_trusted: bool) -> (Result<Receipt, DeliveryError>, Option<Vec<String>>) {
    let authority = authority();
    let acceptor = acceptor(&leaf(&authority, host, false), &[], &[]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = tokio::spawn(async move {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.ok()?;
        Some(frames(stream).await)
    });
    let authorities = if is_trusted { vec![authority.der().to_vec()] } else { Vec::new() };
    let outcome = sink(Transport::Tls, port, authorities).unwrap().deliver(&key_added("x"), now()).await;
    (outcome, reader.await.unwrap())
}

#[tokio::test]
async fn tls_carries_the_same_frames() {
    let (outcome, frames) = over_tls("localhost", true).await;
    outcome.unwrap();
    check_alert(&frames.unwrap()[0], "x");
}

#[tokio::test]
async fn nothing_is_sent_to_a_wrong_certificate() {
    for (host, is_trusted, reason) in
        [("localhost", false, "its issuer is not trusted"), ("example.com", true, "it is not valid for this host name")]
    {
        let (outcome, frames) = over_tls(host, is_trusted).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the certificate of localhost is not accepted: {reason}"));
        assert_eq!(frames, None);
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_again() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // Closing with unread data resets the connection.
        stream.readable().await.unwrap();
        drop(stream);
    });
    let outcome = sink(Transport::Tcp, port, Vec::new()).unwrap().deliver(&digest(50, "x"), now()).await;
    server.await.unwrap();
    assert!(matches!(outcome, Err(DeliveryError::Retry { .. })), "{outcome:?}");
}

#[tokio::test]
async fn loopback_needs_permission() {
    let settings = syslog::Settings {
        host: "localhost".to_owned(),
        port: 9,
        transport: Transport::Udp,
        facility: 10,
        enterprise_number: 1,
        hostname: None,
        targets: TargetPolicy::default(),
        authorities: Vec::new(),
    };
    let sink = Sink::new("siem", Settings::Syslog(settings), &Network::system()).unwrap();
    let error = sink.deliver(&key_added("x"), now()).await.unwrap_err();
    assert!(error.to_string().contains("a loopback address, which is not allowed"), "{error}");
}
