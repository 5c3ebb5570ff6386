//! Groups and their members: operations 8 to 16.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};

use super::body::{Given, Properties};
use super::view::{Coll, Node};
use super::{Answered, Api, Problem, Version};
use crate::shared::Caller;
use crate::world::{Id, PRIVILEGES_V5, PRIVILEGES_V6, Target};

/// `umGroupsGet`
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answered {
    api.list(&uri, |_| Some(Coll::Groups))
}

/// `umGroupsFindById`
pub(super) async fn find(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.find(&uri, |world| world.group(&id).map(Node::Group))
}

/// `umGroupsUsersGet`
pub(super) async fn members(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.group(&id).map(Coll::Members))
}

/// `umGroupsResourcesGet`
pub(super) async fn resources(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.group(&id).map(Coll::GroupResources))
}

/// `umGroupsPost`
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let name = properties.required_text("name")?;
    let privileges = privileges(&properties, api.version)?;
    let (group, location) = api.change(&caller, |world| {
        let id = world.add_group(&name, &[]);
        for (privilege, held) in &privileges {
            world.set_privilege(&id, privilege, *held)?;
        }
        Ok(target(&id))
    })?;
    api.written(StatusCode::ACCEPTED, location, true, |world| world.group(&group.id).map(Node::Group))
}

/// `umGroupsPut`: replaces the name and every privilege that the version knows; what is not given is off.
pub(super) async fn replace(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let name = properties.required_text("name")?;
    let privileges = privileges(&properties, api.version)?;
    let (_, location) = api.change(&caller, |world| {
        world.rename_group(&id, &name)?;
        for (privilege, held) in &privileges {
            world.set_privilege(&id, privilege, *held)?;
        }
        Ok(target(&id.as_str().into()))
    })?;
    api.written(StatusCode::ACCEPTED, location, false, |world| world.group(&id).map(Node::Group))
}

/// `umGroupsDelete`
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answered {
    let (_, location) = api.change(&caller, |world| {
        world.remove_group(&id)?;
        Ok(target(&id.as_str().into()))
    })?;
    Ok(api.deleted(location))
}

/// `umGroupsUsersPost`: of the body only the id counts; older clients send a whole user.
pub(super) async fn add_member(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(group_id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let given = Given::read(&headers, &bytes, false)?;
    let user_id = given.id()?;
    let (_, location) = api.change(&caller, |world| {
        world.add_member(&group_id, user_id)?;
        Ok(target(&group_id.as_str().into()))
    })?;
    api.written(StatusCode::ACCEPTED, location, false, |world| world.user(user_id).map(Node::User))
}

/// `umGroupsUsersDelete`
pub(super) async fn remove_member(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((group_id, user_id)): Path<(String, String)>,
) -> Answered {
    let (_, location) = api.change(&caller, |world| {
        world.remove_member(&group_id, &user_id)?;
        Ok(target(&group_id.as_str().into()))
    })?;
    Ok(api.deleted(location))
}

/// Every privilege of the version with what was given for it; a name that the version does not know is refused.
fn privileges(properties: &Properties, version: Version) -> Result<BTreeMap<String, bool>, Problem> {
    let known: &[&str] = match version {
        Version::V5 => &PRIVILEGES_V5,
        Version::V6 => &PRIVILEGES_V6,
    };
    if let Some(name) = properties.names().find(|name| *name != "name" && !known.contains(name)) {
        let path = format!("properties.{name}");
        return Err(Problem::constraint(&path, &format!("Attribute '{name}' not allowed.")));
    }
    known.iter().map(|name| Ok(((*name).to_owned(), properties.boolean(name)?.unwrap_or_default()))).collect()
}

fn target(id: &Id) -> Target {
    Target { id: id.clone(), kind: "group", path: format!("/um/groups/{id}") }
}
