//! From what the API wrote to what the domain means. Bare references convert to ids only: absent properties are not empty ones.

use std::sync::Arc;

use super::contract::Contract;
use super::group::Group;
use super::key::Key;
use super::object::{Metadata, Object};
use super::resource::Resource;
use super::share::Share;
use super::user::User;
use crate::api::frame::TYPES;
use crate::domain;
use crate::domain::id::{ContractNumber, GroupId, KeyId, ResourceId, UserId};
use crate::domain::user::{Attribution, Person};

/// An object that cannot stand for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Without an id it is nobody.
    #[error("a {0} without id")]
    NoId(&'static str),
    /// A bare reference where the whole object was asked for.
    #[error("a {0} without properties")]
    Bare(&'static str),
    /// A contract without its number.
    #[error("a contract without number")]
    NoNumber,
    /// A number that cannot be kept as it is.
    #[error("{0} is out of range")]
    OutOfRange(&'static str),
}

/// Larger numbers are not whole ones for every reader of JSON.
const MAX_CONTRACT_NUMBER: u64 = (1 << 53) - 1;

/// An item of a list, and whether it says what it is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The thing; if it is odd, its id alone.
    pub item: T,
    /// Whether it has no properties, or the type of something else.
    pub is_odd: bool,
}

impl<T> Listed<T> {
    /// An item that says everything.
    pub fn whole(item: T) -> Self {
        Self { item, is_odd: false }
    }
}

impl<P: Default, E> Object<P, E> {
    /// Leaves an odd item of a list its id alone. Answers whether it was odd: without properties, or with the type of another
    /// kind of thing. Unknown types may stand for anything.
    fn reduce_if_odd(&mut self, own: &str) -> bool {
        let is_another = self.kind.as_deref().is_some_and(|kind| kind != own && TYPES.contains(&kind));
        if is_another {
            self.kind = None;
            self.metadata = None;
        }
        let is_odd = is_another || self.properties.is_none();
        if is_odd {
            self.properties = Some(Box::default());
        }
        is_odd
    }
}

impl<P, E> Object<P, E> {
    /// The id, which must be there and not be empty.
    fn sure_id(&self, what: &'static str) -> Result<Arc<str>, ConvertError> {
        self.id.clone().filter(|id| !id.is_empty()).ok_or(ConvertError::NoId(what))
    }

    fn take_metadata(&mut self) -> Metadata {
        self.metadata.take().map_or_else(Metadata::default, |metadata| *metadata)
    }

    fn take_properties(&mut self, what: &'static str) -> Result<P, ConvertError> {
        self.properties.take().map(|properties| *properties).ok_or(ConvertError::Bare(what))
    }
}

impl Metadata {
    /// Who made the object and who changed it last.
    fn into_attribution(self) -> Attribution {
        Attribution {
            created_by: self.created_by,
            created_by_user_id: self.created_by_user_id,
            modified: self.modified,
            modified_by: self.modified_by,
            modified_by_user_id: self.modified_by_user_id,
        }
    }
}

impl User {
    /// The item of a list.
    pub fn into_listed(mut self) -> Result<Listed<domain::user::User>, ConvertError> {
        let is_odd = self.reduce_if_odd("user");
        Ok(Listed { item: self.into_domain()?, is_odd })
    }

    /// The user's id: all there is in a bare reference.
    pub fn user_id(&self) -> Result<UserId, ConvertError> {
        self.sure_id("user").map(UserId::from)
    }

    /// The user. Only `properties` decide what it is; unknown metadata are in the notes.
    pub fn into_domain(mut self) -> Result<domain::user::User, ConvertError> {
        let id = self.user_id()?;
        let properties = self.take_properties("user")?;
        let metadata = self.take_metadata();
        Ok(domain::user::User {
            id,
            person: Person { email: properties.email, firstname: properties.firstname, lastname: properties.lastname },
            administrator: properties.administrator,
            force_sec_auth: properties.force_sec_auth,
            sec_auth_active: properties.sec_auth_active,
            active: properties.active,
            s3_canonical_user_id: properties.s3_canonical_user_id.unwrap_or_default(),
            created: metadata.created,
            last_login: metadata.last_login.unwrap_or_default(),
            attribution: metadata.into_attribution(),
            extra: properties.extra,
        })
    }
}

impl Group {
    /// The item of a list.
    pub fn into_listed(mut self) -> Result<Listed<domain::group::Group>, ConvertError> {
        let is_odd = self.reduce_if_odd("group");
        Ok(Listed { item: self.into_domain()?, is_odd })
    }

    /// The group's id: all there is in a bare reference.
    pub fn group_id(&self) -> Result<GroupId, ConvertError> {
        self.sure_id("group").map(GroupId::from)
    }

    /// The group.
    pub fn into_domain(mut self) -> Result<domain::group::Group, ConvertError> {
        let id = self.group_id()?;
        let properties = self.take_properties("group")?;
        Ok(domain::group::Group {
            id,
            name: properties.name,
            privileges: properties.privileges,
            extra: properties.extra,
        })
    }
}

impl Resource {
    /// The item of a list.
    pub fn into_listed(mut self) -> Result<Listed<domain::resource::Resource>, ConvertError> {
        let is_odd = self.reduce_if_odd("");
        Ok(Listed { item: self.into_domain()?, is_odd })
    }

    /// The resource's id: all there is in a bare reference.
    pub fn resource_id(&self) -> Result<ResourceId, ConvertError> {
        self.sure_id("resource").map(ResourceId::from)
    }

    /// The resource.
    pub fn into_domain(mut self) -> Result<domain::resource::Resource, ConvertError> {
        let id = self.resource_id()?;
        let properties = self.take_properties("resource")?;
        let metadata = self.take_metadata();
        Ok(domain::resource::Resource {
            id,
            kind: self.kind.map(Into::into),
            name: properties.name,
            sec_auth_protection: properties.sec_auth_protection.unwrap_or_default(),
            created: metadata.created,
            attribution: metadata.into_attribution(),
            extra: properties.extra,
        })
    }
}

impl Share {
    /// The item of a list.
    pub fn into_listed(mut self, group: GroupId) -> Result<Listed<domain::share::Share>, ConvertError> {
        let is_odd = self.reduce_if_odd("");
        Ok(Listed { item: self.into_domain(group)?, is_odd })
    }

    /// The share of a group; its id is the resource's.
    pub fn into_domain(mut self, group: GroupId) -> Result<domain::share::Share, ConvertError> {
        let resource = self.sure_id("share").map(ResourceId::from)?;
        let properties = self.take_properties("share")?;
        Ok(domain::share::Share {
            group,
            resource,
            edit_privilege: properties.edit_privilege,
            share_privilege: properties.share_privilege,
            extra: properties.extra,
        })
    }
}

impl Key {
    /// The item of a list.
    pub fn into_listed(mut self, user: UserId) -> Result<Listed<domain::key::Key>, ConvertError> {
        let is_odd = self.reduce_if_odd("s3key");
        Ok(Listed { item: self.into_domain(user)?, is_odd })
    }

    /// The key of a user; its id is the access key.
    pub fn into_domain(mut self, user: UserId) -> Result<domain::key::Key, ConvertError> {
        let id = self.sure_id("key").map(KeyId::from)?;
        let properties = self.take_properties("key")?;
        let metadata = self.take_metadata();
        Ok(domain::key::Key {
            user,
            id,
            active: properties.active,
            created: metadata.created,
            attribution: metadata.into_attribution(),
            extra: properties.into_extra(),
        })
    }
}

impl Contract {
    /// The contract.
    pub fn into_domain(mut self) -> Result<domain::contract::Contract, ConvertError> {
        let properties = self.take_properties("contract")?;
        let number = properties.contract_number.ok_or(ConvertError::NoNumber)?;
        if number > MAX_CONTRACT_NUMBER {
            return Err(ConvertError::OutOfRange("contractNumber"));
        }
        Ok(domain::contract::Contract {
            number: ContractNumber(number),
            owner: Person { email: properties.owner, ..Person::default() },
            status: properties.status.map(Into::into),
            reg_domain: properties.reg_domain,
        })
    }
}
