//! The collecting principal: whose credentials read a contract, as far as that can be known.
//!
//! A principal with fewer rights may get shorter lists with status 200, and 404 for what it cannot see. So identity and role
//! of each run are kept, and a principal that is not known to be the accepted one ends nothing. No address stands here: ids,
//! or keyed commitments.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::id::{ContractNumber, UserId};
use super::time::to_seconds;
use super::untrusted::Untrusted;

/// The longest word of a role that is kept, in characters.
const MAX_ROLE_CHARS: usize = 64;

/// The rights of a principal in a contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Role {
    /// The owner of the contract.
    Owner,
    /// An administrator.
    Administrator,
    /// A user without either.
    User,
    /// A word that this version does not know.
    Other(String),
}

impl Role {
    /// The role of that word. Of an unknown one letters, digits, hyphens and underscores are kept.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim();
        let is_kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        Some(match word.to_ascii_lowercase().as_str() {
            "" => return None,
            "owner" => Self::Owner,
            "admin" | "administrator" => Self::Administrator,
            "user" => Self::User,
            _ => Self::Other(word.chars().filter(is_kept).take(MAX_ROLE_CHARS).collect()),
        })
    }

    /// The word printed and stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::User => "user",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

/// A word without any letter that is kept is an unknown role without a name.
impl From<String> for Role {
    fn from(word: String) -> Self {
        Self::from_word(&word).unwrap_or(Self::Other(word))
    }
}

/// What credentials claim. None of it is verified here: the API does that with each request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The user whose token it is.
    pub user: Option<UserId>,
    /// The user name that goes with a password.
    pub address: Option<String>,
    /// The role at the time the token was made.
    pub role: Option<Role>,
    /// The contract that the token is for.
    pub contract: Option<ContractNumber>,
    /// When the token ends.
    pub expires: Option<DateTime<Utc>>,
}

/// Without the address, which is personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("user", &self.user).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Identity of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalId {
    /// A user of the contract.
    User(UserId),
    /// Somebody with an address that no known user bears: HMAC of it under a random key of the contract.
    Unlisted {
        /// The key.
        key: [u8; 32],
        /// The commitment.
        commitment: [u8; 32],
    },
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Unlisted { .. } => f.write_str("an address that is no listed user"),
        }
    }
}

/// Whose credentials collected. What cannot be known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub id: Option<PrincipalId>,
    /// What they may do: as the list of users reports it; as the token says, if they are not listed.
    pub role: Option<Role>,
    /// The role of the last run that knew it, if this one does not.
    pub last_known_role: Option<Role>,
    /// The contract that the token is for.
    pub contract: Option<ContractNumber>,
    /// When the token ends.
    pub expires: Option<DateTime<Utc>>,
}

impl Principal {
    /// The role, or the last known one where it is not reported.
    pub fn known_role(&self) -> Option<&Role> {
        self.role.as_ref().or(self.last_known_role.as_ref())
    }

    /// Whether identity or role differ. An identity that is not known is not the same as a known one; a role that was never
    /// known is no difference. A new token of the same user with the same role is none either.
    pub fn differs_from(&self, other: &Self) -> bool {
        let roles = self.known_role().zip(other.known_role());
        self.id != other.id || roles.is_some_and(|(one, other)| one != other)
    }
}

/// Identity and role.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{id} ")?,
            None => f.write_str("an unknown principal ")?,
        }
        match (&self.role, &self.last_known_role) {
            (Some(role), _) => write!(f, "({role})"),
            (None, Some(role)) => write!(f, "(role not reported, last known: {role})"),
            (None, None) => f.write_str("(role not known)"),
        }
    }
}

/// The acceptance of another principal than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// How a run treats its principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum PrincipalStatus {
    /// The accepted one from this run on: nothing was held back because of it.
    Accepted,
    /// Not known to be the accepted one: nothing ended.
    HeldBack,
    /// It is not known who collected, and none was accepted yet.
    Unknown,
}

impl PrincipalStatus {
    /// The word printed and stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The principal of a sealed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Which one.
    pub principal: Principal,
    /// How the run treated it.
    pub standing: PrincipalStatus,
    /// How many things were not seen and did not end because of it.
    pub held_back: u64,
    /// Who accepted it in this run, if it was accepted by hand.
    pub acceptance: Option<Acceptance>,
}

/// That the principal of a run is not known to be the accepted one. Ids and roles only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrincipalChange {
    /// The accepted one.
    pub accepted: Untrusted,
    /// The one of this run.
    pub now: Untrusted,
    /// How many known things were not seen and did not end.
    pub held_back: u64,
    /// What follows.
    pub outcome: ChangeOutcome,
    /// Whether the run before had another one.
    pub is_new: bool,
}

