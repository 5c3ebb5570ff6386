//! Syslog: RFC 5424 over UDP (RFC 5426), over TCP with octet counting (RFC 6587) and over TLS (RFC 5425).
//!
//! A digest is one message and then one per item, so that a collector can filter. Syslog has no acknowledgement: over TCP and
//! TLS a delivery counts as done once the server has closed its side, or has not complained for a moment.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::connect;
use super::failure::DeliveryError;
use super::message::{Message, Thing};
use super::rows::{Extent, fitting};
use super::target::{Network, Rules, TargetPolicy};
use super::tls::{Authorities, client_config};
use super::{Receipt, SettingsError};
use crate::domain::severity::Severity;
use crate::domain::time::to_seconds;
use crate::domain::untrusted::{is_hidden, visible_within};

/// Facility `local0`, unless configured otherwise.
pub const DEFAULT_FACILITY: u8 = 16;

/// The enterprise number that RFC 5612 reserves for documentation, unless configured otherwise.
pub const DEFAULT_ENTERPRISE_NUMBER: u32 = 32_473;

/// Items of a digest that get a message of their own.
pub const MAX_ITEMS: usize = 500;

/// The largest facility.
const MAX_FACILITY: u8 = 23;

/// Octets of one message over UDP, which every receiver should accept.
const MAX_UDP_BYTES: usize = 2048;

/// Octets of one message over TCP and TLS.
const MAX_STREAM_BYTES: usize = 8192;

/// How long a server that does not close its side may take to report that it lost the connection.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram per message; nothing is known of what becomes of it.
    Udp,
    /// Octet counting, in the clear.
    Tcp,
    /// Octet counting over TLS.
    Tls,
}

/// Where to send and how.
#[derive(Debug)]
pub struct Settings {
    /// The host.
    pub host: String,
    /// The port: 514 for UDP and TCP, 6514 for TLS by convention.
    pub port: u16,
    /// How messages travel.
    pub transport: Transport,
    /// 0 to 23.
    pub facility: u8,
    /// The private enterprise number behind `keyholder@` in the structured data.
    pub enterprise_number: u32,
    /// The host name in each message; `-` without one.
    pub hostname: Option<String>,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A syslog server that is ready to be sent to.
#[derive(Debug)]
pub(super) struct Syslog {
    settings: Settings,
    rules: Rules,
    tls: Option<Arc<ClientConfig>>,
}

impl Syslog {
    pub(super) fn new(settings: Settings) -> Result<Self, SettingsError> {
        if settings.facility > MAX_FACILITY {
            return Err(SettingsError::Range { setting: "facility", min: 0, max: u64::from(MAX_FACILITY) });
        }
        if let Some(hostname) = &settings.hostname
            && (hostname.is_empty() || hostname.len() > 255 || !hostname.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(SettingsError::Hostname { hostname: hostname.clone() });
        }
        // Syslog is plain in many networks; what travels is the choice of the operator, not a credential.
        let rules = Rules { policy: settings.targets, is_plain: false };
        rules.check_host(&settings.host)?;
        let tls = match settings.transport {
            Transport::Tls => Some(client_config(&settings.authorities, &[]).map_err(SettingsError::Tls)?),
            Transport::Udp | Transport::Tcp => None,
        };
        Ok(Self { settings, rules, tls: tls.map(Arc::new) })
    }

    pub(super) async fn deliver(&self, message: &Message, network: &Network) -> Result<Receipt, DeliveryError> {
        let host = self.settings.host.as_str();
        let messages = self.messages(message);
        let addresses = connect::resolve(network, self.rules, host, self.settings.port).await?;
        let broken = |error| DeliveryError::retry(connect::failure(host, error));
        match self.settings.transport {
            Transport::Udp => datagrams(&addresses, &messages).await.map_err(broken)?,
            Transport::Tcp => {
                let stream = connect::tcp(network, host, &addresses).await?;
                octets(stream, &messages).await.map_err(broken)?;
            }
            Transport::Tls => {
                let config = self.tls.clone().ok_or_else(|| broken(io::ErrorKind::Unsupported.into()))?;
                let stream = connect::tcp(network, host, &addresses).await?;
                let stream = connect::tls(network, host, config, stream).await?;
                octets(stream, &messages).await.map_err(broken)?;
            }
        }
        Ok(Receipt { detail: format!("{} syslog messages sent to {host}", messages.len()) })
    }

