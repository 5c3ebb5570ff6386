//! What an answer carries beside its value: what it took to get it, and what the server said about limits.

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};

use super::wire::Notes;

/// How much of the children an answer spells out. Each level inlines one more.
///
/// Source: parameter `depth` of every operation but `umUsersS3ssourlGet`; the newest reference of the API allows 0 and 1 only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the numbers say it")]
pub enum Depth {
    /// Lists hold bare references.
    #[default]
    Zero,
    /// Lists hold whole items; the children of an item are not listed.
    One,
    /// The children of an item are bare references.
    Two,
    /// The children of an item are whole.
    Three,
    Four,
    Five,
    Six,
    Seven,
    Eight,
    Nine,
    Ten,
}

impl Depth {
    /// The number that is sent.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// How much of a list to read that comes in no pages by its documentation: all of it, or what is behind so many items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// How much of the children is spelled out.
    pub depth: Depth,
    /// Items to skip; `None` to ask as the documentation says.
    pub from: Option<u64>,
}

impl Listing {
    /// What is behind so many items.
    pub fn from_item(depth: Depth, from: u64) -> Self {
        Self { depth, from: Some(from) }
    }

    /// The query that asks for it.
    pub(super) fn query(self) -> String {
        let depth = self.depth.number();
        self.from.map_or_else(
            || format!("?depth={depth}"),
            |from| format!("?offset={from}&limit={}&depth={depth}", Page::MAX_LIMIT),
        )
    }
}

impl From<Depth> for Listing {
    fn from(depth: Depth) -> Self {
        Self { depth, from: None }
    }
}

/// Which part of the list of users to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Users to skip.
    pub offset: u64,
    /// Users to return at most: 1 to 100.
    pub limit: u64,
}

impl Page {
    /// The most users the API puts on one page.
    pub const MAX_LIMIT: u64 = 100;

    /// The first page of the largest size.
    pub const FIRST: Self = Self { offset: 0, limit: Self::MAX_LIMIT };
}

/// Limits as the server tells them with every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// `X-RateLimit-Limit`: requests per minute on average.
    pub limit: Option<u64>,
    /// `X-RateLimit-Remaining`: requests left before one fails.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Burst`: requests at once at most.
    pub burst: Option<u64>,
}

impl Rate {
    /// Reads the headers; `None` if none of them is there.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        let rate = Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            burst: number("x-ratelimit-burst"),
        };
        (rate != Self::default()).then_some(rate)
    }
}

/// What it took to get an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Requests that were sent, the successful one included.
    pub attempts: u32,
    /// Bytes of the body, after decompression.
    pub bytes: u64,
    /// When the first request was sent, by our clock.
    pub sent_at: DateTime<Utc>,
    /// When the answer was complete, by our clock.
    pub answered_at: DateTime<Utc>,
    /// The server's `Date`.
    pub server_date: Option<DateTime<Utc>>,
    /// The server's limits.
    pub rate: Option<Rate>,
}

/// A decoded answer.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// What this version did not know of it.
    pub notes: Notes,
    /// What it took.
    pub receipt: Receipt,
}

impl<T> Answer<T> {
    /// The same answer with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: f(self.value), notes: self.notes, receipt: self.receipt }
    }
}

/// The server's `Date`, or another header of that form.
pub(super) fn server_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// Reads a date of HTTP, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|at| at.with_timezone(&Utc))
}
