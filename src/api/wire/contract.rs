//! Contracts as the API writes them: v5 answers with one object, v6 with a list.

use super::collection::Links;
use super::lenient::{ContractStatus, Count, Discard, Dropped, Identity, Text, Type, Word};
use super::object::{Metadata, NoEntities, Object};
use super::record::{Boxed, List, record};

/// A contract. It has neither id nor href.
pub type Contract = Object<ContractProperties, NoEntities>;

record! {
    /// `properties` of a contract.
    ContractProperties in "contract.properties" {
        /// `contractNumber`.
        contract_number: u64 as Count = "contractNumber",
        /// `owner`: the e-mail address of the owner.
        owner: String as Text = "owner",
        /// `status`.
        status: Word as ContractStatus = "status",
        /// `regDomain`.
        reg_domain: String as Text = "regDomain",
        /// `resourceLimits`, not read: they say nothing about access and move every day.
        resource_limits: Dropped as Discard = "resourceLimits",
    }
}

record! {
    /// Both shapes of the answer of `/contracts` laid over each other.
    Contracts in "contracts" {
        /// `id` of the list.
        id: std::sync::Arc<str> as Identity = "id",
        /// `type`: `collection` or `contract`.
        kind: Word as Type = "type",
        /// `href` of the list.
        href: String as Text = "href",
        /// The list of v6.
        items: Vec<Contract> as List<Contract> = "items",
        /// The one contract of v5.
        properties: Box<ContractProperties> as Boxed<ContractProperties> = "properties",
        /// Metadata of the one contract; none is documented.
        metadata: Box<Metadata> as Boxed<Metadata> = "metadata",
        /// `offset`, should the list ever be paged.
        offset: u64 as Count = "offset",
        /// `limit`, should the list ever be paged.
        limit: u64 as Count = "limit",
        /// `_links`, should the list ever be paged.
        links: Links as Links = "_links",
    }
}

impl Contracts {
    /// The contracts of either shape; `None` if the answer held neither.
    pub fn into_items(self) -> Option<Vec<Contract>> {
        match (self.items, self.properties) {
            (Some(items), _) => Some(items),
            (None, Some(properties)) => {
                Some(vec![Contract { kind: self.kind, properties: Some(properties), ..Contract::default() }])
            }
            (None, None) => None,
        }
    }
}
