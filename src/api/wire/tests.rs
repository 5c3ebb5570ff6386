//! What is read, what is noted, and what is refused.

use std::fmt::Write as _;

use serde_json::json;

use super::contract::Contracts;
use super::group::Group;
use super::key::Key;
use super::record::Record;
use super::resource::Resource;
use super::share::Share;
use super::sso::SignOn;
use super::user::User;
use super::*;
use crate::domain::body::Extra;
use crate::domain::unknown::Nullable;

/// Reads an answer that must be readable.
fn read<T: Record>(json: &str) -> (T, Vec<String>) {
    let decoded = decode::<T>(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
    let Decoded { value, notes, .. } = decoded;
    (value, notes.counts.keys().map(ToString::to_string).collect())
}

#[track_caller]
fn check_refused<T: Record>(json: &[u8], expected: Refusal) {
    match decode::<T>(json) {
        Err(DecodeError::Refused(refusal)) => assert_eq!(refusal, expected),
        Err(other) => panic!("{other} instead of {expected}"),
        Ok(_) => panic!("read instead of refused: {expected}"),
    }
}

#[track_caller]
fn check_broken(json: &str) {
    let error = decode::<Collection<User>>(json.as_bytes()).map(|_| ()).unwrap_err();
    assert!(matches!(error, DecodeError::Syntax { .. }), "{error}: {json}");
}

const USER: &str = r#"{
  "id" : "u1", "type" : "user", "href" : "https://api.example/um/users/u1",
  "metadata" : { "etag" : "e", "createdDate" : "2020-02-21T13:17:16Z", "lastLogin" : null,
    "createdBy" : "ann@example.com", "createdByUserId" : "u0",
    "lastModifiedDate" : "2021-02-21 13:17:16.5+01:00", "lastModifiedBy" : "bob@example.com", "lastModifiedByUserId" : "u2" },
  "properties" : { "firstname" : "Jürgen", "lastname" : "M\u00fcller", "email" : "j@example.com", "administrator" : false,
    "forceSecAuth" : true, "secAuthActive" : false, "s3CanonicalUserId" : null, "active" : true },
  "entities" : { "owns" : { "id" : "u1/owns", "type" : "collection" }, "groups" : { "id" : "u1/groups", "items" : [] } }
}"#;

#[test]
fn a_user_is_read_whole() {
    let (user, notes) = read::<User>(USER);
    assert_eq!(notes, Vec::<String>::new());
    let entities = user.entities.as_ref().unwrap();
    assert!(entities.owns.as_ref().unwrap().items.is_none(), "not expanded");
    assert_eq!(entities.groups.as_ref().unwrap().items.as_ref().map(Vec::len), Some(0), "expanded and empty");
    let user = user.into_domain().unwrap();
    assert_eq!(user.person.name(), "Jürgen Müller");
    assert_eq!((user.administrator, user.force_sec_auth, user.active), (Some(false), Some(true), Some(true)));
    assert_eq!(user.created.unwrap().to_rfc3339(), "2020-02-21T13:17:16+00:00");
    assert_eq!(user.attribution.modified.unwrap().to_rfc3339(), "2021-02-21T12:17:16.500+00:00");
    assert_eq!((user.last_login, user.s3_canonical_user_id), (Nullable::Null, Nullable::Null));
}

