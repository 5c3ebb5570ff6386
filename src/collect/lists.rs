//! Reading one list to its end: where it says that there is more, and where an item says nothing but its id.
//!
//! A link to a next page is a hint that there is more, never an address: the rest is asked for by our own offset, and each page
//! begins with the last item of the one before. An odd item is read by itself; if it stays odd it is there, and what it is
//! like is not known.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::depth;
use super::reading::{Reading, Unauthorised, effort};
use super::single_read::MAX_SINGLE_READS;
use crate::api::read::Client;
use crate::api::wire::{self, Collection, Listed};
use crate::api::{Answer, Depth, Error, Fault, Listing, Page};
use crate::domain::coverage::{Effort, ScopeKind, Status};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::share::Share;
use crate::seams::Seams;

/// Pages of one list that has none by its documentation, at most.
const MAX_PAGES: u32 = 10_000;

/// An answer about one thing; nothing if it says no more than its id.
type Single<T> = Result<Answer<Option<T>>, Error>;

/// The list of groups.
pub(super) async fn groups(client: &Client, seams: &Seams) -> Result<Reading<Group>, Unauthorised> {
    let depth = depth(ScopeKind::Groups);
    let first = client.groups(depth).await;
    let answer = whole(first, |group| group.id.clone(), |from| client.groups(Listing::from_item(depth, from))).await;
    let reading = Reading::of_list(answer, seams, wire::group::Group::into_listed, |group: &Group| group.id.clone())?;
    let single = |group: &Group| {
        let id = group.id.clone();
        async move { Some(client.group(&id, Depth::One).await.map(|answer| answer.map(|group| group.into_domain().ok()))) }
    };
    settle_odd(reading, seams, single, |group| group.id.to_string()).await
}

/// The list of resources.
pub(super) async fn resources(client: &Client, seams: &Seams) -> Result<Reading<Resource>, Unauthorised> {
    let depth = depth(ScopeKind::Resources);
    let first = client.resources(depth).await;
    let answer = whole(first, |it| it.id.clone(), |from| client.resources(Listing::from_item(depth, from))).await;
    let reading =
        Reading::of_list(answer, seams, wire::resource::Resource::into_listed, |it: &Resource| it.id.clone())?;
    let single = |resource: &Resource| {
        let (id, kind) = (resource.id.clone(), resource.kind.clone());
        async move {
            // Without its type it has no address.
            let answer = client.resource(&kind?, &id, Depth::One).await;
            Some(answer.map(|answer| answer.map(|resource| resource.into_domain().ok())))
        }
    };
    settle_odd(reading, seams, single, |resource| resource.id.to_string()).await
}

/// The members of a group. Their ids are all that is asked for.
pub(super) async fn members(client: &Client, seams: &Seams, group: &GroupId) -> Result<Reading<UserId>, Unauthorised> {
    let depth = depth(ScopeKind::Members);
    let first = client.group_users(group, depth).await;
    let ask = |from| client.group_users(group, Listing::from_item(depth, from));
    let answer = whole(first, |user| user.id.clone(), ask).await;
    Reading::of_list(answer, seams, |user| user.user_id().map(Listed::whole), Clone::clone)
}

/// The shares of a group.
pub(super) async fn shares(client: &Client, seams: &Seams, group: &GroupId) -> Result<Reading<Share>, Unauthorised> {
    let depth = depth(ScopeKind::Shares);
    let first = client.group_shares(group, depth).await;
    let ask = |from| client.group_shares(group, Listing::from_item(depth, from));
    let answer = whole(first, |share| share.id.clone(), ask).await;
    let convert = |share: wire::share::Share| share.into_listed(group.clone());
    let reading = Reading::of_list(answer, seams, convert, |share| share.resource.clone())?;
    let single = |share: &Share| {
        let resource = share.resource.clone();
        async move {
            let answer = client.group_share(group, &resource, Depth::One).await;
            Some(answer.map(|answer| answer.map(|share| share.into_domain(group.clone()).ok())))
        }
    };
    settle_odd(reading, seams, single, |share| format!("{} of group {}", share.resource, share.group)).await
}

/// What a user owns. The ids are all that is asked for.
pub(super) async fn owns(client: &Client, seams: &Seams, user: &UserId) -> Result<Reading<ResourceId>, Unauthorised> {
    let depth = depth(ScopeKind::Owns);
    let first = client.user_owns(user, depth).await;
    let ask = |from| client.user_owns(user, Listing::from_item(depth, from));
    let answer = whole(first, |resource| resource.id.clone(), ask).await;
    Reading::of_list(answer, seams, |resource| resource.resource_id().map(Listed::whole), Clone::clone)
}

/// The S3 keys of a user.
pub(super) async fn keys(client: &Client, seams: &Seams, user: &UserId) -> Result<Reading<Key>, Unauthorised> {
    let depth = depth(ScopeKind::Keys);
    let first = client.user_s3keys(user, depth).await;
    let ask = |from| client.user_s3keys(user, Listing::from_item(depth, from));
    let answer = whole(first, |key| key.id.clone(), ask).await;
    let convert = |key: wire::key::Key| key.into_listed(user.clone());
    let reading = Reading::of_list(answer, seams, convert, |key| key.id.clone())?;
    let single = |key: &Key| {
        let id = key.id.clone();
        async move {
            let answer = client.user_s3key(user, &id, Depth::One).await;
            Some(answer.map(|answer| answer.map(|key| key.into_domain(user.clone()).ok())))
        }
    };
    settle_odd(reading, seams, single, |key| format!("{} of user {}", key.id, key.user)).await
}

