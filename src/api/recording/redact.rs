//! What a recording keeps of a value: its shape. Allow-lists throughout: what is not known to be harmless is replaced.
//!
//! A body is read and written value by value, so that it takes no memory beside its redacted form. Flags are kept, numbers
//! under documented counts and limits, and the documented names and words. Ids, names, addresses and the number of the
//! contract become made-up ones under a key that nobody keeps, so that what belongs together still does; all times are moved
//! by one secret span. Every other text becomes `$text:` and its length in bytes, every other number `$number`.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::documented::{is_count, is_property, is_word};
use crate::api::operation::Operation;
use crate::api::wire;

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

/// The number of the contract.
const CONTRACT: &str = "contractNumber";

/// The parameter of a path that is a word and no id.
const WORD_IN_PATH: &str = "{resourceType}";

/// Times are moved back by as much as this at least, and by as much as that at most, in seconds.
const MIN_MOVE_SECONDS: u64 = 30 * 86_400;
const MAX_MOVE_SECONDS: u64 = 8 * 365 * 86_400;

/// The redacted form of a body is not larger than that.
const MAX_SHAPE_BYTES: usize = 4 << 20;

/// Why there is no redacted form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unshaped {
    /// It is not JSON.
    Broken,
    /// It would be larger than [`MAX_SHAPE_BYTES`].
    Large,
}

/// Replaces what a value says.
pub(super) struct Redactor {
    key: Zeroizing<[u8; 32]>,
    prefix: String,
    moved: TimeDelta,
}

impl Redactor {
    /// `prefix` is the base address without a slash at its end; links that begin with it are kept.
    pub(super) fn new(key: Zeroizing<[u8; 32]>, prefix: &str) -> Self {
        let mut redactor = Self { key, prefix: prefix.to_owned(), moved: TimeDelta::zero() };
        let drawn = redactor.number_of("move of times", "") % (MAX_MOVE_SECONDS - MIN_MOVE_SECONDS);
        redactor.moved = TimeDelta::seconds(i64::try_from(MIN_MOVE_SECONDS + drawn).unwrap_or_default());
        redactor
    }

    /// The ids of a path.
    pub(super) fn ids(&self, operation: &Operation, ids: &[&str]) -> Vec<String> {
        let places = operation.template.split('/').filter(|segment| segment.starts_with('{'));
        places.zip(ids).map(|(place, id)| if place == WORD_IN_PATH { word(id) } else { self.id(id) }).collect()
    }

