//! What a user sees who administers nothing: a smaller world, in step with itself.

use std::collections::BTreeSet;

use super::{Id, World};

impl World {
    /// The user alone, his groups without other members, what these share, and what he owns.
    pub(crate) fn as_seen_by(&self, user_id: &str) -> Self {
        let mut seen = self.clone();
        let groups: BTreeSet<&Id> = self.groups_of(user_id).collect();
        for group in self.groups() {
            if groups.contains(&group.id) {
                if let Some(group) = seen.groups.get_mut(&group.id) {
                    group.members.retain(|member| **member == *user_id);
                }
            } else {
                seen.groups.remove(&group.id);
            }
        }
        for resource in self.resources() {
            let is_owned = self.owns(user_id).any(|owned| *owned == resource.id);
            if !is_owned && resource.groups.iter().all(|group| !groups.contains(group)) {
                seen.resources.remove(&resource.id);
            } else if let Some(resource) = seen.resources.get_mut(&resource.id) {
                resource.groups.retain(|group| groups.contains(group));
            }
        }
        for user in self.users().filter(|user| *user.id != *user_id) {
            seen.users.remove(&user.id);
            seen.emails.remove(&user.email);
        }
        seen
    }
}
