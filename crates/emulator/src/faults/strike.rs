//! What the rules that strike one request do to it, stage by stage, as the gate asks for it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::armed::Armed;
use super::rule::Exchange;
use super::{Effect, Performance, Phase};
use crate::shared::Shared;

/// One rule that was picked for one request.
#[derive(Debug, Clone)]
pub(crate) struct Strike(pub(super) Arc<Armed>);

/// Everything that is going to happen to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The rule that decides about the answer.
    pub(super) decisive: Option<Strike>,
    /// Delays and edits, which leave the answer alone.
    pub(super) companions: Vec<Strike>,
}

impl Plan {
    /// Changes the world as the rules of that stage say.
    pub(crate) fn edit(&self, before: bool, shared: &Shared) {
        for Strike(armed) in &self.companions {
            if let Effect::Edit(edit) = armed.effect()
                && (armed.rule().phase == Phase::Before) == before
            {
                if edit.apply(shared) { armed.hit() } else { armed.missed() }
            }
        }
    }

    /// How much longer the answer takes.
    pub(crate) fn delay(&self) -> Duration {
        let mut sum = Duration::ZERO;
        for Strike(armed) in &self.companions {
            if let Effect::Delay(delay) = armed.effect() {
                armed.hit();
                sum = sum.saturating_add(*delay);
            }
        }
        sum
    }

    /// The answer in the place of the operation, which is not carried out then.
    pub(crate) fn in_place(&self, exchange: &Exchange, shared: &Shared) -> Option<Response> {
        let Strike(armed) = self.decisive.as_ref()?;
        if armed.rule().phase != Phase::Before {
            return None;
        }
        match armed.effect() {
            Effect::Answer(answer) => {
                armed.hit();
                Some(answer.response(shared.clock.now()))
            }
            Effect::Redirect(status) => {
                armed.hit();
                Some(redirect(*status, exchange, shared))
            }
            // Nobody is going to see this.
            Effect::Break(_) => Some(StatusCode::OK.into_response()),
            _ => None,
        }
    }

    /// Changes what the operation is asked for.
    pub(crate) fn rewrite(&self, exchange: &Exchange, request: &mut Request) {
        if let Some(Strike(armed)) = &self.decisive
            && let Some(distortion) = armed.effect().distortion()
            && let Some(query) = distortion.other_query(exchange)
            && let Ok(uri) = Uri::try_from(format!("{}?{query}", exchange.full_path))
        {
            *request.uri_mut() = uri;
        }
    }

    /// Replaces or distorts the answer of the operation.
    pub(crate) async fn alter(&self, exchange: &Exchange, shared: &Shared, response: Response) -> Response {
        let Some(Strike(armed)) = &self.decisive else {
            return response;
        };
        match armed.effect() {
            Effect::Answer(answer) if armed.rule().phase != Phase::Before => {
                armed.hit();
                answer.response(shared.clock.now())
            }
            Effect::Redirect(status) if armed.rule().phase != Phase::Before => {
                armed.hit();
                redirect(*status, exchange, shared)
            }
            effect @ (Effect::Distort(_) | Effect::Restate(_)) if response.status() == StatusCode::OK => {
                let (mut parts, body) = response.into_parts();
                let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
                let distorted = match effect.distortion() {
                    Some(distortion) => distortion.apply(exchange, shared.elsewhere.origin(), &bytes),
                    None => Some(bytes.to_vec()),
                };
                let Some(text) = distorted else {
                    armed.missed();
                    return Response::from_parts(parts, Body::from(bytes));
                };
                armed.hit();
                parts.headers.remove(header::CONTENT_LENGTH);
                if let Effect::Restate(restated) = effect {
                    restated.restate(&mut parts.status, &mut parts.headers);
                }
                Response::from_parts(parts, Body::from(text))
            }
            Effect::Distort(_) | Effect::Restate(_) => {
                armed.missed();
                response
            }
            _ => response,
        }
    }

    /// How the finished answer goes out, if not in order; `Err` with the answer if in order.
    pub(crate) async fn perform(&self, response: Response) -> Result<Performance, Box<Response>> {
        let Some(Strike(armed)) = &self.decisive else {
            return Err(Box::new(response));
        };
        let performance = Performance::of(armed.effect(), armed.rule().phase, response).await?;
        armed.hit();
        Ok(performance)
    }
}

fn redirect(status: u16, exchange: &Exchange, shared: &Shared) -> Response {
    let mut response = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND).into_response();
    let query = if exchange.query.is_empty() { String::new() } else { format!("?{}", exchange.query) };
    let location = format!("{}{}{query}", shared.elsewhere.origin(), exchange.full_path);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
