//! What every request and the emulator's owner have in common: the world behind its lock, the clock, the credentials,
//! the switches. It answers no request itself.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::api::{Deep, Version};
use crate::clock::Clock;
use crate::counters::Tally;
use crate::elsewhere::Elsewhere;
use crate::faults::Faults;
use crate::quota::Quota;
use crate::world::{Id, World};

/// What the lists of the contract are to a user who administers nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restricted {
    /// Refused with 403.
    #[default]
    Refused,
    /// Answered with 200 and what that user may see: himself, his groups without other members, what they share and what he
    /// owns. Everything else is 404.
    Shortened,
}

/// Switches that may be turned while the server runs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) latency: Duration,
    pub(crate) deep: Deep,
    pub(crate) shuffle: Option<u64>,
    pub(crate) restricted: Restricted,
}

/// The credentials that are accepted.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) auditor: Id,
    pub(crate) restricted: Id,
    pub(crate) token: String,
    pub(crate) restricted_token: String,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user_id: Id,
    pub(crate) administrator: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// `http://127.0.0.1:PORT`
    pub(crate) origin: String,
    pub(crate) clock: Clock,
    pub(crate) credentials: Credentials,
    /// Tokens that were made since the start, each with its user.
    pub(crate) issued: RwLock<Vec<(String, Id)>>,
    pub(crate) tally: Tally,
    pub(crate) faults: Faults,
    pub(crate) elsewhere: Elsewhere,
    pub(crate) quota: Quota,
    pub(crate) world: RwLock<World>,
    pub(crate) settings: Mutex<Settings>,
}

impl Shared {
    pub(crate) fn base_url(&self, version: Version) -> String {
        format!("{}{}", self.origin, version.prefix())
    }

    /// The world to read. A test that panicked while it changed the world does not take the server down with it.
    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> Settings {
        *self.settings_mut()
    }

    pub(crate) fn settings_mut(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who an `Authorization` header belongs to; nobody if the user is gone, disabled, or signs in with a password
    /// although a second factor is set up or demanded.
    pub(crate) fn caller(&self, authorization: &str) -> Option<Caller> {
        let (scheme, secret) = authorization.split_once(' ')?;
        let known = &self.credentials;
        let basic = scheme.eq_ignore_ascii_case("basic");
        let user_id = if basic {
            let pair = String::from_utf8(STANDARD.decode(secret.trim()).ok()?).ok()?;
            let (username, password) = pair.split_once(':')?;
            let is_known = username.eq_ignore_ascii_case(&known.username) && password == known.password;
            is_known.then(|| known.auditor.clone())
        } else if scheme.eq_ignore_ascii_case("bearer") {
            match secret.trim() {
                token if token == known.token => Some(known.auditor.clone()),
                token if token == known.restricted_token => Some(known.restricted.clone()),
                token => self.issued_to(token),
            }
        } else {
            None
        }?;
        let world = self.world();
        let user = world.user(&user_id).filter(|user| user.active)?;
        if basic && (user.sec_auth_active || user.force_sec_auth) {
            return None;
        }
        Some(Caller { user_id: user.id.clone(), administrator: user.administrator || user.id == *world.owner() })
    }

    /// Whose a token is that was made since the start.
    fn issued_to(&self, token: &str) -> Option<Id> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued.iter().find(|(known, _)| known == token).map(|(_, user)| user.clone())
    }
}
