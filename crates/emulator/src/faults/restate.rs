//! The operation's own answer under another status or with more headers: what a cache or a gateway on the way makes of it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Distortion;

/// What becomes of a good answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restated {
    /// Another status than 200.
    pub status: Option<u16>,
    /// Headers that come on top, or win over the usual ones.
    pub headers: Vec<(String, String)>,
    /// What is changed in the body.
    pub distortion: Option<Distortion>,
}

impl Restated {
    /// The answer under that status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// The answer with that header.
    pub fn header(name: &str, value: &str) -> Self {
        Self::default().and_header(name, value)
    }

    /// With one header more.
    #[must_use]
    pub fn and_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another body.
    #[must_use]
    pub fn and(self, distortion: Distortion) -> Self {
        Self { distortion: Some(distortion), ..self }
    }

    pub(super) fn title(&self) -> String {
        match (self.status, self.headers.first()) {
            (Some(status), _) => format!("as {status}"),
            (None, Some((name, _))) => format!("with {name}"),
            (None, None) => "as it is".to_owned(),
        }
    }

    /// Changes the head of an answer.
    pub(super) fn restate(&self, status: &mut StatusCode, headers: &mut HeaderMap) {
        if let Some(other) = self.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            *status = other;
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
    }
}
