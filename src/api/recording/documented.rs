//! What the documents of the API name: its properties, the numbers among them that say nothing of anybody, and its words.
//!
//! Lists only. What is not in them may be personal, so that a recording does not keep it.

use crate::domain::privilege;

/// Properties of objects, lists and errors, without the privileges of groups and [`COUNTS`].
const PROPERTIES: [&str; 48] = [
    "_links",
    "active",
    "administrator",
    "contractNumber",
    "createdBy",
    "createdByUserId",
    "createdDate",
    "editPrivilege",
    "email",
    "entities",
    "errorCode",
    "etag",
    "firstname",
    "forceSecAuth",
    "groups",
    "href",
    "id",
    "items",
    "lastLogin",
    "lastModifiedBy",
    "lastModifiedByUserId",
    "lastModifiedDate",
    "lastname",
    "message",
    "messages",
    "metadata",
    "name",
    "next",
    "owner",
    "owns",
    "password",
    "prev",
    "properties",
    "regDomain",
    "requestId",
    "resourceId",
    "resourceLimits",
    "resources",
    "s3CanonicalUserId",
    "secAuthActive",
    "secAuthProtection",
    "secretKey",
    "self",
    "sharePrivilege",
    "ssoUrl",
    "state",
    "status",
    "type",
];

/// More of them, of requests.
const REQUEST_PROPERTIES: [&str; 4] = ["target", "targets", "users", "version"];

/// Properties whose values count or limit something: the frame of lists, the status of errors, the limits of a contract.
const COUNTS: [&str; 39] = [
    "coresPerContract",
    "coresPerServer",
    "coresProvisioned",
    "count",
    "dasVolumeProvisioned",
    "hddLimitPerContract",
    "hddLimitPerVolume",
    "hddVolumeProvisioned",
    "httpStatus",
    "itemCount",
    "itemsCount",
    "k8sClusterLimitTotal",
    "k8sClustersProvisioned",
    "limit",
    "natGatewayLimitTotal",
    "natGatewayProvisioned",
    "nlbLimitTotal",
    "nlbProvisioned",
    "offset",
    "ramPerContract",
    "ramPerServer",
    "ramProvisioned",
    "reservableIps",
    "reservedIpsInUse",
    "reservedIpsOnContract",
    "rulesPerSecurityGroup",
    "securityGroupsPerResource",
    "securityGroupsPerVdc",
    "size",
    "ssdLimitPerContract",
    "ssdLimitPerVolume",
    "ssdVolumeProvisioned",
    "total",
    "totalCount",
    "totalElements",
    "totalItems",
    "total_count",
    "total_elements",
    "total_items",
];

/// Values of `type`: kinds of objects and of resources.
const TYPES: [&str; 15] = [
    "backupunit",
    "collection",
    "contract",
    "datacenter",
    "group",
    "image",
    "ipblock",
    "k8s",
    "pcc",
    "request",
    "request-status",
    "resource",
    "s3key",
    "snapshot",
    "user",
];

/// Values of `state` and `status`: of resources, contracts and requests.
const STATES: [&str; 21] = [
    "ACTIVE",
    "AVAILABLE",
    "BILLABLE",
    "BUSY",
    "CEASED",
    "DEPLOYING",
    "DESTROYING",
    "DONE",
    "FAILED",
    "FAILED_DESTROYING",
    "FAILED_SUSPENDED",
    "FAILED_UPDATING",
    "INACTIVE",
    "QUEUED",
    "REJECTED",
    "RUNNING",
    "SUSPENDED",
    "TERMINATED",
    "UNKNOWN",
    "UPDATING",
    "USED",
];

/// Whether a property is documented.
pub(super) fn is_property(name: &str) -> bool {
    PROPERTIES.contains(&name)
        || REQUEST_PROPERTIES.contains(&name)
        || COUNTS.contains(&name)
        || privilege::KNOWN.iter().any(|known| known.name == name)
}

/// Whether the number under a property counts or limits something.
pub(super) fn is_count(name: &str) -> bool {
    COUNTS.contains(&name)
}

/// Whether a word is one of the API's: a type, a state or a status.
pub(super) fn is_word(word: &str) -> bool {
    TYPES.contains(&word) || STATES.contains(&word)
}
