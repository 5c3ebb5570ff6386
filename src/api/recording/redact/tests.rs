//! What is kept of a body, value by value.

use serde_json::json;

use super::*;
use crate::api::operation;

fn redactor(key: u8) -> Redactor {
    Redactor::new(Zeroizing::new([key; 32]), "https://api.example/cloudapi/v6")
}

fn shape(redactor: &Redactor, value: &serde_json::Value) -> serde_json::Value {
    let shape = redactor.shape(operation::USERS, value.to_string().as_bytes()).unwrap();
    serde_json::from_str(shape.get()).unwrap()
}

#[track_caller]
fn check(value: &serde_json::Value, expected: &serde_json::Value) {
    assert_eq!(shape(&redactor(1), value), *expected);
}

#[test]
fn flags_counts_documented_words_and_names_are_kept() {
    let kept = json!({
        "type": "collection", "offset": 100, "limit": 100, "total": 3, "items": [true, null, [], {}, [[false]]],
        "metadata": {"state": "AVAILABLE"}, "properties": {"active": false, "createDataCenter": true},
        "resourceLimits": {"coresPerContract": 12}, "httpStatus": 404,
    });
    check(&kept, &kept);
}

#[test]
fn every_other_text_is_its_length() {
    check(
        &json!({"secretKey": "k0yW5", "messages": [{"message": "no such ü", "errorCode": "VDC-1"}], "name": [], "etag": ["a"]}),
        &json!({"secretKey": "$text:5", "messages": [{"message": "$text:10", "errorCode": "$text:5"}], "name": [], "etag": ["$text:1"]}),
    );
    check(
        &json!({"createdDate": "yesterday", "regDomain": "a.example"}),
        &json!({"createdDate": "$text:9", "regDomain": "$text:9"}),
    );
    check(&json!({"email": "", "secretKey": ""}), &json!({"email": "", "secretKey": ""}));
    check(&json!("said"), &json!("$text:4"));
}

#[test]
fn u2_words_that_are_not_documented_are_their_lengths() {
    check(
        &json!({"type": "canary", "state": "Mallory", "status": ["ann-smith", "BILLABLE"]}),
        &json!({"type": "$text:6", "state": "$text:7", "status": ["$text:9", "BILLABLE"]}),
    );
}

#[test]
fn u2_numbers_that_count_nothing_are_not_kept() {
    check(
        &json!({"etag": 4_711, "metadata": 12.5, "items": [31_884_421, -1], "createdDate": 1_700_000_000_u64}),
        &json!({"etag": "$number", "metadata": "$number", "items": ["$number", "$number"], "createdDate": "$number"}),
    );
}

#[test]
fn u2_the_contract_and_numeric_ids_are_made_up_and_stay_the_same() {
    let one = redactor(1);
    let listed =
        shape(&one, &json!({"contractNumber": 31_884_421, "items": [{"contractNumber": 31_884_421, "id": 77}]}));
    let number = listed["contractNumber"].as_u64().unwrap();
    assert!(number != 31_884_421 && (10_000_000..100_000_000).contains(&number), "{listed}");
    assert_eq!(listed["items"][0]["contractNumber"], number);
    assert_eq!(listed["items"][0]["id"], one.ids(operation::USER, &["77"])[0]);
    assert_ne!(shape(&redactor(2), &json!({"contractNumber": 31_884_421}))["contractNumber"], number);
}

#[test]
fn u2_data_in_the_place_of_property_names_is_made_up() {
    let kept = shape(&redactor(1), &json!({"ann@example.org": true, "x": {"ann@example.org": 1}}));
    let names: Vec<_> = kept.as_object().unwrap().keys().collect();
    assert!(names.iter().all(|name| name.starts_with("$property-") && name.len() == 26), "{names:?}");
    assert!(kept[names[0]].get(names[1]).is_some() || kept[names[1]].get(names[0]).is_some(), "the same for the same");
}

#[test]
fn u2_times_are_moved_by_one_span_and_keep_their_distances() {
    let at = |redactor: &Redactor, said: &str| {
        let kept = shape(redactor, &json!({"lastLogin": said}))["lastLogin"].as_str().unwrap().to_owned();
        wire::instant(&kept).unwrap()
    };
    let (one, two) = (redactor(1), redactor(2));
    let first = at(&one, "2026-01-31T03:00:00Z");
    let expected = wire::instant("2026-01-31T03:00:00Z").unwrap();
    assert!((TimeDelta::days(30)..TimeDelta::days(8 * 365)).contains(&(expected - first)), "{first}");
    assert_eq!(at(&one, "2026-01-31 04:00:00.5+00:00") - first, TimeDelta::milliseconds(3_600_500));
    assert_eq!(one.time(expected), first);
    assert_ne!(at(&two, "2026-01-31T03:00:00Z"), first);
}

#[test]
fn links_keep_where_they_lead_and_nothing_else() {
    let link = |to: &str| json!({"_links": {"next": to}, "href": to});
    let here = "https://api.example/cloudapi/v6/um/users";
    check(&link(&format!("{here}?offset=99&limit=100")), &link("$base/um/users?offset=99&limit=100"));
    check(&link(&format!("{here}?offset=99&token=abc")), &link("$base/um/users?offset=99"));
    check(&link(&format!("{here}?offset=abc")), &link("$base/um/users"));
    check(&link(&format!("{here}/secret-id")), &link("$base/$path"));
    check(&link("https://evil.example/um/users?offset=99"), &link("$elsewhere"));
}

#[test]
fn the_same_id_is_the_same_in_one_recording_only() {
    let (one, two) = (redactor(1), redactor(2));
    let path = one.ids(operation::USER_S3KEY, &["u1", "k1"]);
    assert_eq!(shape(&one, &json!({"id": "u1"}))["id"], path[0]);
    assert_ne!(path[0], path[1]);
    assert_ne!(two.ids(operation::USER_S3KEY, &["u1", "k1"])[0], path[0]);
    assert_eq!(path[0].split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    let people = shape(&one, &json!({"email": "ann@example.org", "createdBy": "ann@example.org"}));
    assert_eq!(people["email"], people["createdBy"]);
    assert!(people["email"].as_str().unwrap().ends_with("@example.invalid"), "{people}");
}

#[test]
fn the_kind_of_resource_in_a_path_is_a_word() {
    assert_eq!(redactor(1).ids(operation::RESOURCE, &["datacenter", "r1"])[0], "datacenter");
    assert_eq!(redactor(1).ids(operation::RESOURCE, &["r2-d2", "r1"])[0], "$text:5");
}

#[test]
fn t3_what_is_broken_or_too_large_has_no_shape() {
    let unshaped = |body: &[u8]| redactor(1).shape(operation::USERS, body).err();
    for body in [&b""[..], b"{", b"[1,]", b"{\"a\":1", b"1 2", b"\"\xff\"", "[".repeat(200).as_bytes()] {
        assert_eq!(unshaped(body), Some(Unshaped::Broken), "{body:?}");
    }
    let many = format!("[{}0]", "\"id\",".repeat(600_000));
    assert_eq!(unshaped(many.as_bytes()), Some(Unshaped::Large));
}
