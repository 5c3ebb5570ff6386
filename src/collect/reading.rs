//! Reading one scope, or all scopes of one parent: what was seen, how it ended, what it took.
//!
//! A 404 below a parent is settled by asking for the parent. Only refused credentials are an error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures::future::join;
use serde::{Deserialize, Serialize};

use super::lists::{self, promises_more};
use crate::api::read::Client;
use crate::api::wire::failure::KnownMessage;
use crate::api::wire::{Collection, ConvertError, Listed, Notes};
use crate::api::{Answer, Depth, Error, Fault, Receipt};
use crate::domain::agreement::Agree;
use crate::domain::coverage::{Effort, Status};
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
    /// Things that were there twice in one answer.
    pub(super) repeated: u64,
    /// Of these, things whose content was not the same.
    pub(super) differing: u64,
    /// Things that say nothing but their ids, also when they were read by themselves: by name, at most those that fit a notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) odd: Vec<String>,
    /// Where things stand that say nothing but their ids, until they are read by themselves.
    #[serde(skip)]
    pub(super) odd_places: Vec<usize>,
    /// Why nothing could be read, for the message of a run that fails.
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
    /// A list that ended like that and had these in it.
    pub(super) fn new(items: Vec<T>, status: Status, effort: Effort, notes: Notes) -> Self {
        Self {
            items,
            status,
            effort,
            notes,
            repeated: 0,
            differing: 0,
            odd: Vec::new(),
            odd_places: Vec::new(),
            error: None,
        }
    }

    /// A list that was read to its end and had these in it.
    #[cfg(test)]
    pub(super) fn of_items(items: Vec<T>) -> Self {
        Self::new(items, Status::Complete, Effort::default(), Notes::default())
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
        Ok(Self { error: Some(Box::new(error)), ..Self::new(Vec::new(), status, effort, Notes::default()) })
    }

    /// Takes a list in. Items without an id leave the scope incomplete and the others seen; of two with one id that differs
    /// is not known in which they differ.
    pub(super) fn of_list<W, K: Ord>(
        answer: Result<Answer<Collection<W>>, Error>,
        seams: &Seams,
        convert: impl Fn(W) -> Result<Listed<T>, ConvertError>,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Unauthorised>
    where
        T: PartialEq + Agree,
    {
        let Answer { value, notes, receipt } = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::failed(error, seams),
        };
        // What was not read to its end still says so.
        let is_part = promises_more(&value);
        let Some(items) = value.items else {
            return Ok(Self::new(Vec::new(), not_expanded(), effort(&receipt, 0), notes));
        };
        let effort = effort(&receipt, items.len());
        let mut status = if is_part { Status::Failed("more than one page".to_owned()) } else { Status::Complete };
        let mut seen: BTreeMap<K, Listed<T>> = BTreeMap::new();
        let (mut repeated, mut differing) = (0, 0);
        for item in items {
            match convert(item) {
                Ok(listed) => match seen.entry(key(&listed.item)) {
                    Entry::Vacant(entry) => drop(entry.insert(listed)),
                    Entry::Occupied(mut known) => {
                        repeated += 1;
                        differing += u64::from(known.get().item != listed.item);
                        known.get_mut().item.agree(&listed.item);
                    }
                },
                Err(error) => status = Status::Failed(error.to_string()),
            }
        }
        let odd_places = seen.values().enumerate().filter(|(_, one)| one.is_odd).map(|(place, _)| place).collect();
        let items = seen.into_values().map(|listed| listed.item).collect();
        Ok(Self { repeated, differing, odd_places, ..Self::new(items, status, effort, notes) })
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
    // On the heap: reading a list with all that it may take is a large future.
    let members = Box::pin(lists::members(client, seams, &group));
    let (members, shares) = join(members, Box::pin(lists::shares(client, seams, &group))).await;
    let (mut members, mut shares) = (members?, shares?);
    if members.is_missing() || shares.is_missing() {
        let parent = Parent::of("group", client.group(&group, Depth::Zero).await, seams)?;
        settle(&mut members, &mut shares, &parent);
    }
    Ok(OfGroup { group, members, shares })
}

/// Reads what a user owns and the user's keys.
pub(super) async fn of_user(client: &Client, seams: &Seams, user: UserId) -> Result<OfUser, Unauthorised> {
    let owns = Box::pin(lists::owns(client, seams, &user));
    let (owns, keys) = join(owns, Box::pin(lists::keys(client, seams, &user))).await;
    let (mut owns, mut keys) = (owns?, keys?);
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
    let mut groups = lists::user_groups(client, seams, user).await?;
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
