//! The thirty operations of the user management API, and the few neighbours that a client needs with them, for v5 and
//! v6. Handlers find the thing, change the world and pick the status; how things look is the view's business, and
//! credentials, counting, latency and faults are the gate's.

mod body;
mod contents;
mod contract;
mod groups;
mod keys;
mod list;
mod problem;
mod query;
mod requests;
mod resources;
mod shares;
mod users;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};

use crate::json::Writer;
use crate::shared::{Caller, Shared};
use crate::sight;
use crate::world::{Target, World};
pub(crate) use problem::Problem;
use query::Asked;
pub use query::Deep;
pub(crate) use view::mixed;
use view::{Coll, Node, View};

/// The two versions of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Switched off by the vendor, kept as a dialect.
    V5,
    /// The current one.
    V6,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V5, Self::V6];

    /// `/cloudapi/v5` or `/cloudapi/v6`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::V5 => "/cloudapi/v5",
            Self::V6 => "/cloudapi/v6",
        }
    }
}

/// What a handler answers.
pub(crate) type Answered = Result<Response, Problem>;

/// Every route of both versions; what matches none is answered as the API answers it.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for version in Version::ALL {
        router = router.merge(routes_of(version).with_state(Api { shared: shared.clone(), version }));
    }
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::usual(StatusCode::METHOD_NOT_ALLOWED))
}

fn routes_of(version: Version) -> Router<Api> {
    let at = |path: &str| format!("{}{path}", version.prefix());
    Router::new()
        .route(&at(""), get(contract::root))
        .route(&at("/"), get(contract::root))
        .route(&at("/contracts"), get(contract::contracts))
        .route(&at("/requests/{requestId}/status"), get(requests::status))
        .route(&at("/um/users"), get(users::list).post(users::create))
        .route(&at("/um/users/{userId}"), get(users::find).put(users::replace).delete(users::delete))
        .route(&at("/um/users/{userId}/groups"), get(users::groups))
        .route(&at("/um/users/{userId}/owns"), get(users::owns))
        .route(&at("/um/users/{userId}/s3ssourl"), get(keys::sso_url))
        .route(&at("/um/users/{userId}/s3keys"), get(keys::list).post(keys::create))
        .route(&at("/um/users/{userId}/s3keys/{keyId}"), get(keys::find).put(keys::replace).delete(keys::delete))
        .route(&at("/um/groups"), get(groups::list).post(groups::create))
        .route(&at("/um/groups/{groupId}"), get(groups::find).put(groups::replace).delete(groups::delete))
        .route(&at("/um/groups/{groupId}/users"), get(groups::members).post(groups::add_member))
        .route(&at("/um/groups/{groupId}/users/{userId}"), axum::routing::delete(groups::remove_member))
        .route(&at("/um/groups/{groupId}/resources"), get(groups::resources))
        .route(&at("/um/groups/{groupId}/shares"), get(shares::list))
        .route(
            &at("/um/groups/{groupId}/shares/{resourceId}"),
            get(shares::find).merge(post(shares::create)).merge(put(shares::replace)).delete(shares::delete),
        )
        .route(&at("/um/resources"), get(resources::list))
        .route(&at("/um/resources/{resourceType}"), get(resources::of_kind))
        .route(&at("/um/resources/{resourceType}/{resourceId}"), get(resources::find))
}

/// What a handler works with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    shared: Arc<Shared>,
    version: Version,
}

impl Api {
    /// `http://127.0.0.1:PORT/cloudapi/vN`
    fn base(&self) -> String {
        self.shared.base_url(self.version)
    }

    fn asked(&self, uri: &Uri) -> Result<Asked, Problem> {
        Asked::parse(uri, self.version, self.shared.settings().deep)
    }

    fn see(&self, fill: impl FnOnce(&View<'_>) -> Result<Writer, Problem>) -> Result<String, Problem> {
        let base = self.base();
        let world = self.shared.world();
        let seen = sight::of(&world);
        let view = View {
            world: seen.as_ref().unwrap_or(&world),
            base: &base,
            version: self.version,
            shuffle: self.shared.settings().shuffle,
            now: self.shared.clock.now(),
        };
        View::finish(fill(&view)?)
    }

    /// Answers a list.
    fn list(&self, uri: &Uri, find: impl for<'w> FnOnce(&'w World) -> Option<Coll<'w>>) -> Answered {
        let asked = self.asked(uri)?;
        let text = self.see(|view| {
            let list = find(view.world).ok_or_else(Problem::not_found)?;
            list::render(view, list, &asked)
        })?;
        Ok(json(StatusCode::OK, text))
    }

    /// Answers a single thing.
    fn find(&self, uri: &Uri, find: impl for<'w> FnOnce(&'w World) -> Option<Node<'w>>) -> Answered {
        self.find_or(uri, Problem::not_found, find)
    }

    fn find_or(
        &self,
        uri: &Uri,
        absent: impl FnOnce() -> Problem,
        find: impl for<'w> FnOnce(&'w World) -> Option<Node<'w>>,
    ) -> Answered {
        let asked = self.asked(uri)?;
        let text = self.see(|view| {
            let node = find(view.world).ok_or_else(absent)?;
            let mut writer = Writer::new(asked.pretty);
            writer.object(|w| view.object(w, node, asked.depth));
            Ok(writer)
        })?;
        Ok(json(StatusCode::OK, text))
    }

    /// Changes the world in the caller's name and remembers the write; returns the `Location` to follow it at.
    fn change(
        &self,
        caller: &Caller,
        change: impl FnOnce(&mut World) -> Result<Target, Problem>,
    ) -> Result<(Target, String), Problem> {
        let mut world = self.shared.world_mut();
        world.acting(self.shared.clock.now(), &caller.user_id);
        let target = change(&mut world)?;
        let request = world.track(target.clone());
        Ok((target, format!("{}/requests/{request}/status", self.base())))
    }

    /// The answer to a write that made or changed something: without entities, and not yet provisioned when fresh.
    fn written(
        &self,
        status: StatusCode,
        location: String,
        fresh: bool,
        find: impl for<'w> FnOnce(&'w World) -> Option<Node<'w>>,
    ) -> Answered {
        let text = self.see(|view| {
            let now = if fresh { chrono::DateTime::<chrono::Utc>::MIN_UTC } else { view.now };
            let view = View { now, ..*view };
            let node = find(view.world).ok_or_else(Problem::not_found)?;
            let mut writer = Writer::new(true);
            writer.object(|w| view.bare(w, node));
            Ok(writer)
        })?;
        Ok(([(header::LOCATION, location)], json(status, text)).into_response())
    }

    /// The answer to a DELETE: v5 declares an object, v6 nothing.
    fn deleted(&self, location: String) -> Response {
        let accepted = [(header::LOCATION, location)];
        match self.version {
            Version::V5 => (accepted, json(StatusCode::ACCEPTED, "{}".to_owned())).into_response(),
            Version::V6 => (StatusCode::ACCEPTED, accepted).into_response(),
        }
    }
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
