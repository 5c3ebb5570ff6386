//! Sinks over HTTP against real servers on loopback: what each answer means, which targets are refused, and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use keyholder::sinks::heartbeat::{self, Heartbeat};
use keyholder::sinks::target::{Addresses, Lookup, Network, TargetPolicy};
use keyholder::sinks::{DeliveryError, DeliveryFailure, Receipt, Settings, SettingsError, Sink, webhook};

use crate::api_tls::{acceptor, authority, leaf};
use crate::support::alert::{HOSTILE, digest, key_added, now};
use crate::support::receiver::{Receiver, response};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const LOOPBACK: TargetPolicy = TargetPolicy { allow_loopback: true, allow_link_local: false };

/// A webhook with that URL.
fn webhook(url: &str, targets: TargetPolicy, network: &Network) -> Result<Sink, SettingsError> {
    let settings = webhook::Settings { url: url.into(), keys: vec![KEY.into()], targets, authorities: Vec::new() };
    Sink::new("soc", Settings::Webhook(settings), network)
}

/// Delivers an alert to a receiver that gives that answer.
async fn deliver_to(answer: &str) -> Result<Receipt, DeliveryError> {
    let receiver = Receiver::plain(&[answer]).await;
    let url = format!("http://127.0.0.1:{}/hook", receiver.port);
    let sink = webhook(&url, LOOPBACK, &Network::system()).unwrap();
    let outcome = sink.deliver(&key_added("x"), now()).await;
    assert_eq!(receiver.received().len(), 1, "a sink sends once");
    outcome
}

