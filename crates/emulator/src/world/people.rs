//! Changes to users.

use chrono::{DateTime, Utc};

use super::{Id, NewUser, Refused, User, World, missing};

/// The properties of a user that a change may replace; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// First name.
    pub firstname: Option<String>,
    /// Last name.
    pub lastname: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Administrator.
    pub administrator: Option<bool>,
    /// A second factor is demanded.
    pub force_sec_auth: Option<bool>,
    /// A second factor is set up.
    pub sec_auth_active: Option<bool>,
    /// May sign in.
    pub active: Option<bool>,
}

impl World {
    /// Makes a user.
    pub fn add_user(&mut self, new: NewUser) -> Result<Id, Refused> {
        let id = self.uuid();
        self.insert_user(id.clone(), new)?;
        Ok(id)
    }

    /// Makes a user with a given id.
    pub(crate) fn insert_user(&mut self, id: Id, new: NewUser) -> Result<(), Refused> {
        let email = new.email.to_lowercase();
        if self.emails.contains_key(&email) {
            return Err(Refused::EmailTaken(email));
        }
        let user = User {
            id: id.clone(),
            firstname: new.firstname,
            lastname: new.lastname,
            email: email.clone(),
            administrator: new.administrator,
            force_sec_auth: new.force_sec_auth,
            sec_auth_active: false,
            active: !new.inactive,
            s3_canonical_user_id: self.hex(32),
            provisioned: self.now + self.provisioning,
            created: self.stamp(),
            modified: self.stamp(),
            last_login: None,
            groups: std::collections::BTreeSet::new(),
            owns: std::collections::BTreeSet::new(),
            keys: std::collections::BTreeMap::new(),
        };
        self.emails.insert(email, id.clone());
        self.users.insert(id, user);
        Ok(())
    }

    /// Removes a user with memberships and keys; what they owned goes to the contract owner.
    pub fn remove_user(&mut self, user_id: &str) -> Result<(), Refused> {
        if user_id == &*self.owner {
            return Err(Refused::ContractOwner(self.owner.clone()));
        }
        let user = self.users.remove(user_id).ok_or_else(|| missing("user", user_id))?;
        self.emails.remove(&user.email);
        for group_id in &user.groups {
            if let Some(group) = self.groups.get_mut(group_id) {
                group.members.remove(&user.id);
            }
        }
        let heir = self.owner.clone();
        for resource_id in &user.owns {
            self.set_owner(resource_id, Some(&heir))?;
        }
        Ok(())
    }

    /// Replaces what the profile names.
    pub fn edit_user(&mut self, user_id: &str, profile: Profile) -> Result<(), Refused> {
        let stamp = self.stamp();
        let user = self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?;
        if let Some(email) = profile.email.map(|email| email.to_lowercase()).filter(|email| *email != user.email) {
            if self.emails.contains_key(&email) {
                return Err(Refused::EmailTaken(email));
            }
            self.emails.remove(&user.email);
            self.emails.insert(email.clone(), user.id.clone());
            user.email = email;
        }
        user.firstname = profile.firstname.unwrap_or_else(|| user.firstname.clone());
        user.lastname = profile.lastname.unwrap_or_else(|| user.lastname.clone());
        user.administrator = profile.administrator.unwrap_or(user.administrator);
        user.force_sec_auth = profile.force_sec_auth.unwrap_or(user.force_sec_auth);
        user.sec_auth_active = profile.sec_auth_active.unwrap_or(user.sec_auth_active);
        user.active = profile.active.unwrap_or(user.active);
        user.modified = stamp;
        Ok(())
    }

    /// Gives another first and last name.
    pub fn rename_user(&mut self, user_id: &str, firstname: &str, lastname: &str) -> Result<(), Refused> {
        let (firstname, lastname) = (Some(firstname.to_owned()), Some(lastname.to_owned()));
        self.edit_user(user_id, Profile { firstname, lastname, ..Profile::default() })
    }

    /// Grants or takes the administrator flag.
    pub fn set_administrator(&mut self, user_id: &str, administrator: bool) -> Result<(), Refused> {
        self.edit_user(user_id, Profile { administrator: Some(administrator), ..Profile::default() })
    }

    /// Demands a second factor, or no longer.
    pub fn set_force_sec_auth(&mut self, user_id: &str, force: bool) -> Result<(), Refused> {
        self.edit_user(user_id, Profile { force_sec_auth: Some(force), ..Profile::default() })
    }

    /// Sets a second factor up, or takes it down.
    pub fn set_sec_auth_active(&mut self, user_id: &str, active: bool) -> Result<(), Refused> {
        self.edit_user(user_id, Profile { sec_auth_active: Some(active), ..Profile::default() })
    }

    /// Enables or disables a user.
    pub fn set_active(&mut self, user_id: &str, active: bool) -> Result<(), Refused> {
        self.edit_user(user_id, Profile { active: Some(active), ..Profile::default() })
    }

    /// Records a sign-in, which is not a modification.
    pub fn set_last_login(&mut self, user_id: &str, at: Option<DateTime<Utc>>) -> Result<(), Refused> {
        self.users.get_mut(user_id).ok_or_else(|| missing("user", user_id))?.last_login = at;
        Ok(())
    }

    pub(crate) fn users_mut(&mut self) -> impl Iterator<Item = &mut User> {
        self.users.iter_mut()
    }
}
