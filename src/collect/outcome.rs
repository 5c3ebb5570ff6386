//! What became of the questions of a walk, as plain values: taken in as they arrive, and again by a later process that resumes
//! an interrupted run.
//!
//! Nothing here knows how the API spells its answers any more, and nothing here is an error but one that ends the walk.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::confirm::{Confirmed, confirmed};
use super::error::CollectError;
use super::lists;
use super::reading::{OfGroup, OfUser, Reading, Unauthorised, effort};
use super::reread::{Reread, read_again};
use super::single_read::{self, MAX_SINGLE_READS, SingleRead};
use crate::api::pages::{Step, UserPage, Users};
use crate::api::read::Client;
use crate::api::wire::{ConvertError, Listed, Notes};
use crate::api::{Answer, Error};
use crate::domain::coverage::{Effort, Scope, Status};
use crate::domain::group::Group;
use crate::domain::id::{ContractNumber, UserId};
use crate::domain::resource::Resource;
use crate::domain::user::User;
use crate::seams::Seams;

/// What became of one question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Which contract it is.
    Contract(Confirmed),
    /// A page of users.
    Page(Page),
    /// The list of groups.
    Groups(Reading<Group>),
    /// The list of resources.
    Resources(Reading<Resource>),
    /// Both scopes of a group.
    OfGroup(OfGroup),
    /// Both scopes of a user.
    OfUser(OfUser),
    /// A member whom the list of users does not name.
    Unlisted(SingleRead<User>),
    /// A list that names a user or group that was not found, read once more.
    Relisted(Relisted),
    /// What scopes took that have to be read again.
    Spent(Vec<(Scope, Effort)>),
}

/// A page of users.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Page {
    /// Those that convert, in the order of the answer; those that were on it twice come last.
    pub(super) users: Vec<User>,
    /// Those that an earlier page had, as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) again: Vec<User>,
    /// Whether the list moved in every pass, and may have hidden a user.
    pub(super) moved: bool,
    /// Whether the link to the next page leads to another server or path, or cannot be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) leads_elsewhere: bool,
    /// How many users of the page mean nothing, and the first reason.
    pub(super) unusable: Option<(usize, String)>,
    /// The ids of users who say nothing else, also when they were read by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) odd: Vec<String>,
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub(super) notes: Notes,
    pub(super) effort: Effort,
    pub(super) end: PageEnd,
    /// Why it could not be read, for the message of a run that fails.
    #[serde(skip)]
    pub(super) error: Option<Box<Error>>,
}

/// What comes after a page.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PageEnd {
    /// Another one; what the walk over the list has to remember of this one.
    More(Step),
    /// Nothing.
    Last,
    /// It is not known: the page could not be read.
    Broken(Status),
}

/// A list of the contract that was read once more.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Relisted {
    /// Users or groups.
    pub(super) scope: Scope,
    /// The ids that it names now; `None` if it could not be read to its end.
    pub(super) ids: Option<BTreeSet<Arc<str>>>,
    pub(super) notes: Notes,
    pub(super) effort: Effort,
}

impl From<Unauthorised> for CollectError {
    fn from(Unauthorised(error): Unauthorised) -> Self {
        Self::Refused(error)
    }
}

/// Asks which contract it is.
pub(super) async fn contract(client: &Client, wanted: Option<ContractNumber>) -> Result<Outcome, CollectError> {
    confirmed(client.contracts().await, wanted, client.target()).map(Outcome::Contract)
}

/// Asks for the list of groups.
pub(super) async fn groups(client: &Client, seams: &Seams) -> Result<Outcome, CollectError> {
    list_of_groups(client, seams).await.map(Outcome::Groups)
}

/// Reads the list of groups.
pub(super) async fn list_of_groups(client: &Client, seams: &Seams) -> Result<Reading<Group>, CollectError> {
    Ok(Box::pin(lists::groups(client, seams)).await?)
}

/// Asks for the list of resources.
pub(super) async fn resources(client: &Client, seams: &Seams) -> Result<Outcome, CollectError> {
    list_of_resources(client, seams).await.map(Outcome::Resources)
}

/// Reads the list of resources.
pub(super) async fn list_of_resources(client: &Client, seams: &Seams) -> Result<Reading<Resource>, CollectError> {
    Ok(Box::pin(lists::resources(client, seams)).await?)
}

/// Asks for the next page of users.
pub(super) async fn page(users: &mut Users, client: &Client, seams: &Seams) -> Result<Outcome, CollectError> {
    page_of_users(users, client, seams).await.map(Outcome::Page)
}

/// Reads the next page of users, and by themselves those on it who say nothing but their ids.
pub(super) async fn page_of_users(users: &mut Users, client: &Client, seams: &Seams) -> Result<Page, CollectError> {
    Ok(match users.next().await {
        Some(Ok(answer)) => {
            let (mut page, odd) = Page::of(answer);
            page.settle_odd(odd, users, client, seams).await?;
            page
        }
        Some(Err(error)) => {
            let Reading { status, effort, error, .. } = Reading::<()>::failed(error, seams)?;
            Page { end: PageEnd::Broken(status), effort, error, ..Page::default() }
        }
        // The page before said that it was the last one.
        None => Page::default(),
    })
}

/// Asks for a member whom the list of users does not name.
pub(super) async fn unlisted(client: &Client, seams: &Seams, id: UserId) -> Result<Outcome, CollectError> {
    Ok(Outcome::Unlisted(single_read::user(client, seams, id).await?))
}

/// Reads a list once more, for the ids in it.
pub(super) async fn relisted(client: &Client, seams: &Seams, scope: Scope) -> Result<Outcome, CollectError> {
    let Reread { scope, status, notes, ids, effort, .. } = read_again(client, seams, scope).await?;
    let ids = (status == Status::Complete).then_some(ids);
    Ok(Outcome::Relisted(Relisted { scope, ids, notes, effort }))
}