#[tokio::test]
async fn a_webhook_is_signed_json() {
    let receiver = Receiver::plain(&["204 No Content"]).await;
    let url = format!("http://127.0.0.1:{}/hook?x=1", receiver.port);
    let sink = webhook(&url, LOOPBACK, &Network::system()).unwrap();
    let message = key_added(HOSTILE);
    let receipt = sink.deliver(&message, now()).await.unwrap();
    assert_eq!((sink.name(), sink.kind(), receipt.detail.as_str()), ("soc", "webhook", "127.0.0.1 answers HTTP 204"));
    let request = receiver.received().remove(0);
    assert!(request.head.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("webhook-id"), Some(message.id.as_str()));
    assert_eq!(request.header("webhook-timestamp"), Some("1795402810"));
    assert!(request.header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")));
    assert_eq!(request.json(), serde_json::to_value(message.v1()).unwrap());
    assert_eq!(request.json()["subject"]["name"], HOSTILE);
}

#[tokio::test]
async fn a_large_digest_says_what_it_leaves_out() {
    let receiver = Receiver::plain(&["200 OK"]).await;
    let sink = webhook(&format!("http://127.0.0.1:{}/", receiver.port), LOOPBACK, &Network::system()).unwrap();
    sink.deliver(&digest(webhook::MAX_ITEMS + 7, "x"), now()).await.unwrap();
    assert_eq!(receiver.received()[0].json()["items_left_out"], 7);
}

#[tokio::test]
async fn a_success_is_any_2xx() {
    for answer in ["200 OK", "202 Accepted", "204 No Content"] {
        assert!(deliver_to(answer).await.is_ok(), "{answer}");
    }
}

#[tokio::test]
async fn a_permanent_refusal_is_rejected() {
    for answer in [
        "301 Moved Permanently\r\nlocation: http://127.0.0.1:1/",
        "304 Not Modified",
        "400 Bad Request",
        "403 Forbidden",
    ] {
        let outcome = deliver_to(answer).await;
        assert!(matches!(outcome, Err(DeliveryError::Rejected { .. })), "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_named_so() {
    let error = deliver_to("410 Gone").await.unwrap_err();
    assert!(matches!(error, DeliveryError::Gone { .. }), "{error:?}");
    assert_eq!(error.to_string(), "127.0.0.1 answers HTTP 410");
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    let answers = [
        ("408 Request Timeout", None),
        ("425 Too Early", None),
        ("429 Too Many Requests\r\nretry-after: 17", Some(17)),
        ("500 Internal Server Error", None),
        ("503 Service Unavailable\r\nretry-after: Mon, 23 Nov 2026 03:01:10 GMT", Some(60)),
    ];
    for (answer, seconds) in answers {
        let outcome = deliver_to(answer).await;
        let Err(DeliveryError::Retry { after, .. }) = &outcome else { panic!("{answer}: {outcome:?}") };
        assert_eq!(*after, seconds.map(Duration::from_secs), "{answer}");
    }
}

#[tokio::test]
async fn a_silent_receiver_ends_in_a_time_out() {
    let receiver = Receiver::answering(None, vec![String::new()]).await;
    let network = Network { delivery_timeout: Duration::from_millis(50), ..Network::system() };
    let sink = webhook(&format!("http://127.0.0.1:{}/", receiver.port), LOOPBACK, &network).unwrap();
    let error = sink.deliver(&key_added("x"), now()).await.unwrap_err();
    let DeliveryError::Retry { reason, after: None } = &error else { panic!("{error:?}") };
    assert!(matches!(**reason, DeliveryFailure::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_port_is_tried_again_without_the_url() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let sink = webhook(&format!("http://127.0.0.1:{port}/SECRET?SECRET"), LOOPBACK, &Network::system()).unwrap();
    let error = sink.deliver(&key_added("x"), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
    let summary = error.summary();
    assert!(summary.starts_with("cannot connect to 127.0.0.1: ") && summary.contains("refused"), "{summary}");
    assert!(!format!("{summary}{error:?}{sink:?}").contains("SECRET"), "{error:?}");
}

#[track_caller]
fn check_refused(url: &str, targets: TargetPolicy, expected: &str) {
    let error = webhook(url, targets, &Network::system()).unwrap_err();
    assert_eq!(error.to_string(), expected, "{url}");
    assert!(!format!("{error:?}").contains("SECRET"), "{error:?}");
}

#[test]
fn a_target_that_is_not_allowed_is_refused_before_sending() {
    let strict = TargetPolicy::default();
    check_refused("not a URL SECRET", strict, "the URL of the target is not valid");
    check_refused("ftp://example.com/SECRET", strict, "the target example.com has the scheme ftp; it must be https");
    let plain =
        "the target example.com is not encrypted; only this machine may be sent to that way, where loopback is allowed";
    check_refused("http://example.com/SECRET", strict, plain);
    check_refused(
        "https://u:SECRET@example.com/",
        strict,
        "the target example.com must not hold a user name or password",
    );
    let forbidden = |host: &str, address: &str, class: &str| {
        format!("the target {host} is {address}, {class}, which is not allowed")
    };
    check_refused("https://127.0.0.1/", strict, &forbidden("127.0.0.1", "127.0.0.1", "a loopback address"));
    // Other spellings of the same address.
    check_refused("https://0x7f000001/", strict, &forbidden("127.0.0.1", "127.0.0.1", "a loopback address"));
    check_refused(
        "https://[::ffff:127.0.0.1]/",
        strict,
        &forbidden("::ffff:127.0.0.1", "::ffff:127.0.0.1", "a loopback address"),
    );
    let metadata = forbidden("169.254.169.254", "169.254.169.254", "the address of a metadata service");
    check_refused("https://169.254.169.254/latest/", LOOPBACK, &metadata);
    let link = TargetPolicy { allow_loopback: false, allow_link_local: true };
    assert!(webhook("https://169.254.169.254/", link, &Network::system()).is_ok());
    let multicast = forbidden("224.0.0.1", "224.0.0.1", "a multicast, broadcast or reserved address");
    check_refused("https://224.0.0.1/", link, &multicast);
    check_refused("http://192.0.2.1/", LOOPBACK, &plain.replace("example.com", "192.0.2.1"));
}

/// Gives every name the same addresses.
struct Always(Vec<SocketAddr>);

impl Lookup for Always {
    fn lookup(&self, _: String, _: u16) -> Addresses {
        let found: io::Result<_> = Ok(self.0.clone());
        Box::pin(std::future::ready(found))
    }
}

fn resolving_to(addresses: &[&str]) -> Network {
    let addresses = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
    Network { lookup: Arc::new(Always(addresses)), ..Network::system() }
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_not_called() {
    for address in ["169.254.169.254", "127.0.0.1", "::1", "fd00:ec2::254", "fe80::1", "0.0.0.0", "64:ff9b::7f00:1"] {
        let sink = webhook("https://hooks.example.com/", TargetPolicy::default(), &resolving_to(&[address])).unwrap();
        let error = sink.deliver(&key_added("x"), now()).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
        let expected = format!("the target hooks.example.com is {address}, ");
        assert!(error.summary().contains(&expected), "{}", error.summary());
    }
}

#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_checked() {
    let receiver = Receiver::plain(&["200 OK"]).await;
    // The port is that of the URL.
    let network = resolving_to(&["169.254.169.254", "127.0.0.1"]);
    let sink = webhook(&format!("http://receiver.test:{}/", receiver.port), LOOPBACK, &network).unwrap();
    sink.deliver(&key_added("x"), now()).await.unwrap();
    assert_eq!(receiver.received()[0].header("host"), Some(format!("receiver.test:{}", receiver.port).as_str()));
}

/// Delivers over TLS to `localhost`, whose certificate is for that host.
async fn deliver_with_certificate(host: &str, is_expired: bool, is_trusted: bool) -> Result<Receipt, DeliveryError> {
    let authority = authority();
    let leaf = leaf(&authority, host, is_expired);
    let receiver = Receiver::answering(Some(acceptor(&leaf, &[], &[])), vec![response("200 OK")]).await;
    let settings = webhook::Settings {
        url: format!("https://localhost:{}/SECRET", receiver.port).into(),
        keys: vec![KEY.into()],
        targets: LOOPBACK,
        authorities: if is_trusted { vec![authority.der().to_vec()] } else { Vec::new() },
    };
    let sink = Sink::new("soc", Settings::Webhook(settings), &Network::system()).unwrap();
    sink.deliver(&key_added("x"), now()).await
}

#[track_caller]
fn check_certificate(outcome: Result<Receipt, DeliveryError>, reason: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("the certificate of localhost is not accepted: {reason}"));
    assert!(error.reason().hint().is_some());
}

#[tokio::test]
async fn a_wrong_certificate_is_named_with_its_reason() {
    deliver_with_certificate("localhost", false, true).await.unwrap();
    check_certificate(deliver_with_certificate("localhost", false, false).await, "its issuer is not trusted");
    check_certificate(deliver_with_certificate("localhost", true, true).await, "it has expired");
    let other_name = deliver_with_certificate("example.com", false, true).await;
    check_certificate(other_name, "it is not valid for this host name");
}

#[tokio::test]
async fn a_heartbeat_is_a_get_under_the_same_rules() {
    let receiver =
        Receiver::plain(&["200 OK", "301 Moved Permanently\r\nlocation: /x", "500 Internal Server Error"]).await;
    let settings = |targets| heartbeat::Settings {
        url: format!("http://127.0.0.1:{}/ping/SECRET", receiver.port).into(),
        targets,
        authorities: Vec::new(),
    };
    assert!(Heartbeat::new(&settings(TargetPolicy::default()), &Network::system()).is_err());
    let heartbeat = Heartbeat::new(&settings(LOOPBACK), &Network::system()).unwrap();
    heartbeat.ping(now()).await.unwrap();
    assert!(matches!(heartbeat.ping(now()).await, Err(DeliveryError::Rejected { .. })));
    assert!(matches!(heartbeat.ping(now()).await, Err(DeliveryError::Retry { .. })));
    let request = receiver.received().remove(0);
    assert!(request.head.starts_with("GET /ping/SECRET HTTP/1.1\r\n") && request.body.is_empty(), "{}", request.head);
}
