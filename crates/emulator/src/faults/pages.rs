//! Lists of users that lead on and on.

use serde_json::{Value, json};

use super::rule::Exchange;
use crate::api::mixed;

/// What every page of users is, however far the client goes. Each says that there is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Behind the first, a full page of users whom nobody has seen before.
    Fresh,
    /// The first page, filled up with itself: the server does not look at the offset.
    Same,
    /// Empty.
    Empty,
}

/// The only list in pages.
const PAGED: &str = "/um/users";

/// The query with which the first page is asked for; `None` if the list has no pages.
pub(super) fn first_page(exchange: &Exchange) -> Option<String> {
    (exchange.template == PAGED).then(|| {
        let others = exchange.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("offset="));
        others.chain(["offset=0"]).collect::<Vec<_>>().join("&")
    })
}

/// The query with which a page of at most so many users is asked for; `None` if the list has no pages.
pub(super) fn shorter_page(exchange: &Exchange, size: usize) -> Option<String> {
    (exchange.template == PAGED).then(|| {
        let limit = exchange.number("limit").unwrap_or(size).min(size).max(1);
        let others = exchange.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("limit="));
        others.map(str::to_owned).chain([format!("limit={limit}")]).collect::<Vec<_>>().join("&")
    })
}

/// Cuts the page out of a list that was asked for, of at most so many items; `None` if it is no list.
pub(super) fn page_of(exchange: &Exchange, size: usize, list: &mut Value) -> Option<()> {
    let offset = exchange.number("offset").unwrap_or(0);
    let limit = exchange.number("limit").unwrap_or(size).min(size).max(1);
    let items = list.get_mut("items")?.as_array_mut()?;
    let total = items.len();
    *items = std::mem::take(items).into_iter().skip(offset).take(limit).collect();
    let own = list["href"].as_str()?.to_owned();
    list["offset"] = json!(offset);
    list["limit"] = json!(limit);
    if offset + limit < total {
        list["_links"] = json!({ "next": format!("{own}?offset={}&limit={limit}", offset + limit) });
    }
    Some(())
}

impl Pages {
    /// Makes the first page the page that was asked for.
    pub(super) fn apply(self, exchange: &Exchange, list: &mut Value) -> Option<()> {
        let offset = exchange.number("offset").unwrap_or(0);
        let limit = exchange.number("limit").unwrap_or(100).max(1);
        let own = list["_links"]["self"].as_str()?.split('?').next()?.to_owned();
        let items = list.get_mut("items")?.as_array_mut()?;
        match self {
            Self::Empty => items.clear(),
            Self::Same | Self::Fresh => {
                let first = std::mem::take(items);
                *items = first.iter().cycle().take(limit).cloned().collect();
                let genuine = if offset == 0 { first.len() } else { 0 };
                if self == Self::Fresh {
                    for (place, item) in items.iter_mut().enumerate().skip(genuine) {
                        rename(item, &unseen("page", offset + place));
                    }
                }
            }
        }
        list["offset"] = json!(offset);
        list["_links"] = json!({
            "self": format!("{own}?offset={offset}&limit={limit}"),
            "next": format!("{own}?offset={}&limit={limit}", offset + limit),
        });
        Some(())
    }
}

/// An id that no generated contract has, the same for the same purpose and number.
pub(super) fn unseen(purpose: &str, number: usize) -> String {
    let drawn = mixed(number as u64, purpose);
    format!("ffffffff-{:04x}-4fff-bfff-{:012x}", drawn >> 48, drawn & 0xffff_ffff_ffff)
}

/// Gives an item another id, in its address too.
pub(super) fn rename(item: &mut Value, id: &str) {
    let old = item["id"].as_str().unwrap_or_default().to_owned();
    if let Some(href) = item["href"].as_str().map(|href| href.replace(&old, id)) {
        item["href"] = Value::String(href);
    }
    item["id"] = Value::String(id.to_owned());
}
