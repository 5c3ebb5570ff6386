//! Metadata and properties of every kind of thing, as each version shows them, and the same properties as texts for
//! filters and orders.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::Version;
use super::view::{Node, View, mixed};
use crate::json::Writer;
use crate::world::{Group, Key, PRIVILEGES_V5, PRIVILEGES_V6, Resource, Stamp, User};

/// The etag that every user shows, whoever it is and whatever changed.
const USER_ETAG: &str = "37a6259cc0c1dae299a7866489dff0bd";

impl View<'_> {
    /// Metadata (groups and shares have none) and properties.
    pub(super) fn contents(&self, w: &mut Writer, node: Node<'_>) {
        match node {
            Node::User(user) => self.user(w, user),
            Node::Group(group) => self.group(w, group),
            Node::Resource(resource) => Self::resource(w, resource),
            Node::Key(_, key) => self.key(w, key),
            Node::Share(_, _, share) => w.member("properties", |w| {
                w.boolean("editPrivilege", share.edit);
                w.boolean("sharePrivilege", share.share);
            }),
        }
    }

    fn user(&self, w: &mut Writer, user: &User) {
        w.member("metadata", |w| {
            w.text("etag", USER_ETAG);
            w.text("createdDate", &instant(user.created.at));
            if self.version == Version::V6 {
                history(w, &user.created, &user.modified);
            }
            w.maybe_text("lastLogin", user.last_login.map(instant).as_deref());
        });
        w.member("properties", |w| {
            w.text("firstname", &user.firstname);
            w.text("lastname", &user.lastname);
            w.text("email", &user.email);
            w.boolean("administrator", user.administrator);
            w.boolean("forceSecAuth", user.force_sec_auth);
            w.boolean("secAuthActive", user.sec_auth_active);
            let provisioned = self.now >= user.provisioned;
            w.maybe_text("s3CanonicalUserId", provisioned.then_some(&user.s3_canonical_user_id));
            w.boolean("active", user.active);
        });
    }

    fn group(&self, w: &mut Writer, group: &Group) {
        w.member("properties", |w| {
            w.text("name", &group.name);
            let known: &[&str] = match self.version {
                Version::V5 => &PRIVILEGES_V5,
                Version::V6 => &PRIVILEGES_V6,
            };
            for privilege in known {
                w.boolean(privilege, group.has(privilege));
            }
            // A privilege that came after this crate shows up where new ones do.
            if self.version == Version::V6 {
                for (privilege, held) in &group.privileges {
                    if !PRIVILEGES_V6.contains(&privilege.as_str()) {
                        w.boolean(privilege, *held);
                    }
                }
            }
        });
    }

    fn resource(w: &mut Writer, resource: &Resource) {
        w.member("metadata", |w| {
            w.text("etag", &etag(&resource.id, &resource.modified));
            w.text("createdDate", &instant(resource.created.at));
            history(w, &resource.created, &resource.modified);
            w.text("state", resource.state);
        });
        w.member("properties", |w| {
            w.text("name", &resource.name);
            match resource.sec_auth_protection {
                Some(guarded) => w.boolean("secAuthProtection", guarded),
                None => w.null("secAuthProtection"),
            }
        });
    }

    fn key(&self, w: &mut Writer, key: &Key) {
        w.member("metadata", |w| {
            w.text("etag", &etag(&key.id, &key.modified));
            // Alone among the API's dates, this one names no zone.
            w.text("createdDate", &key.created.at.format("%Y-%m-%dT%H:%M:%S").to_string());
            if self.version == Version::V6 {
                let urn = |stamp: &Stamp| format!("ionos:identity:::users/{}", stamp.by.id);
                w.text("createdBy", &urn(&key.created));
                w.text("createdByUserId", &key.created.by.id);
                w.text("lastModifiedDate", &instant(key.modified.at));
                w.text("lastModifiedBy", &urn(&key.modified));
                w.text("lastModifiedByUserId", &key.modified.by.id);
            }
        });
        w.member("properties", |w| {
            w.text("secretKey", &key.secret);
            w.boolean("active", key.active);
        });
    }
}

impl<'w> Node<'w> {
    /// A property as text, for filters and orders; `None` when such a thing has no such property.
    pub(crate) fn property(self, name: &str) -> Option<Cow<'w, str>> {
        let flag = |held: bool| Some(Cow::Borrowed(if held { "true" } else { "false" }));
        match (self, name) {
            (Self::User(user), "firstname") => Some(user.firstname.as_str().into()),
            (Self::User(user), "lastname") => Some(user.lastname.as_str().into()),
            (Self::User(user), "email") => Some(user.email.as_str().into()),
            (Self::User(user), "administrator") => flag(user.administrator),
            (Self::User(user), "forceSecAuth") => flag(user.force_sec_auth),
            (Self::User(user), "secAuthActive") => flag(user.sec_auth_active),
            (Self::User(user), "active") => flag(user.active),
            (Self::User(user), "s3CanonicalUserId") => Some(user.s3_canonical_user_id.as_str().into()),
            (Self::Group(group), "name") => Some(group.name.as_str().into()),
            (Self::Group(group), privilege) => (PRIVILEGES_V6.contains(&privilege)
                || group.privileges.contains_key(privilege))
            .then(|| flag(group.has(privilege)))
            .flatten(),
            (Self::Resource(resource), "name") => Some(resource.name.as_str().into()),
            (Self::Resource(resource), "secAuthProtection") => {
                resource.sec_auth_protection.map_or(Some("".into()), flag)
            }
            (Self::Share(_, _, share), "editPrivilege") => flag(share.edit),
            (Self::Share(_, _, share), "sharePrivilege") => flag(share.share),
            (Self::Key(_, key), "active") => flag(key.active),
            _ => None,
        }
    }
}

fn history(w: &mut Writer, created: &Stamp, modified: &Stamp) {
    w.text("createdBy", &created.by.name);
    w.text("createdByUserId", &created.by.id);
    w.text("lastModifiedDate", &instant(modified.at));
    w.text("lastModifiedBy", &modified.by.name);
    w.text("lastModifiedByUserId", &modified.by.id);
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn etag(id: &str, modified: &Stamp) -> String {
    let first = mixed(modified.at.timestamp().cast_unsigned(), id);
    format!("{first:016x}{:016x}", mixed(first, id))
}
