//! The sign-on link to the object storage: a credential, on a type of its own that no collector holds.

use std::sync::Arc;

use secrecy::SecretString;

use super::answer::Answer;
use super::error::{Error, Fault};
use super::operation;
use super::settings::{Settings, SettingsError};
use super::transport::Getter;
use super::wire::sso::SignOn;
use crate::domain::id::UserId;
use crate::seams::Seams;

/// Asks for sign-on links, and does nothing else.
#[derive(Clone, Debug)]
pub struct Client(Getter);

/// A link that signs in whoever opens it. It cannot be printed, and is wiped when it is dropped.
#[derive(Clone, Debug)]
pub struct Secret(pub SecretString);

impl Client {
    /// A client for one server and one set of credentials; sends nothing yet.
    pub fn new(settings: &Settings, seams: Seams) -> Result<Self, SettingsError> {
        Getter::new(settings, seams).map(Self)
    }

    /// A fresh link for a user. `GET /um/users/{userId}/s3ssourl`, `umUsersS3ssourlGet`; it has no depth.
    pub async fn link(&self, user: &UserId) -> Result<Answer<Secret>, Error> {
        let answer = self.0.get::<SignOn>(operation::S3_SIGN_ON, &[user.as_str()], "").await?;
        let Answer { value, notes, receipt } = answer;
        match value.url {
            Some(url) => Ok(Answer { value: Secret(url), notes, receipt }),
            None => Err(Error {
                operation: operation::S3_SIGN_ON,
                target: Arc::clone(self.0.target()),
                attempts: receipt.attempts,
                sent_at: receipt.sent_at,
                fault: Fault::Empty,
            }),
        }
    }
}