/// What follows from a change of the principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// Nothing ends.
    HeldBack,
    /// It saw everything that is known, and is the accepted one from now on.
    SawEverything,
    /// Somebody accepted it; without a name where that is left out.
    AcceptedBy(Untrusted),
}

impl PrincipalChange {
    /// The same without the person who accepted it: for what is kept where nothing can be erased.
    #[must_use]
    pub fn without_person(&self) -> Self {
        let outcome = match &self.outcome {
            ChangeOutcome::AcceptedBy(_) => ChangeOutcome::AcceptedBy(Untrusted::default()),
            other => other.clone(),
        };
        Self { outcome, ..self.clone() }
    }
}

impl fmt::Display for PrincipalChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, now, held_back, outcome, .. } = self;
        let (accepted, now) = (accepted.visible(), now.visible());
        write!(f, "the collecting principal changed: {accepted} before, {now} now; ")?;
        match outcome {
            ChangeOutcome::HeldBack => write!(
                f,
                "nothing ends, and {held_back} known things that it did not see are carried, until a run sees everything \
                 that is known or somebody accepts it with `keyholder collect --accept-principal`"
            ),
            ChangeOutcome::SawEverything => {
                f.write_str("it saw everything that is known, and is the accepted one from this run on")
            }
            ChangeOutcome::AcceptedBy(person) => {
                let by = if person.raw().is_empty() { String::new() } else { format!(" by {}", person.visible()) };
                write!(f, "accepted{by}: what it did not see in complete scopes counts as gone")
            }
        }
    }
}

/// Identity, role, end of the token, and what became of it.
impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { principal, standing, held_back, acceptance } = self;
        write!(f, "{principal}")?;
        if let Some(end) = principal.expires {
            write!(f, ", token valid until {}", to_seconds(end))?;
        }
        match (standing, acceptance) {
            (PrincipalStatus::HeldBack, _) => {
                write!(f, "; not the accepted principal, {held_back} known things held back")
            }
            (_, Some(Acceptance { by, at })) => write!(f, "; accepted by {by}, {}", to_seconds(*at)),
            _ => Ok(()),
        }
    }
}

/// Nobody knows whose credentials collected.
impl Default for Collector {
    fn default() -> Self {
        Self { principal: Principal::default(), standing: PrincipalStatus::Unknown, held_back: 0, acceptance: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(user: Option<&str>, role: Option<Role>) -> Principal {
        Principal { id: user.map(|user| PrincipalId::User(user.into())), role, ..Principal::default() }
    }

    #[track_caller]
    fn check(one: (Option<&str>, Option<Role>), other: (Option<&str>, Option<Role>), expected: bool) {
        let (one, other) = (principal(one.0, one.1), principal(other.0, other.1));
        assert_eq!((one.differs_from(&other), other.differs_from(&one)), (expected, expected), "{one} / {other}");
    }

    #[test]
    fn an_unknown_identity_differs_and_an_unknown_role_does_not() {
        let admin = || Some(Role::Administrator);
        check((Some("a"), admin()), (Some("a"), admin()), false);
        check((Some("a"), admin()), (Some("b"), admin()), true);
        check((Some("a"), admin()), (Some("a"), Some(Role::User)), true);
        check((Some("a"), admin()), (Some("a"), None), false);
        check((Some("a"), admin()), (None, None), true);
        check((Some("a"), admin()), (None, admin()), true);
        check((None, None), (None, None), false);
    }

    #[test]
    fn the_last_known_role_stands_for_one_that_is_not_reported() {
        let silent = Principal { last_known_role: Some(Role::User), ..principal(Some("a"), None) };
        assert!(!silent.differs_from(&principal(Some("a"), Some(Role::User))));
        assert!(silent.differs_from(&principal(Some("a"), Some(Role::Administrator))));
        assert_eq!(silent.to_string(), "user a (role not reported, last known: user)");
    }

    #[test]
    fn a_new_token_is_no_difference() {
        let old = principal(Some("a"), Some(Role::User));
        let new = Principal { expires: Some(DateTime::UNIX_EPOCH), ..old.clone() };
        assert!(!new.differs_from(&old));
    }

    #[test]
    fn roles_have_one_word_each() {
        for (word, role) in [("admin", "administrator"), (" Owner", "owner"), ("user", "user"), ("a<b>", "ab")] {
            assert_eq!(Role::from_word(word).unwrap().as_str(), role);
        }
        assert_eq!(Role::from_word(" "), None);
    }
}
