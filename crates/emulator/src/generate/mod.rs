//! A contract out of a seed: the same seed and size give the same contract, byte for byte. It is skewed as contracts
//! are in life, so that reviews and checks have something to find.

mod holdings;
mod names;
mod people;
mod teams;

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};

use crate::identity::Identity;
use crate::world::{Id, World};
pub(crate) use people::fresh_people;

/// How much of everything. Totals, not averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Users, the owner and service accounts included.
    pub users: usize,
    /// Groups.
    pub groups: usize,
    /// Pairs of user and group.
    pub memberships: usize,
    /// Pairs of group and resource.
    pub shares: usize,
    /// S3 keys.
    pub keys: usize,
    /// Resources with an owner; the vendor's images come on top.
    pub resources: usize,
}

impl Size {
    /// The fewest users with which a contract can play every role of the script.
    pub const FEWEST_USERS: usize = 24;
    /// The fewest groups, for the same reason.
    pub const FEWEST_GROUPS: usize = 6;
    /// What the performance budgets are measured on.
    pub const L: Self =
        Self { users: 10_000, groups: 500, memberships: 100_000, shares: 50_000, keys: 20_000, resources: 20_000 };

    /// The usual proportions for so many users.
    pub fn of(users: usize) -> Self {
        let groups = (users / 20).max(Self::FEWEST_GROUPS);
        Self {
            users,
            groups,
            memberships: users * 5 / 2,
            shares: groups * 10,
            keys: users * 2 / 5,
            resources: users * 2,
        }
    }
}

/// Who plays which part in a generated contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The contract owner.
    pub owner: Id,
    /// The service account with which an auditor signs in: an administrator.
    pub auditor: Id,
    /// A user without any administrative right, for the restricted token.
    pub restricted: Id,
    /// The group that can do nearly everything.
    pub almighty: Id,
    /// The contract's e-mail domain.
    pub domain: String,
}

/// Makes the contract as it is at `base`.
pub(crate) fn generate(identity: Identity, size: Size, base: DateTime<Utc>) -> (World, Cast) {
    let mut draw = Draw { rng: fastrand::Rng::with_seed(identity.seed), base };
    let (mut world, staff) = people::people(identity, size, &mut draw);
    let almighty = teams::groups(&mut world, &staff, size, &mut draw);
    holdings::resources(&mut world, &staff, size, &mut draw);
    holdings::shares(&mut world, size, &mut draw);
    holdings::keys(&mut world, &staff, size, &mut draw);
    let cast = Cast {
        owner: world.owner().clone(),
        auditor: staff.auditor,
        restricted: staff.restricted,
        almighty,
        domain: staff.domain,
    };
    world.acting(base, &cast.owner);
    (world, cast)
}

/// Seeded draws around the base instant.
pub(crate) struct Draw {
    pub(crate) rng: fastrand::Rng,
    pub(crate) base: DateTime<Utc>,
}

impl Draw {
    /// True in so many of a thousand cases.
    fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.u32(..1000) < per_mille
    }

    fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.rng.usize(..items.len())]
    }

    /// An index below `length`, the low ones far more often: the heavy tail of everything that people collect.
    fn skewed(&mut self, length: usize, exponent: i32) -> usize {
        let position = self.rng.f64().powi(exponent);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "lengths are far below 2^52 and the position is in 0..1"
        )]
        let index = (position * length as f64) as usize;
        index.min(length - 1)
    }

    /// An instant between `days` and now, within office hours, never before `earliest`.
    fn days_ago(&mut self, days: i64, earliest: DateTime<Utc>) -> DateTime<Utc> {
        let day = self.base - TimeDelta::days(days);
        let midnight = day - TimeDelta::seconds(i64::from(day.num_seconds_from_midnight()));
        let mut instant = midnight + TimeDelta::seconds(self.rng.i64(6 * 3600..17 * 3600));
        if instant >= self.base {
            instant -= TimeDelta::days(1);
        }
        instant.max(earliest)
    }
}

/// The index that a draw below the last sum falls to; `sums` ascend.
fn weighted(sums: &[u64], draw: u64) -> usize {
    sums.partition_point(|sum| *sum <= draw)
}

#[cfg(test)]
mod tests;