#[test]
fn every_property_may_be_null_or_absent() {
    let bare = r#"{"id":"x"}"#;
    let nulls = r#"{"id":"x","type":null,"href":null,"metadata":null,"properties":null,"entities":null}"#;
    for json in [bare, nulls] {
        assert_eq!(read::<User>(json).0.into_domain(), Err(ConvertError::Bare("user")));
        assert_eq!(read::<Group>(json).0.into_domain(), Err(ConvertError::Bare("group")));
        assert_eq!(read::<Resource>(json).0.into_domain(), Err(ConvertError::Bare("resource")));
        assert_eq!(read::<User>(json).0.user_id().unwrap().as_str(), "x");
        assert!(read::<User>(json).1.is_empty());
    }
    let user = read::<User>(r#"{"id":"x","properties":{"email":null,"active":null}}"#).0.into_domain().unwrap();
    assert_eq!((user.person.email, user.active), (None, None));
    for nobody in ["{}", r#"{"id":null}"#, r#"{"id":""}"#] {
        assert_eq!(read::<User>(nobody).0.user_id(), Err(ConvertError::NoId("user")));
    }
}

#[test]
fn an_optional_field_of_another_type_is_absent_and_noted() {
    for wrong in [r#""yes""#, "1", "1.5", "-1", "[true]", r#"{"a":{"b":[1]}}"#] {
        let json = format!(r#"{{"id":"x","properties":{{"administrator":{wrong},"active":true}}}}"#);
        let (user, notes) = read::<User>(&json);
        assert_eq!(notes, ["property user.properties.administrator has another type than documented"]);
        let user = user.into_domain().unwrap();
        assert_eq!((user.administrator, user.active), (None, Some(true)), "{wrong}");
    }
    for wrong in ["1", r#""text""#, "[]", "true"] {
        let (user, notes) = read::<User>(&format!(r#"{{"id":"x","metadata":{wrong}}}"#));
        assert!(user.metadata.is_none());
        assert_eq!(notes, ["property user.metadata has another type than documented"]);
    }
    let (user, notes) = read::<User>(r#"{"id":"x","metadata":{"createdDate":"yesterday"}}"#);
    assert!(user.metadata.unwrap().created.is_none());
    assert_eq!(notes, ["property metadata.createdDate has another type than documented"]);
}

#[test]
fn an_id_of_another_type_stops_the_reading() {
    for wrong in ["1", "true", "{}", "[]", "1.5"] {
        check_refused::<User>(format!(r#"{{"id":{wrong}}}"#).as_bytes(), Refusal::Id);
        check_refused::<Collection<User>>(format!(r#"{{"items":[{{"id":{wrong}}}]}}"#).as_bytes(), Refusal::Id);
    }
}

#[test]
fn what_must_be_an_object_must_be_one() {
    for wrong in ["1", "true", "[]", r#""text""#, "null"] {
        check_refused::<User>(wrong.as_bytes(), Refusal::NotAnObject);
        check_refused::<Collection<User>>(format!(r#"{{"items":[{wrong}]}}"#).as_bytes(), Refusal::NotAnObject);
    }
}

#[test]
fn items_absent_null_or_of_another_type_are_not_an_empty_list() {
    let items = |json: &str| read::<Collection<User>>(json).0.items.map(|items| items.len());
    assert_eq!(items("{}"), None);
    assert_eq!(items(r#"{"items":null}"#), None);
    assert_eq!(items(r#"{"items":{}}"#), None);
    assert_eq!(items(r#"{"items":"none"}"#), None);
    assert_eq!(items(r#"{"items":[]}"#), Some(0));
    assert_eq!(items(r#"{"items":[{"id":"a"},{"id":"b"}]}"#), Some(2));
}

#[test]
fn a_name_that_stands_twice_is_refused_everywhere() {
    for twice in [
        r#"{"id":"a","id":"a"}"#,
        r#"{"id":"a","x":1,"x":1}"#,
        r#"{"id":"a","x":null,"x":1}"#,
        r#"{"id":"a","x":1,"x":null}"#,
        r#"{"id":"a","properties":{"active":true,"active":false}}"#,
        r#"{"id":"a","properties":{"act\u0069ve":true,"active":false}}"#,
        r#"{"id":"a","properties":{"new":true,"new":false}}"#,
        r#"{"id":"a","no word":1,"no word":2}"#,
    ] {
        check_refused::<User>(twice.as_bytes(), Refusal::Duplicate);
    }
    for twice in [
        r#"{"id":"a","properties":{"createPcc":true,"createPcc":false}}"#,
        r#"{"id":"a","properties":{"createPcc":true,"createPcc":1}}"#,
        r#"{"id":"a","properties":{"name":"a","name":"b"}}"#,
    ] {
        check_refused::<Group>(twice.as_bytes(), Refusal::Duplicate);
    }
}

#[test]
fn unknown_properties_are_kept_as_far_as_that_is_safe() {
    let (user, notes) = read::<User>(
        r#"{"id":"x","top":"secret","metadata":{"color":"red"},"properties":{"flag":true,"level":3,"ratio":1.50,
           "token":"sécret","list":["secret"],"map":{"a":"secret"},"void":null,"a b":1}}"#,
    );
    assert_eq!(
        notes,
        [
            "unknown property metadata.color",
            "unknown property user.properties.(3 bytes)",
            "unknown property user.properties.flag",
            "unknown property user.properties.level",
            "unknown property user.properties.list",
            "unknown property user.properties.map",
            "unknown property user.properties.ratio",
            "unknown property user.properties.token",
            "unknown property user.properties.void",
            "unknown property user.top",
        ]
    );
    assert!(!format!("{user:?}").contains("cret"));
    let extra = user.into_domain().unwrap().extra;
    let expected = [
        ("flag", Extra::Bool(true)),
        ("level", Extra::Integer(3)),
        ("list", Extra::Nested { nested: "array".into() }),
        ("map", Extra::Nested { nested: "object".into() }),
        ("ratio", Extra::Number { number: "1.50".into() }),
        ("token", Extra::Text { length: 7 }),
    ];
    assert_eq!(extra, expected.map(|(name, extra)| (name.to_owned(), extra)).into());
}

#[test]
fn a_privilege_of_tomorrow_is_a_privilege_today() {
    let (group, notes) = read::<Group>(
        r#"{"id":"g","type":"group","properties":{"name":"ops","createPcc":false,"conquerTheWorld":true,
           "s3Privilege":"yes","quota":5}}"#,
    );
    assert_eq!(
        notes,
        [
            "unknown property group.properties.quota",
            "property group.properties.s3Privilege has another type than documented",
        ]
    );
    let group = group.into_domain().unwrap();
    assert_eq!(group.name.as_deref(), Some("ops"));
    assert_eq!(group.granted().collect::<Vec<_>>(), ["conquerTheWorld"]);
    assert_eq!(group.privileges.len(), 2);
    assert_eq!(group.extra["quota"], Extra::Integer(5));
    assert_eq!(group.extra["s3Privilege"], Extra::Text { length: 3 });
}

#[test]
fn unknown_words_are_kept_and_noted_and_no_words_are_not() {
    let kind = |word: &str| {
        let (resource, notes) = read::<Resource>(&json!({"id": "r", "type": word, "properties": {}}).to_string());
        (resource.into_domain().unwrap().kind, notes)
    };
    assert_eq!(kind("datacenter"), (Some("datacenter".into()), vec![]));
    let new = "x".repeat(64);
    assert_eq!(kind(&new), (Some(new.clone()), vec![format!("unknown value {new} of resource.type")]));
    for none in ["", "two words", "grün", &"x".repeat(65), "<b>"] {
        let invalid = "property resource.type has another type than documented".to_owned();
        assert_eq!(kind(none), (None, vec![invalid]), "{none}");
    }
}

#[cfg(not(feature = "unredacted"))]
#[test]
fn the_secret_of_a_key_is_seen_but_never_read() {
    for secret in [r#""CANARY-0123""#, r#""CANARY\u002d0123""#, "17", r#"["CANARY"]"#, r#"{"a":"CANARY"}"#] {
        let json = format!(
            r#"{{"id":"00aa","type":"s3key","metadata":{{"createdDate":"2023-05-31T13:49:52"}},
                "properties":{{"secretKey":{secret},"active":true}}}}"#
        );
        let (key, notes) = read::<Key>(&json);
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(key.properties.as_ref().unwrap().secret_key, Some(Dropped));
        assert!(!format!("{key:?}").contains("CANARY"));
        let key = key.into_domain("u".into()).unwrap();
        assert_eq!(key.created.unwrap().to_rfc3339(), "2023-05-31T13:49:52+00:00");
        assert_eq!(key.active, Some(true));
    }
    let without = read::<Key>(r#"{"id":"00aa","properties":{"secretKey":null}}"#).0;
    assert_eq!(without.properties.unwrap().secret_key, None);
}

#[test]
fn a_sign_on_link_does_not_print() {
    let (answer, _) = read::<SignOn>(r#"{"ssoUrl":"https://CANARY"}"#);
    assert!(answer.url.is_some());
    assert!(!format!("{answer:?}").contains("CANARY"));
}

#[test]
fn a_share_belongs_to_the_group_that_was_asked() {
    let (share, notes) = read::<Share>(r#"{"id":"r1","type":"resource","properties":{"editPrivilege":true}}"#);
    assert!(notes.is_empty());
    let share = share.into_domain("g1".into()).unwrap();
    assert_eq!((share.group.as_str(), share.resource.as_str()), ("g1", "r1"));
    assert_eq!((share.edit_privilege, share.share_privilege), (Some(true), None));
}

#[test]
fn contracts_come_in_two_shapes() {
    let properties =
        r#"{"contractNumber":31720000,"owner":"o@example.com","status":"BILLABLE","resourceLimits":{"cores":1}}"#;
    for json in [
        format!(r#"{{"type":"contract","properties":{properties}}}"#),
        format!(
            r#"{{"id":"contracts","type":"collection","items":[{{"type":"contract","properties":{properties}}}]}}"#
        ),
    ] {
        let (contracts, notes) = read::<Contracts>(&json);
        assert_eq!(notes, Vec::<String>::new());
        let contract = contracts.into_items().unwrap().remove(0).into_domain().unwrap();
        assert_eq!(contract.number.0, 31_720_000);
        assert_eq!(contract.owner.email.as_deref(), Some("o@example.com"));
    }
    assert!(read::<Contracts>("{}").0.into_items().is_none());
    let huge = r#"{"properties":{"contractNumber":9007199254740992}}"#;
    let refused = read::<Contracts>(huge).0.into_items().unwrap().remove(0).into_domain().unwrap_err();
    assert_eq!(refused.to_string(), "contractNumber is out of range");
    let float = r#"{"properties":{"contractNumber":31720000.0}}"#;
    assert_eq!(read::<Contracts>(float).0.properties.unwrap().contract_number, Some(31_720_000));
}

#[test]
fn broken_json_is_broken() {
    for json in
        ["", "{", r#"{"items":["#, r#"{"items":[]}}"#, "{} {}", r#"{"id":"abc"#, "nul", "{'a':1}", r#"{"a":"\x"}"#]
    {
        check_broken(json);
    }
}

#[test]
fn an_answer_cut_off_anywhere_is_broken() {
    let whole = USER.as_bytes();
    for length in 0..whole.len() {
        match decode::<User>(&whole[..length]).map(|_| ()) {
            Err(DecodeError::Syntax { .. } | DecodeError::Refused(Refusal::Utf8)) => {}
            other => panic!("{other:?} after {length} bytes"),
        }
    }
}

#[test]
fn limits_of_text_are_kept() {
    check_refused::<User>(b"{\"id\":\"\xff\"}", Refusal::Utf8);
    for lone in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\n", r"\ud800\ud800", r"\udc00\ud800"] {
        check_refused::<User>(format!(r#"{{"id":"{lone}"}}"#).as_bytes(), Refusal::Surrogate);
        check_refused::<Key>(format!(r#"{{"properties":{{"secretKey":"{lone}"}}}}"#).as_bytes(), Refusal::Surrogate);
    }
    assert_eq!(&*read::<User>(r#"{"id":"\ud83d\ude00"}"#).0.id.unwrap(), "😀");
    let string = |length| format!(r#"{{"id":"{}"}}"#, "x".repeat(length));
    assert_eq!(read::<User>(&string(MAX_STRING_BYTES)).0.id.unwrap().len(), MAX_STRING_BYTES);
    check_refused::<User>(string(MAX_STRING_BYTES + 1).as_bytes(), Refusal::LongString);
    check_refused::<User>(string(1 << 20).as_bytes(), Refusal::LongString);
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1));
    read::<User>(&nested(MAX_NESTED));
    check_refused::<User>(nested(MAX_NESTED + 1).as_bytes(), Refusal::Nested);
    check_refused::<User>("[".repeat(100_000).as_bytes(), Refusal::Nested);
    read::<User>(r#"{"id":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}"#);
}

#[test]
fn a_server_that_invents_many_names_is_only_counted() {
    let mut json = r#"{"id":"x""#.to_owned();
    for number in 0..100 {
        write!(json, r#","n{number}":1"#).unwrap();
    }
    json.push('}');
    let notes = decode::<User>(json.as_bytes()).unwrap().notes;
    assert_eq!((notes.counts.len(), notes.dropped), (64, 36));
}

#[test]
fn more_values_than_fit_into_memory_are_refused() {
    for json in [
        r#"{"items":[{},{},{}]}"#,
        r#"{"items":[{"new":1},{}]}"#,
        r#"{"a":null,"b":1,"c d":2}"#,
        r#"{"items":[{"properties":{"x":true,"y":true}}]}"#,
    ] {
        let within = |most| decode_within::<Collection<Group>>(most, json.as_bytes()).map(|_| ());
        assert_eq!((within(3), within(2)), (Ok(()), Err(DecodeError::Refused(Refusal::TooMany))), "{json}");
    }
}

#[test]
fn more_bytes_of_values_than_fit_into_memory_are_refused() {
    let name = "n".repeat(MAX_STRING_BYTES);
    let item = |number: usize| format!(r#"{{"id":"{number}","properties":{{"name":"{name}"}}}}"#);
    let list = |items| format!(r#"{{"items":[{}]}}"#, (0..items).map(item).collect::<Vec<_>>().join(","));
    let weight = |items| decode::<Collection<Group>>(list(items).as_bytes()).map(|decoded| decoded.weight);
    let (one, two) = (weight(1).unwrap(), weight(2).unwrap());
    assert!((one..2 * one).contains(&two) && two - one >= MAX_STRING_BYTES as u64, "{one} {two}");
    assert!(weight(500).is_ok());
    assert_eq!(weight(520), Err(DecodeError::Refused(Refusal::TooHeavy)));
    // Small items weigh more than their text, and addresses nothing.
    let small = decode::<Collection<Group>>(br#"{"items":[{},{},{}]}"#).unwrap();
    assert!(small.values == 3 && small.weight > 3 * 64, "{}", small.weight);
    let address = decode::<Group>(br#"{"href":"https://api.example/um/groups/1"}"#).unwrap();
    assert_eq!(address.weight, decode::<Group>(b"{}").unwrap().weight);
}

#[test]
fn an_error_never_quotes_what_was_read() {
    for json in [r#"{"id":{"CANARY":1}}"#, r#"["CANARY"]"#, r#"{"CANARY":1,"CANARY":1}"#, r#"{"id":"CANARY"#, "CANARY"]
    {
        let error = decode::<User>(json.as_bytes()).map(|_| ()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{json}");
    }
}
