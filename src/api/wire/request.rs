//! The state of a write that the API took: `GET /requests/{id}/status`.

use super::lenient::{Discard, Dropped, Identity, RequestStatus, Text, Type, Word};
use super::record::record;

record! {
    /// The state of one request.
    Request in "request" {
        /// `id`, `<request>/status`.
        id: std::sync::Arc<str> as Identity = "id",
        /// `type`, `request-status`.
        kind: Word as Type = "type",
        /// `href`.
        href: String as Text = "href",
        /// `metadata`.
        metadata: RequestMetadata as RequestMetadata = "metadata",
    }
}

record! {
    /// `metadata` of a request. Its message is free text of the server and is not read.
    RequestMetadata in "request.metadata" {
        /// `status`: `QUEUED`, `RUNNING`, `DONE` or `FAILED`.
        status: Word as RequestStatus = "status",
        /// `message`, not read.
        message: Dropped as Discard = "message",
        /// `etag`.
        etag: String as Text = "etag",
        /// `targets`, not read.
        targets: Dropped as Discard = "targets",
    }
}
