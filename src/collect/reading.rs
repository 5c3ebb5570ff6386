//! Reading one scope, or all scopes of one parent: what was seen, how it ended, what it took.
//!
//! A 404 below a parent is settled by asking for the parent. Only refused credentials are an error.

use std::collections::BTreeMap;

use futures::future::join;
use serde::{Deserialize, Serialize};

use super::plan::depth;
use crate::api::read::Client;
use crate::api::wire::failure::KnownMessage;
use crate::api::wire::{Collection, ConvertError, Link, Notes};
use crate::api::{Answer, Depth, Error, Fault, Receipt};
use crate::domain::coverage::{Effort, ScopeKind, Status};
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::key::Key;
use crate::domain::share::Share;
use crate::seams::Seams;

/// Refused credentials: no further request makes sense.
#[derive(Debug)]
pub(super) struct Unauthorised(pub(super) Box<Error>);

/// How the reading of one scope ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reading<T> {
    /// What was seen, each thing once, in order of its key.
    pub(super) items: Vec<T>,
    pub(super) status: Status,
    pub(super) effort: Effort,
    /// What this version did not know of the answers.
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub(super) notes: Notes,
    /// Things that were there twice in one answer; the later one counts.
    pub(super) repeated: u64,
    /// Of these, things whose content was not the same.
    pub(super) differing: u64,
    /// Why nothing could be read, for whoever has to explain it.
    #[serde(skip)]
    pub(super) error: Option<Box<Error>>,
}

/// Both scopes of a group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfGroup {
    pub(super) group: GroupId,
    pub(super) members: Reading<UserId>,
    pub(super) shares: Reading<Share>,
}

/// Both scopes of a user.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OfUser {
    pub(super) user: UserId,
    pub(super) owns: Reading<ResourceId>,
    pub(super) keys: Reading<Key>,
}

/// What it took to get an answer with that many items.
pub(super) fn effort(receipt: &Receipt, items: usize) -> Effort {
    Effort {
        pages: 1,
        items: items as u64,
        attempts: u64::from(receipt.attempts),
        first_at: Some(receipt.sent_at),
        last_at: Some(receipt.answered_at),
    }
}

impl<T> Reading<T> {
    /// A list that was read to its end and had these in it.
    #[cfg(test)]
    pub(super) fn of_items(items: Vec<T>) -> Self {
        let (status, effort, notes) = (Status::Complete, Effort::default(), Notes::default());
        Self { items, status, effort, notes, repeated: 0, differing: 0, error: None }
    }

    /// An operation that failed; refused credentials end the walk.
    pub(super) fn failed(error: Error, seams: &Seams) -> Result<Self, Unauthorised> {
        let status = match &error.fault {
            Fault::Unauthorised { .. } => return Err(Unauthorised(Box::new(error))),
            Fault::Forbidden { .. } => Status::Forbidden,
            Fault::NotExpanded => not_expanded(),
            fault => Status::Failed(fault.to_string()),
        };
        let effort = Effort {
            attempts: u64::from(error.attempts),
            first_at: (error.attempts > 0).then_some(error.sent_at),
            last_at: (error.attempts > 0).then(|| seams.now()),
            ..Effort::default()
        };
        Ok(Self {
            items: Vec::new(),
            status,
            effort,
            notes: Notes::default(),
            repeated: 0,
            differing: 0,
            error: Some(Box::new(error)),
        })
    }

    /// Takes a list in. Items that mean nothing leave the scope incomplete and the others seen.
    pub(super) fn of_list<W, K: Ord>(
        answer: Result<Answer<Collection<W>>, Error>,
        seams: &Seams,
        convert: impl Fn(W) -> Result<T, ConvertError>,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Unauthorised>
    where
        T: PartialEq,
    {
        let Answer { value, notes, receipt } = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::failed(error, seams),
        };
        // None of these lists comes in pages. One that does has more than was read, and no way to ask for it is known.
        let is_part = match value.next() {
            Some(Link::To(_)) => Some("more than one page"),
            Some(Link::Unreadable) => Some("the link to a next page cannot be read"),
            // As many as fit on one, where there are pages at all.
            None if is_full(&value) => Some("as many as fit on one page"),
            None => None,
        };
        let Some(items) = value.items else {
            let effort = effort(&receipt, 0);
            let (items, status) = (Vec::new(), not_expanded());
            return Ok(Self { items, status, effort, notes, repeated: 0, differing: 0, error: None });
        };
        let effort = effort(&receipt, items.len());
        let mut status = is_part.map_or(Status::Complete, |why| Status::Failed(why.to_owned()));
        let mut seen: BTreeMap<K, T> = BTreeMap::new();
        let (mut repeated, mut differing) = (0, 0);
        for item in items {
            match convert(item) {
                Ok(item) => {
                    let key = key(&item);
                    if let Some(known) = seen.get(&key) {
                        repeated += 1;
                        differing += u64::from(*known != item);
                    }
                    seen.insert(key, item);
                }
                Err(error) => status = Status::Failed(error.to_string()),
            }
        }
        Ok(Self { items: seen.into_values().collect(), status, effort, notes, repeated, differing, error: None })
    }