/// The groups of a user, from the user's side.
pub(super) async fn user_groups(
    client: &Client,
    seams: &Seams,
    user: &UserId,
) -> Result<Reading<GroupId>, Unauthorised> {
    let depth = depth(ScopeKind::UserGroups);
    let first = client.user_groups(user, depth).await;
    let ask = |from| client.user_groups(user, Listing::from_item(depth, from));
    let answer = whole(first, |group| group.id.clone(), ask).await;
    Reading::of_list(answer, seams, |group| group.group_id().map(Listed::whole), Clone::clone)
}

/// Reads odd items by themselves, and names those that stay odd.
async fn settle_odd<T, F: Future<Output = Option<Single<T>>>>(
    mut reading: Reading<T>,
    seams: &Seams,
    single: impl Fn(&T) -> F,
    name: impl Fn(&T) -> String,
) -> Result<Reading<T>, Unauthorised> {
    let odd = std::mem::take(&mut reading.odd_places);
    if odd.len() > MAX_SINGLE_READS && reading.status == Status::Complete {
        reading.status = Status::Failed(format!("{} items say nothing but their ids", odd.len()));
    }
    for place in odd {
        let found = match reading.status {
            Status::Complete => single(&reading.items[place]).await,
            _ => None,
        };
        let settled = match found {
            Some(Ok(Answer { value, notes, receipt })) => {
                reading.effort.add(Effort { pages: 0, ..effort(&receipt, 0) });
                reading.notes.add(notes);
                value
            }
            Some(Err(error)) => {
                reading.effort.add(Reading::<()>::failed(error, seams)?.effort);
                None
            }
            None => None,
        };
        match settled {
            Some(item) => reading.items[place] = item,
            None => reading.odd.push(name(&reading.items[place])),
        }
    }
    Ok(reading)
}

/// Whether a list says that there is more of it: by a link, or because it has as many items as it says fit on a page.
pub(super) fn promises_more<W>(list: &Collection<W>) -> bool {
    let count = list.items.as_ref().map_or(0, |items| items.len() as u64);
    list.next().is_some() || list.limit.is_some_and(|limit| limit > 1 && count >= limit)
}

/// Reads on where a list says that there is more. What could not be read to its end still says so in the answer.
async fn whole<W, F: Future<Output = Result<Answer<Collection<W>>, Error>>>(
    first: Result<Answer<Collection<W>>, Error>,
    id: impl Fn(&W) -> Option<Arc<str>>,
    ask: impl Fn(u64) -> F,
) -> Result<Answer<Collection<W>>, Error> {
    let mut answer = first?;
    if !promises_more(&answer.value) {
        return Ok(answer);
    }
    let Some(mut items) = answer.value.items.take() else { return Ok(answer) };
    let ids = |items: &[W]| -> Vec<Option<Arc<str>>> { items.iter().map(&id).collect() };
    let beginning = ids(&items);
    let mut seen: BTreeSet<Arc<str>> = beginning.iter().flatten().cloned().collect();
    let is_full = [Some(Page::MAX_LIMIT), answer.value.limit].contains(&Some(items.len() as u64));
    let (mut is_whole, mut pages) = (false, 1);
    while let Some(edge) = items.last().and_then(&id).filter(|_| pages < MAX_PAGES) {
        let Some(more) = next_page(&mut answer, ask(seen.len() as u64 - 1)).await? else { break };
        let found = ids(&more);
        let new = found.iter().flatten().filter(|id| !seen.contains(*id)).count();
        if new == 0 {
            // The last item and nobody new: that is the end, whatever a link says. The same list once more is a server that
            // knows of no pages, unless the list is as long as one.
            is_whole = found.first() == Some(&Some(edge)) || (found == beginning && !is_full);
            break;
        }
        if found.first() != Some(&Some(edge)) || new + 1 != found.len() {
            break;
        }
        pages += 1;
        seen.extend(found.into_iter().flatten());
        items.extend(more.into_iter().skip(1));
    }
    if is_whole && pages > 1 {
        let again = next_page(&mut answer, ask(0)).await?.unwrap_or_default();
        is_whole = ids(&again).starts_with(&beginning);
    }
    if is_whole {
        answer.value.links = None;
        answer.value.limit = None;
    }
    answer.value.items = Some(items);
    Ok(answer)
}

/// The items of another page, which counts as part of the answer; `None` if it could not be read.
async fn next_page<W>(
    answer: &mut Answer<Collection<W>>,
    page: impl Future<Output = Result<Answer<Collection<W>>, Error>>,
) -> Result<Option<Vec<W>>, Error> {
    match page.await {
        Ok(page) => {
            answer.receipt.attempts += page.receipt.attempts;
            answer.receipt.answered_at = page.receipt.answered_at;
            answer.notes.add(page.notes);
            Ok(page.value.items)
        }
        Err(error) if matches!(error.fault, Fault::Unauthorised { .. }) => Err(error),
        Err(error) => {
            answer.receipt.attempts += error.attempts;
            Ok(None)
        }
    }
}
