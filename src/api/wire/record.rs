//! Objects: known properties by name, unknown ones noted and kept as far as that is safe, names never twice.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Refusal;
use super::lenient::{Lenient, Place};
use super::notes::Context;
use super::raw::{self, Raw};
use super::word::is_word;
use crate::api::frame::Frame;
use crate::domain::body::Extra;

/// Bytes that an unknown property takes beside its name, about: a place in a tree.
const UNKNOWN: usize = 128;

/// An object with known properties.
pub(in crate::api) trait Record: Default {
    /// What the object is called in notes, for example `user.properties`.
    fn model() -> &'static str;

    /// The place of a known property in the order of declaration.
    fn index(name: &str) -> Option<usize>;

    /// Reads the value of the property at that place.
    fn read_known<'de, A: MapAccess<'de>>(
        &mut self,
        index: usize,
        map: &mut A,
        context: &Context,
    ) -> Result<(), A::Error>;

    /// What the object says of itself, where it is an answer of its own.
    fn frame(&self) -> Frame<'_> {
        Frame::default()
    }

    /// Whether an unknown property of that name was kept.
    fn has_unknown(&self, name: &str) -> bool;

    /// Keeps a property that is not known.
    fn keep_unknown(&mut self, name: String, extra: Extra, context: &Context);
}

/// Declares an object: a struct of optional fields, each with its reader and the API's name, and the unknown rest.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident in $model:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty as $reader:ty = $wire:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$type>,)*
            /// Properties this version does not know.
            pub extra: $crate::domain::body::Extras,
        }

        impl $crate::api::wire::record::Record for $name {
            fn model() -> &'static str {
                $model
            }

            fn index(name: &str) -> Option<usize> {
                const NAMES: &[&str] = &[$($wire),*];
                NAMES.iter().position(|known| *known == name)
            }

            $crate::api::wire::record::read_known!($($field: $reader = $wire,)*);

            $crate::api::wire::record::keep_in_extra!();
        }
    };
}

/// The method that reads a known property: the fields in the order in which `index` counts them.
macro_rules! read_known {
    ($($field:ident: $reader:ty = $wire:literal,)*) => {
        fn read_known<'de, A: serde::de::MapAccess<'de>>(
            &mut self,
            index: usize,
            map: &mut A,
            context: &$crate::api::wire::notes::Context,
        ) -> Result<(), A::Error> {
            let mut places = 0..;
            $(
                if places.next() == Some(index) {
                    let place = $crate::api::wire::lenient::Place { model: Self::model(), name: $wire };
                    self.$field =
                        map.next_value_seed($crate::api::wire::lenient::Field::<$reader>::new(place, context))?;
                    return Ok(());
                }
            )*
            map.next_value::<serde::de::IgnoredAny>().map(|_| ())
        }
    };
}

/// The methods that keep unknown properties in the field `extra`.
macro_rules! keep_in_extra {
    () => {
        fn has_unknown(&self, name: &str) -> bool {
            self.extra.contains_key(name)
        }

        fn keep_unknown(
            &mut self,
            name: String,
            extra: $crate::domain::body::Extra,
            context: &$crate::api::wire::notes::Context,
        ) {
            context.unknown_field(Self::model(), &name);
            self.extra.insert(name, extra);
        }
    };
}

pub(super) use {keep_in_extra, read_known, record};

impl<R: Record> Lenient for R {
    type Value = R;

    fn of_object<'de, A: MapAccess<'de>>(mut map: A, context: &Context) -> Result<Option<R>, A::Error> {
        context.weigh(size_of::<R>());
        let mut record = R::default();
        let mut seen = 0_u64;
        let mut not_kept = BTreeSet::new();
        while let Some(name) = map.next_key_seed(Name::<R>(PhantomData))? {
            match name {
                PropertyName::Known(index) => {
                    if seen & (1 << index) != 0 {
                        return Err(context.refuse(Refusal::Duplicate));
                    }
                    seen |= 1 << index;
                    record.read_known(index, &mut map, context)?;
                }
                PropertyName::Unknown(name) => {
                    let value = raw::classify(map.next_value::<&'de RawValue>()?.get());
                    if record.has_unknown(&name) || not_kept.contains(&name) {
                        return Err(context.refuse(Refusal::Duplicate));
                    }
                    context.count()?;
                    context.weigh(UNKNOWN + name.len() + text_of(&value));
                    match value {
                        Raw::Value(extra) if is_word(&name) => record.keep_unknown(name, extra, context),
                        // A name that is no word may itself be a secret, and null says nothing.
                        Raw::Value(_) | Raw::Null => {
                            context.unknown_field(R::model(), &name);
                            not_kept.insert(name);
                        }
                    }
                }
            }
        }
        Ok(Some(record))
    }
}

/// Bytes of the text that an unknown value is kept as.
fn text_of(value: &Raw) -> usize {
    match value {
        Raw::Value(Extra::Number { number }) => number.len(),
        _ => 0,
    }
}

/// Reads a record into a box, so that an object without it stays small.
pub(super) struct Boxed<R>(PhantomData<R>);

impl<R: Record> Lenient for Boxed<R> {
    type Value = Box<R>;

    fn of_object<'de, A: MapAccess<'de>>(map: A, context: &Context) -> Result<Option<Box<R>>, A::Error> {
        Ok(R::of_object(map, context)?.map(Box::new))
    }
}

/// Reads a list of records; an item that is no object stops the reading.
pub(super) struct List<R>(PhantomData<R>);

impl<R: Record> Lenient for List<R> {
    type Value = Vec<R>;

    fn of_list<'de, A: SeqAccess<'de>>(mut list: A, context: &Context) -> Result<Option<Vec<R>>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Whole::<R> { context, reader: PhantomData })? {
            context.count()?;
            items.push(item);
        }
        Ok(Some(items))
    }
}

/// An object that must be there: the answer itself, or an item of a list.
pub(super) struct Whole<'c, R> {
    context: &'c Context,
    reader: PhantomData<R>,
}

impl<R: Record> Whole<'_, R> {
    /// Reads the answer itself.
    pub(super) fn read<'de, D: Deserializer<'de>>(from: D, context: &Context) -> Result<R, D::Error> {
        Whole::<R> { context, reader: PhantomData }.deserialize(from)
    }
}

impl<'de, R: Record> DeserializeSeed<'de> for Whole<'_, R> {
    type Value = R;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<R, D::Error> {
        let place = Place { model: R::model(), name: "" };
        match R::read(from, place, self.context)? {
            Some(record) => Ok(record),
            None => Err(self.context.refuse(Refusal::NotAnObject)),
        }
    }
}

enum PropertyName {
    Known(usize),
    Unknown(String),
}

struct Name<R>(PhantomData<R>);

impl<'de, R: Record> DeserializeSeed<'de> for Name<R> {
    type Value = PropertyName;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<PropertyName, D::Error> {
        from.deserialize_str(self)
    }
}

impl<R: Record> Visitor<'_> for Name<R> {
    type Value = PropertyName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<PropertyName, E> {
        Ok(R::index(name).map_or_else(|| PropertyName::Unknown(name.to_owned()), PropertyName::Known))
    }
}
