//! What the clients do when the server is busy, broken, hostile or elsewhere.

use std::io::Write as _;
use std::time::Duration;

use emulator::{Body, Emulator, Rule};
use flate2::Compression;
use flate2::write::GzEncoder;
use keyholder::api::error::Phase;
use keyholder::api::settings::{Credentials, Settings, Version};
use keyholder::api::wire::{DecodeError, Refusal};
use keyholder::api::{Depth, Error, Fault, Page, read};
use keyholder::domain::id::{GroupId, KeyId};
use serde_json::json;

use crate::support::api::{emulator, reader, seams, settings};
use crate::support::raw::{Raw, ok};

const GROUPS: &str = "/um/groups";

/// Reads the groups under a fault; how many requests it took, and what came of it in words.
async fn groups_under(rule: Rule) -> (u64, Result<u32, Error>) {
    let emulator = emulator().await;
    emulator.fail(rule);
    let outcome = reader(&emulator).groups(Depth::One).await.map(|answer| answer.receipt.attempts);
    (emulator.counters().of("GET", GROUPS), outcome)
}

/// A passing fault: asked that often, and then read.
async fn check_passes(rule: Rule, requests: u32) {
    let case = format!("{rule:?}");
    let (sent, outcome) = groups_under(rule).await;
    assert_eq!(outcome.unwrap_or_else(|error| panic!("{}: {case}", error.fault)), requests, "{case}");
    assert_eq!(sent, u64::from(requests), "{case}");
}

/// A fault that stands, after that many requests.
async fn check_stands(rule: Rule, requests: u32, expected: &str) {
    let case = format!("{rule:?}");
    let (sent, outcome) = groups_under(rule).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.fault.to_string(), expected, "{case}");
    assert_eq!((error.attempts, sent), (requests, u64::from(requests)), "{case}");
    assert_eq!(error.operation.template, GROUPS);
}

fn groups(status: u16) -> Rule {
    Rule::on("GET", GROUPS).status(status)
}

#[tokio::test]
async fn what_passes_is_asked_again() {
    for status in [429, 500, 502, 503, 504] {
        check_passes(groups(status).times(2), 3).await;
    }
    check_passes(groups(502).body(Body::Html("<html>Bad Gateway</html>".into())).times(4), 5).await;
    check_passes(groups(200).body(Body::Html("<html>portal</html>".into())).times(1), 2).await;
    check_passes(groups(200).body(Body::Verbatim(r#"{"items":["#.into())).times(1), 2).await;
    check_passes(groups(200).body(Body::Empty).times(1), 2).await;
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_after_five_times() {
    check_stands(groups(500), 5, "the server is busy or broken (status 500)").await;
    check_stands(groups(429), 5, "the server is busy or broken (status 429)").await;
    check_stands(groups(200).body(Body::Html("<html>".into())), 5, "the answer is not JSON").await;
    check_stands(groups(200).body(Body::Verbatim("{".into())), 5, "the JSON is broken at line 1, column 1").await;
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_obeyed_within_reason() {
    check_passes(groups(429).header("retry-after", "0").times(1), 2).await;
    check_passes(groups(429).header("retry-after", "Mon, 01 Jan 2024 00:00:00 GMT").times(1), 2).await;
    check_passes(groups(503).header("retry-after", "Mon, 01 Jan 2024 00:00:00 GMT").times(1), 2).await;
    let too_long = "the server asks to wait 86400 s (status 429), longer than the 300 s allowed";
    check_stands(groups(429).header("retry-after", "86400"), 1, too_long).await;
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    check_stands(groups(401), 1, "credentials refused (401, code 315)").await;
    check_stands(groups(403), 1, "access refused (403, code 451)").await;
    check_stands(groups(404), 1, "not found").await;
    check_stands(groups(415).body(Body::Empty), 1, "refused with status 415").await;
    let twice = Body::Verbatim(r#"{"id":"a","id":"b"}"#.into());
    check_stands(groups(200).body(twice), 1, "an object names the same property twice").await;
}

#[tokio::test]
async fn an_error_keeps_nothing_of_a_body() {
    let body =
        json!({"httpStatus": 422, "messages": [{"errorCode": "CANARY in a code", "message": "CANARY"}], "x": "CANARY"});
    for rule in [groups(422).body(Body::Json(body)), groups(418).body(Body::Text("CANARY".into()))] {
        let error = groups_under(rule).await.1.unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.fault).contains("CANARY"));
    }
}

#[tokio::test]
async fn another_credential_is_forbidden_and_a_wrong_one_unauthorised() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator, Version::V6);
    settings.credentials = Credentials::Bearer(emulator.restricted_token().into());
    let error = read::Client::new(&settings, seams()).unwrap().groups(Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Forbidden { .. }), "{}", error.fault);
    settings.credentials = Credentials::Bearer("no such token".into());
    let error = read::Client::new(&settings, seams()).unwrap().groups(Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unauthorised { .. }), "{}", error.fault);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let emulator = emulator().await;
    let client = reader(&emulator);
    let error = client.group(&GroupId::from("00000000-0000-0000-0000-000000000000"), Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NotFound), "{}", error.fault);
    let error = client.resources_of_type("teapot", Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NotFound), "{}", error.fault);
    let user = emulator.cast().owner.as_ref().into();
    let error = client.user_s3key(&user, &KeyId::from("00"), Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::NotFound), "{}", error.fault);
}