    /// The message itself and then its items.
    fn messages(&self, message: &Message) -> Vec<Vec<u8>> {
        let left_out = message.items.len().saturating_sub(MAX_ITEMS);
        let whole = std::iter::once((message, left_out));
        let items = message.items.iter().take(MAX_ITEMS).map(|item| (item, 0));
        whole.chain(items).map(|(message, left_out)| self.encode(message, left_out)).collect()
    }

    fn encode(&self, message: &Message, left_out: usize) -> Vec<u8> {
        let max = if self.settings.transport == Transport::Udp { MAX_UDP_BYTES } else { MAX_STREAM_BYTES };
        let render = |extent: Extent| Ok::<_, std::convert::Infallible>(self.render(message, left_out, extent).into());
        fitting(0, max, render).unwrap_or_default()
    }

    fn render(&self, message: &Message, left_out: usize, extent: Extent) -> String {
        let Settings { facility, enterprise_number, hostname, .. } = &self.settings;
        let priority = u16::from(*facility) * 8 + u16::from(severity(message.severity));
        let at = to_seconds(message.raised_at);
        let hostname = hostname.as_deref().unwrap_or("-");
        let id = message_id(&message.class);
        let mut line = format!("<{priority}>1 {at} {hostname} keyholder - {id} [keyholder@{enterprise_number}");
        for (name, value) in parameters(message) {
            let value = escaped(&visible_within(&value, extent.value_chars));
            write!(line, " {name}=\"{value}\"").expect("a String takes all text");
        }
        line.push_str("] \u{feff}");
        line.push_str(&text(message, left_out, extent.value_chars));
        line
    }
}

/// One datagram per message.
async fn datagrams(addresses: &[std::net::SocketAddr], messages: &[Vec<u8>]) -> io::Result<()> {
    let Some(address) = addresses.first() else { return Err(io::ErrorKind::NotFound.into()) };
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    for message in messages {
        socket.send(message).await?;
    }
    Ok(())
}

/// All messages, each with its length in front, and then the end of our side.
async fn octets(mut stream: impl AsyncRead + AsyncWrite + Unpin, messages: &[Vec<u8>]) -> io::Result<()> {
    let mut frames = Vec::new();
    for message in messages {
        frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
        frames.extend_from_slice(message);
    }
    stream.write_all(&frames).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 64];
    let closed = async {
        loop {
            match stream.read(&mut ignored).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // A server that ends the connection without the farewell of TLS has read everything before.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    timeout(CLOSE_WAIT, closed).await.unwrap_or(Ok(()))
}

/// The structured data, in the order in which it is written.
fn parameters(message: &Message) -> Vec<(&'static str, String)> {
    let mut found =
        vec![("id", message.id.clone()), ("class", message.class.clone()), ("severity", message.severity.to_string())];
    let mut push = |name, value: Option<String>| found.extend(value.map(|value| (name, value)));
    push("contract", message.contract.as_ref().map(|contract| contract.number.to_string()));
    push("contractName", message.contract.as_ref().and_then(|contract| contract.name.clone()));
    let thing = |thing: &Option<Thing>, part: fn(&Thing) -> Option<String>| thing.as_ref().and_then(part);
    push("subjectKind", thing(&message.subject, |thing| Some(thing.kind.clone())));
    push("subjectId", thing(&message.subject, |thing| Some(thing.id.clone())));
    push("subjectName", thing(&message.subject, |thing| thing.name.clone()));
    push("objectKind", thing(&message.object, |thing| Some(thing.kind.clone())));
    push("objectId", thing(&message.object, |thing| Some(thing.id.clone())));
    push("objectName", thing(&message.object, |thing| thing.name.clone()));
    push("attribute", message.attribute.clone());
    push("before", message.before.clone());
    push("after", message.after.clone());
    push("because", message.because.clone());
    push("actorId", message.actor.as_ref().and_then(|actor| actor.id.clone()));
    push("actorName", message.actor.as_ref().and_then(|actor| actor.name.clone()));
    push("actorSource", message.actor.as_ref().map(|actor| actor.source.clone()));
    push("fromSnapshot", message.seen.as_ref().and_then(|seen| seen.from).map(|from| from.to_string()));
    push("toSnapshot", message.seen.as_ref().map(|seen| seen.to.to_string()));
    push("stateRoot", message.seen.as_ref().map(|seen| seen.state_root.clone()));
    found
}

/// The text for people: the headline with the counts of a digest, a baseline or a run.
fn text(message: &Message, left_out: usize, max_chars: usize) -> String {
    let mut parts = vec![message.headline()];
    parts.extend(message.counts.iter().map(|(label, value)| format!("{label} {value}")));
    if left_out > 0 {
        parts.push(format!("{left_out} items without a message of their own"));
    }
    visible_within(&parts.join("; "), max_chars.saturating_mul(2))
}

/// The severity of RFC 5424.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info => 6,
    }
}

