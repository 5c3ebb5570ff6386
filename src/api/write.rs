//! The writing client: 14 operations, with credentials of its own. Collectors never hold one.
//!
//! Nothing is ever sent twice: a write whose answer is lost may have happened. The API takes most writes as requests and
//! carries them out later; `request_status` tells how far it is.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

use super::answer::{Answer, Receipt};
use super::error::Error;
use super::operation::{self, Operation};
use super::settings::{Settings, SettingsError};
use super::transport::{Sender, Sent};
use super::wire::Notes;
use super::wire::group::Group;
use super::wire::key::Key;
use super::wire::record::Record;
use super::wire::request::Request;
use super::wire::share::Share;
use super::wire::user::User;
use crate::domain::id::{GroupId, KeyId, ResourceId, UserId};
use crate::seams::Seams;

/// Writes. Clones share connections, limits and pauses.
#[derive(Clone, Debug)]
pub struct Client(Sender);

/// A request that the API took on, out of `Location: <base>/requests/<id>/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes the id out of the address. Its server is not looked at: the address is never followed.
    fn of_location(location: &str) -> Option<Self> {
        let path = location.split(['?', '#']).next()?.trim_end_matches('/').strip_suffix("/status")?;
        let (before, id) = path.rsplit_once('/')?;
        (before.ends_with("/requests") && !id.is_empty()).then(|| Self(id.to_owned()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the API said to a write.
#[derive(Clone, Debug)]
pub struct Written<T> {
    /// The object as it will be, where the answer had a body.
    pub value: Option<T>,
    /// The request to ask about.
    pub request: Option<RequestId>,
    /// What this version did not know of the answer.
    pub notes: Notes,
    /// What it took.
    pub receipt: Receipt,
}

/// The properties of a user to be created or replaced. Replacing sets what is given and keeps the password if none is.
#[derive(Clone, Debug, Default)]
pub struct UserWrite {
    /// `firstname`.
    pub firstname: String,
    /// `lastname`.
    pub lastname: String,
    /// `email`; must be unique.
    pub email: String,
    /// `administrator`.
    pub administrator: bool,
    /// `forceSecAuth`.
    pub force_sec_auth: bool,
    /// `secAuthActive`; not accepted on creation, so leave it out there.
    pub sec_auth_active: Option<bool>,
    /// `active`.
    pub active: Option<bool>,
    /// `password`.
    pub password: Option<SecretString>,
}

/// The properties of a group to be created or replaced. A privilege that is left out is not granted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GroupWrite {
    /// `name`.
    pub name: String,
    /// Privileges by the API's names.
    #[serde(flatten)]
    pub privileges: BTreeMap<String, bool>,
}

/// The flags of a share to be created or replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareWrite {
    /// `editPrivilege`.
    pub edit_privilege: bool,
    /// `sharePrivilege`.
    pub share_privilege: bool,
}

/// What every body with properties looks like.
#[derive(Serialize)]
struct Properties<T> {
    properties: T,
}

/// The user's properties as they are sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserSent<'a> {
    firstname: &'a str,
    lastname: &'a str,
    email: &'a str,
    administrator: bool,
    force_sec_auth: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sec_auth_active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[derive(Serialize)]
struct Member<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Active {
    active: bool,
}

impl<'a> From<&'a UserWrite> for UserSent<'a> {
    fn from(user: &'a UserWrite) -> Self {
        Self {
            firstname: &user.firstname,
            lastname: &user.lastname,
            email: &user.email,
            administrator: user.administrator,
            force_sec_auth: user.force_sec_auth,
            sec_auth_active: user.sec_auth_active,
            active: user.active,
            password: user.password.as_ref().map(SecretString::expose_secret),
        }
    }
}

impl Client {
    /// A client for one server and one set of credentials; sends nothing yet.
    pub fn new(settings: &Settings, seams: Seams) -> Result<Self, SettingsError> {
        Sender::new(settings, seams).map(Self)
    }

    /// Creates a user. `POST /um/users`, `umUsersPost`.
    pub async fn create_user(&self, user: &UserWrite) -> Result<Written<User>, Error> {
        self.send(operation::CREATE_USER, &[], Some(properties(UserSent::from(user)))).await
    }

    /// Replaces a user's properties. `PUT /um/users/{userId}`, `umUsersPut`.
    pub async fn replace_user(&self, id: &UserId, user: &UserWrite) -> Result<Written<User>, Error> {
        self.send(operation::REPLACE_USER, &[id.as_str()], Some(properties(UserSent::from(user)))).await
    }

    /// Deletes a user, with memberships and keys. `DELETE /um/users/{userId}`, `umUsersDelete`.
    pub async fn delete_user(&self, id: &UserId) -> Result<Written<User>, Error> {
        self.send(operation::DELETE_USER, &[id.as_str()], None).await
    }

    /// Creates a group; names need not be unique. `POST /um/groups`, `umGroupsPost`.
    pub async fn create_group(&self, group: &GroupWrite) -> Result<Written<Group>, Error> {
        self.send(operation::CREATE_GROUP, &[], Some(properties(group))).await
    }

    /// Replaces a group's name and privileges. `PUT /um/groups/{groupId}`, `umGroupsPut`.
    pub async fn replace_group(&self, id: &GroupId, group: &GroupWrite) -> Result<Written<Group>, Error> {
        self.send(operation::REPLACE_GROUP, &[id.as_str()], Some(properties(group))).await
    }