    /// A time, moved as all times of the recording are.
    pub(super) fn time(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.checked_sub_signed(self.moved).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The redacted form of a whole body.
    pub(super) fn shape(&self, operation: &Operation, body: &[u8]) -> Result<Box<RawValue>, Unshaped> {
        let mut out = Shape::default();
        let mut reader = serde_json::Deserializer::from_slice(body);
        let whole = Value { redactor: self, operation, name: "", is_link: false, out: &mut out };
        let outcome = whole.deserialize(&mut reader).and_then(|()| reader.end());
        match outcome {
            Ok(()) => String::from_utf8(out.bytes)
                .ok()
                .and_then(|text| RawValue::from_string(text).ok())
                .ok_or(Unshaped::Broken),
            Err(_) if out.is_full => Err(Unshaped::Large),
            Err(_) => Err(Unshaped::Broken),
        }
    }

    /// What is kept of the text of a property.
    fn text(&self, operation: &Operation, name: &str, said: &str) -> String {
        let is = |names: &[&str]| names.contains(&name);
        match name {
            _ if said.is_empty() => String::new(),
            _ if is(&IDS) => self.id(said),
            _ if is(&ADDRESSES) => format!("p-{}@example.invalid", self.made_up("person", said)),
            _ if is(&NAMES) => format!("n-{}", self.made_up("name", said)),
            _ if is(&WORDS) => word(said),
            _ if is(&TIMES) => self.instant(said),
            "href" => self.link(operation, said),
            CONTRACT => self.contract(said).to_string(),
            _ => text(said),
        }
    }

    /// A link keeps that it leads on in the same list, or that it does not.
    fn link(&self, operation: &Operation, link: &str) -> String {
        let Some(behind) = link.strip_prefix(&self.prefix) else { return "$elsewhere".to_owned() };
        let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
        let is_harmless = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                ["offset", "limit", "depth"].contains(&name) && value.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let query: Vec<&str> = query.split('&').filter(|pair| is_harmless(pair)).collect();
        let path = if path == operation.template { path } else { "/$path" };
        if query.is_empty() { format!("$base{path}") } else { format!("$base{path}?{}", query.join("&")) }
    }

    /// A time in the same precision, if it is one.
    fn instant(&self, said: &str) -> String {
        match wire::instant(said) {
            Some(at) => self.time(at).to_rfc3339_opts(SecondsFormat::AutoSi, true),
            None => text(said),
        }
    }

    /// A made-up id: the same for the same, in the form of a UUID.
    fn id(&self, id: &str) -> String {
        let digits = hex::encode(&self.digest("id", id)[..16]);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// A made-up number of eight digits: the same for the same.
    fn contract(&self, number: &str) -> u64 {
        10_000_000 + self.number_of("contract", number) % 90_000_000
    }

    /// The name of a property: one that is documented, or a made-up one.
    fn property<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if is_property(name) {
            Cow::Borrowed(name)
        } else {
            format!("$property-{}", self.made_up("property", name)).into()
        }
    }

    /// Sixteen hex digits: the same for the same.
    fn made_up(&self, purpose: &str, said: &str) -> String {
        hex::encode(&self.digest(purpose, said)[..8])
    }

    fn number_of(&self, purpose: &str, said: &str) -> u64 {
        self.digest(purpose, said)[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn digest(&self, purpose: &str, said: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("a key of any length will do for HMAC");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(said.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The length of a text in its place.
fn text(said: &str) -> String {
    format!("$text:{}", said.len())
}

/// A word of the API.
fn word(said: &str) -> String {
    if is_word(said) { said.to_owned() } else { text(said) }
}

/// Takes the redacted form of a body as far as there is room.
#[derive(Default)]
struct Shape {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Shape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_SHAPE_BYTES {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one value and writes what is kept of it.
struct Value<'a> {
    redactor: &'a Redactor,
    operation: &'a Operation,
    /// The property that it is under, also from within a list.
    name: &'a str,
    /// Whether it is one of `_links`.
    is_link: bool,
    out: &'a mut Shape,
}

impl Value<'_> {
    fn put<E: serde::de::Error>(&mut self, kept: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(&mut *self.out, kept).map_err(E::custom)
    }

    fn raw<E: serde::de::Error>(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.out.write_all(bytes).map_err(E::custom)
    }

    fn number<E: serde::de::Error>(&mut self, number: &(impl serde::Serialize + ToString)) -> Result<(), E> {
        let is = |names: &[&str]| names.contains(&self.name);
        if is_count(self.name) {
            self.put(number)
        } else if self.name == CONTRACT {
            let made_up = self.redactor.contract(&number.to_string());
            self.put(&made_up)
        } else if is(&IDS) || is(&NAMES) || is(&ADDRESSES) {
            self.string(&number.to_string())
        } else {
            self.put("$number")
        }
    }

    fn string<E: serde::de::Error>(&mut self, said: &str) -> Result<(), E> {
        let kept = if self.is_link {
            self.redactor.link(self.operation, said)
        } else {
            self.redactor.text(self.operation, self.name, said)
        };
        self.put(&kept)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(mut self) -> Result<(), E> {
        self.raw(b"null")
    }

    fn visit_bool<E: serde::de::Error>(mut self, flag: bool) -> Result<(), E> {
        self.put(&flag)
    }

    fn visit_i64<E: serde::de::Error>(mut self, number: i64) -> Result<(), E> {
        self.number(&number)
    }

    fn visit_u64<E: serde::de::Error>(mut self, number: u64) -> Result<(), E> {
        self.number(&number)
    }

    fn visit_f64<E: serde::de::Error>(mut self, number: f64) -> Result<(), E> {
        self.number(&number)
    }

    fn visit_str<E: serde::de::Error>(mut self, said: &str) -> Result<(), E> {
        self.string(said)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut before: &[u8] = b"[";
        loop {
            let at = self.out.bytes.len();
            self.raw(before)?;
            let item = Value { out: &mut *self.out, ..self };
            if items.next_element_seed(item)?.is_none() {
                self.out.bytes.truncate(at);
                break;
            }
            before = b",";
        }
        self.raw(if before == b"[" { b"[]" } else { b"]" })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut before: &[u8] = b"{";
        while let Some(name) = object.next_key::<Cow<'de, str>>()? {
            self.raw(before)?;
            self.put(&*self.redactor.property(&name))?;
            self.raw(b":")?;
            let is_link = self.name == "_links";
            object.next_value_seed(Value { name: &name, is_link, out: &mut *self.out, ..self })?;
            before = b",";
        }
        self.raw(if before == b"{" { b"{}" } else { b"}" })
    }
}

#[cfg(test)]
mod tests;
