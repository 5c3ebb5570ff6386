//! Words of the API's closed lists, which grow: an unknown word is kept as it is if it is a plain word at all.

/// Every value of `type` that the API documents, v5 to the newest v6.
pub(super) const TYPES: [&str; 35] = [
    "user",
    "group",
    "resource",
    "s3key",
    "collection",
    "datacenter",
    "snapshot",
    "image",
    "ipblock",
    "pcc",
    "backupunit",
    "k8s",
    "contract",
    "request",
    "request-status",
    "server",
    "volume",
    "nic",
    "loadbalancer",
    "location",
    "firewall-rule",
    "lan",
    "label",
    "nodepool",
    "node",
    "flow-log",
    "template",
    "networkloadbalancer",
    "forwarding-rule",
    "natgateway",
    "natgateway-rule",
    "applicationloadbalancer",
    "target-group",
    "security-group",
    "gpu",
];

/// Every documented `metadata.state`.
pub(super) const STATES: [&str; 14] = [
    "AVAILABLE",
    "BUSY",
    "INACTIVE",
    "DEPLOYING",
    "ACTIVE",
    "FAILED",
    "SUSPENDED",
    "FAILED_SUSPENDED",
    "UPDATING",
    "FAILED_UPDATING",
    "DESTROYING",
    "FAILED_DESTROYING",
    "TERMINATED",
    "UNKNOWN",
];

/// Every known `properties.status` of a contract.
pub(super) const CONTRACT_STATES: [&str; 3] = ["BILLABLE", "CEASED", "REJECTED"];

/// Every documented `metadata.status` of a request.
pub(super) const REQUEST_STATES: [&str; 4] = ["QUEUED", "RUNNING", "DONE", "FAILED"];

/// The longest word that is kept.
const MAX_LENGTH: usize = 64;

/// Whether a text is a plain word: at most 64 of `A-Z a-z 0-9 _ -`. Anything else could carry anything.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
