//! The reading client: 15 operations of user management, the contracts, and the name of the service.
//!
//! It can send GET and nothing else, and it cannot name the operation that hands out a sign-on link.
//! Every method fails with an [`Error`] that names its operation.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::{Answer, Depth, Listing, Page, Rate};
use super::error::{Error, Fault};
use super::operation::{self, Operation};
use super::pages::{Step, Users};
use super::recording::Listener;
use super::settings::{Settings, SettingsError};
use super::target::Target;
use super::transport::Getter;
use super::wire::contract::Contracts;
use super::wire::group::Group;
use super::wire::key::Key;
use super::wire::record::Record;
use super::wire::resource::Resource;
use super::wire::service::Service;
use super::wire::share::Share;
use super::wire::user::User;
use super::wire::{Collection, contract};
use crate::domain::id::{GroupId, KeyId, ResourceId, UserId};
use crate::seams::{RandomError, Seams};

/// Reads. Clones share connections, limits and pauses.
#[derive(Clone, Debug)]
pub struct Client(Getter);

impl Client {
    /// A client for one server and one set of credentials; sends nothing yet.
    pub fn new(settings: &Settings, seams: Seams) -> Result<Self, SettingsError> {
        Getter::new(settings, seams).map(Self)
    }

    /// The same connections and credentials for another run: the budget of retries and the breaker of a client are those
    /// of one run, and never start over.
    #[must_use]
    pub fn for_another_run(&self) -> Self {
        self.for_a_run_until(CancellationToken::new())
    }

    /// The same as [`Client::for_another_run`] for a run that can be stopped: once the token is cancelled nothing more is
    /// sent, no retry either, and what waits to be sent fails at once. What was sent before comes to its end.
    #[must_use]
    pub fn for_a_run_until(&self, stop: CancellationToken) -> Self {
        Self(self.0.for_another_run(stop))
    }

    /// The same connections and credentials, with somebody who hears of every exchange from now on, without anything in it
    /// that is secret or somebody's own.
    pub fn recorded(&self, listener: Arc<dyn Listener>) -> Result<Self, RandomError> {
        self.0.recorded(listener).map(Self)
    }

    /// A keyed digest of the credentials: the same for the same ones under the same key, and nothing without the key.
    pub fn identity(&self, key: &[u8; 32]) -> [u8; 32] {
        self.0.identity(key)
    }

    /// Takes room for what an earlier part of the run has kept, in bytes; what this part keeps comes on top. See
    /// [`super::room`].
    pub fn hold(&self, bytes: u64) -> Result<(), Fault> {
        self.0.hold(bytes)
    }

    /// The server that is asked, for messages.
    pub fn target(&self) -> &Arc<Target> {
        self.0.target()
    }

    /// The limits of the newest answer that reported them.
    pub fn rate(&self) -> Option<Rate> {
        self.0.rate()
    }

    /// All users, page by page, each user once.
    pub fn all_users(&self, depth: Depth) -> Users {
        Users::new(self.clone(), depth)
    }

    /// The same from where another walk over them stood that had read these pages.
    pub fn all_users_from(&self, depth: Depth, steps: impl IntoIterator<Item = Step>) -> Users {
        Users::from(self.clone(), depth, steps)
    }

    /// Users of one page. `GET /um/users?offset=&limit=&depth=`, `umUsersGet`.
    ///
    /// `offset` counts users; `limit` is 1 to 100. There is no total: the last page has no `_links.next`.
    pub async fn users(&self, page: Page, depth: Depth) -> Result<Answer<Collection<User>>, Error> {
        let query = format!("?offset={}&limit={}&depth={}", page.offset, page.limit, depth.number());
        self.0.get(operation::USERS, &[], &query).await
    }

    /// One user. `GET /um/users/{userId}`, `umUsersFindById`.
    pub async fn user(&self, user: &UserId, depth: Depth) -> Result<Answer<User>, Error> {
        self.get(operation::USER, &[user.as_str()], depth).await
    }

