//! Identifiers as the API gives them: opaque text, compared byte by byte, cheap to clone.
//!
//! They never become part of a file name. The same UUID may be written in several ways: [`normal`] is the one that is kept.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The form in which an identifier is compared and kept: without blanks around it, and a UUID in lower case without braces and
/// without `urn:uuid:`. Anything that is no UUID keeps its case, for access keys differ by it.
pub fn normal(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let braced = trimmed.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    let named = trimmed.get(..9).filter(|prefix| prefix.eq_ignore_ascii_case("urn:uuid:")).map(|_| &trimmed[9..]);
    let inner = braced.or(named).unwrap_or(trimmed);
    if !is_uuid(inner) {
        return Cow::Borrowed(trimmed);
    }
    if inner.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(inner.to_ascii_lowercase())
    } else {
        Cow::Borrowed(inner)
    }
}

/// Whether a text is a UUID: hexadecimal digits and four hyphens in their places.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Declares one identifier type, so that a group's id cannot stand where a user's is meant.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The shared text itself, for interning without a copy.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

identifier!(
    /// A user's id, a UUID in every recorded answer.
    UserId
);
identifier!(
    /// A group's id, a UUID in every recorded answer.
    GroupId
);
identifier!(
    /// A resource's id. A share carries the id of the resource it shares.
    ResourceId
);
identifier!(
    /// An S3 key's id, which is the access key itself. Not a secret, but enough to find the key and revoke it.
    KeyId
);

/// A contract by its number, the only name the API has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractNumber(pub u64);

impl fmt::Display for ContractNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The place of a snapshot in the sequence of its contract; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u32);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_one_normal_form() {
        let own = "15f67991-0f51-4efc-a8ad-ef1fb31a480c";
        let shouted = own.to_uppercase();
        for text in [own, &shouted, &format!(" {shouted}\n"), &format!("{{{own}}}"), &format!("URN:uuid:{shouted}")] {
            assert_eq!(normal(text), own, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_uuid_keeps_its_case() {
        for text in ["", "AKIA", "15f67991-0f51-4efc-a8ad-ef1fb31a480", "{x}", "15F67991_0f51-4efc-a8ad-ef1fb31a480c"] {
            assert_eq!(normal(text), text);
        }
        assert_eq!(normal("\tAKIA "), "AKIA");
    }
}
