//! What a review of the month should not miss, the same in contracts of every size: things that come and go between two
//! reports, and an intrusion.

use super::Change;
use super::month::Month;
use crate::world::{Id, Kind, Resource, Share, User};

impl Month<'_> {
    /// What comes and goes within the month, and what was done at night by somebody unexpected.
    pub(super) fn episodes(&mut self) {
        let almighty = self.casting.cast.almighty.clone();
        let world = self.casting.world;
        // Days 9 to 12: a data centre is open to the almighty group.
        let unshared = |it: &Resource| it.kind == Kind::Datacenter && world.share_of(&almighty, &it.id).is_none();
        if let Some(resource) = self.casting.resource(unshared).map(|it| it.id.clone()) {
            let share = Share { edit: true, share: true };
            let shared = Change::Shared { group: almighty.clone(), resource: resource.clone(), share };
            self.on(9, shared);
            self.on(12, Change::Unshared { group: almighty.clone(), resource });
        }
        // Days 15 to 18: a machine's key.
        if let Some(user) = self.casting.key_user().map(|user| user.id.clone()) {
            let key = self.casting.key_id();
            self.on(15, Change::KeyAdded { user: user.clone(), key: key.clone() });
            self.on(18, Change::KeyRemoved { user, key });
        }
        // Somebody leaves the almighty group for good.
        let leaver = world.members(&almighty).find(|id| **id != self.casting.cast.owner).cloned();
        if let Some(user) = leaver {
            self.casting.take("properties", &user);
            self.casting.take("member", &user);
            self.usual(Change::Member { group: almighty.clone(), user, on: false });
        }
        self.intrusion(&almighty);
    }

    /// Days 20 to 22: an administrator for two days, who uses the night for a key of a machine and for a way back in.
    fn intrusion(&mut self, almighty: &Id) {
        let world = self.casting.world;
        let ordinary = |user: &User| {
            let secured = user.sec_auth_active && user.force_sec_auth;
            user.active && !user.administrator && secured && !world.is_member(almighty, &user.id)
        };
        let Some(user) = self.casting.user("properties", ordinary).map(|user| user.id.clone()) else {
            return;
        };
        self.casting.take("member", &user);
        self.on(20, Change::Administrator { user: user.clone(), on: true });
        if let Some(machine) = self.casting.key_user().map(|user| user.id.clone()) {
            let (at, key) = (self.at(21, 2, 41), self.casting.key_id());
            self.step(21, at, &user, Change::KeyAdded { user: machine, key });
        }
        let way_back = Change::Member { group: almighty.clone(), user: user.clone(), on: true };
        self.step(21, self.at(21, 2, 47), &user, way_back);
        self.on(22, Change::Administrator { user, on: false });
    }
}
