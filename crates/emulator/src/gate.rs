//! The gate that every request passes on its way in and out: it counts, lets faults take the answer's place, asks for
//! credentials and rights, holds the answer back for the latency, and dresses it with its headers.
//!
//! This is the seam for faults. What happens to a request is decided in [`pass`] and nowhere else, in three phases:
//! before the operation (a fault may answer in its place), after it (a fault may replace or distort the answer), and
//! while the answer is sent (a fault may take the connection and send what it likes).

use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use crate::api::{Problem, Version};
use crate::faults::{Exchange, Line};
use crate::shared::{Caller, Restricted, Shared};
use crate::sight;
use crate::world::Id;

/// The timer wakes on whole milliseconds, never early; this much less makes latencies right on average.
const HALF_A_TICK: Duration = Duration::from_micros(500);

/// The way of every request.
pub(crate) async fn pass(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let exchange = exchange(&request);
    let line = request.extensions_mut().remove::<Line>();
    let running = shared.tally.begin(&exchange.method, &exchange.template);
    let arrived = Instant::now();
    let plan = shared.faults.plan(&exchange);
    plan.edit(true, &shared);
    let mut response = if let Some(fault) = plan.in_place(&exchange, &shared) {
        fault
    } else {
        plan.rewrite(&exchange, &mut request);
        let answer = match admit(&shared, &exchange, &mut request) {
            Ok(remaining) => {
                let eyes = eyes(&shared, &request);
                limits(&shared, remaining, sight::through(eyes, next.run(request)).await)
            }
            Err(refusal) => *refusal,
        };
        plan.alter(&exchange, &shared, answer).await
    };
    plan.edit(false, &shared);
    let latency = shared.settings().latency.saturating_add(plan.delay());
    if !latency.is_zero() {
        tokio::time::sleep_until(arrived + latency.saturating_sub(HALF_A_TICK)).await;
    }
    let date = shared.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::try_from(date) {
        response.headers_mut().entry(header::DATE).or_insert(date);
    }
    if let Some(line) = line {
        response = match plan.perform(response).await {
            Err(response) => *response,
            Ok(performance) => {
                if let Some(status) = performance.status {
                    shared.tally.answered(status, performance.len());
                }
                line.take_over(performance).await
            }
        };
    }
    shared.tally.answered(response.status().as_u16(), response.body().size_hint().lower());
    drop(running);
    response
}

/// The request as counters and faults see it.
fn exchange(request: &Request) -> Exchange {
    let below_version = |path: &str| {
        let below = Version::ALL.into_iter().find_map(|version| path.strip_prefix(version.prefix()));
        below.unwrap_or(path).to_owned()
    };
    let matched = request.extensions().get::<MatchedPath>();
    Exchange {
        method: request.method().as_str().to_owned(),
        template: matched.map_or_else(|| "(unmatched)".to_owned(), |path| below_version(path.as_str())),
        path: below_version(request.uri().path()),
        full_path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
    }
}

/// Rate limit, credentials and rights; returns how many requests the bucket has left.
fn admit(shared: &Shared, exchange: &Exchange, request: &mut Request) -> Result<u32, Box<Response>> {
    let remaining = shared.quota.take().map_err(|seconds| {
        let problem = Problem::usual(StatusCode::TOO_MANY_REQUESTS);
        Box::new(([(header::RETRY_AFTER, seconds.to_string())], problem).into_response())
    })?;
    if matches!(exchange.template.as_str(), "" | "/") {
        return Ok(remaining);
    }
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = authorization
        .and_then(|authorization| shared.caller(authorization))
        .ok_or_else(|| Box::new(Problem::unauthorized().into_response()))?;
    let is_shortened = shared.settings().restricted == Restricted::Shortened && exchange.method == "GET";
    if !is_shortened && !allowed(&caller, exchange) {
        return Err(Box::new(Problem::denied().into_response()));
    }
    request.extensions_mut().insert(caller);
    Ok(remaining)
}

/// Through whose eyes a request sees the world, if lists are shortened for its caller.
fn eyes(shared: &Shared, request: &Request) -> Option<Id> {
    let caller = request.extensions().get::<Caller>().filter(|caller| !caller.administrator)?;
    (shared.settings().restricted == Restricted::Shortened).then(|| caller.user_id.clone())
}

/// Administrators may everything; everybody else may read the contract, and themselves with their own keys.
fn allowed(caller: &Caller, exchange: &Exchange) -> bool {
    if caller.administrator || !exchange.template.starts_with("/um/") {
        return true;
    }
    let own = format!("/um/users/{}", caller.user_id);
    let below = exchange.path.strip_prefix(&own);
    match (exchange.method.as_str(), below) {
        ("GET", Some("" | "/s3ssourl")) => true,
        (_, Some(rest)) => rest == "/s3keys" || rest.starts_with("/s3keys/"),
        _ => false,
    }
}

/// Every 200 and 202 says how much of the rate limit is left.
fn limits(shared: &Shared, remaining: u32, mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::OK | StatusCode::ACCEPTED) {
        let limit = shared.quota.limit();
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", limit.per_minute.into());
        headers.insert("x-ratelimit-remaining", remaining.into());
        headers.insert("x-ratelimit-burst", limit.burst.into());
    }
    response
}
