//! Lists. A list without `items` was not expanded, which is something else than an empty one; and a list whose link to the
//! next page cannot be read is something else than a last page.

use std::sync::Arc;

use serde::de::MapAccess;

use super::lenient::{Address, Count, Identity, Lenient, Place, Text, Type, Word};
use super::notes::Context;
use super::record::{List, Record, keep_in_extra, read_known, record};
use crate::api::frame::Frame;
use crate::domain::body::{Extra, Extras};

/// A list of objects, as an answer of its own or inside `entities`.
#[derive(Clone, Debug)]
pub struct Collection<T> {
    /// `id`, for example `users` or `<group>/users`.
    pub id: Option<Arc<str>>,
    /// `type`, `collection`.
    pub kind: Option<Word>,
    /// `href`.
    pub href: Option<String>,
    /// `items`: `None` is "not expanded", an empty list is "there are none".
    pub items: Option<Vec<T>>,
    /// `offset`, of paged lists.
    pub offset: Option<u64>,
    /// `limit`, of paged lists.
    pub limit: Option<u64>,
    /// `_links`, of paged lists.
    pub links: Option<Links>,
    /// Properties this version does not know.
    pub extra: Extras,
}

impl<T> Collection<T> {
    /// The link to the next page, if there is one.
    pub fn next(&self) -> Option<&Link> {
        self.links.as_ref()?.next.as_ref()
    }

    /// How many items the list says there are, on this page or on all: the largest of its counts. None is documented.
    pub fn total(&self) -> Option<u64> {
        let counts = self.extra.iter().filter(|(name, _)| is_count(name));
        counts.filter_map(|(_, value)| count_of(value)).max()
    }
}

/// Names under which lists of other APIs say how many items there are, in lower case and without signs.
const COUNTS: [&str; 7] = ["total", "count", "totalcount", "totalitems", "totalelements", "itemcount", "itemscount"];

fn is_count(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    COUNTS.contains(&plain.to_ascii_lowercase().as_str())
}

/// A number of items that an unknown property holds.
fn count_of(value: &Extra) -> Option<u64> {
    match value {
        Extra::Integer(number) => u64::try_from(*number).ok(),
        Extra::Number { number } => number.strip_suffix(".0").and_then(|whole| whole.parse().ok()),
        _ => None,
    }
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self {
            id: None,
            kind: None,
            href: None,
            items: None,
            offset: None,
            limit: None,
            links: None,
            extra: Extras::new(),
        }
    }
}

impl<T: Record> Record for Collection<T> {
    fn model() -> &'static str {
        "collection"
    }

    fn index(name: &str) -> Option<usize> {
        ["id", "type", "href", "items", "offset", "limit", "_links"].iter().position(|known| *known == name)
    }

    read_known!(
        id: Identity = "id",
        kind: Type = "type",
        href: Address = "href",
        items: List<T> = "items",
        offset: Count = "offset",
        limit: Count = "limit",
        links: Neighbours = "_links",
    );

    fn frame(&self) -> Frame<'_> {
        Frame {
            id: self.id.as_deref(),
            kind: self.kind.as_deref(),
            href: self.href.as_deref(),
            items: self.items.as_ref().map(|items| items.len() as u64),
            total: self.total(),
        }
    }

    keep_in_extra!();
}

record! {
    /// Addresses of the neighbouring pages. They are compared, never followed.
    Links in "collection._links" {
        /// `prev`.
        prev: String as Text = "prev",
        /// `self`.
        this: String as Text = "self",
        /// `next`; absent or null on the last page.
        next: Link as Onward = "next",
    }
}

/// A link to another page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// An address, or what the server takes for one.
    To(String),
    /// Something else than text: there is another page, and nobody knows where.
    Unreadable,
}

/// Reads a link.
pub(super) struct Onward;

impl Lenient for Onward {
    type Value = Link;

    fn of_text(text: &str, place: Place, context: &Context) -> Option<Link> {
        Text::of_text(text, place, context).map(Link::To)
    }

    fn of_wrong() -> Option<Link> {
        Some(Link::Unreadable)
    }
}

/// Reads `_links`. What is no object may have said anything, also that there is another page.
pub(super) struct Neighbours;

impl Lenient for Neighbours {
    type Value = Links;

    fn of_object<'de, A: MapAccess<'de>>(map: A, context: &Context) -> Result<Option<Links>, A::Error> {
        <Links as Lenient>::of_object(map, context)
    }

    fn of_wrong() -> Option<Links> {
        Some(Links { next: Some(Link::Unreadable), ..Links::default() })
    }
}
