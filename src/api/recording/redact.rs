//! What a recording keeps of a value: its shape. Allow-lists throughout: what is not known to be harmless is replaced.
//!
//! Booleans and numbers are kept, as everywhere. Ids, names and addresses become made-up ones under a key that nobody
//! keeps, so that what belongs together still does. Every other text becomes `$text:` and its length in bytes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::api::operation::Operation;

/// Properties whose values are ids of things.
const IDS: [&str; 6] =
    ["id", "createdByUserId", "lastModifiedByUserId", "s3CanonicalUserId", "requestId", "resourceId"];

/// Properties whose values are addresses of people.
const ADDRESSES: [&str; 4] = ["email", "createdBy", "lastModifiedBy", "owner"];

/// Properties whose values are names.
const NAMES: [&str; 3] = ["name", "firstname", "lastname"];

/// Properties whose values are times.
const TIMES: [&str; 3] = ["createdDate", "lastModifiedDate", "lastLogin"];

/// Properties whose values are words of the API itself.
const WORDS: [&str; 3] = ["type", "status", "state"];

/// The parameter of a path that is a word and no id.
const WORD_IN_PATH: &str = "{resourceType}";

/// The longest word and the longest name of a property that are kept.
const LONGEST_WORD: usize = 40;
const LONGEST_NAME: usize = 64;

/// Replaces what a value says.
pub(super) struct Redactor {
    key: Zeroizing<[u8; 32]>,
    prefix: String,
}

impl Redactor {
    /// `prefix` is the base address without a slash at its end; links that begin with it are kept.
    pub(super) fn new(key: Zeroizing<[u8; 32]>, prefix: &str) -> Self {
        Self { key, prefix: prefix.to_owned() }
    }

    /// The ids of a path.
    pub(super) fn ids(&self, operation: &Operation, ids: &[&str]) -> Vec<String> {
        let places = operation.template.split('/').filter(|segment| segment.starts_with('{'));
        places.zip(ids).map(|(place, id)| if place == WORD_IN_PATH { word(id) } else { self.id(id) }).collect()
    }

    /// A whole body.
    pub(super) fn value(&self, operation: &Operation, value: Value) -> Value {
        match value {
            Value::Object(object) => Value::Object(self.object(operation, object)),
            Value::Array(items) => items.into_iter().map(|item| self.value(operation, item)).collect(),
            Value::String(said) => Value::String(text(&said)),
            harmless @ (Value::Null | Value::Bool(_) | Value::Number(_)) => harmless,
        }
    }

    fn object(&self, operation: &Operation, object: Map<String, Value>) -> Map<String, Value> {
        let replace = |(name, value): (String, Value)| {
            let value = match value {
                Value::String(said) => Value::String(self.said(operation, &name, &said)),
                Value::Object(links) if name == "_links" => {
                    links.into_iter().map(|(name, link)| (property(&name), self.link(operation, link))).collect()
                }
                other => self.value(operation, other),
            };
            (property(&name), value)
        };
        object.into_iter().map(replace).collect()
    }

    /// What is kept of the text of a property.
    fn said(&self, operation: &Operation, name: &str, said: &str) -> String {
        let is = |names: &[&str]| names.contains(&name);
        match name {
            _ if said.is_empty() => String::new(),
            _ if is(&IDS) => self.id(said),
            _ if is(&ADDRESSES) => format!("p-{}@example.invalid", self.made_up(said)),
            _ if is(&NAMES) => format!("n-{}", self.made_up(said)),
            _ if is(&WORDS) => word(said),
            _ if is(&TIMES) => time(said),
            "href" => self.link(operation, Value::String(said.to_owned())).as_str().unwrap_or_default().to_owned(),
            _ => text(said),
        }
    }

    /// A link keeps that it leads on in the same list, or that it does not.
    fn link(&self, operation: &Operation, link: Value) -> Value {
        let Value::String(link) = link else { return self.value(operation, link) };
        let Some(behind) = link.strip_prefix(&self.prefix) else { return Value::String("$elsewhere".to_owned()) };
        let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
        let is_harmless = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                ["offset", "limit", "depth"].contains(&name) && value.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let query: Vec<&str> = query.split('&').filter(|pair| is_harmless(pair)).collect();
        let path = if path == operation.template { path } else { "/$path" };
        Value::String(if query.is_empty() {
            format!("$base{path}")
        } else {
            format!("$base{path}?{}", query.join("&"))
        })
    }