    /// Whether the answer was 404.
    fn is_missing(&self) -> bool {
        self.error.as_ref().is_some_and(|error| matches!(error.fault, Fault::NotFound))
    }

    /// Whether the answer was that the user lacks the privilege for S3 keys.
    fn is_unprivileged(&self) -> bool {
        let fault = self.error.as_ref().map(|error| &error.fault);
        matches!(fault, Some(Fault::Rejected { status: 422, message: Some(KnownMessage::NoObjectStorage), .. }))
    }

    /// Settles a 404 by what became of the parent, whose reading counts as part of this scope.
    fn settle(&mut self, parent: &Parent) {
        if self.is_missing() {
            self.status = parent.status.clone();
        }
    }
}

/// Whether a list that says how many items fit on its page has as many. Those that come in no pages say nothing.
fn is_full<T>(list: &Collection<T>) -> bool {
    let count = list.items.as_ref().map_or(0, |items| items.len() as u64);
    list.limit.is_some_and(|limit| limit > 1 && count >= limit)
}

/// The list came, its items did not: nothing is known of them, least of all that there are none.
pub(super) fn not_expanded() -> Status {
    Status::Failed("not expanded".to_owned())
}

/// What became of a parent below which something was not found.
struct Parent {
    status: Status,
    effort: Effort,
}

impl Parent {
    fn of<T>(what: &str, answer: Result<Answer<T>, Error>, seams: &Seams) -> Result<Self, Unauthorised> {
        match answer {
            Ok(Answer { receipt, .. }) => {
                let status = Status::Failed(format!("not found, although the {what} is there"));
                Ok(Self { status, effort: Effort { pages: 0, ..effort(&receipt, 0) } })
            }
            Err(error) => {
                let gone = matches!(error.fault, Fault::NotFound);
                let Reading { status, effort, .. } = Reading::<()>::failed(error, seams)?;
                let status =
                    if gone { Status::Gone } else { Status::Failed(format!("not found, and the {what}: {status}")) };
                Ok(Self { status, effort })
            }
        }
    }
}

/// Reads the members and the shares of a group.
pub(super) async fn of_group(client: &Client, seams: &Seams, group: GroupId) -> Result<OfGroup, Unauthorised> {
    let (members, shares) = join(
        client.group_users(&group, depth(ScopeKind::Members)),
        client.group_shares(&group, depth(ScopeKind::Shares)),
    )
    .await;
    let mut members = Reading::of_list(members, seams, |user| user.user_id(), Clone::clone)?;
    let mut shares =
        Reading::of_list(shares, seams, |share| share.into_domain(group.clone()), |share| share.resource.clone())?;
    if members.is_missing() || shares.is_missing() {
        let parent = Parent::of("group", client.group(&group, Depth::Zero).await, seams)?;
        settle(&mut members, &mut shares, &parent);
    }
    Ok(OfGroup { group, members, shares })
}

/// Reads what a user owns and the user's keys.
pub(super) async fn of_user(client: &Client, seams: &Seams, user: UserId) -> Result<OfUser, Unauthorised> {
    let (owns, keys) =
        join(client.user_owns(&user, depth(ScopeKind::Owns)), client.user_s3keys(&user, depth(ScopeKind::Keys))).await;
    let mut owns = Reading::of_list(owns, seams, |resource| resource.resource_id(), Clone::clone)?;
    let mut keys = Reading::of_list(keys, seams, |key| key.into_domain(user.clone()), |key| key.id.clone())?;
    // What follows from that is settled when all groups and members were read.
    if keys.is_unprivileged() {
        keys.status = Status::NotApplicable;
    }
    if owns.is_missing() || keys.is_missing() {
        let parent = Parent::of("user", client.user(&user, Depth::Zero).await, seams)?;
        settle(&mut owns, &mut keys, &parent);
    }
    Ok(OfUser { user, owns, keys })
}

/// Reads the groups of a user, from the user's side.
pub(super) async fn groups_of_user(
    client: &Client,
    seams: &Seams,
    user: &UserId,
) -> Result<Reading<GroupId>, Unauthorised> {
    let answer = client.user_groups(user, depth(ScopeKind::UserGroups)).await;
    let mut groups = Reading::of_list(answer, seams, |group| group.group_id(), Clone::clone)?;
    if groups.is_missing() {
        let parent = Parent::of("user", client.user(user, Depth::Zero).await, seams)?;
        groups.effort.add(parent.effort);
        groups.settle(&parent);
    }
    Ok(groups)
}

/// Settles both scopes of a parent that was asked for once.
fn settle<A, B>(first: &mut Reading<A>, second: &mut Reading<B>, parent: &Parent) {
    let effort = if first.is_missing() { &mut first.effort } else { &mut second.effort };
    effort.add(parent.effort);
    first.settle(parent);
    second.settle(parent);
}