/// The class as MSGID: at most 32 printable ASCII characters.
fn message_id(class: &str) -> String {
    let id: String = class.chars().filter(char::is_ascii_graphic).take(32).collect();
    if id.is_empty() { "-".to_owned() } else { id }
}

/// A value of structured data: visible text in which `"`, `\` and `]` are escaped.
fn escaped(value: &str) -> String {
    debug_assert!(!value.contains(is_hidden), "values are made visible first");
    value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    fn settings(transport: Transport) -> Settings {
        Settings {
            host: "logs.example.com".to_owned(),
            port: 514,
            transport,
            facility: DEFAULT_FACILITY,
            enterprise_number: DEFAULT_ENTERPRISE_NUMBER,
            hostname: Some("audit-1".to_owned()),
            targets: TargetPolicy::default(),
            authorities: Vec::new(),
        }
    }

    fn messages(transport: Transport, message: &Message) -> Vec<String> {
        let encoded = Syslog::new(settings(transport)).unwrap().messages(message);
        encoded.into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
    }

    #[test]
    fn an_alert_is_one_message_with_structured_data() {
        let message = messages(Transport::Tcp, &key_added("Alice Miller")).remove(0);
        let head = "<131>1 2026-11-23T03:00:05Z audit-1 keyholder - key-added [keyholder@32473 id=\"abab";
        assert!(message.starts_with(head), "{message}");
        assert!(message.contains(" subjectName=\"Alice Miller\" objectKind=\"key\" "), "{message}");
        assert!(message.contains("\"] \u{feff}S3 key added: user Alice Miller, key "), "{message}");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let message = messages(Transport::Udp, &key_added(HOSTILE)).remove(0);
        assert!(message.contains(r#"subjectName="\"O'Neill\"⟨U+000D⟩⟨U+000A⟩Bcc"#), "{message}");
        assert!(message.contains(r"</script>\]\\ <!here>"), "{message}");
        assert!(!message.replace('\u{feff}', "").contains(is_hidden), "{message:?}");
    }

    #[test]
    fn a_digest_is_followed_by_its_items() {
        let found = messages(Transport::Tcp, &digest(3, "x"));
        assert_eq!(found.len(), 4);
        assert!(found[0].ends_with("\u{feff}3 changes; key-added 3"), "{}", found[0]);
        assert!(found[3].contains(&format!("id=\"{:064x}\"", 2)), "{}", found[3]);
        let found = messages(Transport::Tcp, &digest(MAX_ITEMS + 1, "x"));
        assert_eq!(found.len(), MAX_ITEMS + 1);
        assert!(found[0].ends_with("; 1 items without a message of their own"), "{}", found[0]);
    }

    #[test]
    fn a_long_name_is_shortened_to_the_size_of_a_datagram() {
        let mut message = key_added(&"\u{202e}".repeat(1000));
        message.because = Some("]".repeat(1000));
        for (transport, max) in [(Transport::Udp, MAX_UDP_BYTES), (Transport::Tcp, MAX_STREAM_BYTES)] {
            let found = messages(transport, &message).remove(0);
            assert!(found.len() <= max && found.contains("toSnapshot=\"42\""), "{} bytes: {found}", found.len());
        }
    }

    #[test]
    fn settings_that_break_the_header_are_refused() {
        let refused = |settings| Syslog::new(settings).unwrap_err().to_string();
        assert_eq!(refused(Settings { facility: 24, ..settings(Transport::Udp) }), "facility must be 0 to 23");
        let hostname = Some("a b".to_owned());
        let expected = "\"a b\" is not a host name for syslog: 1 to 255 printable ASCII characters without blanks";
        assert_eq!(refused(Settings { hostname, ..settings(Transport::Udp) }), expected);
        let error = refused(Settings { host: "169.254.169.254".to_owned(), ..settings(Transport::Udp) });
        assert!(error.contains("metadata service"), "{error}");
    }
}
