//! The API's answers as lenient values: every property optional and nullable, unknown ones noted, no secret ever built.
//!
//! Bytes become typed values in one pass without an intermediate tree. Nothing here knows of HTTP; the domain does not know
//! of anything here: `convert` turns one into the other. Errors never quote the text that was read.

pub mod alone;
pub mod collection;
pub mod contract;
mod convert;
pub mod failure;
pub mod group;
pub mod key;
mod lenient;
pub mod notes;
pub mod object;
mod raw;
pub(super) mod record;
pub mod request;
pub mod resource;
mod scan;
pub mod service;
pub mod share;
pub mod sso;
mod time;
pub mod user;
mod word;

use chrono::{DateTime, Utc};
use serde_json::error::Category;

pub use self::collection::{Collection, Link, Links};
pub use self::convert::{ConvertError, Listed};
pub use self::lenient::{Dropped, Word};
pub use self::notes::{HEAVIEST, MAX_VALUES, Note, Notes};
pub use self::scan::{MAX_NESTED, MAX_STRING_BYTES};

use self::notes::Context;
use self::record::{Record, Whole};

/// An instant as the API writes it; `None` for anything that is none.
pub(in crate::api) fn instant(text: &str) -> Option<DateTime<Utc>> {
    time::parse(text)
}

/// Why an answer could not be read. Never quotes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Cut off, or not JSON: another attempt may bring the real answer.
    #[error("the JSON is broken at line {line}, column {column}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
    },
    /// JSON that no reader of this API accepts.
    #[error("{0}")]
    Refused(Refusal),
}

/// Why well-formed JSON is refused as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bytes that are not UTF-8.
    #[error("the text is not UTF-8")]
    Utf8,
    /// Half of a surrogate pair.
    #[error("a string holds half a surrogate pair")]
    Surrogate,
    /// Deeper than [`MAX_NESTED`].
    #[error("the JSON is nested deeper than {MAX_NESTED} levels")]
    Nested,
    /// Longer than [`MAX_STRING_BYTES`].
    #[error("a string is longer than {MAX_STRING_BYTES} bytes")]
    LongString,
    /// More items and unknown properties than [`MAX_VALUES`].
    #[error("the answer holds more than {MAX_VALUES} items and unknown properties")]
    TooMany,
    /// More bytes of values than [`HEAVIEST`].
    #[error("the answer holds more than {} MiB of values", HEAVIEST >> 20)]
    TooHeavy,
    /// The same name twice in one object: two readers could see two things.
    #[error("an object names the same property twice")]
    Duplicate,
    /// An id that is not text.
    #[error("an id is not text")]
    Id,
    /// A list or a scalar where the answer, or an item of its list, must be an object.
    #[error("there is no object where one must be")]
    NotAnObject,
}

/// An answer that was read.
pub(in crate::api) struct Decoded<T> {
    pub(in crate::api) value: T,
    /// What this version does not know of it.
    pub(in crate::api) notes: Notes,
    /// Items and unknown properties.
    pub(in crate::api) values: u32,
    /// Bytes that it takes, about: records and text, without what no one keeps.
    pub(in crate::api) weight: u64,
}

/// Reads one answer, with notes about everything this version does not know.
pub(in crate::api) fn decode<T: Record>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    decode_within(MAX_VALUES, bytes)
}

/// Reads one answer of at most so many values.
fn decode_within<T: Record>(most: u32, bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let text = scan::check(bytes).map_err(DecodeError::Refused)?;
    let context = Context::of_values(most);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Whole::<T>::read(&mut reader, &context).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => {
            let (values, weight) = (most - context.values_left(), context.weight());
            Ok(Decoded { value, notes: context.into_notes(), values, weight })
        }
        Err(error) => Err(match (context.refusal(), error.classify()) {
            (Some(refusal), _) => DecodeError::Refused(refusal),
            (None, Category::Data) => DecodeError::Refused(Refusal::NotAnObject),
            (None, _) => DecodeError::Syntax { line: error.line(), column: error.column() },
        }),
    }
}

#[cfg(test)]
mod tests;
