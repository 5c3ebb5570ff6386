//! Answers that say no, in the API's envelope.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::json::Writer;
use crate::world::Refused;

/// One error: the HTTP status, the API's own code, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// What the API usually says with that status.
    pub(crate) fn usual(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthorized(),
            StatusCode::FORBIDDEN => Self::denied(),
            StatusCode::NOT_FOUND => Self::not_found(),
            other => Self::new(other, other.as_str(), other.canonical_reason().unwrap_or("Error")),
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "315", "Unauthorized")
    }

    pub(crate) fn denied() -> Self {
        Self::new(StatusCode::FORBIDDEN, "451", "Access Denied: administrator rights are required for this operation")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "309", "Resource does not exist")
    }

    /// The request cannot be read.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "100", message)
    }

    /// A value of the request breaks a constraint.
    pub(crate) fn constraint(path: &str, what: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "100", format!("[(root).{path}] {what}"))
    }

    /// An S3 key that does not exist is reported with 422.
    pub(crate) fn no_key() -> Self {
        let message = "The access key cannot be found, please double-check the key id and try again.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "200", message)
    }

    fn rule(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "200", message)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing { what: "key", .. } => Self::no_key(),
            Refused::Missing { .. } => Self::not_found(),
            Refused::EmailTaken(email) => {
                Self::rule(format!("[VDC-21-3] A user with the email address {email} exists already."))
            }
            Refused::SharedAlready(id) => {
                Self::rule(format!("[VDC-21-4] The resource {id} is shared with the group already."))
            }
            Refused::TooManyKeys(_) => Self::rule("[VDC-21-5] A user can have at most 5 access keys."),
            Refused::NoS3Privilege(_) => Self::rule(
                "[VDC-21-1] The user needs to be part of a group that has ACCESS_S3_OBJECT_STORAGE privilege",
            ),
            Refused::ContractOwner(_) => Self::rule("[VDC-21-6] The contract owner cannot be deleted."),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut writer = Writer::new(true);
        writer.object(|w| {
            w.number("httpStatus", u64::from(self.status.as_u16()));
            w.array("messages", |w| {
                w.object(|w| {
                    w.text("errorCode", &self.code);
                    w.text("message", &self.message);
                });
            });
        });
        (self.status, [(header::CONTENT_TYPE, "application/json")], writer.finish()).into_response()
    }
}