impl Default for Page {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            again: Vec::new(),
            moved: false,
            leads_elsewhere: false,
            unusable: None,
            odd: Vec::new(),
            notes: Notes::default(),
            effort: Effort::default(),
            end: PageEnd::Last,
            error: None,
        }
    }
}

impl Page {
    /// How the reading of the page ended.
    pub(super) fn status(&self) -> Status {
        match (&self.end, &self.unusable) {
            (PageEnd::Broken(status), _) => status.clone(),
            (_, Some((_, reason))) => Status::Failed(reason.clone()),
            (PageEnd::More(_) | PageEnd::Last, None) => Status::Complete,
        }
    }

    /// Takes the users of a page in, with the ids of those who say nothing else. Those that convert are seen even if another
    /// one does not.
    fn of(answer: Answer<UserPage>) -> (Self, BTreeSet<UserId>) {
        let Answer { value, notes, receipt } = answer;
        let UserPage { users, repeated, again, nameless, leads_elsewhere, step, last, moved } = value;
        let effort = effort(&receipt, users.len() + repeated.len() + nameless);
        let end = if last { PageEnd::Last } else { PageEnd::More(step) };
        let mut page = Self { moved, leads_elsewhere, notes, effort, end, ..Self::default() };
        if nameless > 0 {
            page.unusable = Some((nameless, ConvertError::NoId("user").to_string()));
        }
        let mut odd = BTreeSet::new();
        for user in users.into_iter().chain(repeated) {
            match user.into_listed() {
                Ok(Listed { item, is_odd }) => {
                    odd.extend(is_odd.then(|| item.id.clone()));
                    page.users.push(item);
                }
                Err(error) => page.unusable.get_or_insert((0, error.to_string())).0 += 1,
            }
        }
        page.again.extend(again.into_iter().filter_map(|user| user.into_domain().ok()));
        (page, odd)
    }

    /// Reads users by themselves who say nothing but their ids, as many as may be of one list.
    async fn settle_odd(
        &mut self,
        odd: BTreeSet<UserId>,
        users: &mut Users,
        client: &Client,
        seams: &Seams,
    ) -> Result<(), CollectError> {
        for id in odd {
            users.read_singly += 1;
            if users.read_singly > MAX_SINGLE_READS {
                self.unusable.get_or_insert((0, ConvertError::Bare("user").to_string())).0 += 1;
                continue;
            }
            let SingleRead { item: user, notes, effort, .. } = single_read::user(client, seams, id.clone()).await?;
            self.effort.add(effort);
            self.notes.add(notes);
            match user {
                Some(user) => self.users.iter_mut().filter(|one| one.id == id).for_each(|one| one.clone_from(&user)),
                None => self.odd.push(id.to_string()),
            }
        }
        Ok(())
    }
}

impl Outcome {
    /// The form in which a later process can take this in: whole if it was read to its end. What was not is asked for again,
    /// and only what it took is kept. `None` where nothing was sent.
    pub(super) fn to_keep(&self) -> Option<Kept<'_>> {
        let spent = |scopes: Vec<(Scope, Effort)>| {
            let sent: Vec<_> = scopes.into_iter().filter(|(_, effort)| effort.attempts > 0).collect();
            (!sent.is_empty()).then_some(Kept::Spent(sent))
        };
        let is_whole = match self {
            Self::Contract(_) => true,
            Self::Page(page) => !matches!(page.end, PageEnd::Broken(_)),
            Self::Groups(Reading { status, .. }) | Self::Resources(Reading { status, .. }) => status.proves_absence(),
            Self::OfGroup(of) => of.members.status.proves_absence() && of.shares.status.proves_absence(),
            Self::OfUser(of) => of.owns.status.proves_absence() && of.keys.status.proves_absence(),
            Self::Unlisted(_) | Self::Relisted(_) | Self::Spent(_) => false,
        };
        if is_whole {
            return Some(Kept::Complete(self));
        }
        spent(self.efforts())
    }

    /// What it took, by scope.
    pub(super) fn efforts(&self) -> Vec<(Scope, Effort)> {
        match self {
            Self::Contract(confirmed) => vec![(Scope::Contract, confirmed.effort)],
            Self::Page(page) => vec![(Scope::Users, page.effort)],
            Self::Groups(reading) => vec![(Scope::Groups, reading.effort)],
            Self::Resources(reading) => vec![(Scope::Resources, reading.effort)],
            Self::OfGroup(of) => vec![
                (Scope::Members(of.group.clone()), of.members.effort),
                (Scope::Shares(of.group.clone()), of.shares.effort),
            ],
            Self::OfUser(of) => {
                vec![(Scope::Owns(of.user.clone()), of.owns.effort), (Scope::Keys(of.user.clone()), of.keys.effort)]
            }
            Self::Unlisted(read) => vec![(Scope::Users, read.effort)],
            Self::Relisted(relisted) => vec![(relisted.scope.clone(), relisted.effort)],
            Self::Spent(efforts) => efforts.clone(),
        }
    }
}

/// What is kept of an outcome.
#[derive(Debug)]
pub(super) enum Kept<'a> {
    /// All of it.
    Complete(&'a Outcome),
    /// What it took.
    Spent(Vec<(Scope, Effort)>),
}

impl Kept<'_> {
    /// As text that [`Outcome::read`] understands.
    pub(super) fn text(self) -> Result<String, serde_json::Error> {
        match self {
            Self::Complete(outcome) => serde_json::to_string(outcome),
            Self::Spent(efforts) => serde_json::to_string(&Outcome::Spent(efforts)),
        }
    }
}

impl Outcome {
    /// Reads what was kept.
    pub(super) fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
