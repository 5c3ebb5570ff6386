//! `GET /requests/{id}/status`, where a write's `Location` leads.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::{Answered, Api, Problem, json};
use crate::json::Writer;

/// Running until the write is provisioned, done from then on.
pub(super) async fn status(State(api): State<Api>, Path(id): Path<String>) -> Answered {
    let (base, now) = (api.base(), api.shared.clock.now());
    let world = api.shared.world();
    let tracked = world.tracked(&id).ok_or_else(Problem::not_found)?;
    let state = if now >= tracked.done { "DONE" } else { "RUNNING" };
    let message = if now >= tracked.done { "Request has been successfully executed" } else { "" };
    let mut writer = Writer::new(true);
    writer.object(|w| {
        w.text("id", &format!("{}/status", tracked.id));
        w.text("type", "request-status");
        w.text("href", &format!("{base}/requests/{}/status", tracked.id));
        w.member("metadata", |w| {
            w.text("status", state);
            w.text("message", message);
            w.text("etag", &tracked.id.replace('-', ""));
            w.array("targets", |w| {
                w.object(|w| {
                    w.member("target", |w| {
                        w.text("id", &tracked.target.id);
                        w.text("type", tracked.target.kind);
                        w.text("href", &format!("{base}{}", tracked.target.path));
                    });
                    w.text("status", state);
                });
            });
        });
    });
    Ok(json(StatusCode::OK, writer.finish()))
}
