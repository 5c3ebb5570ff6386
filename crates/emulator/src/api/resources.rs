//! Resources: operations 22 to 24.

use axum::extract::{Path, State};
use axum::http::Uri;

use super::view::{Coll, Node};
use super::{Answered, Api};
use crate::world::Kind;

/// `umResourcesGet`
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answered {
    api.list(&uri, |_| Some(Coll::Resources))
}

/// `umResourcesFindByType`: an unknown type is answered with 404.
pub(super) async fn of_kind(State(api): State<Api>, Path(kind): Path<String>, uri: Uri) -> Answered {
    api.list(&uri, |_| Kind::named(&kind).map(Coll::OfKind))
}

/// `umResourcesFindByTypeAndId`
pub(super) async fn find(State(api): State<Api>, Path((kind, id)): Path<(String, String)>, uri: Uri) -> Answered {
    api.find(&uri, |world| world.resource(&id).filter(|it| it.kind.name() == kind).map(Node::Resource))
}
