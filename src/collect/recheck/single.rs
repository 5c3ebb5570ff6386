//! Asks for single things that a list leaves out: gone, there after all, or not known.
//!
//! What counts as gone: a user, group, resource, share or key by 404 of its own; a member by 404 of the user, or by the user's
//! own list of groups, which leaves the group out. An ownership has no address of its own, and the resource may well live on
//! under another owner: for that the second reading of the list has to do.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use super::absorb::took;
use super::{MAX_SAMPLE, Recheck};
use crate::api::{Answer, Depth, Error, Fault};
use crate::collect::error::CollectError;
use crate::collect::reading::{Unauthorised, groups_of_user};
use crate::domain::coverage::{Effort, Scope, Status};
use crate::domain::id::{GroupId, KeyId, ResourceId, UserId};
use crate::domain::vanishing::Vanished;

/// What became of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The API says that it is not there.
    Gone,
    /// A membership: the API says that the user is not there.
    GoneWithAccount,
    /// It is there.
    Present,
    /// The API did not say.
    Unknown,
}

/// What became of those that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) asked: u64,
    pub(super) gone: BTreeSet<Arc<str>>,
    /// Of these, memberships of users who were not found themselves.
    pub(super) accounts: BTreeSet<Arc<str>>,
    pub(super) present: u64,
    pub(super) effort: Effort,
}

impl Tally {
    /// Adds those that were asked for later.
    pub(super) fn add(&mut self, later: Self) {
        self.asked += later.asked;
        self.gone.extend(later.gone);
        self.accounts.extend(later.accounts);
        self.present += later.present;
        self.effort.add(later.effort);
    }

    /// Whether all that were asked for are gone.
    pub(super) fn confirms(&self) -> bool {
        self.gone.len() as u64 == self.asked
    }
}

/// Up to [`MAX_SAMPLE`] of them, from all over the list.
pub(super) fn sample(vanished: &[&Vanished]) -> Vec<Vanished> {
    let count = vanished.len().min(MAX_SAMPLE);
    (0..count).map(|number| vanished[number * vanished.len() / count].clone()).collect()
}

/// Whether single things of that scope can be asked for.
fn has_address(scope: &Scope, vanished: &Vanished) -> bool {
    match scope {
        Scope::Contract | Scope::Owns(_) | Scope::UserGroups(_) => false,
        Scope::Resources => vanished.kind.is_some(),
        Scope::Users | Scope::Groups | Scope::Members(_) | Scope::Shares(_) | Scope::Keys(_) => true,
    }
}

impl Recheck<'_> {
    /// Asks for those of them that can be asked for; `None` if the run has to be over before.
    pub(super) async fn ask(&self, scope: &Scope, sample: Vec<Vanished>) -> Result<Option<Tally>, CollectError> {
        let asking = async {
            let can_be_asked = sample.into_iter().filter(|one| has_address(scope, one));
            let mut answers = stream::iter(
                can_be_asked.map(|one| async { Ok((Arc::clone(&one.id), self.ask_one(scope, one).await?)) }),
            )
            .buffer_unordered(self.at_once);
            let mut tally = Tally::default();
            while let Some(answer) = answers.next().await {
                let (id, (found, effort)) = answer?;
                tally.asked += 1;
                if found == Found::GoneWithAccount {
                    tally.accounts.insert(Arc::clone(&id));
                }
                if matches!(found, Found::Gone | Found::GoneWithAccount) {
                    tally.gone.insert(id);
                }
                tally.present += u64::from(found == Found::Present);
                tally.effort.add(effort);
            }
            Ok(tally)
        };
        self.in_time(asking).await
    }

    async fn ask_one(&self, scope: &Scope, Vanished { id, kind }: Vanished) -> Result<(Found, Effort), Unauthorised> {
        let (client, depth) = (self.client, Depth::Zero);
        match scope {
            Scope::Users => self.found(client.user(&UserId::from(id), depth).await),
            Scope::Groups => self.found(client.group(&GroupId::from(id), depth).await),
            Scope::Resources => {
                self.found(client.resource(&kind.unwrap_or_default(), &ResourceId::from(id), depth).await)
            }
            Scope::Shares(group) => self.found(client.group_share(group, &ResourceId::from(id), depth).await),
            Scope::Keys(user) => self.found(client.user_s3key(user, &KeyId::from(id), depth).await),
            Scope::Members(group) => self.ask_member(group, id).await,
            Scope::Contract | Scope::Owns(_) | Scope::UserGroups(_) => Ok((Found::Unknown, Effort::default())),
        }
    }

    /// Asks the user's side whether the group is theirs.
    async fn ask_member(&self, group: &GroupId, user: Arc<str>) -> Result<(Found, Effort), Unauthorised> {
        let groups = groups_of_user(self.client, self.seams, &UserId::from(user)).await?;
        let found = match groups.status {
            Status::Complete if groups.items.contains(group) => Found::Present,
            Status::Complete => Found::Gone,
            Status::Gone => Found::GoneWithAccount,
            _ => Found::Unknown,
        };
        Ok((found, Effort { pages: 0, items: 0, ..groups.effort }))
    }

    fn found<T>(&self, answer: Result<Answer<T>, Error>) -> Result<(Found, Effort), Unauthorised> {
        let effort = took(&answer, self.seams);
        match answer {
            Ok(_) => Ok((Found::Present, effort)),
            Err(error) => match error.fault {
                Fault::Unauthorised { .. } => Err(Unauthorised(Box::new(error))),
                Fault::NotFound => Ok((Found::Gone, effort)),
                _ => Ok((Found::Unknown, effort)),
            },
        }
    }
}
