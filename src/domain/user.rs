//! Users: their fact body, their personal data and what is volatile about them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::body::{Body, BodyError, Extras};
use super::id::UserId;
use super::time::to_seconds;
use super::unknown::Nullable;

/// Names and e-mail address: personal data, stored apart from facts behind a keyed commitment.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// `properties.email`, lower case as the API returns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `properties.firstname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firstname: Option<String>,
    /// `properties.lastname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lastname: Option<String>,
}

impl Person {
    /// First and last name, or what there is of them; empty if neither was given.
    pub fn name(&self) -> String {
        match (self.firstname.as_deref(), self.lastname.as_deref()) {
            (Some(first), Some(last)) => format!("{first} {last}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => String::new(),
        }
    }
}

/// Whether two e-mail addresses are the same: blanks around them and case make no difference.
pub fn is_same_address(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

/// Who made an object and who changed it last, as far as the API says. Volatile: shown, never a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// `metadata.createdBy`: an e-mail address, `System`, or a URN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// `metadata.createdByUserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by_user_id: Option<String>,
    /// `metadata.lastModifiedDate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<DateTime<Utc>>,
    /// `metadata.lastModifiedBy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_by: Option<String>,
    /// `metadata.lastModifiedByUserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_by_user_id: Option<String>,
}

impl Attribution {
    /// The ids of the people whom it names by id alone.
    pub fn nameless(&self) -> impl Iterator<Item = &str> {
        [(&self.created_by, &self.created_by_user_id), (&self.modified_by, &self.modified_by_user_id)]
            .into_iter()
            .filter_map(|(name, id)| nameless(name.as_deref(), id.as_deref()))
    }

    /// Names people by their addresses, and keeps their ids; those without one stay as the API gives them.
    pub fn resolve<'a>(&mut self, address: impl Fn(&str) -> Option<&'a str>) {
        for (name, user_id) in [
            (&mut self.created_by, &mut self.created_by_user_id),
            (&mut self.modified_by, &mut self.modified_by_user_id),
        ] {
            let Some(id) = nameless(name.as_deref(), user_id.as_deref()).map(str::to_owned) else { continue };
            if let Some(found) = address(&id) {
                *name = Some(found.to_owned());
            }
            *user_id = Some(id);
        }
    }
}

/// The id of somebody who is named by it: in a URN, or because there is no name.
fn nameless<'a>(name: Option<&'a str>, id: Option<&'a str>) -> Option<&'a str> {
    match name {
        Some(name) => name.strip_prefix("ionos:identity:::users/").filter(|id| !id.is_empty()),
        None => id,
    }
}

/// A user as seen in one snapshot. Every property is optional because the API leaves any of them out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The API's id.
    pub id: UserId,
    /// Names and e-mail; all empty when they were erased or never given.
    pub person: Person,
    /// Sees and may do everything, without any group.
    pub administrator: Option<bool>,
    /// Two-factor authentication is demanded.
    pub force_sec_auth: Option<bool>,
    /// Two-factor authentication is set up.
    pub sec_auth_active: Option<bool>,
    /// May sign in. Absent in old v5 data.
    pub active: Option<bool>,
    /// Object storage identity; null right after creation.
    #[serde(default, skip_serializing_if = "Nullable::is_not_reported")]
    pub s3_canonical_user_id: Nullable<String>,
    /// When the user was created.
    pub created: Option<DateTime<Utc>>,
    /// When the user last signed in; null is never. Volatile.
    #[serde(default, skip_serializing_if = "Nullable::is_not_reported")]
    pub last_login: Nullable<DateTime<Utc>>,
    /// Who made and who changed the user. Volatile.
    pub attribution: Attribution,
    /// Properties this version does not know.
    pub extra: Extras,
}

/// The body of a user fact, with the API's own property names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserBody {
    /// See [`User::active`].
    pub active: Option<bool>,
    /// See [`User::administrator`].
    pub administrator: Option<bool>,
    /// Creation time, RFC 3339 to the second.
    pub created_date: Option<String>,
    /// Unknown properties.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
    /// See [`User::force_sec_auth`].
    pub force_sec_auth: Option<bool>,
    /// Keyed commitment to the [`Person`], in hex.
    pub person: String,
    /// See [`User::s3_canonical_user_id`].
    #[serde(default, skip_serializing_if = "Nullable::is_not_reported")]
    pub s3_canonical_user_id: Nullable<String>,
    /// See [`User::sec_auth_active`].
    pub sec_auth_active: Option<bool>,
}

impl User {
    /// The fact body, with the commitment that stands for the personal data.
    pub fn body(&self, commitment: &str) -> Result<Body, BodyError> {
        Body::of(
            "user",
            &UserBody {
                active: self.active,
                administrator: self.administrator,
                created_date: self.created.map(to_seconds),
                extra: self.extra.clone(),
                force_sec_auth: self.force_sec_auth,
                person: commitment.to_owned(),
                s3_canonical_user_id: self.s3_canonical_user_id.clone(),
                sec_auth_active: self.sec_auth_active,
            },
        )
    }

    /// Puts a user together again from what the store keeps apart.
    pub fn from_parts(
        id: UserId,
        body: UserBody,
        person: Person,
        last_login: Nullable<DateTime<Utc>>,
        attribution: Attribution,
    ) -> Self {
        Self {
            id,
            person,
            administrator: body.administrator,
            force_sec_auth: body.force_sec_auth,
            sec_auth_active: body.sec_auth_active,
            active: body.active,
            s3_canonical_user_id: body.s3_canonical_user_id,
            created: body.created_date.as_deref().and_then(parse_instant),
            last_login,
            attribution,
            extra: body.extra,
        }
    }

    /// The attributes that the answer did not report, personal data apart.
    pub fn unreported(&self) -> impl Iterator<Item = &'static str> {
        [
            ("active", self.active.is_none()),
            ("administrator", self.administrator.is_none()),
            ("forceSecAuth", self.force_sec_auth.is_none()),
            ("s3CanonicalUserId", self.s3_canonical_user_id.is_not_reported()),
            ("secAuthActive", self.sec_auth_active.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
    }

    /// The e-mail address, or the id when there is none: what a person is called in a list.
    pub fn label(&self) -> &str {
        self.person.email.as_deref().unwrap_or(self.id.as_str())
    }

    /// Whether the user can sign in: active, or not said to be inactive.
    pub fn is_usable(&self) -> bool {
        self.active != Some(false)
    }

    /// Whether the user never signed in; `None` where the last sign-in is not reported.
    pub fn never_signed_in(&self) -> Option<bool> {
        match self.last_login {
            Nullable::NotReported => None,
            Nullable::Null => Some(true),
            Nullable::Value(_) => Some(false),
        }
    }

    /// Whether the user is an administrator.
    pub fn is_administrator(&self) -> bool {
        self.administrator == Some(true)
    }
}

/// Reads an instant that was written by [`to_seconds`].
pub(super) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}
