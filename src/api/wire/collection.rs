//! Lists. A list without `items` was not expanded, which is something else than an empty one.

use std::sync::Arc;

use super::lenient::{Address, Count, Identity, Text, Type, Word};
use super::record::{List, Record, keep_in_extra, read_known, record};
use crate::domain::body::Extras;

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
        links: Links = "_links",
    );

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
        next: String as Text = "next",
    }
}
