//! Answers that are well-formed and wrong: the operation's own, with one thing about it changed.

use serde_json::Value;

use super::Pages;
use super::forget::Forgetting;
use super::pages::{first_page, page_of, rename, shorter_page, unseen};
use super::rule::Exchange;

/// What happens to the items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Items {
    /// The property is missing.
    Missing,
    /// The property is `null`.
    Null,
    /// There are none.
    Empty,
    /// Only the first so many are there.
    Keep(usize),
    /// The first comes a second time, at the end.
    Twice,
    /// The first comes a second time, at the end, with another text in its properties.
    TwiceDifferent,
    /// There is one more, like the first, with an id that nothing else has.
    Dangling,
    /// There is one more, like the first, without an id.
    Nameless,
}

/// Where the link to the next page leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// To the emulator's other host.
    Elsewhere,
    /// To the first page.
    Back,
    /// To the page that it is on.
    Standstill,
    /// There.
    To(String),
    /// To the next page, without a server.
    PathOnly,
    /// Nowhere: it is a number.
    Unreadable,
    /// It is missing, although there may be another page.
    Untold,
}

/// How an id is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// In upper case.
    Upper,
    /// In braces.
    Braces,
    /// With blanks around it.
    Blanks,
}

impl Spelling {
    fn of(self, id: &str) -> String {
        match self {
            Self::Upper => id.to_uppercase(),
            Self::Braces => format!("{{{id}}}"),
            Self::Blanks => format!(" {id}\n"),
        }
    }
}

/// What is changed about a successful answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Distortion {
    /// The second half is missing; the framing is in order.
    CutShort,
    /// The items of a list.
    Items(Items),
    /// The pages of users.
    Pages(Pages),
    /// The server puts so many users on a page, whatever it is asked for.
    PagesOf(usize),
    /// A list that is in no pages by its documentation comes in pages of at most so many.
    Paged(usize),
    /// Properties that are drawn by chance are missing, or null where that is no value.
    Forget(Forgetting),
    /// The link to the next page of a list.
    Next(Link),
    /// A property gets a value, in every item of a list or in the thing itself. Names are joined by dots:
    /// `properties.manageQuantum`.
    Set {
        /// The property.
        at: String,
        /// Its value.
        value: Value,
    },
    /// A property is missing, in every item of a list or in the thing itself.
    Remove {
        /// The property.
        at: String,
    },
    /// A property is null, in the items of a list with these ids.
    Null {
        /// The items.
        ids: Vec<String>,
        /// The property.
        at: String,
    },
    /// A property is missing, in the items of a list with these ids.
    Omit {
        /// The items.
        ids: Vec<String>,
        /// The property.
        at: String,
    },
    /// A property of the answer itself gets a value, also of a list: its `id`, `href`, `total`.
    Frame {
        /// The property.
        at: String,
        /// Its value.
        value: Value,
    },
    /// Every id is written in another way, in every item of a list or in the thing itself.
    Spell(Spelling),
    /// All of these, one after the other.
    All(Vec<Distortion>),
}

impl Distortion {
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::CutShort => "cut short",
            Self::Items(Items::Missing | Items::Null) => "items missing",
            Self::Items(Items::Empty) => "emptied",
            Self::Items(Items::Keep(_)) => "collapsed",
            Self::Items(Items::Twice | Items::TwiceDifferent) => "duplicate id",
            Self::Items(Items::Dangling) => "dangling reference",
            Self::Items(Items::Nameless) => "item without id",
            Self::Pages(_) => "endless pages",
            Self::PagesOf(_) => "short pages",
            Self::Paged(_) => "pages",
            Self::Forget(_) => "properties missing",
            Self::Next(_) => "next link",
            Self::Set { .. } => "property set",
            Self::Remove { .. } | Self::Omit { .. } => "property missing",
            Self::Null { .. } => "property null",
            Self::Frame { .. } => "frame set",
            Self::Spell(_) => "ids spelled",
            Self::All(distortions) => distortions.first().map_or("as it is", Self::title),
        }
    }

    /// The query that is asked instead of the client's.
    pub(super) fn other_query(&self, exchange: &Exchange) -> Option<String> {
        match self {
            Self::Pages(_) => first_page(exchange),
            Self::PagesOf(size) => shorter_page(exchange, *size),
            Self::All(distortions) => distortions.iter().find_map(|one| one.other_query(exchange)),
            _ => None,
        }
    }

    /// The distorted text; `None` if there is nothing to distort in this one.
    pub(super) fn apply(&self, exchange: &Exchange, elsewhere: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(bytes).ok()?;
        match self {
            Self::CutShort => return Some(bytes[..bytes.len() / 2].to_vec()),
            Self::Items(items) => items.apply(exchange, &mut value)?,
            Self::Pages(pages) => pages.apply(exchange, &mut value)?,
            Self::PagesOf(_) => {}
            Self::Paged(size) => page_of(exchange, *size, &mut value)?,
            Self::Forget(forgetting) => forgetting.apply(exchange, &mut value),
            Self::Next(link) => link.apply(exchange, elsewhere, &mut value)?,
            Self::Set { at, value: new } => each(&mut value, |thing| {
                let (holder, name) = holder(thing, at)?;
                holder.insert(name.to_owned(), new.clone());
                Some(())
            })?,
            Self::Remove { at } => each(&mut value, |thing| {
                let (holder, name) = holder(thing, at)?;
                holder.remove(name).map(|_| ())
            })?,
            Self::Null { ids, at } => each(&mut value, |thing| {
                if is_one_of(ids, thing)? {
                    let (holder, name) = holder(thing, at)?;
                    holder.insert(name.to_owned(), Value::Null);
                }
                Some(())
            })?,
            Self::Omit { ids, at } => each(&mut value, |thing| {
                if is_one_of(ids, thing)? {
                    let (holder, name) = holder(thing, at)?;
                    holder.remove(name);
                }
                Some(())
            })?,
            Self::Frame { at, value: new } => {
                let (holder, name) = holder(&mut value, at)?;
                holder.insert(name.to_owned(), new.clone());
            }
            Self::Spell(spelling) => each(&mut value, |thing| {
                let id = thing.get_mut("id")?;
                *id = Value::String(spelling.of(id.as_str()?));
                Some(())
            })?,
            Self::All(distortions) => {
                return distortions
                    .iter()
                    .try_fold(bytes.to_vec(), |bytes, one| one.apply(exchange, elsewhere, &bytes));
            }
        }
        Some(value.to_string().into_bytes())
    }
}

