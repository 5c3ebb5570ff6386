//! What a key of the configuration is, and the macro that declares one in one row.
//!
//! A row of `keys!` is the only place that names a key, besides its paragraph in `config/default.toml`: from it come the
//! field of the section, its default, its setter and getter, its variables, its limits, its help text and its entry of
//! the schema. Rows stand in `sections` (scalar keys) and in `tables` (keys of one element of an array of tables).

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::value::Given;

/// What is known of a key without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Section or table, and name: `api.concurrency`, `contract.zone`.
    pub path: &'static str,
    /// Environment variables that set it, the strongest first; none for keys of tables.
    pub variables: Vec<String>,
    /// What it does, in one or two sentences.
    pub about: &'static str,
    /// Whether it is part of the configuration's identity: not for places of files, accounts and logging.
    pub identity: bool,
    /// What values it takes.
    pub form: Form,
}

/// A key of the structure `T`: of the whole configuration, or of one element of an array of tables.
#[derive(Debug)]
pub struct Key<T> {
    /// Name, variables, limits and help text.
    pub spec: Spec,
    pub(super) set: fn(&mut T, &Given, &Path) -> Result<(), String>,
    pub(super) get: fn(&T) -> Option<Shown>,
}

/// The forms of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text without control characters.
    Free,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Text that matches this regular expression.
    Pattern(&'static str),
    /// Text with rules of its own that no pattern expresses.
    Special,
    /// A file or folder.
    Path,
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// True or false.
    Flag,
    /// A duration.
    Span(RangeInclusive<Duration>),
    /// Several values of one form.
    List(Box<Self>),
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Text, a path or a duration.
    Text(String),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// Several values.
    List(Vec<Self>),
}

impl Spec {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the dot.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }
}

impl<T> Key<T> {
    /// The value in canonical form; `None` when it is not set.
    pub fn shown(&self, owner: &T) -> Option<Shown> {
        (self.get)(owner)
    }
}

/// The variable that every scalar key has: `KEYHOLDER_API_URL` for `api.url`.
pub(super) fn own_variable(path: &str) -> String {
    format!("KEYHOLDER_{}", path.replace('.', "_").to_uppercase())
}

/// Declares keys, one a row:
///
/// ```text
/// /// What it does: the help text.
/// name: Type = default, within 1..=256, is local, env ["IONOS_NAME"];
/// ```
///
/// `within` limits numbers and durations. `is local` keeps a key out of the configuration's identity. `env` names variables
/// besides the one that every scalar key has.
///
/// With `config`, the blocks are sections: each becomes a structure and a field of [`super::Config`]. With `tables`, the
/// blocks are elements of arrays of tables: each becomes a structure that implements [`super::tables::Table`].
macro_rules! keys {
    (config $(
        $(#[doc = $purpose:literal])+
        [$section:ident] $owner:ident {
            $(
                $(#[doc = $about:literal])+
                $name:ident: $type:ty = $default:expr
                $(, within $limits:expr)? $(, is $local:ident)? $(, env [$($variable:literal),+])?;
            )+
        }
    )+) => {
        $( keys! { @structure [pub] $(#[doc = $purpose])+ $owner { $($(#[doc = $about])+ $name: $type = $default;)+ } } )+

        /// Every scalar key, in the order of `config/default.toml`.
        pub static KEYS: std::sync::LazyLock<Vec<Key<Config>>> = std::sync::LazyLock::new(|| vec![
            $($(
                keys! {
                    @key [$section.$name] concat!(stringify!($section), ".", stringify!($name)),
                    concat!($($about),+), $type, [$($limits)?], [$($local)?],
                    {
                        let mut variables =
                            vec![own_variable(concat!(stringify!($section), ".", stringify!($name)))];
                        variables.extend_from_slice(&[$($($variable.to_owned()),+)?]);
                        variables
                    }
                },
            )+)+
        ]);
    };
    (tables $(
        $(#[doc = $purpose:literal])+
        [[$table:ident]] $owner:ident {
            $(
                $(#[doc = $about:literal])+
                $name:ident: $type:ty = $default:expr
                $(, within $limits:expr)? $(, is $local:ident)?;
            )+
        }
    )+) => { $(
        keys! { @structure [pub(in crate::config)] $(#[doc = $purpose])+ $owner { $($(#[doc = $about])+ $name: $type = $default;)+ } }

        impl Table for $owner {
            const NAME: &'static str = stringify!($table);
            const PURPOSE: &'static str = concat!($($purpose),+);

            fn keys() -> &'static [Key<Self>] {
                static KEYS: std::sync::LazyLock<Vec<Key<$owner>>> = std::sync::LazyLock::new(|| vec![
                    $(
                        keys! {
                            @key [$name] concat!(stringify!($table), ".", stringify!($name)),
                            concat!($($about),+), $type, [$($limits)?], [$($local)?], Vec::new()
                        },
                    )+
                ]);
                &KEYS
            }
        }
    )+ };
    (@structure [$visible:vis] $(#[doc = $purpose:literal])+ $owner:ident {
        $($(#[doc = $about:literal])+ $name:ident: $type:ty = $default:expr;)+
    }) => {
        $(#[doc = $purpose])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        $visible struct $owner {
            $($(#[doc = $about])+ $visible $name: $type,)+
        }

        impl Default for $owner {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }
    };
    (@key [$($field:tt)+] $path:expr, $about:expr, $type:ty, [$($limits:expr)?], [$($local:ident)?], $variables:expr) => {
        Key {
            spec: Spec {
                path: $path,
                variables: $variables,
                about: $about.trim_ascii(),
                identity: keys!(@identity $($local)?),
                form: <$type as ValueType>::form(&keys!(@limits $type, $($limits)?)),
            },
            set: |owner, given, folder| {
                owner.$($field)+ = <$type as ValueType>::read(given, &keys!(@limits $type, $($limits)?), folder)?;
                Ok(())
            },
            get: |owner| ValueType::show(&owner.$($field)+),
        }
    };
    (@identity local) => { false };
    (@identity) => { true };
    (@limits $type:ty, $limits:expr) => { $limits };
    (@limits $type:ty,) => { <$type as ValueType>::LIMITS };
}

pub(super) use keys;