#[tokio::test]
async fn an_id_that_would_leave_its_place_is_never_sent() {
    let emulator = emulator().await;
    let error = reader(&emulator).group(&GroupId::from(".."), Depth::Zero).await.unwrap_err();
    assert!(matches!(error.fault, Fault::UnusableId));
    assert_eq!((error.attempts, emulator.counters().total), (0, 0));
}

#[tokio::test]
async fn a_redirect_is_an_error_and_the_other_host_is_never_asked() {
    let elsewhere = Raw::answering(vec![ok("", b"{}")]).await;
    for status in [301, 302, 307, 308] {
        let rule = groups(status).header("location", &elsewhere.origin);
        check_stands(rule, 1, &format!("the server redirects (status {status})")).await;
    }
    assert_eq!(elsewhere.heads(), Vec::<String>::new());
}

/// A client of a server that says exactly this.
async fn raw(answers: Vec<Vec<u8>>) -> (Raw, read::Client) {
    let server = Raw::answering(answers).await;
    let base = format!("{}/cloudapi/v6", server.origin).parse().unwrap();
    let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
    let client = read::Client::new(&settings, seams()).unwrap();
    (server, client)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const LIST: &[u8] = br#"{"id":"groups","type":"collection","items":[]}"#;

#[tokio::test]
async fn a_broken_answer_is_asked_for_again() {
    let cut = ok("", LIST);
    let compressed = gzip(LIST);
    let broken = vec![
        Vec::new(),
        b"HTTP/1.1 200".to_vec(),
        cut[..cut.len() - 5].to_vec(),
        ok("content-encoding: gzip\r\n", &compressed[..compressed.len() - 6]),
        ok("content-encoding: gzip\r\n", &compressed),
    ];
    let requests = broken.len();
    let (server, client) = raw(broken).await;
    let answer = client.groups(Depth::One).await.unwrap();
    assert_eq!(answer.value.items.map(|items| items.len()), Some(0));
    assert_eq!((answer.receipt.attempts as usize, server.heads().len()), (requests, requests));
    assert_eq!(answer.receipt.bytes, LIST.len() as u64, "counted after decompression");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_for_ever_is_given_up() {
    let cut = ok("", LIST);
    let (_server, client) = raw(vec![cut[..cut.len() - 5].to_vec()]).await;
    let error = client.groups(Depth::One).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Truncated { .. }), "{}", error.fault);
    assert_eq!(error.attempts, 5);
}

/// An answer that is refused at the first sight, for that reason.
async fn check_refused(answer: Vec<u8>, expected: &str) {
    let (server, client) = raw(vec![answer]).await;
    let error = client.groups(Depth::One).await.unwrap_err();
    assert_eq!(error.fault.to_string(), expected);
    assert_eq!(server.heads().len(), 1, "{expected}");
}

