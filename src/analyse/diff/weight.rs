//! How much a change matters: the usual severity of each class, and what raises or lowers it.
//!
//! The table with its reasons is `docs/changes.md`; a test holds the two together.

use crate::domain::change::Class;
use crate::domain::group::Group;
use crate::domain::id::{GroupId, UserId};
use crate::domain::privilege::{self, Reach};
use crate::domain::severity::Severity;
use crate::domain::share::Access;
use crate::domain::state::State;

/// The severity of a class where nothing raises or lowers it.
pub fn usual(class: Class) -> Severity {
    match class {
        Class::AdministratorGained | Class::ContractOwnerChanged => Severity::Critical,
        Class::TwoFactorWeakened | Class::SignInAddressChanged => Severity::High,
        Class::AdministratorLost
        | Class::UserAdded
        | Class::UserEnabled
        | Class::PrivilegeGained
        | Class::ShareWidened
        | Class::KeyAdded
        | Class::KeyEnabled
        | Class::OwnerChanged => Severity::Medium,
        Class::UserRemoved
        | Class::UserDisabled
        | Class::GroupAdded
        | Class::GroupRemoved
        | Class::MemberAdded
        | Class::MemberRemoved
        | Class::ShareAdded
        | Class::ShareRemoved
        | Class::ResourceVanished => Severity::Low,
        Class::TwoFactorStrengthened
        | Class::PrivilegeLost
        | Class::ShareNarrowed
        | Class::KeyRemoved
        | Class::KeyDisabled
        | Class::ResourceAppeared
        | Class::Renamed
        | Class::FirstSeen
        | Class::Other => Severity::Info,
    }
}

/// A severity, and why it is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) severity: Severity,
    pub(super) because: String,
}

impl Weight {
    /// The usual one of a class.
    pub(super) fn usual(class: Class) -> Self {
        Self { severity: usual(class), because: String::new() }
    }

    /// Another one, and why.
    pub(super) fn of(severity: Severity, because: impl Into<String>) -> Self {
        Self { severity, because: because.into() }
    }

    /// The weight of something that may have been there all along: a step below something new, at most medium.
    pub(super) fn first_seen(self) -> Self {
        let severity = lower(self.severity).min(Severity::Medium);
        let unread = "it could not be read before, and may not be new";
        let because = if self.because.is_empty() { unread.to_owned() } else { format!("{}; {unread}", self.because) };
        Self { severity, because }
    }

    /// The weight of a property that was never reported before: that of something new.
    pub(super) fn learned(self) -> Self {
        let unreported = "it was not reported before, and may not be new";
        let because =
            if self.because.is_empty() { unreported.to_owned() } else { format!("{}; {unreported}", self.because) };
        Self { because, ..self }
    }

    /// The same severity with a remark.
    pub(super) fn noting(self, because: impl Into<String>) -> Self {
        Self { because: because.into(), ..self }
    }
}

/// One step less severe.
fn lower(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium => Severity::Low,
        Severity::Low | Severity::Info => Severity::Info,
    }
}

/// What a user is, as far as it decides severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) owner: bool,
    pub(super) administrator: bool,
    pub(super) inactive: bool,
}

impl Standing {
    pub(super) fn of(state: &State, id: &UserId) -> Self {
        state.users.get(id).map_or(Self { owner: false, administrator: false, inactive: false }, |user| Self {
            owner: state.is_owner(user),
            administrator: user.is_administrator(),
            inactive: !user.is_usable(),
        })
    }

    /// What holds in at least one of two states.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            owner: self.owner || other.owner,
            administrator: self.administrator || other.administrator,
            inactive: self.inactive || other.inactive,
        }
    }

    /// Why this user can do everything, if so.
    pub(super) fn everything(self) -> Option<&'static str> {
        match (self.owner, self.administrator) {
            (true, _) => Some("the user owns the contract"),
            (false, true) => Some("the user is an administrator"),
            (false, false) => None,
        }
    }
}

/// What joining a group gives, as far as it decides severities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// Read access and privileges of one product.
    Ordinary,
    /// A sensitive privilege, or more than reading through a share; with the reason.
    Wide(String),
    /// Near-administrator; with the reason.
    Privileged(String),
}

impl Power {
    /// What the members of a group can do in a state.
    pub(super) fn of(state: &State, id: &GroupId) -> Self {
        let Some(group) = state.groups.get(id) else {
            return Self::Ordinary;
        };
        if group.is_privileged() {
            return Self::Privileged(why_privileged(group));
        }
        if let Some(name) = group.granted().find(|name| privilege::reach(name) == Reach::Sensitive) {
            return Self::Wide(format!("the group holds {name}, which is rated sensitive"));
        }
        match state.shares_of(id).find(|share| share.access() != Access::default()) {
            Some(share) => {
                Self::Wide(format!("the group has more than read access to {}", state.resource_label(&share.resource)))
            }
            None => Self::Ordinary,
        }
    }
}