impl Items {
    fn apply(self, exchange: &Exchange, list: &mut Value) -> Option<()> {
        let items = list.get_mut("items")?.as_array_mut()?;
        match self {
            Self::Missing => {
                list.as_object_mut()?.remove("items");
            }
            Self::Null => list["items"] = Value::Null,
            Self::Empty if items.is_empty() => return None,
            Self::Empty => items.clear(),
            Self::Keep(first) if items.len() <= first => return None,
            Self::Keep(first) => items.truncate(first),
            Self::Twice => items.push(items.first()?.clone()),
            Self::TwiceDifferent => {
                let mut again = items.first()?.clone();
                let text = again.get_mut("properties")?.as_object_mut()?.values_mut().find(|it| it.is_string())?;
                *text = Value::String(format!("{} II", text.as_str()?));
                items.push(again);
            }
            Self::Nameless => {
                let mut another = items.first()?.clone();
                another.as_object_mut()?.remove("id");
                items.push(another);
            }
            Self::Dangling => {
                let mut another = items.first()?.clone();
                rename(&mut another, &unseen(&exchange.path, 0));
                items.push(another);
            }
        }
        Some(())
    }
}

impl Link {
    fn apply(&self, exchange: &Exchange, elsewhere: &str, list: &mut Value) -> Option<()> {
        list.get("items")?;
        let offset = exchange.number("offset").unwrap_or(0);
        let limit = exchange.number("limit").unwrap_or(100);
        let own = list.get("href")?.as_str()?.to_owned();
        let next = match self {
            Self::Elsewhere => format!("{elsewhere}{}?offset={}&limit={limit}", exchange.full_path, offset + limit),
            Self::Back => format!("{own}?offset=0&limit={limit}"),
            Self::Standstill => format!("{own}?offset={offset}&limit={limit}"),
            Self::To(link) => link.clone(),
            Self::PathOnly => format!("{}?offset={}&limit={limit}", exchange.full_path, offset + limit),
            Self::Unreadable => String::new(),
            Self::Untold => return list.get_mut("_links")?.as_object_mut()?.remove("next").map(|_| ()),
        };
        let next = if *self == Self::Unreadable { Value::from(offset + limit) } else { Value::String(next) };
        let links = list.as_object_mut()?.entry("_links").or_insert_with(|| Value::Object(serde_json::Map::new()));
        links.as_object_mut()?.insert("next".to_owned(), next);
        Some(())
    }
}

fn is_one_of(ids: &[String], thing: &Value) -> Option<bool> {
    let id = thing.get("id")?.as_str()?;
    Some(ids.iter().any(|wanted| wanted == id))
}

/// Changes every item of a list, or the thing itself; `None` if nothing was changed.
fn each(value: &mut Value, mut change: impl FnMut(&mut Value) -> Option<()>) -> Option<()> {
    match value.get_mut("items").and_then(Value::as_array_mut) {
        Some(items) => {
            let changed = items.iter_mut().filter_map(change).count();
            (changed > 0).then_some(())
        }
        None => change(value),
    }
}

/// The object that has, or is going to have, the property, and the property's own name.
fn holder<'v, 'n>(thing: &'v mut Value, at: &'n str) -> Option<(&'v mut serde_json::Map<String, Value>, &'n str)> {
    let (path, name) = at.rsplit_once('.').map_or((None, at), |(path, name)| (Some(path), name));
    let mut holder = thing;
    for step in path.into_iter().flat_map(|path| path.split('.')) {
        holder = holder.get_mut(step)?;
    }
    Some((holder.as_object_mut()?, name))
}
