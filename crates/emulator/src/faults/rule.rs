//! One rule: which requests meet a fault, how often, and what it does to them. It only says so; whether it strikes is
//! decided where it is armed.

use super::{Answer, Body, Effect, Phase, RetryAfter};

/// What a rule may look at to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// The path template without the version, or `(unmatched)`.
    pub(crate) template: String,
    /// The path without the version.
    pub(crate) path: String,
    /// The path as it was asked for.
    pub(crate) full_path: String,
    pub(crate) query: String,
}

impl Exchange {
    /// What two attempts at the same thing have in common.
    pub(super) fn address(&self) -> String {
        format!("{} {}?{}", self.method, self.full_path, self.query)
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name)?.1.parse().ok()
    }
}

/// One fault: which requests it meets and what they get instead of their answer.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) skip: u32,
    pub(super) every: u32,
    pub(super) times: Option<u32>,
    pub(super) attempts: Option<u32>,
    pub(super) chance: Option<f64>,
    pub(super) phase: Phase,
    pub(super) effect: Effect,
}

impl Rule {
    /// Every such request gets 500 for ever, until the other methods say otherwise.
    ///
    /// The method is `GET`, `POST`, … or `*` for any. The path is a template (`/um/groups/{groupId}/shares`), an exact
    /// path (`/um/groups/<uuid>/shares`), or the beginning of either with a `*` behind it; always without the version.
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            name: None,
            method: method.to_owned(),
            path: path.to_owned(),
            query: None,
            skip: 0,
            every: 1,
            times: None,
            attempts: None,
            chance: None,
            phase: Phase::Before,
            effect: Effect::Answer(Answer::usual(500)),
        }
    }

    /// The name under which it is counted.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// Does this.
    #[must_use]
    pub fn effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// Strikes at that stage; only answers, broken connections and edits know more than one.
    #[must_use]
    pub fn phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    /// Answers with this status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        self.answer(|answer| answer.status = status)
    }

    /// Answers with this body.
    #[must_use]
    pub fn body(self, body: Body) -> Self {
        self.answer(|answer| answer.body = body)
    }

    /// Answers with this header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.answer(|answer| answer.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Answers with this `Retry-After`.
    #[must_use]
    pub fn retry_after(self, when: RetryAfter) -> Self {
        self.answer(|answer| answer.retry_after = Some(when))
    }

    /// Meets only requests whose query contains this.
    #[must_use]
    pub fn query(self, part: &str) -> Self {
        Self { query: Some(part.to_owned()), ..self }
    }

    /// Fires so often, then no more.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Lets the first so many requests through.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Of the requests that are not let through, meets the first and then every n-th.
    #[must_use]
    pub fn every(self, nth: u32) -> Self {
        Self { every: nth.max(1), ..self }
    }

    /// Meets only the first so many attempts at the same address (method, path and query).
    #[must_use]
    pub fn attempts(self, first: u32) -> Self {
        Self { attempts: Some(first), ..self }
    }

    /// Meets that share of the requests, 0 to 1. Which ones follows from the seed of the schedule, the address and the
    /// number of the attempt at it, and not from the order in which requests arrive.
    #[must_use]
    pub fn chance(self, share: f64) -> Self {
        Self { chance: Some(share.clamp(0.0, 1.0)), ..self }
    }

    /// The name it was given, or what it says of itself.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} {}: {}", self.method, self.path, self.effect.title()))
    }

    pub(super) fn meets(&self, exchange: &Exchange) -> bool {
        let fits = |path: &str| match self.path.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == self.path,
        };
        (self.method == "*" || self.method == exchange.method)
            && (fits(&exchange.template) || fits(&exchange.path))
            && self.query.as_ref().is_none_or(|part| exchange.query.contains(part))
    }

    fn answer(mut self, dress: impl FnOnce(&mut Answer)) -> Self {
        if !matches!(self.effect, Effect::Answer(_)) {
            self.effect = Effect::Answer(Answer::usual(500));
        }
        if let Effect::Answer(answer) = &mut self.effect {
            dress(answer);
        }
        self
    }
}
