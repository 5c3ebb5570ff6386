//! The body of a fact: RFC 8785 canonical JSON, without floats, so that equal bodies are equal bytes.
//!
//! A body never holds a name, an e-mail address, a secret or a volatile field.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Canonical JSON text of one body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Body(Arc<str>);

/// A body that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The value has no canonical form.
    #[error("write the canonical form of a {what}")]
    Write {
        /// What was to be written, for example `user`.
        what: &'static str,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// The text is not the body of such a value.
    #[error("read the stored body of a {what}")]
    Read {
        /// What was to be read, for example `user`.
        what: &'static str,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
}

impl Body {
    /// Writes a value in its canonical form. Numbers above 2^53 must have been turned into text before.
    pub fn of<T: Serialize>(what: &'static str, value: &T) -> Result<Self, BodyError> {
        serde_json_canonicalizer::to_string(value)
            .map(|text| Self(text.into()))
            .map_err(|source| BodyError::Write { what, source })
    }

    /// Takes text that is known to be canonical because it was written by [`Body::of`].
    pub fn from_canonical(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Reads the body back into its type.
    pub fn read<T: DeserializeOwned>(&self, what: &'static str) -> Result<T, BodyError> {
        read(what, &self.0)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a body back out of its text.
pub fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, BodyError> {
    serde_json::from_str(text).map_err(|source| BodyError::Read { what, source })
}

/// What is kept of a property that this version does not know: enough to notice it and to see it change,
/// too little to store tomorrow's secret by accident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extra {
    /// A boolean, with its value.
    Bool(bool),
    /// A whole number within ±(2^53−1), with its value.
    Integer(i64),
    /// Any other number, as its text.
    Number {
        /// The number as the API wrote it.
        number: String,
    },
    /// Text: only how long it was.
    Text {
        /// Length in bytes.
        length: u64,
    },
    /// A list or an object: only that it was there.
    Nested {
        /// `array` or `object`.
        nested: String,
    },
    /// Text as it was written: exists only in builds for the control of the canary test.
    #[cfg(feature = "unredacted")]
    Verbatim {
        /// The text.
        text: String,
    },
}

/// Unknown properties by name.
pub type Extras = BTreeMap<String, Extra>;
