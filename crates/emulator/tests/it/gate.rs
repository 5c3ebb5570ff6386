//! Credentials, rights, headers, the clock, faults and counters.

use std::time::Duration;

use base64::Engine as _;
use chrono::TimeZone as _;
use keyholder_emulator::{Body, Emulator, RateLimit, Restricted, Rule, StartError, Version};
use serde_json::json;

use crate::peer::{Answer, Peer};

fn basic(username: &str, password: &str) -> String {
    let pair = format!("{username}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[track_caller]
fn check_problem(answer: &Answer, status: u16, code: &str) {
    let (found, errors, _) = answer.problem();
    assert_eq!((found, errors.as_str()), (status, code), "{}", answer.text);
}

#[tokio::test]
async fn only_the_right_credentials_open() {
    let mut peer = Peer::new().await;
    let (username, password) = (peer.emulator.username().to_owned(), peer.emulator.password().to_owned());
    peer.authorization = basic(&username.to_uppercase(), &password);
    assert_eq!(peer.get("/um/users").await.status, 200);
    for wrong in ["", "Bearer ", "Bearer x", "Token x", "Basic x", "nothing", &basic(&username, "x")] {
        peer.authorization = wrong.to_owned();
        check_problem(&peer.get("/um/users").await, 401, "315");
    }
    assert_eq!(peer.send("GET", "/", "", "").await.json()["version"], "6.0");
    check_problem(&peer.send("GET", "/contracts", "", "").await, 401, "315");
}

#[tokio::test]
async fn a_password_is_not_enough_once_a_second_factor_is_demanded() {
    let mut peer = Peer::new().await;
    let auditor = peer.emulator.cast().auditor.clone();
    peer.emulator.edit(|world| world.set_force_sec_auth(&auditor, true)).unwrap();
    assert_eq!(peer.get("/um/users").await.status, 200);
    peer.authorization = basic(peer.emulator.username(), peer.emulator.password());
    check_problem(&peer.get("/um/users").await, 401, "315");
}

#[tokio::test]
async fn a_disabled_user_is_nobody() {
    let peer = Peer::new().await;
    let auditor = peer.emulator.cast().auditor.clone();
    peer.emulator.edit(|world| world.set_active(&auditor, false)).unwrap();
    check_problem(&peer.get("/um/users").await, 401, "315");
}

#[tokio::test]
async fn who_administers_nothing_sees_the_contract_and_themselves() {
    let mut peer = Peer::new().await;
    peer.authorization = format!("Bearer {}", peer.emulator.restricted_token());
    let own = peer.emulator.cast().restricted.clone();
    let other = peer.emulator.cast().owner.clone();
    for path in
        ["/um/users", "/um/groups", "/um/resources", &format!("/um/users/{other}"), &format!("/um/users/{own}/groups")]
    {
        check_problem(&peer.get(path).await, 403, "451");
    }
    check_problem(&peer.call("DELETE", &format!("/um/users/{own}"), None).await, 403, "451");
    for path in ["/contracts".to_owned(), format!("/um/users/{own}"), format!("/um/users/{own}/s3keys")] {
        assert_eq!(peer.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn shortened_lists_show_a_user_himself_and_his_groups() {
    let mut peer = Peer::new().await;
    let own = peer.emulator.cast().restricted.clone();
    let other = peer.emulator.cast().owner.clone();
    peer.emulator.set_restricted(Restricted::Shortened);
    peer.authorization = format!("Bearer {}", peer.emulator.issue_token(&own, "user", chrono::TimeDelta::hours(1)));
    let groups: Vec<String> = peer.emulator.read(|world| world.groups_of(&own).map(ToString::to_string).collect());
    let ids = |answer: &Answer| -> Vec<String> {
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&peer.get("/um/users").await), [own.to_string()]);
    let mut listed = ids(&peer.get("/um/groups").await);
    listed.sort();
    assert_eq!(listed, groups);
    assert!(!groups.is_empty(), "the user is in a group");
    for group in &groups {
        assert_eq!(ids(&peer.get(&format!("/um/groups/{group}/users")).await), [own.to_string()]);
    }
    for path in [format!("/um/users/{other}"), format!("/um/users/{other}/s3keys/none")] {
        check_problem(&peer.get(&path).await, 404, "309");
    }
    check_problem(&peer.call("DELETE", &format!("/um/users/{other}"), None).await, 403, "451");
}

#[tokio::test]
async fn successful_answers_announce_the_rate_limit_and_others_do_not() {
    let peer = Peer::new().await;
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-burst"];
    let found = async |method: &str, path: &str, body: Option<&str>| {
        let answer = peer.call(method, path, body).await;
        (answer.status, names.iter().filter(|name| answer.header(name).is_some()).count())
    };
    assert_eq!(found("GET", "/um/users", None).await, (200, 3));
    assert_eq!(found("POST", "/um/groups", Some(r#"{"properties":{"name":"x"}}"#)).await, (202, 3));
    assert_eq!(found("GET", "/um/users/none", None).await, (404, 0));
}

#[tokio::test]
async fn an_enforced_limit_answers_429_with_the_seconds_to_wait() {
    let limit = RateLimit { per_minute: 6, burst: 3 };
    let peer = Peer::of(Emulator::builder().rate_limit(limit)).await;
    for left in ["2", "1", "0"] {
        assert_eq!(peer.get("/um/groups").await.header("x-ratelimit-remaining"), Some(left));
    }
    let answer = peer.get("/um/groups").await;
    check_problem(&answer, 429, "429");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn the_clock_is_the_emulators_own() {
    let peer = Peer::new().await;
    peer.emulator.set_now(chrono::Utc.with_ymd_and_hms(2031, 12, 24, 23, 30, 0).unwrap());
    let date = peer.get("/um/groups").await.header("date").unwrap().to_owned();
    assert!(date.starts_with("Wed, 24 Dec 2031 23:3"), "{date}");
    let body = r#"{"properties":{"email":"clock@example.org"}}"#;
    let created = peer.call("POST", "/um/users", Some(body)).await.json()["metadata"]["createdDate"].clone();
    assert!(created.as_str().unwrap().starts_with("2031-12-24T23:3"), "{created}");
}

#[tokio::test]
async fn a_fault_meets_what_it_names_as_often_as_it_says() {
    let peer = Peer::new().await;
    let unavailable = peer.emulator.fail(Rule::on("GET", "/um/groups").status(503).after(1).times(2));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(peer.get("/um/groups").await.status);
    }
    assert_eq!((statuses, unavailable.fired()), (vec![200, 503, 503, 200, 200], 2));

    let group = peer.ids("/um/groups").await.remove(0);
    let shares = format!("/um/groups/{group}/shares");
    let denied = peer.emulator.fail(Rule::on("GET", &shares).status(403));
    check_problem(&peer.get(&shares).await, 403, "451");
    let other = peer.ids("/um/groups").await.remove(1);
    assert_eq!(peer.get(&format!("/um/groups/{other}/shares")).await.status, 200);
    peer.emulator.fail(Rule::on("*", "/um/groups/{groupId}/shares").status(500));
    assert_eq!(peer.get(&format!("/um/groups/{other}/shares")).await.status, 500);
    denied.withdraw();
    assert_eq!(peer.get(&shares).await.status, 500);
    peer.emulator.clear_faults();
    assert_eq!((peer.get(&shares).await.status, denied.fired()), (200, 1));

    peer.emulator.fail(Rule::on("GET", "/um/users").query("offset=100").status(401));
    assert_eq!(peer.get("/um/users?offset=0").await.status, 200);
    check_problem(&peer.get("/um/users?offset=100").await, 401, "315");
}

#[tokio::test]
async fn a_fault_answers_with_any_body_and_header() {
    let peer = Peer::new().await;
    let page = "<html><h1>502 Bad Gateway</h1></html>";
    peer.emulator.fail(Rule::on("GET", "/um/users").status(502).body(Body::Html(page.to_owned())).times(1));
    let answer = peer.get("/um/users").await;
    assert_eq!((answer.status, answer.text.as_str()), (502, page));
    assert!(answer.header("content-type").unwrap().starts_with("text/html"));

    let elsewhere = "http://127.0.0.2:1/cloudapi/v6/um/users";
    peer.emulator
        .fail(Rule::on("GET", "/um/users").status(302).body(Body::Empty).header("Location", elsewhere).times(1));
    assert_eq!(peer.get("/um/users").await.header("location"), Some(elsewhere));

    peer.emulator.fail(Rule::on("GET", "/um/users").status(429).header("Retry-After", "7").times(1));
    assert_eq!(peer.get("/um/users").await.header("retry-after"), Some("7"));

    let bare = json!({"id": "users", "type": "collection"});
    peer.emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Json(bare.clone())).times(1));
    assert_eq!(peer.read("/um/users").await, bare);
    peer.emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Verbatim("{\"id\":".to_owned())).times(1));
    assert_eq!(peer.get("/um/users").await.text, "{\"id\":");
    assert_eq!(peer.ids("/um/users").await.len(), 100);
}

#[tokio::test]
async fn everything_is_counted() {
    let peer = Peer::of(Emulator::builder().latency(Duration::from_millis(250))).await;
    let (a, b, c) = tokio::join!(peer.get("/um/users"), peer.get("/um/users/none"), peer.get("/um/users/none"));
    let counters = peer.emulator.counters();
    assert_eq!((counters.total, counters.writes, counters.connections), (3, 0, 3));
    assert_eq!(counters.peak_concurrency, 3);
    assert_eq!(counters.bytes, (a.text.len() + b.text.len() + c.text.len()) as u64);
    assert_eq!(counters.of("GET", "/um/users/{userId}"), 2);
    assert_eq!(counters.statuses.into_iter().collect::<Vec<_>>(), [(200, 1), (404, 2)]);
    peer.emulator.reset_counters();
    peer.emulator.set_latency(Duration::ZERO);
    peer.call("POST", "/um/groups", Some("{}")).await;
    peer.get("/nowhere").await;
    let counters = peer.emulator.counters();
    assert_eq!((counters.total, counters.writes, counters.peak_concurrency), (2, 1, 1));
    assert_eq!(counters.of("GET", "(unmatched)"), 1);
}

#[tokio::test]
async fn a_script_day_is_visible_over_http() {
    let peer = Peer::new().await;
    let before = peer.get("/um/users?depth=1").await.text;
    peer.emulator.advance_to_day(0);
    assert_eq!(peer.get("/um/users?depth=1").await.text, before);
    peer.emulator.advance_to_day(30);
    assert_ne!(peer.get("/um/users?depth=1").await.text, before);
    assert!(peer.emulator.script().len() > 40);
}

#[tokio::test]
async fn the_server_listens_on_loopback_and_stops_when_it_is_dropped() {
    let peer = Peer::new().await;
    let origin = peer.emulator.origin().to_owned();
    assert!(origin.starts_with("http://127.0.0.1:"));
    assert_eq!(peer.emulator.base_url(Version::V5), format!("{origin}/cloudapi/v5"));
    let address = origin.trim_start_matches("http://").to_owned();
    let open = tokio::net::TcpStream::connect(&address).await.unwrap();
    drop(peer);
    // The open connection is closed, and no new one is answered.
    let mut byte = [0];
    open.readable().await.unwrap();
    assert_eq!(open.try_read(&mut byte).unwrap_or(0), 0);
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_kernel_knows_no_other_address_of_the_server_than_loopback() {
    let peer = Peer::new().await;
    let port: u16 = peer.emulator.origin().rsplit(':').next().unwrap().parse().unwrap();
    let mut listening = Vec::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, at) = fields[1].split_once(':').unwrap();
            // 0A is LISTEN.
            if fields[3] == "0A" && at == format!("{port:04X}") {
                listening.push(address.to_owned());
            }
        }
    }
    // 127.0.0.1, in the byte order of the machine.
    assert_eq!(listening, [format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]))]);
}

#[tokio::test]
async fn too_small_a_contract_and_a_taken_port_are_refused() {
    let peer = Peer::new().await;
    let port = peer.emulator.origin().rsplit(':').next().unwrap().parse().unwrap();
    assert!(matches!(Emulator::builder().port(port).start().await, Err(StartError::Bind { .. })));
    assert!(matches!(Emulator::builder().users(3).start().await, Err(StartError::FewUsers(3))));
    assert!(matches!(Emulator::builder().groups(2).start().await, Err(StartError::FewGroups(2))));
}
