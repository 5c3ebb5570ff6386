//! Users: operations 1 to 7.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};

use super::body::{Given, Properties};
use super::view::{Coll, Node};
use super::{Answered, Api, Problem};
use crate::shared::Caller;
use crate::world::{NewUser, Profile, Target};

/// `umUsersGet`
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answered {
    api.list(&uri, |_| Some(Coll::Users))
}

/// `umUsersFindById`
pub(super) async fn find(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.find(&uri, |world| world.user(&id).map(Node::User))
}

/// `umUsersGroupsGet`
pub(super) async fn groups(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.user(&id).map(Coll::UserGroups))
}

/// `umUsersOwnsGet`
pub(super) async fn owns(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |world| world.user(&id).map(Coll::Owns))
}

/// `umUsersPost`
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let new = NewUser {
        email: properties.required_text("email")?,
        firstname: properties.text("firstname")?.unwrap_or_default(),
        lastname: properties.text("lastname")?.unwrap_or_default(),
        administrator: properties.boolean("administrator")?.unwrap_or_default(),
        force_sec_auth: properties.boolean("forceSecAuth")?.unwrap_or_default(),
        inactive: !properties.boolean("active")?.unwrap_or(true),
    };
    no_second_factor(&properties, false)?;
    let (user, location) = api.change(&caller, |world| Ok(target(&world.add_user(new)?)))?;
    api.written(StatusCode::ACCEPTED, location, true, |world| world.user(&user.id).map(Node::User))
}

/// `umUsersPut`: replaces the properties; `active` and the second factor stay when they are not given, everything else
/// that is optional is off then.
pub(super) async fn replace(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let properties = Given::read(&headers, &bytes, false)?.properties()?;
    let profile = Profile {
        email: Some(properties.required_text("email")?),
        firstname: Some(properties.required_text("firstname")?),
        lastname: Some(properties.required_text("lastname")?),
        administrator: Some(properties.boolean("administrator")?.unwrap_or_default()),
        force_sec_auth: Some(properties.boolean("forceSecAuth")?.unwrap_or_default()),
        sec_auth_active: properties.boolean("secAuthActive")?,
        active: properties.boolean("active")?,
    };
    let (_, location) = api.change(&caller, |world| {
        let has = world.user(&id).is_some_and(|user| user.sec_auth_active);
        no_second_factor(&properties, has)?;
        world.edit_user(&id, profile)?;
        Ok(target(&id.as_str().into()))
    })?;
    api.written(StatusCode::ACCEPTED, location, false, |world| world.user(&id).map(Node::User))
}

/// `umUsersDelete`
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answered {
    let (_, location) = api.change(&caller, |world| {
        world.remove_user(&id)?;
        Ok(target(&id.as_str().into()))
    })?;
    Ok(api.deleted(location))
}

/// Only users themselves can set a second factor up; the API can take it down.
fn no_second_factor(properties: &Properties, has: bool) -> Result<(), Problem> {
    if properties.boolean("secAuthActive")?.unwrap_or_default() && !has {
        return Err(Problem::constraint(
            "properties.secAuthActive",
            "Attribute 'secAuthActive' cannot be set to 'true'",
        ));
    }
    Ok(())
}

pub(super) fn target(id: &crate::world::Id) -> Target {
    Target { id: id.clone(), kind: "user", path: format!("/um/users/{id}") }
}
