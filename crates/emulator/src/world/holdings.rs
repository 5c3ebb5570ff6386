//! Changes to resources, their owners, and S3 keys.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Id, KEYS_PER_USER, Key, Kind, Refused, Resource, World, missing};

impl World {
    /// Makes a resource; without an owner it is the vendor's.
    pub fn add_resource(&mut self, kind: Kind, name: &str, owner: Option<&str>) -> Result<Id, Refused> {
        let id = self.uuid();
        self.insert_resource(&id, kind, name, owner)?;
        Ok(id)
    }

    /// Makes a resource with a given id.
    pub(crate) fn insert_resource(
        &mut self,
        id: &Id,
        kind: Kind,
        name: &str,
        owner: Option<&str>,
    ) -> Result<(), Refused> {
        if let Some(owner) = owner {
            self.user(owner).ok_or_else(|| missing("user", owner))?;
        }
        let resource = Resource {
            id: id.clone(),
            kind,
            name: name.to_owned(),
            sec_auth_protection: kind.protectable().then_some(false),
            state: if kind == Kind::K8s { "ACTIVE" } else { "AVAILABLE" },
            owner: None,
            created: self.stamp(),
            modified: self.stamp(),
            groups: BTreeSet::new(),
        };
        self.resources.insert(id.clone(), resource);
        self.hand_over(id, owner)
    }

    /// Removes a resource with its shares.
    pub fn remove_resource(&mut self, resource_id: &str) -> Result<(), Refused> {
        self.hand_over(resource_id, None)?;
        let resource = self.resources.remove(resource_id).ok_or_else(|| missing("resource", resource_id))?;
        for group_id in &resource.groups {
            if let Some(group) = self.groups.get_mut(group_id) {
                group.shares.remove(&resource.id);
            }
        }
        Ok(())
    }

    /// Gives a resource another name.
    pub fn rename_resource(&mut self, resource_id: &str, name: &str) -> Result<(), Refused> {
        let stamp = self.stamp();
        let resource = self.resources.get_mut(resource_id).ok_or_else(|| missing("resource", resource_id))?;
        name.clone_into(&mut resource.name);
        resource.modified = stamp;
        Ok(())
    }

    /// Demands a second factor for a resource, or no longer; without effect where the kind cannot be guarded.
    pub fn set_sec_auth_protection(&mut self, resource_id: &str, guarded: bool) -> Result<(), Refused> {
        let stamp = self.stamp();
        let resource = self.resources.get_mut(resource_id).ok_or_else(|| missing("resource", resource_id))?;
        resource.sec_auth_protection = resource.kind.protectable().then_some(guarded);
        resource.modified = stamp;
        Ok(())
    }

    /// Hands a resource to another owner, or to nobody.
    pub fn set_owner(&mut self, resource_id: &str, owner: Option<&str>) -> Result<(), Refused> {
        if let Some(owner) = owner {
            self.user(owner).ok_or_else(|| missing("user", owner))?;
        }
        self.hand_over(resource_id, owner)?;
        let stamp = self.stamp();
        if let Some(resource) = self.resources.get_mut(resource_id) {
            resource.modified = stamp;
        }
        Ok(())
    }

    fn hand_over(&mut self, resource_id: &str, owner: Option<&str>) -> Result<(), Refused> {
        let resource = self.resources.get_mut(resource_id).ok_or_else(|| missing("resource", resource_id))?;
        if let Some(user) = resource.owner.take().and_then(|old| self.users.get_mut(&old)) {
            user.owns.remove(resource_id);
        }
        if let Some(user) = owner.and_then(|new| self.users.get_mut(new)) {
            user.owns.insert(resource.id.clone());
            resource.owner = Some(user.id.clone());
        }
        Ok(())
    }

    /// Makes a key, as the API does: only with the S3 privilege, and at most [`KEYS_PER_USER`] for one user.
    pub fn add_key(&mut self, user_id: &str) -> Result<Id, Refused> {
        let user = self.user(user_id).ok_or_else(|| missing("user", user_id))?;
        if !self.has_s3_privilege(user_id) {
            return Err(Refused::NoS3Privilege(user.id.clone()));
        }
        self.plant_key(user_id)
    }

    /// Makes a key without asking for the privilege: keys outlive the privilege they were made with.
    pub(crate) fn plant_key(&mut self, user_id: &str) -> Result<Id, Refused> {
        let id: Id = self.hex(20).into();
        self.insert_key(user_id, id.clone())?;
        Ok(id)
    }

    /// Makes a key with a given id, without asking for the privilege.
    pub(crate) fn insert_key(&mut self, user_id: &str, id: Id) -> Result<(), Refused> {
        let tail = self.hex(12);
        let secret = format!("{}/{tail}", self.identity.canary);
        let key = Key { id: id.clone(), secret, active: true, created: self.stamp(), modified: self.stamp() };
        let user = self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?;
        if user.keys.len() >= KEYS_PER_USER {
            return Err(Refused::TooManyKeys(user.id.clone()));
        }
        user.keys.insert(id, key);
        Ok(())
    }

    /// Switches a key on or off.
    pub fn set_key_active(&mut self, user_id: &str, key_id: &str, active: bool) -> Result<(), Refused> {
        let stamp = self.stamp();
        let key = self.key_mut(user_id, key_id)?;
        key.active = active;
        key.modified = stamp;
        Ok(())
    }

    /// Removes a key.
    pub fn remove_key(&mut self, user_id: &str, key_id: &str) -> Result<(), Refused> {
        let user = self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?;
        user.keys.remove(key_id).map(drop).ok_or_else(|| missing("key", key_id))
    }

    /// Sets when a key was made.
    pub fn date_key(&mut self, user_id: &str, key_id: &str, created: DateTime<Utc>) -> Result<(), Refused> {
        let key = self.key_mut(user_id, key_id)?;
        key.created.at = created;
        key.modified.at = created;
        Ok(())
    }

    fn key_mut(&mut self, user_id: &str, key_id: &str) -> Result<&mut Key, Refused> {
        let user = self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?;
        user.keys.get_mut(key_id).ok_or_else(|| missing("key", key_id))
    }
}