    /// The groups of a user. `GET /um/users/{userId}/groups`, `umUsersGroupsGet`.
    ///
    /// The API's document types the items as resources; they are groups, perhaps with a name only.
    pub async fn user_groups(
        &self,
        user: &UserId,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<Group>>, Error> {
        self.list(operation::USER_GROUPS, &[user.as_str()], list).await
    }

    /// What a user owns. `GET /um/users/{userId}/owns`, `umUsersOwnsGet`.
    pub async fn user_owns(
        &self,
        user: &UserId,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<Resource>>, Error> {
        self.list(operation::USER_OWNS, &[user.as_str()], list).await
    }

    /// All groups. `GET /um/groups`, `umGroupsGet`; not paged.
    pub async fn groups(&self, list: impl Into<Listing>) -> Result<Answer<Collection<Group>>, Error> {
        self.list(operation::GROUPS, &[], list).await
    }

    /// One group. `GET /um/groups/{groupId}`, `umGroupsFindById`.
    pub async fn group(&self, group: &GroupId, depth: Depth) -> Result<Answer<Group>, Error> {
        self.get(operation::GROUP, &[group.as_str()], depth).await
    }

    /// The members of a group. `GET /um/groups/{groupId}/users`, `umGroupsUsersGet`; not paged. Depth 0 gives their ids.
    pub async fn group_users(
        &self,
        group: &GroupId,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<User>>, Error> {
        self.list(operation::GROUP_USERS, &[group.as_str()], list).await
    }

    /// The resources a group can see. `GET /um/groups/{groupId}/resources`, `umGroupsResourcesGet`; not paged.
    pub async fn group_resources(
        &self,
        group: &GroupId,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<Resource>>, Error> {
        self.list(operation::GROUP_RESOURCES, &[group.as_str()], list).await
    }

    /// The shares of a group. `GET /um/groups/{groupId}/shares`, `umGroupsSharesGet`; not paged. Depth 1 gives the flags.
    pub async fn group_shares(
        &self,
        group: &GroupId,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<Share>>, Error> {
        self.list(operation::GROUP_SHARES, &[group.as_str()], list).await
    }

    /// One share. `GET /um/groups/{groupId}/shares/{resourceId}`, `umGroupsSharesFindByResourceId`.
    pub async fn group_share(
        &self,
        group: &GroupId,
        resource: &ResourceId,
        depth: Depth,
    ) -> Result<Answer<Share>, Error> {
        self.get(operation::GROUP_SHARE, &[group.as_str(), resource.as_str()], depth).await
    }

    /// All resources. `GET /um/resources`, `umResourcesGet`; not paged.
    pub async fn resources(&self, list: impl Into<Listing>) -> Result<Answer<Collection<Resource>>, Error> {
        self.list(operation::RESOURCES, &[], list).await
    }

    /// The resources of one kind. `GET /um/resources/{resourceType}`, `umResourcesFindByType`; an unknown kind is not found.
    pub async fn resources_of_type(
        &self,
        kind: &str,
        list: impl Into<Listing>,
    ) -> Result<Answer<Collection<Resource>>, Error> {
        self.list(operation::RESOURCES_OF_TYPE, &[kind], list).await
    }

    /// One resource. `GET /um/resources/{resourceType}/{resourceId}`, `umResourcesFindByTypeAndId`.
    pub async fn resource(&self, kind: &str, resource: &ResourceId, depth: Depth) -> Result<Answer<Resource>, Error> {
        self.get(operation::RESOURCE, &[kind, resource.as_str()], depth).await
    }

    /// The S3 keys of a user, without their secrets. `GET /um/users/{userId}/s3keys`, `umUsersS3keysGet`; at most five.
    /// Depth 1 gives state and date.
    pub async fn user_s3keys(&self, user: &UserId, list: impl Into<Listing>) -> Result<Answer<Collection<Key>>, Error> {
        self.list(operation::USER_S3KEYS, &[user.as_str()], list).await
    }

    /// One S3 key, without its secret. `GET /um/users/{userId}/s3keys/{keyId}`, `umUsersS3keysFindByKeyId`.
    ///
    /// The API answers 422 for a key that is not there; that is `NotFound` here.
    pub async fn user_s3key(&self, user: &UserId, key: &KeyId, depth: Depth) -> Result<Answer<Key>, Error> {
        self.get(operation::USER_S3KEY, &[user.as_str(), key.as_str()], depth).await
    }

    /// The contracts these credentials see, normally one, whole. `GET /contracts`: v5 answers with one object, v6 with a list.
    /// `None` if the answer had neither shape.
    pub async fn contracts(&self) -> Result<Answer<Option<Vec<contract::Contract>>>, Error> {
        Ok(self.get::<Contracts>(operation::CONTRACTS, &[], Depth::One).await?.map(Contracts::into_items))
    }

    /// Name and version of the service. `GET /` of the base; the API demands no privilege for it.
    pub async fn service(&self) -> Result<Answer<Service>, Error> {
        self.0.get(operation::SERVICE, &[], "").await
    }

    async fn list<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        list: impl Into<Listing>,
    ) -> Result<Answer<T>, Error> {
        self.0.get(operation, ids, &list.into().query()).await
    }

    async fn get<T: Record>(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        depth: Depth,
    ) -> Result<Answer<T>, Error> {
        self.0.get(operation, ids, &format!("?depth={}", depth.number())).await
    }

    /// The base address, for comparing links with it.
    pub(super) fn base(&self) -> &Url {
        self.0.base()
    }

    /// Our clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }
}