    /// Deletes a group, with memberships and shares. `DELETE /um/groups/{groupId}`, `umGroupsDelete`.
    pub async fn delete_group(&self, id: &GroupId) -> Result<Written<Group>, Error> {
        self.send(operation::DELETE_GROUP, &[id.as_str()], None).await
    }

    /// Adds a user to a group. `POST /um/groups/{groupId}/users`, `umGroupsUsersPost`.
    pub async fn add_group_user(&self, group: &GroupId, user: &UserId) -> Result<Written<User>, Error> {
        let body = json(&Member { id: user.as_str() });
        self.send(operation::ADD_GROUP_USER, &[group.as_str()], Some(body)).await
    }

    /// Takes a user out of a group. `DELETE /um/groups/{groupId}/users/{userId}`, `umGroupsUsersDelete`.
    pub async fn remove_group_user(&self, group: &GroupId, user: &UserId) -> Result<Written<User>, Error> {
        self.send(operation::REMOVE_GROUP_USER, &[group.as_str(), user.as_str()], None).await
    }

    /// Shares a resource with a group. `POST /um/groups/{groupId}/shares/{resourceId}`, `umGroupsSharesPost`.
    pub async fn create_share(
        &self,
        group: &GroupId,
        resource: &ResourceId,
        share: ShareWrite,
    ) -> Result<Written<Share>, Error> {
        self.send(operation::CREATE_SHARE, &[group.as_str(), resource.as_str()], Some(properties(share))).await
    }

    /// Replaces the flags of a share. `PUT /um/groups/{groupId}/shares/{resourceId}`, `umGroupsSharesPut`.
    pub async fn replace_share(
        &self,
        group: &GroupId,
        resource: &ResourceId,
        share: ShareWrite,
    ) -> Result<Written<Share>, Error> {
        self.send(operation::REPLACE_SHARE, &[group.as_str(), resource.as_str()], Some(properties(share))).await
    }

    /// Takes a resource away from a group. `DELETE /um/groups/{groupId}/shares/{resourceId}`, `umGroupsSharesDelete`.
    pub async fn delete_share(&self, group: &GroupId, resource: &ResourceId) -> Result<Written<Share>, Error> {
        self.send(operation::DELETE_SHARE, &[group.as_str(), resource.as_str()], None).await
    }

    /// Creates an S3 key for a user. `POST /um/users/{userId}/s3keys`, `umUsersS3keysPost`.
    ///
    /// The secret half is dropped like everywhere: whoever needs it creates the key in the vendor's own console.
    pub async fn create_s3key(&self, user: &UserId) -> Result<Written<Key>, Error> {
        self.send(operation::CREATE_S3KEY, &[user.as_str()], None).await
    }

    /// Switches an S3 key on or off. `PUT /um/users/{userId}/s3keys/{keyId}`, `umUsersS3keysPut`.
    pub async fn replace_s3key(&self, user: &UserId, key: &KeyId, active: bool) -> Result<Written<Key>, Error> {
        self.send(operation::REPLACE_S3KEY, &[user.as_str(), key.as_str()], Some(properties(Active { active }))).await
    }

    /// Deletes an S3 key. `DELETE /um/users/{userId}/s3keys/{keyId}`, `umUsersS3keysDelete`.
    pub async fn delete_s3key(&self, user: &UserId, key: &KeyId) -> Result<Written<Key>, Error> {
        self.send(operation::DELETE_S3KEY, &[user.as_str(), key.as_str()], None).await
    }

    /// How far a write is. `GET /requests/{requestId}/status`.
    pub async fn request_status(&self, request: &RequestId) -> Result<Answer<Request>, Error> {
        self.0.get(operation::REQUEST_STATUS, &[request.as_str()]).await
    }

    async fn send<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Written<T>, Error> {
        let Sent { answer, location } = self.0.send(operation, ids, body).await?;
        let request = location.as_deref().and_then(RequestId::of_location);
        Ok(Written { value: answer.value, request, notes: answer.notes, receipt: answer.receipt })
    }
}

fn properties<T: Serialize>(properties: T) -> Zeroizing<Vec<u8>> {
    json(&Properties { properties })
}

/// A body that is wiped when it was sent: it may hold a password. The room is enough for any, so that no copy is left behind.
fn json<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(16 << 10));
    serde_json::to_writer(&mut *body, value).expect("plain structs with text keys always have a JSON form");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(location: &str, expected: Option<&str>) {
        assert_eq!(RequestId::of_location(location).as_ref().map(RequestId::as_str), expected, "{location}");
    }

    #[test]
    fn the_request_is_found_in_its_location() {
        check("https://api.example/cloudapi/v6/requests/12-ab/status", Some("12-ab"));
        check("/cloudapi/v6/requests/12-ab/status/", Some("12-ab"));
        check("/cloudapi/v6/requests/12-ab", None);
        check("/cloudapi/v6/requests//status", None);
        check("/um/users/12-ab/status", None);
        check("", None);
    }

    #[test]
    fn a_user_to_be_written_does_not_print_its_password() {
        let user = UserWrite { password: Some("hunter2".into()), ..UserWrite::default() };
        assert!(!format!("{user:?}").contains("hunter2"));
        assert!(String::from_utf8(properties(UserSent::from(&user)).to_vec()).unwrap().contains("hunter2"));
    }
}
