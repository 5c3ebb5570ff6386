//! The YAML of the shared IONOS file, as leniently as the tools of IONOS take it: where a list or an object belongs, nothing
//! and a blank text are nothing.
//!
//! Shapes only; what they mean is decided in `shared`.

use std::fmt;
use std::marker::PhantomData;

use secrecy::SecretString;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::seams::clean;

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawFile {
    pub(super) current_profile: Option<String>,
    #[serde(default)]
    pub(super) profiles: BlankOr<Vec<BlankOr<RawProfile>>>,
    #[serde(default)]
    pub(super) environments: BlankOr<Vec<BlankOr<RawEnvironment>>>,
    /// The older JSON file of ionosctl, nested or with dots in its names.
    #[serde(default)]
    pub(super) userdata: BlankOr<RawUserdata>,
    #[serde(rename = "userdata.token")]
    pub(super) userdata_token: Option<SecretString>,
    #[serde(rename = "userdata.name")]
    pub(super) userdata_name: Option<String>,
    #[serde(rename = "userdata.password")]
    pub(super) userdata_password: Option<SecretString>,
}

#[derive(Default, serde::Deserialize)]
pub(super) struct RawUserdata {
    pub(super) token: Option<SecretString>,
    pub(super) name: Option<String>,
    pub(super) password: Option<SecretString>,
}

#[derive(serde::Deserialize)]
pub(super) struct RawProfile {
    pub(super) name: Option<String>,
    pub(super) environment: Option<String>,
    #[serde(default)]
    pub(super) credentials: BlankOr<RawCredentials>,
}

#[derive(Default, serde::Deserialize)]
pub(super) struct RawCredentials {
    pub(super) token: Option<SecretString>,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
}

#[derive(serde::Deserialize)]
pub(super) struct RawEnvironment {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) products: BlankOr<Vec<BlankOr<RawProduct>>>,
}

#[derive(serde::Deserialize)]
pub(super) struct RawProduct {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) endpoints: BlankOr<Vec<BlankOr<RawEndpoint>>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawEndpoint {
    pub(super) name: Option<String>,
    pub(super) location: Option<String>,
    pub(super) skip_tls_verify: Option<Flag>,
    pub(super) certificate_auth_data: Option<String>,
}

/// A list or an object; nothing where the file has nothing or a blank text in its place.
pub(super) struct BlankOr<T>(pub(super) Option<T>);

impl<T> Default for BlankOr<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> BlankOr<Vec<BlankOr<T>>> {
    /// The items that are there.
    pub(super) fn into_items(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten().filter_map(|item| item.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for BlankOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Blank<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Blank<T> {
            type Value = BlankOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, an object or nothing")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(BlankOr(None))
            }

            fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
                Ok(BlankOr(None))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // The text itself is not repeated: it may be a secret in the wrong place.
                if clean(text).value.is_some() {
                    return Err(E::custom("text in place of a list or an object"));
                }
                Ok(BlankOr(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                T::deserialize(SeqAccessDeserializer::new(items)).map(|value| BlankOr(Some(value)))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries)).map(|value| BlankOr(Some(value)))
            }
        }

        deserializer.deserialize_any(Blank(PhantomData))
    }
}

/// True or false, also as text; anything else is false.
#[derive(Clone, Copy)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;

        impl Visitor<'_> for Word {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
                Ok(Flag(clean(text).value.is_some_and(|word| word.eq_ignore_ascii_case("true"))))
            }

            fn visit_unit<E: Error>(self) -> Result<Flag, E> {
                Ok(Flag(false))
            }
        }

        deserializer.deserialize_any(Word)
    }
}
