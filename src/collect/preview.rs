//! What a walk would see, from one answer of each kind: for those who want to know before a run what will be missing.
//!
//! Asks the questions of a walk, and ends without a result where a walk does, for the same reasons.

use futures::future::{join, join3};

use super::confirm::{confirmed, refuse_skew};
use super::error::CollectError;
use super::outcome::{self, list_of_groups, list_of_resources, page_of_users};
use super::plan::depth;
use super::plausibility::{IS_ENTITLED, MEMBERS_NOT_READ, NOT_REPORTED, S3_PRIVILEGE};
use super::reading::{OfUser, Reading, groups_of_user, of_group, of_user};
use super::walk::Limits;
use crate::api::read::Client;
use crate::api::{Error, Page};
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::group::Group;
use crate::domain::id::{ContractNumber, GroupId};
use crate::domain::resource::Resource;
use crate::seams::Seams;

/// What the credentials see.
#[derive(Debug)]
pub struct Preview {
    /// The contract that would be walked.
    pub contract: ContractNumber,
    /// What it took to learn that.
    pub effort: Effort,
    /// By how many seconds the API's clock is ahead of ours, if it shows its time; negative if it is behind.
    pub ahead: Option<i64>,
    /// One scope of each kind, in the order of the kinds; kinds of which there is none are missing.
    pub samples: Vec<Sample>,
}

/// One scope, read once.
#[derive(Debug)]
pub struct Sample {
    /// Which one.
    pub scope: Scope,
    /// What its group or user is called.
    pub label: Option<String>,
    /// How the reading ended.
    pub status: Status,
    /// How many things were in the answer.
    pub items: u64,
    /// Whether there is more than was read.
    pub has_more: bool,
}

/// The lists of a contract, as far as they were read.
struct Lists {
    users: outcome::Page,
    groups: Reading<Group>,
    resources: Reading<Resource>,
}

/// Reads one page of users, the other lists, and what belongs to the first group and to the first user.
pub async fn preview(client: &Client, seams: &Seams, limits: &Limits) -> Result<Preview, CollectError> {
    let confirmed = confirmed(client.contracts().await, limits.contract, client.target())?;
    refuse_skew(confirmed.ahead, limits.max_skew)?;
    let lists = read_lists(client, seams).await?;
    let (group, user) = (lists.groups.items.first().cloned(), lists.users.users.first().cloned());
    let mut samples = lists.samples();
    let (of_group, of_user) = join(
        async {
            Ok::<_, CollectError>(match &group {
                Some(group) => Some(of_group(client, seams, group.id.clone()).await?),
                None => None,
            })
        },
        async {
            Ok::<_, CollectError>(match &user {
                Some(user) => Some(of_user(client, seams, user.id.clone()).await?),
                None => None,
            })
        },
    )
    .await;
    if let (Some(mut of), Some(group)) = (of_group?, &group) {
        settle_gone(&mut of.members, ScopeKind::Groups);
        settle_gone(&mut of.shares, ScopeKind::Groups);
        let label = Some(group.label().to_owned());
        samples.push(Sample::of(Scope::Members(of.group.clone()), label.clone(), &of.members));
        samples.push(Sample::of(Scope::Shares(of.group), label, &of.shares));
    }
    if let (Some(mut of), Some(user)) = (of_user?, &user) {
        settle_gone(&mut of.owns, ScopeKind::Users);
        settle_gone(&mut of.keys, ScopeKind::Users);
        settle_keys(&mut of, &lists.groups, client, seams).await?;
        let label = Some(user.label().to_owned());
        samples.push(Sample::of(Scope::Owns(of.user.clone()), label.clone(), &of.owns));
        samples.push(Sample::of(Scope::Keys(of.user), label, &of.keys));
    }
    let (contract, effort) = (confirmed.contract.number, confirmed.effort);
    Ok(Preview { contract, effort, ahead: confirmed.ahead, samples })
}

/// Who was not found although the list that was just read names them is hardly gone: a walk that finds them in the list a
/// second time does not know what is theirs.
fn settle_gone<T>(reading: &mut Reading<T>, list: ScopeKind) {
    if reading.status == Status::Gone {
        reading.status = Status::Failed(format!("not found, although the list of {list} names it"));
    }
}

/// Settles a list of keys that the API refused for want of the privilege, as a walk does, by the groups of the user.
async fn settle_keys(
    of: &mut OfUser,
    groups: &Reading<Group>,
    client: &Client,
    seams: &Seams,
) -> Result<(), CollectError> {
    if of.keys.status != Status::NotApplicable {
        return Ok(());
    }
    let own = Box::pin(groups_of_user(client, seams, &of.user)).await?;
    let reported = |id: &GroupId| {
        let group = groups.items.iter().find(|group| group.id == *id);
        group.and_then(|group| group.privileges.get(S3_PRIVILEGE).copied())
    };
    let reported: Vec<Option<bool>> = own.items.iter().map(reported).collect();
    let why = if groups.status != Status::Complete || own.status != Status::Complete {
        MEMBERS_NOT_READ
    } else if reported.contains(&Some(true)) {
        IS_ENTITLED
    } else if reported.contains(&None) {
        NOT_REPORTED
    } else {
        return Ok(());
    };
    of.keys.status = Status::Failed(why.to_owned());
    Ok(())
}

/// Reads the lists at the same time, as a walk does; an error if none of them can be read.
async fn read_lists(client: &Client, seams: &Seams) -> Result<Lists, CollectError> {
    let mut pages = client.all_users(depth(ScopeKind::Users));
    let (users, groups, resources) = join3(
        page_of_users(&mut pages, client, seams),
        list_of_groups(client, seams),
        list_of_resources(client, seams),
    )
    .await;
    let mut lists = Lists { users: users?, groups: groups?, resources: resources? };
    if lists.is_unreadable() {
        return Err(CollectError::nothing_read(lists.take_error()));
    }
    Ok(lists)
}

impl Lists {
    /// Whether nothing was read of any list.
    fn is_unreadable(&self) -> bool {
        let Self { users, groups, resources } = self;
        let is_broken = users.users.is_empty() && users.status() != Status::Complete;
        is_broken
            && groups.items.is_empty()
            && groups.status != Status::Complete
            && resources.items.is_empty()
            && resources.status != Status::Complete
    }

    fn take_error(&mut self) -> Option<Box<Error>> {
        self.users.error.take().or_else(|| self.groups.error.take()).or_else(|| self.resources.error.take())
    }

    fn samples(&self) -> Vec<Sample> {
        let users = Sample {
            scope: Scope::Users,
            label: None,
            status: self.users.status(),
            items: self.users.users.len() as u64,
            // The last page is known by the one after it, which is not asked for here.
            has_more: self.users.users.len() as u64 >= Page::MAX_LIMIT,
        };
        vec![users, Sample::of(Scope::Groups, None, &self.groups), Sample::of(Scope::Resources, None, &self.resources)]
    }
}

impl Sample {
    fn of<T>(scope: Scope, label: Option<String>, reading: &Reading<T>) -> Self {
        let items = reading.items.len() as u64;
        Self { scope, label, status: reading.status.clone(), items, has_more: false }
    }
}