#[tokio::test]
async fn more_than_the_limit_is_refused_however_small_it_came() {
    let bomb = gzip(&vec![b' '; 40 << 20]);
    assert!(bomb.len() < 1 << 20);
    check_refused(ok("content-encoding: gzip\r\n", &bomb), "the answer grows to more than 100 times what was sent")
        .await;
    check_refused(ok("", &vec![b' '; (32 << 20) + 1]), "the answer is larger than 32 MiB").await;
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let large = format!("x-filler: {}\r\n", "f".repeat(64 << 10));
    check_refused(ok(&large, LIST), "the headers of the answer are larger than 64 KiB").await;
    let (_server, client) = raw(vec![ok(&format!("x-filler: {}\r\n", "f".repeat(60 << 10)), LIST)]).await;
    client.groups(Depth::One).await.unwrap();
}

#[tokio::test]
async fn only_gzip_is_asked_for() {
    let (server, client) = raw(vec![ok("content-encoding: GZIP\r\n", &gzip(LIST))]).await;
    client.groups(Depth::One).await.unwrap();
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.contains("\r\naccept-encoding: gzip\r\n"), "{head}");
}

#[tokio::test]
async fn hostile_json_is_refused_at_once() {
    for (body, refusal) in [
        ("[".repeat(100_000), Refusal::Nested),
        (format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20)), Refusal::LongString),
        (r#"{"id":"\ud800"}"#.to_owned(), Refusal::Surrogate),
        ("[]".to_owned(), Refusal::NotAnObject),
        (r#"{"items":[{"id":7}]}"#.to_owned(), Refusal::Id),
    ] {
        let (server, client) = raw(vec![ok("", body.as_bytes())]).await;
        let error = client.groups(Depth::One).await.unwrap_err();
        assert!(
            matches!(error.fault, Fault::Decode(DecodeError::Refused(found)) if found == refusal),
            "{}",
            error.fault
        );
        assert_eq!(server.heads().len(), 1, "{refusal}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let gone = Raw::answering(vec![Vec::new()]).await;
    let base = format!("{}/cloudapi/v6", gone.origin).parse().unwrap();
    drop(gone);
    tokio::task::yield_now().await;
    let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
    let error = read::Client::new(&settings, seams()).unwrap().service().await.unwrap_err();
    assert!(matches!(error.fault, Fault::Unreachable { .. }), "{}", error.fault);
    assert_eq!(error.attempts, 5);
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_given_up() {
    let emulator = Emulator::builder().latency(Duration::from_mins(10)).start().await.unwrap();
    let mut settings = settings(&emulator, Version::V6);
    settings.first_byte_timeout = Duration::from_millis(20);
    settings.attempts = 2;
    let error = read::Client::new(&settings, seams()).unwrap().service().await.unwrap_err();
    assert!(matches!(error.fault, Fault::Timeout(Phase::FirstByte)), "{}", error.fault);
    assert_eq!(error.attempts, 2);
    settings.first_byte_timeout = Duration::from_mins(10);
    settings.request_timeout = Duration::from_millis(20);
    let error = read::Client::new(&settings, seams()).unwrap().service().await.unwrap_err();
    assert!(matches!(error.fault, Fault::Timeout(Phase::Whole)), "{}", error.fault);
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way_and_connections_are_kept() {
    let emulator = Emulator::builder().latency(Duration::from_millis(10)).start().await.unwrap();
    let mut settings = settings(&emulator, Version::V6);
    settings.concurrency = 3;
    let client = read::Client::new(&settings, seams()).unwrap();
    let requests = (0..30).map(|offset| {
        let client = client.clone();
        tokio::spawn(async move { client.users(Page { offset, limit: 1 }, Depth::Zero).await.unwrap() })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    let counters = emulator.counters();
    assert_eq!((counters.total, counters.peak_concurrency, counters.connections), (30, 3, 3));
}
