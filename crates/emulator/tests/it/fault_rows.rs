//! Every row of the fault matrix, from the example that the documentation gives for it, as a client sees it on the wire.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use keyholder_emulator::faults::{Effect, Gzip, Schedule};
use keyholder_emulator::{Emulator, Rule};
use serde_json::{Value, json};

use crate::fault_files::example;
use crate::peer::{Peer, ids};
use crate::wire::{End, Wire, hear};

/// A contract of 130 users under the faults of a row.
async fn row(name: &str) -> Peer {
    let schedule = Schedule::parse(&example(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Peer::of(Emulator::builder().users(130).seed(5).faults(schedule)).await
}

/// How often the faults fired, in the order of their names.
#[track_caller]
fn check_fired(peer: &Peer, expected: &[u32]) {
    let fired: Vec<u32> = peer.emulator.faults_fired().into_values().collect();
    assert_eq!(fired, expected, "{:?}", peer.emulator.faults_fired());
}

/// A group with members and shares.
fn busy_group(peer: &Peer) -> String {
    peer.emulator.read(|world| {
        let mut groups = world.groups().map(|group| group.id.to_string());
        groups.find(|id| world.members(id).count() > 1 && world.shares(id).count() > 1).unwrap()
    })
}

#[tokio::test]
async fn f1_one_child_endpoint_is_broken_for_ever() {
    let peer = row("F1").await;
    let group = busy_group(&peer);
    for _ in 0..3 {
        let heard = hear(&peer.emulator, &format!("/um/groups/{group}/shares")).await;
        assert_eq!((heard.status(), heard.json()["httpStatus"].as_u64()), ("500", Some(500)));
    }
    assert_eq!(peer.get(&format!("/um/groups/{group}/users")).await.status, 200);
    check_fired(&peer, &[3]);
}

#[tokio::test]
async fn f2_the_shares_of_one_group_are_forbidden() {
    let peer = row("F2").await;
    let shares = format!("/um/groups/{}/shares", busy_group(&peer));
    assert_eq!(hear(&peer.emulator, &shares).await.status(), "403");
    assert_eq!(hear(&peer.emulator, &shares).await.status(), "200");
    assert_eq!(peer.emulator.faults_fired()["one group's shares"], 1);
}

#[tokio::test]
async fn f3_a_list_has_no_items() {
    let peer = row("F3").await;
    let list = peer.read(&format!("/um/groups/{}/users?depth=1", busy_group(&peer))).await;
    assert_eq!((list["type"].as_str(), list.get("items")), (Some("collection"), None));
    check_fired(&peer, &[1]);
}

#[tokio::test]
async fn f4_a_list_collapses_with_status_200() {
    let peer = row("F4").await;
    assert_eq!(peer.read("/um/groups").await["items"], json!([]));
    let groups = peer.emulator.read(|world| world.groups().count());
    assert_eq!(peer.ids("/um/groups").await.len(), groups, "the second look tells the truth");
    assert_eq!(peer.ids("/um/resources").await.len(), 3);
    check_fired(&peer, &[1, 1]);
}

#[tokio::test]
async fn f5_a_scope_fails_for_one_run_and_comes_back() {
    let peer = row("F5").await;
    let keys = format!("/um/users/{}/s3keys", peer.emulator.cast().owner);
    let before = peer.emulator.read(|world| world.keys(world.owner()).count());
    for _ in 0..5 {
        assert_eq!(peer.get(&keys).await.status, 503);
    }
    assert_eq!(peer.ids(&keys).await.len(), before);
    check_fired(&peer, &[5]);
}

#[tokio::test]
async fn f6_a_user_goes_and_a_user_comes_between_two_pages() {
    let peer = row("F6").await;
    let before: Vec<String> = peer.emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
    let mut seen = peer.ids("/um/users?offset=0&limit=100").await;
    seen.extend(peer.ids("/um/users?offset=100&limit=100").await);
    // One is seen no more, although it is there; the one that goes was seen, and the one that comes was not.
    assert_eq!(seen.len(), before.len() - 1);
    let after: Vec<String> = peer.emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
    assert_eq!(after.len(), before.len());
    let missed: Vec<&String> = after.iter().filter(|id| !seen.contains(id)).collect();
    let (skipped, added) = (&before[100], after.last().unwrap());
    assert_eq!(missed, [skipped, added]);
    assert_eq!(seen.iter().filter(|id| !after.contains(id)).count(), 1);
    check_fired(&peer, &[2]);
}

#[tokio::test]
async fn f7_too_many_requests_with_every_kind_of_retry_after() {
    let peer = row("F7").await;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let answer = hear(&peer.emulator, "/um/users").await;
        assert_eq!((answer.status(), answer.json()["httpStatus"].as_u64()), ("429", Some(429)));
        let moment = |name| answer.header(name).and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok());
        let ahead = moment("retry-after").zip(moment("date")).map(|(until, now)| (until - now).num_seconds());
        waits.push(ahead.map(|s| format!("date {s}")).or(answer.header("retry-after").map(str::to_owned)));
    }
    let expected = [Some("2"), Some("date 3"), None, Some("86400")];
    assert_eq!(waits.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    assert_eq!(hear(&peer.emulator, "/um/users").await.status(), "200");
    check_fired(&peer, &[1, 1, 1, 1]);
}

#[tokio::test]
async fn f8_the_credentials_stop_working_in_mid_walk() {
    let peer = row("F8").await;
    let mut statuses = Vec::new();
    for path in ["/contracts", "/um/users", "/um/groups", "/um/resources", "/um/users", "/um/groups"] {
        statuses.push(peer.get(path).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 401, 401, 401]);
    check_fired(&peer, &[3]);
}

#[tokio::test]
async fn f9_connections_end_before_and_behind_the_operation_and_in_the_body() {
    let peer = row("F9").await;
    let whole = Peer::new().await.get("/um/groups").await.text.len();
    let reset = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((reset.head.as_str(), reset.body.len(), reset.end), ("", 0, End::Reset));
    let closed = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((closed.head.as_str(), closed.body.len(), closed.end), ("", 0, End::Closed));
    let cut = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((cut.status(), cut.body.len(), cut.end), ("200", cut.length() / 2, End::Reset));
    let cut = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((cut.status(), cut.body.len(), cut.end), ("200", cut.length() / 2, End::Closed));
    assert!(cut.length().abs_diff(whole) < 200, "the length is that of the whole answer");
}

/// Lets the first so many faults of F9 happen.
async fn behind(faults: usize) -> Peer {
    let peer = row("F9").await;
    for _ in 0..faults {
        hear(&peer.emulator, "/um/groups").await;
    }
    peer
}

#[tokio::test]
async fn f9_lengths_are_wrong_and_json_is_broken() {
    let peer = behind(4).await;
    let long = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((long.length(), long.end), (long.body.len() + 10, End::Closed));
    assert!(long.json()["items"].is_array());
    let short = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((short.length(), short.end), (short.body.len() - 10, End::Open));
    let mut wire = Wire::to(&peer.emulator).await;
    wire.ask("/um/groups").await;
    let broken = wire.hear().await;
    assert_eq!((broken.length(), broken.end), (broken.body.len(), End::Open));
    serde_json::from_slice::<Value>(&broken.body).unwrap_err();
    let page = hear(&peer.emulator, "/um/groups").await;
    assert_eq!((page.status(), page.header("content-type")), ("200", Some("text/html; charset=utf-8")));
    assert!(page.body.starts_with(b"<html>"));
}

#[tokio::test]
async fn f9_gzip_does_not_decompress() {
    let peer = behind(8).await;
    for _ in 0..2 {
        let heard = hear(&peer.emulator, "/um/groups").await;
        assert_eq!((heard.header("content-encoding"), heard.length()), (Some("gzip"), heard.body.len()));
        GzDecoder::new(heard.body.as_slice()).read_to_end(&mut Vec::new()).unwrap_err();
    }
}

#[tokio::test]
async fn f9_a_kept_connection_ends_without_notice() {
    let peer = behind(10).await;
    let before = peer.emulator.counters().total;
    let mut wire = Wire::to(&peer.emulator).await;
    wire.ask("/um/groups").await;
    let answer = wire.hear().await;
    assert_eq!((answer.status(), answer.header("connection"), answer.end), ("200", None, End::Open));
    assert!(answer.json()["items"].is_array());
    wire.ask("/um/groups").await;
    let nothing = wire.hear().await;
    assert_eq!((nothing.head.as_str(), nothing.end), ("", End::Reset));
    assert_eq!(peer.emulator.counters().total, before + 1);
    check_fired(&peer, &[1; 11]);
}

#[tokio::test]
async fn f10_the_body_drips() {
    let peer = row("F10").await;
    let mut wire = Wire::to(&peer.emulator).await;
    wire.ask("/um/groups").await;
    let (head, byte) = wire.hear_one_byte().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(byte, b'{');
    wire.stays_quiet().await;

    peer.emulator.clear_faults();
    let drip = Effect::Drip { bytes: 64, every: std::time::Duration::from_millis(1) };
    peer.emulator.fail(Rule::on("GET", "/um/groups").effect(drip));
    let whole = hear(&peer.emulator, "/um/groups?depth=1").await;
    assert_eq!(whole.length(), whole.body.len());
    assert!(whole.json()["items"].is_array());
}

/// Offsets that the links of twenty pages lead to, and how many different users they show.
async fn follow(peer: &Peer, limit: usize) -> (Vec<u64>, usize) {
    let (mut offset, mut offsets, mut seen) = (0, Vec::new(), BTreeSet::new());
    for _ in 0..20 {
        let page = peer.read(&format!("/um/users?offset={offset}&limit={limit}&depth=1")).await;
        assert_eq!((page["items"].as_array().unwrap().len(), page["offset"].as_u64()), (limit, Some(offset)));
        seen.extend(ids(&page));
        let next = page["_links"]["next"].as_str().unwrap();
        assert!(next.starts_with(peer.emulator.origin()), "{next}");
        offset = next.split("offset=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        offsets.push(offset);
    }
    (offsets, seen.len())
}

#[tokio::test]
async fn f11_pages_never_end_and_a_link_leads_to_another_host() {
    let peer = row("F11").await;
    let onwards = |step: u64| (1..=20).map(|page| page * step).collect::<Vec<_>>();
    assert_eq!(follow(&peer, 10).await, (onwards(10), 200));
    assert_eq!(follow(&peer, 20).await, (onwards(20), 20));
    let page = peer.read("/um/users?offset=0&limit=30").await;
    let elsewhere = peer.emulator.elsewhere();
    let expected = format!("{}/cloudapi/v6/um/users?offset=30&limit=30", elsewhere.origin());
    assert_eq!(page["_links"]["next"], expected);
    assert_ne!(elsewhere.origin(), peer.emulator.origin());
    assert_eq!((elsewhere.connections(), elsewhere.requests()), (0, 0));
    check_fired(&peer, &[40, 1]);
}

#[tokio::test]
async fn f12_a_redirect_leads_to_another_host_that_counts_who_follows() {
    let peer = row("F12").await;
    let heard = hear(&peer.emulator, "/um/users?depth=1").await;
    let elsewhere = peer.emulator.elsewhere();
    let location = format!("{}/cloudapi/v6/um/users?depth=1", elsewhere.origin());
    assert_eq!((heard.status(), heard.header("location")), ("302", Some(location.as_str())));
    assert_eq!((elsewhere.connections(), elsewhere.requests(), elsewhere.credentials()), (0, 0, 0));

    // The counters do count: somebody follows, and takes the token along.
    let host = elsewhere.origin().trim_start_matches("http://").to_owned();
    for (headers, credentials) in [("", 0), ("Authorization: Bearer x\r\n", 1)] {
        let mut stray = tokio::net::TcpStream::connect(&host).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stray, request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stray, &mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(elsewhere.credentials(), credentials);
    }
    assert_eq!((elsewhere.connections(), elsewhere.requests()), (2, 2));
}

#[tokio::test]
async fn f13_ten_gibibytes_come_as_a_few_megabytes() {
    let peer = row("F13").await;
    let heard = hear(&peer.emulator, "/um/users").await;
    assert_eq!((heard.header("content-encoding"), heard.length()), (Some("gzip"), heard.body.len()));
    assert!(heard.body.len() < 16 << 20, "{}", heard.body.len());
    // The length at the end of the file, a remainder: ten GiB and the braces.
    let length = ((10_u64 << 30) + 2) % (1 << 32);
    assert_eq!(heard.body[heard.body.len() - 4..], length.to_le_bytes()[..4]);

    peer.emulator.clear_faults();
    peer.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Gzip(Gzip::Bomb { bytes: 32 << 20 })));
    let heard = hear(&peer.emulator, "/um/users").await;
    let mut text = String::new();
    GzDecoder::new(heard.body.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!((text.len(), text.trim_end_matches('}').trim_end()), ((32 << 20) + 2, "{"));
}

#[tokio::test]
async fn f13_a_string_is_a_mebibyte_and_arrays_are_a_hundred_thousand_deep() {
    let peer = row("F13").await;
    let long = hear(&peer.emulator, "/um/groups").await.json();
    assert_eq!(long["note"].as_str().unwrap().len(), 1 << 20);
    let deep = hear(&peer.emulator, "/um/resources").await;
    assert_eq!(deep.body.split(|byte| *byte == b'[').count(), 100_001);
    assert_eq!(deep.length(), deep.body.len());
    check_fired(&peer, &[1, 1, 0]);
}

#[tokio::test]
async fn f14_items_have_a_privilege_a_property_and_a_type_that_nobody_knows() {
    let peer = row("F14").await;
    let every = async |path: &str, pointer: &str, value: Value| {
        let list = peer.read(path).await;
        let items = list["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.iter().all(|item| item.pointer(pointer) == Some(&value)), "{list}");
        items.len()
    };
    let groups = every("/um/groups?depth=1", "/properties/accessAndManageTomorrow", json!(true)).await;
    assert_eq!(groups, peer.emulator.read(|world| world.groups().count()));
    every("/um/users?depth=1", "/properties/tomorrow", json!({"words": ["one", "two"]})).await;
    every("/um/resources?depth=1", "/type", json!("quantumcomputer")).await;
    check_fired(&peer, &[1, 1, 1]);
}

#[tokio::test]
async fn f15_an_id_comes_twice_and_a_reference_leads_nowhere() {
    let peer = row("F15").await;
    let page = peer.read("/um/users?depth=1&limit=50").await;
    let users = page["items"].as_array().unwrap();
    assert_eq!((users.len(), &users[0]["id"]), (51, &users[50]["id"]));
    assert_ne!(users[0]["properties"], users[50]["properties"]);
    let group = busy_group(&peer);
    let members = peer.ids(&format!("/um/groups/{group}/users?depth=1")).await;
    let stranger = members.last().unwrap();
    assert_eq!(members.len(), peer.emulator.read(|world| world.members(&group).count()) + 1);
    assert_eq!(peer.get(&format!("/um/users/{stranger}")).await.status, 404);
    check_fired(&peer, &[1, 1]);
}