/// Why a group makes its members near-administrators.
fn why_privileged(group: &Group) -> String {
    match group.granted().find(|name| privilege::reach(name) == Reach::Powerful) {
        Some(name) if privilege::known(name).is_none() => {
            format!("the group holds {name}, which is not classified and rated powerful until it is")
        }
        Some(name) => format!("the group holds {name}, which is rated powerful"),
        None => {
            format!("the group holds {} of {} known privileges", group.granted().count(), privilege::KNOWN.len())
        }
    }
}

/// A user appeared.
pub(super) fn user_added(standing: Standing) -> Weight {
    standing
        .everything()
        .map_or_else(|| Weight::usual(Class::UserAdded), |because| Weight::of(Severity::Critical, because))
}

/// A user vanished. Losing an administrator has its own line.
pub(super) fn user_removed(standing: Standing) -> Weight {
    if standing.owner {
        Weight::of(Severity::High, "the user owned the contract")
    } else {
        Weight::usual(Class::UserRemoved)
    }
}

/// A user may sign in again: for somebody who may do everything that is as good as a new administrator.
pub(super) fn user_enabled(standing: Standing) -> Weight {
    standing
        .everything()
        .map_or_else(|| Weight::usual(Class::UserEnabled), |because| Weight::of(Severity::Critical, because))
}

/// A user may not sign in any more.
pub(super) fn user_disabled(standing: Standing) -> Weight {
    standing
        .everything()
        .map_or_else(|| Weight::usual(Class::UserDisabled), |because| Weight::of(Severity::Medium, because))
}

/// A user's second factor is gone.
pub(super) fn second_factor_gone(standing: Standing) -> Weight {
    standing
        .everything()
        .map_or_else(|| Weight::usual(Class::TwoFactorWeakened), |because| Weight::of(Severity::Critical, because))
}

/// A user's second factor is not demanded any more; `active` is whether it is still set up.
pub(super) fn second_factor_optional(standing: Standing, active: bool) -> Weight {
    match (standing.everything(), active) {
        (None, true) => Weight::of(Severity::Medium, "2FA is still set up"),
        (None, false) => Weight::usual(Class::TwoFactorWeakened),
        (Some(because), true) => {
            Weight::usual(Class::TwoFactorWeakened).noting(format!("{because}; 2FA is still set up"))
        }
        (Some(because), false) => Weight::of(Severity::Critical, because),
    }
}

/// A user has another e-mail address, which is what people sign in with: the reader of its mail can take the account over.
pub(super) fn address_changed(standing: Standing) -> Weight {
    standing
        .everything()
        .map_or_else(|| Weight::usual(Class::SignInAddressChanged), |because| Weight::of(Severity::Critical, because))
}

/// A group appeared. What its members get has lines of its own.
pub(super) fn group_added(group: &Group) -> Weight {
    if group.is_privileged() {
        Weight::of(Severity::Medium, why_privileged(group))
    } else {
        Weight::usual(Class::GroupAdded)
    }
}

/// A group got a privilege.
pub(super) fn privilege_gained(name: &str, has_members: bool) -> Weight {
    let (with_members, rated) = match privilege::reach(name) {
        Reach::Ordinary => (Severity::Medium, ""),
        Reach::Sensitive => (Severity::High, "the privilege is rated sensitive"),
        Reach::Powerful if privilege::known(name).is_none() => {
            (Severity::Critical, "the privilege is not classified and rated powerful until it is")
        }
        Reach::Powerful => (Severity::Critical, "the privilege is rated powerful"),
    };
    if has_members {
        return Weight::of(with_members, rated);
    }
    let severity = lower(with_members);
    let parts = [rated, "the group has no members"];
    Weight::of(severity, parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "))
}

/// A user joined a group.
pub(super) fn member_added(power: &Power) -> Weight {
    match power {
        Power::Ordinary => Weight::usual(Class::MemberAdded),
        Power::Wide(because) => Weight::of(Severity::Medium, because.clone()),
        Power::Privileged(because) => Weight::of(Severity::High, because.clone()),
    }
}

/// A resource was shared with a group.
pub(super) fn share_added(access: Access) -> Weight {
    match (access.share, access.edit) {
        (true, _) => Weight::of(Severity::High, "members may share it on"),
        (false, true) => Weight::of(Severity::Medium, "members may edit it"),
        (false, false) => Weight::usual(Class::ShareAdded),
    }
}

/// An S3 key can be used that could not be used before.
pub(super) fn key_usable(class: Class, holder: Standing) -> Weight {
    match (holder.everything(), holder.inactive) {
        (Some(because), _) => Weight::of(Severity::High, because),
        (None, true) => Weight::of(Severity::High, "the user is inactive, and a key works without signing in"),
        (None, false) => Weight::usual(class),
    }
}
