//! Grants: lines of effective access. A user, what they can do, and every path by which they can.

use super::id::{GroupId, KeyId, ResourceId, Seq, UserId};
use super::severity::Severity;
use super::share::Access;

/// What a user can do. The order is the order of a review: the widest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entitlement {
    /// Owns the contract: everything, for ever.
    ContractOwner,
    /// Administrator: every privilege and every resource, without any group.
    Administrator,
    /// A group privilege, by its API name.
    Privilege(String),
    /// Access to a resource through shares.
    Share(ResourceId),
    /// Owns a resource.
    Ownership(ResourceId),
    /// Holds an S3 key.
    S3Key(KeyId),
    /// Can sign in at all.
    Account,
}

impl Entitlement {
    /// The stable word in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ContractOwner => "contract_owner",
            Self::Administrator => "administrator",
            Self::Privilege(_) => "privilege",
            Self::Share(_) => "share",
            Self::Ownership(_) => "ownership",
            Self::S3Key(_) => "s3_key",
            Self::Account => "account",
        }
    }

    /// What is granted: a privilege's name, or the id of a resource or key; empty where the kind says all.
    pub fn id(&self) -> &str {
        match self {
            Self::ContractOwner | Self::Administrator | Self::Account => "",
            Self::Privilege(name) => name,
            Self::Share(resource) | Self::Ownership(resource) => resource.as_str(),
            Self::S3Key(key) => key.as_str(),
        }
    }
}

/// One way by which a user holds an entitlement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The step in between.
    pub via: Via,
    /// Since which snapshot this path has been there without a break.
    pub since: Seq,
}

/// What leads from the user to the entitlement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// Nothing: the user holds it directly.
    Direct,
    /// Being administrator.
    Administrator,
    /// Owning the contract.
    ContractOwner,
    /// A group; for a share with what that group's share allows.
    Group(GroupId, Option<Access>),
}

/// One line of effective access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub user: UserId,
    /// Can do what.
    pub entitlement: Entitlement,
    /// For a share, what all paths together allow.
    pub access: Option<Access>,
    /// By which paths; never empty, in order.
    pub paths: Vec<Path>,
    /// Since which snapshot the user has held it without a break, by whichever path.
    pub since: Seq,
    /// How much harm it could do.
    pub risk: Severity,
}

impl Grant {
    /// What identifies the line between snapshots.
    pub fn key(&self) -> (&UserId, &Entitlement) {
        (&self.user, &self.entitlement)
    }
}
