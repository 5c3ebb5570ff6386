//! Readers of single values: each takes the types it knows and turns any other into "not there, and noted".
//!
//! A reader never makes the library quote a value: wrong types are swallowed here, not reported by the parser.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Refusal;
use super::notes::Context;
use super::{time, word};
use crate::domain::id::normal;
use crate::domain::unknown::Nullable;

/// Where a value stands: the model and the property's name.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) model: &'static str,
    pub(super) name: &'static str,
}

/// A word of one of the API's lists; known ones are not copied.
pub type Word = Cow<'static, str>;

/// Marks a value that was there and was thrown away unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped;

/// Reads a value out of the JSON types it understands. `None` is: not of my type.
pub(super) trait Lenient {
    /// What is read.
    type Value;

    /// Why a wrong type stops everything; for most readers it does not.
    const STRICT: Option<Refusal> = None;

    fn of_bool(_: bool) -> Option<Self::Value> {
        None
    }

    fn of_integer(_: u64) -> Option<Self::Value> {
        None
    }

    fn of_text(_: &str, _: Place, _: &Context) -> Option<Self::Value> {
        None
    }

    fn of_object<'de, A: MapAccess<'de>>(mut map: A, _: &Context) -> Result<Option<Self::Value>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A, _: &Context) -> Result<Option<Self::Value>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// What stands in the place of a value of a wrong type, where that must not look like no value.
    fn of_wrong() -> Option<Self::Value> {
        None
    }

    /// Reads the value; a wrong type is noted, or refused by a strict reader.
    fn read<'de, D: Deserializer<'de>>(
        from: D,
        place: Place,
        context: &Context,
    ) -> Result<Option<Self::Value>, D::Error>
    where
        Self: Sized,
    {
        match from.deserialize_any(AnyValue { place, context, reader: PhantomData::<Self> })? {
            Seen::Value(value) => Ok(Some(value)),
            Seen::Null => Ok(None),
            Seen::Wrong => {
                if let Some(refusal) = Self::STRICT {
                    return Err(context.refuse(refusal));
                }
                context.invalid_field(place.model, place.name);
                Ok(Self::of_wrong())
            }
        }
    }
}

/// The property of an object, read by `R`.
pub(super) struct Field<'c, R> {
    place: Place,
    context: &'c Context,
    reader: PhantomData<R>,
}

impl<'c, R> Field<'c, R> {
    pub(super) fn new(place: Place, context: &'c Context) -> Self {
        Self { place, context, reader: PhantomData }
    }
}

impl<'de, R: Lenient> DeserializeSeed<'de> for Field<'_, R> {
    type Value = Option<R::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        R::read(from, self.place, self.context)
    }
}

/// What a visitor met.
enum Seen<T> {
    Value(T),
    Null,
    Wrong,
}

impl<T> From<Option<T>> for Seen<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Wrong, Self::Value)
    }
}

struct AnyValue<'c, R> {
    place: Place,
    context: &'c Context,
    reader: PhantomData<R>,
}

impl<'de, R: Lenient> Visitor<'de> for AnyValue<'_, R> {
    type Value = Seen<R::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(R::of_bool(value).into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(R::of_integer(value).into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).ok().and_then(R::of_integer).into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(whole(value).and_then(R::of_integer).into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(R::of_text(value, self.place, self.context).into())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Seen::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        R::of_object(map, self.context).map(Seen::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        R::of_list(list, self.context).map(Seen::from)
    }
}

/// A float that is a whole number a float can hold exactly: some readers of this API write `100.0` for 100.
fn whole(value: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole and within 0..2^53")]
    (value.fract() == 0.0 && (0.0..EXACT).contains(&value)).then_some(value as u64)
}

impl Lenient for bool {
    type Value = Self;

    fn of_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// Reads text.
pub(super) struct Text;

impl Lenient for Text {
    type Value = String;

    fn of_text(text: &str, _: Place, context: &Context) -> Option<String> {
        context.weigh(text.len());
        Some(text.to_owned())
    }
}

/// Reads an address, which nobody keeps.
pub(super) struct Address;

impl Lenient for Address {
    type Value = String;

    fn of_text(text: &str, _: Place, _: &Context) -> Option<String> {
        Some(text.to_owned())
    }
}

/// Reads an id in its normal form: anything but text stops the reading, because a record without a sure identity proves nothing.
pub(super) struct Identity;

impl Lenient for Identity {
    type Value = Arc<str>;
    const STRICT: Option<Refusal> = Some(Refusal::Id);

    fn of_text(text: &str, _: Place, context: &Context) -> Option<Arc<str>> {
        context.weigh(text.len());
        Some(normal(text).into())
    }
}

/// Reads a whole number from 0.
pub(super) struct Count;

impl Lenient for Count {
    type Value = u64;

    fn of_integer(value: u64) -> Option<u64> {
        Some(value)
    }
}

/// Reads an instant in any of the API's forms.
pub(super) struct Instant;

impl Lenient for Instant {
    type Value = DateTime<Utc>;

    fn of_text(text: &str, _: Place, _: &Context) -> Option<DateTime<Utc>> {
        time::parse(text)
    }
}

/// Reads a value whose null says something else than its absence.
pub(super) struct OrNull<R>(PhantomData<R>);

impl<R: Lenient> Lenient for OrNull<R> {
    type Value = Nullable<R::Value>;

    fn read<'de, D: Deserializer<'de>>(
        from: D,
        place: Place,
        context: &Context,
    ) -> Result<Option<Self::Value>, D::Error> {
        Ok(match from.deserialize_any(AnyValue { place, context, reader: PhantomData::<R> })? {
            Seen::Value(value) => Some(Nullable::Value(value)),
            Seen::Null => Some(Nullable::Null),
            Seen::Wrong => {
                context.invalid_field(place.model, place.name);
                None
            }
        })
    }
}

/// Reads a secret by not reading it: the parser skips the text without ever building it.
pub(super) struct Discard;

impl Lenient for Discard {
    type Value = Dropped;

    fn read<'de, D: Deserializer<'de>>(from: D, _: Place, _: &Context) -> Result<Option<Dropped>, D::Error> {
        Ok(Option::<IgnoredAny>::deserialize(from)?.map(|_| Dropped))
    }
}

/// Declares a reader of the words of one list.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $list:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Lenient for $name {
            type Value = Word;

            fn of_text(text: &str, place: Place, context: &Context) -> Option<Word> {
                if let Some(known) = $list.into_iter().find(|known| *known == text) {
                    return Some(Cow::Borrowed(known));
                }
                word::is_word(text).then(|| {
                    context.unknown_word(place, text);
                    Cow::Owned(text.to_owned())
                })
            }
        }
    };
}

words!(
    /// Reads `type`.
    Type,
    word::TYPES
);
words!(
    /// Reads `metadata.state`.
    State,
    word::STATES
);
words!(
    /// Reads the `status` of a contract.
    ContractStatus,
    word::CONTRACT_STATES
);
words!(
    /// Reads the `status` of a request.
    RequestStatus,
    word::REQUEST_STATES
);
