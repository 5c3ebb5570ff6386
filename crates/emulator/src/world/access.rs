//! Changes to groups, memberships and shares.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, Id, Refused, Share, World, missing};

impl World {
    /// Makes a group with these privileges; its name may be taken.
    pub fn add_group(&mut self, name: &str, privileges: &[&str]) -> Id {
        let id = self.uuid();
        self.insert_group(id.clone(), name, privileges);
        id
    }

    /// Makes a group with a given id.
    pub(crate) fn insert_group(&mut self, id: Id, name: &str, privileges: &[&str]) {
        let group = Group {
            id: id.clone(),
            name: name.to_owned(),
            privileges: privileges.iter().map(|privilege| ((*privilege).to_owned(), true)).collect(),
            members: BTreeSet::new(),
            shares: BTreeMap::new(),
        };
        self.groups.insert(id, group);
    }

    /// Removes a group with its memberships and shares.
    pub fn remove_group(&mut self, group_id: &str) -> Result<(), Refused> {
        let group = self.groups.remove(group_id).ok_or_else(|| missing("group", group_id))?;
        for user_id in &group.members {
            if let Some(user) = self.users.get_mut(user_id) {
                user.groups.remove(&group.id);
            }
        }
        for resource_id in group.shares.keys() {
            if let Some(resource) = self.resources.get_mut(resource_id) {
                resource.groups.remove(&group.id);
            }
        }
        Ok(())
    }

    /// Gives a group another name.
    pub fn rename_group(&mut self, group_id: &str, name: &str) -> Result<(), Refused> {
        name.clone_into(&mut self.group_mut(group_id)?.name);
        Ok(())
    }

    /// Sets one privilege, known to this crate or not.
    pub fn set_privilege(&mut self, group_id: &str, privilege: &str, held: bool) -> Result<(), Refused> {
        self.group_mut(group_id)?.privileges.insert(privilege.to_owned(), held);
        Ok(())
    }

    /// Puts a user into a group; being in it already changes nothing.
    pub fn add_member(&mut self, group_id: &str, user_id: &str) -> Result<(), Refused> {
        let group = self.groups.get_mut(group_id).ok_or_else(|| missing("group", group_id))?;
        let user = self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?;
        group.members.insert(user.id.clone());
        user.groups.insert(group.id.clone());
        Ok(())
    }

    /// Takes a user out of a group.
    pub fn remove_member(&mut self, group_id: &str, user_id: &str) -> Result<(), Refused> {
        if !self.group_mut(group_id)?.members.remove(user_id) {
            return Err(missing("member", user_id));
        }
        if let Some(user) = self.users.get_mut(user_id) {
            user.groups.remove(group_id);
        }
        Ok(())
    }

    /// Shares a resource with a group.
    pub fn share(&mut self, group_id: &str, resource_id: &str, share: Share) -> Result<(), Refused> {
        let group = self.groups.get_mut(group_id).ok_or_else(|| missing("group", group_id))?;
        let resource = self.resources.get_mut(resource_id).ok_or_else(|| missing("resource", resource_id))?;
        if group.shares.contains_key(&resource.id) {
            return Err(Refused::SharedAlready(resource.id.clone()));
        }
        group.shares.insert(resource.id.clone(), share);
        resource.groups.insert(group.id.clone());
        Ok(())
    }

    /// Sets both flags of a share.
    pub fn edit_share(&mut self, group_id: &str, resource_id: &str, share: Share) -> Result<(), Refused> {
        let shares = &mut self.group_mut(group_id)?.shares;
        *shares.get_mut(resource_id).ok_or_else(|| missing("share", resource_id))? = share;
        Ok(())
    }

    /// Ends a share.
    pub fn unshare(&mut self, group_id: &str, resource_id: &str) -> Result<(), Refused> {
        if self.group_mut(group_id)?.shares.remove(resource_id).is_none() {
            return Err(missing("share", resource_id));
        }
        if let Some(resource) = self.resources.get_mut(resource_id) {
            resource.groups.remove(group_id);
        }
        Ok(())
    }

    fn group_mut(&mut self, group_id: &str) -> Result<&mut Group, Refused> {
        self.groups.get_mut(group_id).ok_or_else(|| missing("group", group_id))
    }
}
