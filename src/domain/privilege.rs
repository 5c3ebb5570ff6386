//! Group privileges: an open set of named booleans, with what is known about the 25 documented ones.
//!
//! A privilege that IONOS adds tomorrow shows up tomorrow, marked as not classified; nothing is dropped.

/// How far a privilege reaches, in one word that decides severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Uses one product; damage stays inside it.
    Ordinary,
    /// Reads across the contract, reaches data, or opens a way in or out.
    Sensitive,
    /// Changes who may do what, or what others can see of it.
    Powerful,
}

/// What is known about one privilege.
#[derive(Clone, Copy, Debug)]
pub struct Privilege {
    /// The API's own name, for example `createDataCenter`.
    pub name: &'static str,
    /// How far it reaches.
    pub reach: Reach,
    /// What its holder can do, in plain words.
    pub meaning: &'static str,
}

const fn privilege(name: &'static str, reach: Reach, meaning: &'static str) -> Privilege {
    Privilege { name, reach, meaning }
}

/// The 25 privileges documented up to July 2026 (v5 has the first nine), in the API's order.
pub const KNOWN: [Privilege; 25] = [
    privilege(
        "createDataCenter",
        Reach::Sensitive,
        "Create virtual data centres, and with them servers, disks and networks.",
    ),
    privilege("createSnapshot", Reach::Sensitive, "Create snapshots of disks: copies of whatever data they hold."),
    privilege("reserveIp", Reach::Ordinary, "Reserve public IP addresses."),
    privilege("accessActivityLog", Reach::Sensitive, "Read the activity log of the whole contract."),
    privilege("createPcc", Reach::Sensitive, "Create cross connects that join the private networks of data centres."),
    privilege("s3Privilege", Reach::Sensitive, "Use object storage and create own S3 keys."),
    privilege("createBackupUnit", Reach::Sensitive, "Create backup units, which hold copies of data."),
    privilege("createInternetAccess", Reach::Sensitive, "Connect servers and networks to the Internet."),
    privilege("createK8sCluster", Reach::Sensitive, "Create Kubernetes clusters and get administrator access to them."),
    privilege("createFlowLog", Reach::Sensitive, "Record the network traffic of servers and gateways."),
    privilege("accessAndManageMonitoring", Reach::Ordinary, "Read metrics and change monitoring and its alarms."),
    privilege("accessAndManageCertificates", Reach::Powerful, "Add, replace and delete TLS certificates of services."),
    privilege("manageDBaaS", Reach::Sensitive, "Create, change and delete managed databases."),
    privilege("accessAndManageDns", Reach::Powerful, "Change DNS zones and records: decide where names point."),
    privilege("manageRegistry", Reach::Sensitive, "Manage container registries and their access tokens."),
    privilege("manageDataplatform", Reach::Ordinary, "Manage clusters of the data platform."),
    privilege("accessAndManageLogging", Reach::Powerful, "Read logs and change where they are sent, or stop them."),
    privilege("accessAndManageCdn", Reach::Ordinary, "Manage content delivery distributions."),
    privilege("accessAndManageVpn", Reach::Sensitive, "Manage VPN gateways: ways into private networks."),
    privilege("accessAndManageApiGateway", Reach::Sensitive, "Manage API gateways and the routes they publish."),
    privilege("accessAndManageKaas", Reach::Ordinary, "Manage the event streaming service and its clusters."),
    privilege(
        "accessAndManageNetworkFileStorage",
        Reach::Sensitive,
        "Manage network file storage and who can mount it.",
    ),
    privilege("accessAndManageAiModelHub", Reach::Ordinary, "Use and manage the AI model hub."),
    privilege(
        "accessAndManageIamResources",
        Reach::Powerful,
        "Manage identities and access of the contract: a way to more rights.",
    ),
    privilege("createNetworkSecurityGroups", Reach::Sensitive, "Create and change network security groups: firewalls."),
];

/// What is known about a privilege; `None` for one that is newer than this program.
pub fn known(name: &str) -> Option<&'static Privilege> {
    KNOWN.iter().find(|privilege| privilege.name == name)
}

/// The reach of a privilege; one that is not classified is rated powerful until somebody looks at it.
pub fn reach(name: &str) -> Reach {
    known(name).map_or(Reach::Powerful, |privilege| privilege.reach)
}
