//! What a contract consists of. Plain values: the rules that keep them consistent live in the world.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// An id as the API writes it: a UUID, or twenty hexadecimal characters for an S3 key.
pub type Id = Arc<str>;

/// The nine privileges that v5 knows, in the order in which its document lists them.
pub const PRIVILEGES_V5: [&str; 9] = [
    "createDataCenter",
    "createSnapshot",
    "reserveIp",
    "accessActivityLog",
    "createPcc",
    "s3Privilege",
    "createBackupUnit",
    "createInternetAccess",
    "createK8sCluster",
];

/// The twenty-five privileges of v6: those of v5, then in the order in which they were added.
pub const PRIVILEGES_V6: [&str; 25] = [
    "createDataCenter",
    "createSnapshot",
    "reserveIp",
    "accessActivityLog",
    "createPcc",
    "s3Privilege",
    "createBackupUnit",
    "createInternetAccess",
    "createK8sCluster",
    "createFlowLog",
    "accessAndManageMonitoring",
    "accessAndManageCertificates",
    "manageDBaaS",
    "accessAndManageDns",
    "manageRegistry",
    "manageDataplatform",
    "accessAndManageLogging",
    "accessAndManageCdn",
    "accessAndManageVpn",
    "accessAndManageApiGateway",
    "accessAndManageKaas",
    "accessAndManageNetworkFileStorage",
    "accessAndManageAiModelHub",
    "accessAndManageIamResources",
    "createNetworkSecurityGroups",
];

/// Who did something, as `createdBy` and `createdByUserId` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// An e-mail address, an identity URN, or `System` for what the vendor made.
    pub name: Arc<str>,
    /// The user's id, `0` for the vendor.
    pub id: Id,
}

impl Actor {
    /// The vendor, who made the public images.
    pub fn system() -> Self {
        Self { name: "System".into(), id: "0".into() }
    }
}

/// When something was done, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The instant, shown in whole seconds.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
}

/// A user of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are the API's own independent flags")]
pub struct User {
    /// UUID.
    pub id: Id,
    /// First name, any script.
    pub firstname: String,
    /// Last name, any script.
    pub lastname: String,
    /// Unique within the contract, lower case.
    pub email: String,
    /// Holds everything without any group.
    pub administrator: bool,
    /// A second factor is demanded.
    pub force_sec_auth: bool,
    /// A second factor is set up.
    pub sec_auth_active: bool,
    /// May sign in.
    pub active: bool,
    /// The canonical id in object storage; shown once the user is provisioned.
    pub s3_canonical_user_id: String,
    /// From when on the canonical id is shown.
    pub provisioned: DateTime<Utc>,
    /// Creation.
    pub created: Stamp,
    /// Last change of the properties; a sign-in is none.
    pub modified: Stamp,
    /// Last sign-in, `None` for never.
    pub last_login: Option<DateTime<Utc>>,
    pub(super) groups: BTreeSet<Id>,
    pub(super) owns: BTreeSet<Id>,
    pub(super) keys: BTreeMap<Id, Key>,
}

/// What somebody gives to make a user; the e-mail address is brought into lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// First name.
    pub firstname: String,
    /// Last name.
    pub lastname: String,
    /// E-mail address.
    pub email: String,
    /// Administrator from the start.
    pub administrator: bool,
    /// A second factor is demanded from the start.
    pub force_sec_auth: bool,
    /// Created without the right to sign in.
    pub inactive: bool,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// UUID.
    pub id: Id,
    /// Not unique.
    pub name: String,
    /// Privileges by the API's name; absent means false.
    pub privileges: BTreeMap<String, bool>,
    pub(super) members: BTreeSet<Id>,
    pub(super) shares: BTreeMap<Id, Share>,
}

impl Group {
    /// Whether the group has a privilege.
    pub fn has(&self, privilege: &str) -> bool {
        self.privileges.get(privilege).copied().unwrap_or_default()
    }
}

/// What a group may do with a resource; with both off it may still read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// `editPrivilege`.
    pub edit: bool,
    /// `sharePrivilege`.
    pub share: bool,
}

/// The seven kinds of resources that can be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A virtual data centre.
    Datacenter,
    /// A snapshot of a volume.
    Snapshot,
    /// An image, private or the vendor's.
    Image,
    /// A block of reserved addresses.
    Ipblock,
    /// A private cross connect.
    Pcc,
    /// A backup unit.
    Backupunit,
    /// A Kubernetes cluster.
    K8s,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Datacenter, Self::Snapshot, Self::Image, Self::Ipblock, Self::Pcc, Self::Backupunit, Self::K8s];

    /// The kind as the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Datacenter => "datacenter",
            Self::Snapshot => "snapshot",
            Self::Image => "image",
            Self::Ipblock => "ipblock",
            Self::Pcc => "pcc",
            Self::Backupunit => "backupunit",
            Self::K8s => "k8s",
        }
    }

    /// The kind with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether `secAuthProtection` can be set; it is null for the others.
    pub fn protectable(self) -> bool {
        matches!(self, Self::Datacenter | Self::Snapshot)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that can be owned and shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// UUID.
    pub id: Id,
    /// Its kind.
    pub kind: Kind,
    /// Not unique.
    pub name: String,
    /// Whether a second factor guards it; null where the kind cannot be guarded.
    pub sec_auth_protection: Option<bool>,
    /// `AVAILABLE`, `ACTIVE`, … as the API writes it.
    pub state: &'static str,
    /// The owner; the vendor's images have none.
    pub owner: Option<Id>,
    /// Creation; the creator need not be the owner.
    pub created: Stamp,
    /// Last change.
    pub modified: Stamp,
    pub(super) groups: BTreeSet<Id>,
}

/// An S3 key of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The access key: twenty hexadecimal characters.
    pub id: Id,
    /// The secret, which the API hands out in clear; it contains the canary.
    pub secret: String,
    /// Whether it works.
    pub active: bool,
    /// Creation.
    pub created: Stamp,
    /// Last change.
    pub modified: Stamp,
}

/// A write that was accepted, for `/requests/{id}/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracked {
    pub(crate) id: Id,
    /// From when on it counts as done.
    pub(crate) done: DateTime<Utc>,
    pub(crate) target: Target,
}

/// What a write aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: Id,
    pub(crate) kind: &'static str,
    /// Path below the version, `/um/…`.
    pub(crate) path: String,
}
