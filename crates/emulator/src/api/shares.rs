//! Shares of resources with groups: operations 17 to 21. A share's id is the resource's.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};

use super::body::Given;
use super::view::{Coll, Node};
use super::{Answered, Api};
use crate::shared::Caller;
use crate::world::{Share, Target, World};

/// `umGroupsSharesGet`
pub(super) async fn list(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.group(&id).map(Coll::Shares))
}

/// `umGroupsSharesFindByResourceId`
pub(super) async fn find(
    State(api): State<Api>,
    Path((group_id, resource_id)): Path<(String, String)>,
    uri: Uri,
) -> Answered {
    api.find(&uri, |world| node(world, &group_id, &resource_id))
}

/// `umGroupsSharesPost`
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((group_id, resource_id)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, true)?.properties()?;
    let share = Share {
        edit: properties.boolean("editPrivilege")?.unwrap_or_default(),
        share: properties.boolean("sharePrivilege")?.unwrap_or_default(),
    };
    let (_, location) = api.change(&caller, |world| {
        world.share(&group_id, &resource_id, share)?;
        Ok(target(&group_id, &resource_id))
    })?;
    api.written(StatusCode::ACCEPTED, location, true, |world| node(world, &group_id, &resource_id))
}

/// `umGroupsSharesPut`: a flag that is not given stays as it is.
pub(super) async fn replace(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((group_id, resource_id)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let (edit, share) = (properties.boolean("editPrivilege")?, properties.boolean("sharePrivilege")?);
    let (_, location) = api.change(&caller, |world| {
        let old = world.share_of(&group_id, &resource_id).unwrap_or_default();
        let new = Share { edit: edit.unwrap_or(old.edit), share: share.unwrap_or(old.share) };
        world.edit_share(&group_id, &resource_id, new)?;
        Ok(target(&group_id, &resource_id))
    })?;
    api.written(StatusCode::ACCEPTED, location, false, |world| node(world, &group_id, &resource_id))
}

/// `umGroupsSharesDelete`
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((group_id, resource_id)): Path<(String, String)>,
) -> Answered {
    let (_, location) = api.change(&caller, |world| {
        world.unshare(&group_id, &resource_id)?;
        Ok(target(&group_id, &resource_id))
    })?;
    Ok(api.deleted(location))
}

fn node<'w>(world: &'w World, group_id: &str, resource_id: &str) -> Option<Node<'w>> {
    let share = world.share_of(group_id, resource_id)?;
    Some(Node::Share(world.group(group_id)?, &world.resource(resource_id)?.id, share))
}

fn target(group_id: &str, resource_id: &str) -> Target {
    Target { id: resource_id.into(), kind: "resource", path: format!("/um/groups/{group_id}/shares/{resource_id}") }
}
