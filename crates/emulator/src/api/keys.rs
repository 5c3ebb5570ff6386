//! S3 keys and the sign-on link: operations 25 to 30. A missing key is reported with 422, a missing user with 404.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};

use super::body::Given;
use super::view::{Coll, Node};
use super::{Answered, Api, Problem, json};
use crate::json::Writer;
use crate::shared::Caller;
use crate::sight;
use crate::world::{Target, World};

/// `umUsersS3keysGet`
pub(super) async fn list(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.user(&id).map(Coll::Keys))
}

/// `umUsersS3keysFindByKeyId`
pub(super) async fn find(
    State(api): State<Api>,
    Path((user_id, key_id)): Path<(String, String)>,
    uri: Uri,
) -> Answered {
    api.user_must_exist(&user_id)?;
    api.find_or(&uri, Problem::no_key, |world| node(world, &user_id, &key_id))
}

/// `umUsersS3keysPost`: no body, and 200 where the other writes answer 202.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(user_id): Path<String>,
) -> Answered {
    let (key, location) = api.change(&caller, |world| {
        let key_id = world.add_key(&user_id)?;
        Ok(target(&user_id, &key_id))
    })?;
    api.written(StatusCode::OK, location, true, |world| node(world, &user_id, &key.id))
}

/// `umUsersS3keysPut`
pub(super) async fn replace(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((user_id, key_id)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let active = properties.boolean("active")?;
    let (_, location) = api.change(&caller, |world| {
        let old = world.key(&user_id, &key_id).is_some_and(|key| key.active);
        world.set_key_active(&user_id, &key_id, active.unwrap_or(old))?;
        Ok(target(&user_id, &key_id))
    })?;
    api.written(StatusCode::ACCEPTED, location, false, |world| node(world, &user_id, &key_id))
}

/// `umUsersS3keysDelete`
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((user_id, key_id)): Path<(String, String)>,
) -> Answered {
    let (_, location) = api.change(&caller, |world| {
        world.remove_key(&user_id, &key_id)?;
        Ok(target(&user_id, &key_id))
    })?;
    Ok(api.deleted(location))
}

/// `umUsersS3ssourlGet`
pub(super) async fn sso_url(State(api): State<Api>, Path(id): Path<String>) -> Answered {
    api.user_must_exist(&id)?;
    let mut writer = Writer::new(true);
    writer.object(|w| w.text("ssoUrl", &api.shared.world().identity().sso_url(&id)));
    Ok(json(StatusCode::OK, writer.finish()))
}

impl Api {
    fn user_must_exist(&self, id: &str) -> Result<(), Problem> {
        let world = self.shared.world();
        let seen = sight::of(&world);
        seen.as_ref().unwrap_or(&world).user(id).map(drop).ok_or_else(Problem::not_found)
    }
}

fn node<'w>(world: &'w World, user_id: &str, key_id: &str) -> Option<Node<'w>> {
    Some(Node::Key(world.user(user_id)?, world.key(user_id, key_id)?))
}

fn target(user_id: &str, key_id: &str) -> Target {
    Target { id: key_id.into(), kind: "s3key", path: format!("/um/users/{user_id}/s3keys/{key_id}") }
}