    /// A made-up id: the same for the same, in the form of a UUID.
    fn id(&self, id: &str) -> String {
        let digits = hex::encode(&self.digest(id)[..16]);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// Sixteen hex digits: the same for the same.
    fn made_up(&self, said: &str) -> String {
        hex::encode(&self.digest(said)[..8])
    }

    fn digest(&self, said: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("a key of any length will do for HMAC");
        mac.update(said.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The length of a text in its place.
fn text(said: &str) -> String {
    format!("$text:{}", said.len())
}

/// A word of the API: letters, and what joins them.
fn word(said: &str) -> String {
    let joins = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    if said.len() <= LONGEST_WORD && said.bytes().all(joins) { said.to_owned() } else { text(said) }
}

/// A time, if it looks like one.
fn time(said: &str) -> String {
    let belongs = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z' | b':' | b'.' | b'+' | b'-' | b' ');
    if said.len() <= LONGEST_WORD && said.bytes().all(belongs) { said.to_owned() } else { text(said) }
}

/// The name of a property: a word that may have digits in it.
fn property(name: &str) -> String {
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(belongs);
    if is_name { name.to_owned() } else { format!("$name:{}", name.len()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::operation;

    fn redactor(key: u8) -> Redactor {
        Redactor::new(Zeroizing::new([key; 32]), "https://api.example/cloudapi/v6")
    }

    #[track_caller]
    fn check(value: Value, expected: &Value) {
        assert_eq!(redactor(1).value(operation::USERS, value), *expected);
    }

    #[test]
    fn numbers_flags_words_and_times_are_kept() {
        let kept = json!({
            "type": "collection", "offset": 100, "limit": 100, "items": [true, null, 1.5],
            "metadata": {"state": "AVAILABLE", "createdDate": "2026-01-31T03:00:00Z"}, "properties": {"active": false},
        });
        check(kept.clone(), &kept);
    }

    #[test]
    fn every_other_text_is_its_length() {
        check(
            json!({"secretKey": "k0yW5", "messages": [{"message": "no such ü", "errorCode": "VDC-1"}], "x": ["a"]}),
            &json!({"secretKey": "$text:5", "messages": [{"message": "$text:10", "errorCode": "$text:5"}], "x": ["$text:1"]}),
        );
        check(json!({"type": "canary42"}), &json!({"type": "$text:8"}));
        check(json!({"createdDate": "yesterday"}), &json!({"createdDate": "$text:9"}));
        check(json!({"a b": 1, "ünique": 2}), &json!({"$name:3": 1, "$name:7": 2}));
        check(json!({"email": "", "secretKey": ""}), &json!({"email": "", "secretKey": ""}));
    }

    #[test]
    fn links_keep_where_they_lead_and_nothing_else() {
        let link = |to: &str| json!({"_links": {"next": to}, "href": to});
        let to = |to: &str| json!({"_links": {"next": to}, "href": to});
        let here = "https://api.example/cloudapi/v6/um/users";
        check(link(&format!("{here}?offset=99&limit=100")), &to("$base/um/users?offset=99&limit=100"));
        check(link(&format!("{here}?offset=99&token=abc")), &to("$base/um/users?offset=99"));
        check(link(&format!("{here}?offset=abc")), &to("$base/um/users"));
        check(link(&format!("{here}/secret-id")), &to("$base/$path"));
        check(link("https://evil.example/um/users?offset=99"), &to("$elsewhere"));
    }

    #[test]
    fn the_same_id_is_the_same_everywhere_in_one_recording_and_another_in_the_next() {
        let (one, two) = (redactor(1), redactor(2));
        let path = one.ids(operation::USER_S3KEY, &["u1", "k1"]);
        let listed = one.value(operation::USERS, json!({"id": "u1"}));
        assert_eq!(listed["id"], path[0]);
        assert_ne!(path[0], path[1]);
        assert_ne!(two.ids(operation::USER_S3KEY, &["u1", "k1"])[0], path[0]);
        assert_eq!(path[0].split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        let people = one.value(operation::USERS, json!({"email": "ann@example.org", "createdBy": "ann@example.org"}));
        assert_eq!(people["email"], people["createdBy"]);
        assert!(people["email"].as_str().unwrap().ends_with("@example.invalid"), "{people}");
    }

    #[test]
    fn the_kind_of_resource_in_a_path_is_a_word() {
        assert_eq!(redactor(1).ids(operation::RESOURCE, &["datacenter", "r1"])[0], "datacenter");
        assert_eq!(redactor(1).ids(operation::RESOURCE, &["r2-d2", "r1"])[0], "$text:5");
    }
}
