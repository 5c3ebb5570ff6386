//! Reads a scope once more, whole, whatever it was before: as the walk reads it, in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lists;
use super::plan::depth;
use super::reading::{Reading, Unauthorised, effort};
use crate::api::Answer;
use crate::api::read::Client;
use crate::api::wire::{ConvertError, Listed, Notes};
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::share::Share;
use crate::domain::user::User;
use crate::seams::Seams;

/// What was seen of a scope.
#[derive(Debug)]
pub(super) enum Items {
    Nothing,
    Users(Vec<User>),
    Groups(Vec<Group>),
    Resources(Vec<Resource>),
    Members(GroupId, Vec<UserId>),
    Shares(Vec<Share>),
    Owns(UserId, Vec<ResourceId>),
    Keys(Vec<Key>),
}

/// Another reading of a scope.
#[derive(Debug)]
pub(super) struct Reread {
    pub(super) scope: Scope,
    pub(super) status: Status,
    pub(super) notes: Notes,
    /// The ids of the things in it.
    pub(super) ids: BTreeSet<Arc<str>>,
    pub(super) effort: Effort,
    pub(super) items: Items,
}

/// Reads a scope that holds facts.
pub(super) async fn read_again(client: &Client, seams: &Seams, scope: Scope) -> Result<Reread, Unauthorised> {
    // On the heap: reading any scope is a large future.
    Box::pin(read(client, seams, scope)).await
}

async fn read(client: &Client, seams: &Seams, scope: Scope) -> Result<Reread, Unauthorised> {
    Ok(match &scope {
        Scope::Contract | Scope::UserGroups(_) => Reread {
            scope,
            status: Status::NotAttempted,
            notes: Notes::default(),
            ids: BTreeSet::new(),
            effort: Effort::default(),
            items: Items::Nothing,
        },
        Scope::Users => {
            let reading = users(client, seams).await?;
            again(scope, reading, |user| user.id.shared(), Items::Users)
        }
        Scope::Groups => again(scope, lists::groups(client, seams).await?, |group| group.id.shared(), Items::Groups),
        Scope::Resources => {
            again(scope, lists::resources(client, seams).await?, |resource| resource.id.shared(), Items::Resources)
        }
        Scope::Members(group) => {
            let (reading, group) = (lists::members(client, seams, group).await?, group.clone());
            again(scope, reading, UserId::shared, |users| Items::Members(group, users))
        }
        Scope::Shares(group) => {
            let reading = lists::shares(client, seams, group).await?;
            again(scope, reading, |share| share.resource.shared(), Items::Shares)
        }
        Scope::Owns(user) => {
            let (reading, user) = (lists::owns(client, seams, user).await?, user.clone());
            again(scope, reading, ResourceId::shared, |resources| Items::Owns(user, resources))
        }
        Scope::Keys(user) => {
            let reading = lists::keys(client, seams, user).await?;
            again(scope, reading, |key| key.id.shared(), Items::Keys)
        }
    })
}

fn again<T>(
    scope: Scope,
    reading: Reading<T>,
    id: impl Fn(&T) -> Arc<str>,
    items: impl FnOnce(Vec<T>) -> Items,
) -> Reread {
    let Reading { items: found, status, effort, notes, .. } = reading;
    Reread { scope, status, notes, ids: found.iter().map(id).collect(), effort, items: items(found) }
}

/// Reads all users, as the walk does.
async fn users(client: &Client, seams: &Seams) -> Result<Reading<User>, Unauthorised> {
    let mut pages = client.all_users(depth(ScopeKind::Users));
    let mut users = BTreeMap::new();
    let (mut status, mut took, mut noted) = (Status::Complete, Effort::default(), Notes::default());
    while let Some(page) = pages.next().await {
        let Answer { value: page, notes, receipt } = match page {
            Ok(page) => page,
            Err(error) => {
                let mut failed = Reading::failed(error, seams)?;
                failed.effort.add(took);
                failed.notes.add(noted);
                failed.items = users.into_values().collect();
                return Ok(failed);
            }
        };
        noted.add(notes);
        took.add(effort(&receipt, page.users.len() + page.repeated.len() + page.nameless));
        if page.moved {
            status = Status::Unstable;
        }
        if page.nameless > 0 {
            status = Status::Failed(ConvertError::NoId("user").to_string());
        }
        for user in page.users.into_iter().chain(page.repeated).chain(page.again) {
            match user.into_listed() {
                // One who says nothing else is there all the same; what is known of them by the walk stays.
                Ok(Listed { item, is_odd: true }) => drop(users.entry(item.id.clone()).or_insert(item)),
                Ok(Listed { item, is_odd: false }) => drop(users.insert(item.id.clone(), item)),
                Err(error) => status = Status::Failed(error.to_string()),
            }
        }
    }
    // A contract has at least its owner, and the user whose credentials collect.
    if users.is_empty() && status == Status::Complete {
        status = Status::Unstable;
    }
    let items = users.into_values().collect();
    Ok(Reading::new(items, status, took, noted))
}
