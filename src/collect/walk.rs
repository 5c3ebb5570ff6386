//! The walk: all lists at once, then members, shares, ownerships and keys of whatever they name, many at a time.
//!
//! One loop on one task: dropping its future stops everything, and nothing is shared between tasks. How many requests are
//! in flight is the client's business; how many are waiting is bounded here, so that memory is.

mod taking;
mod unlisted;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::unlisted::Unlisted;
use super::error::CollectError;
use super::journal::{Checkpoint, Journal, Keeper};
use super::observed::Observed;
use super::outcome::{self, Outcome};
use super::plan::depth;
use super::reading::{of_group, of_user};
use crate::api::Error;
use crate::api::pages::{Step, Users};
use crate::api::read::Client;
use crate::api::wire::Notes;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{ContractNumber, GroupId, UserId};
use crate::domain::notice::Notice;
use crate::domain::sighting::Sightings;
use crate::seams::Seams;

/// How long requests in flight may take when the walk is being stopped.
const MAX_WIND_DOWN: Duration = Duration::from_secs(10);

/// Bounds of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The contract to walk, if it is known; else it is the only one that the credentials see. The API has to list it.
    pub contract: Option<ContractNumber>,
    /// Users and groups whose scopes are read at once; two requests each. At least the client's concurrency, to keep it busy.
    pub at_once: usize,
    /// The longest a walk may take; what was not read by then is a gap.
    pub longest: Duration,
    /// By how much our clock and the API's may differ; without a limit by any time.
    pub max_skew: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { contract: None, at_once: 64, longest: Duration::from_mins(30), max_skew: None }
    }
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Scopes that are known so far; grows until the last page of users is read.
    pub scopes: u64,
    /// Scopes whose reading has ended.
    pub ended: u64,
    /// Of these, scopes that are complete, or whose parent is gone.
    pub complete: u64,
    /// Requests whose outcome is known, retries included.
    pub requests: u64,
    /// Users that are known so far, and whether these are all.
    pub users: u64,
    /// See [`Progress::users`].
    pub has_all_users: bool,
    /// Users whose ownerships and S3 keys were read.
    pub users_read: u64,
    /// How many groups there are, once that is known.
    pub groups: Option<u64>,
    /// Groups whose members and shares were read.
    pub groups_read: u64,
}

/// What a walk came back with.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The contract that was walked.
    pub contract: ContractNumber,
    /// What was seen, in order, and how the reading of each scope ended.
    pub sightings: Sightings,
    /// What this version of the program did not know of the answers.
    pub notes: Notes,
    /// Things that were listed twice.
    pub repeated: u64,
    /// What was noticed about how far all this can be trusted.
    pub notices: Vec<Notice>,
    /// By how many seconds the API's clock was ahead of ours, if it sent its time; negative if it was behind.
    pub ahead: Option<i64>,
    /// Lists of users or groups that contradict an answer of 404: what they no longer name is not gone for another 404.
    pub contradicted: BTreeSet<Scope>,
}

/// How a walk begins, where it is kept, and what stops it.
pub struct WalkOptions<'a> {
    /// Its bounds.
    pub limits: Limits,
    /// How much of the longest time an earlier part of the run has used up.
    pub used: Duration,
    /// What that part came to.
    pub checkpoint: Checkpoint,
    /// Where outcomes are kept during the walk.
    pub journal: Option<&'a dyn Journal>,
    /// Once cancelled, the walk winds down. The client should be one that stops with it.
    pub stop: CancellationToken,
}

impl WalkOptions<'_> {
    /// A walk from the beginning that is not kept and not stopped.
    pub fn of(limits: Limits) -> Self {
        Self {
            limits,
            used: Duration::ZERO,
            checkpoint: Checkpoint::default(),
            journal: None,
            stop: CancellationToken::new(),
        }
    }
}

/// Walks a contract. `progress` is called after every answer about a scope.
///
/// Scopes that cannot be read are gaps in the result. An error is returned only if the credentials are refused, if it is not
/// certain which contract this is, or if nothing at all could be read.
pub async fn walk(
    client: &Client,
    seams: &Seams,
    limits: Limits,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Walk, CollectError> {
    walk_on(client, seams, WalkOptions::of(limits), progress).await
}

/// The same with a journal: resumes an interrupted run, keeps its outcomes, and can be stopped.
///
/// What was read to its end before is not read again, except for the contract: another one than before is an error.
pub async fn walk_on<'a>(
    client: &'a Client,
    seams: &'a Seams,
    options: WalkOptions<'a>,
    progress: &'a (dyn Fn(Progress) + Sync),
) -> Result<Walk, CollectError> {
    let WalkOptions { limits, used, checkpoint, journal, stop } = options;
    let deadline = Instant::now() + limits.longest.saturating_sub(used);
    let mut walker = Walker::new(client, seams, limits, progress);
    walker.keeper = Keeper::new(journal);
    walker.replay(checkpoint)?;
    walker.ask_for_lists();
    walker.run(deadline, &stop).await?;
    walker.keeper.finish().await?;
    walker.finish()
}

/// What one of the running futures came back with, and the walk over the users if it was that one's.
struct Arrival {
    outcome: Outcome,
    users: Option<Box<Users>>,
}

/// A parent whose scopes wait to be read.
enum Parent {
    Group(GroupId),
    User(UserId),
}

/// What is asked for when everything that the lists name was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing yet.
    Reading,
    /// Members whom the list of users does not name.
    Unlisted,
    /// The lists that name a group or user who was not found, or do not name a member who is there, once more.
    Lists,
}

struct Walker<'a> {
    client: &'a Client,
    seams: &'a Seams,
    limits: Limits,
    report: &'a (dyn Fn(Progress) + Sync),
    progress: Progress,
    seen: Observed,
    waiting: VecDeque<Parent>,
    parents_running: usize,
    running: FuturesUnordered<BoxFuture<'a, Result<Arrival, CollectError>>>,
    keeper: Keeper<'a>,
    /// Scopes whose reading has not ended.
    open: BTreeSet<Scope>,
    /// What the pages of users took so far, whether the list moved in every pass, and the pages of an earlier part of the run.
    paging: Effort,
    moved: bool,
    /// Pages whose link to the next one leads elsewhere.
    links_elsewhere: u64,
    steps: Vec<Step>,
    /// How many users of the list mean nothing, and the first reason.
    unusable: Option<(usize, String)>,
    unlisted: Unlisted,
    stage: Stage,
    /// The first failure of a list, in case that nothing else can be said.
    failure: Option<Box<Error>>,
    /// The contract of an earlier part of the run, and the requests of that part whose answers were used.
    expected: Option<ContractNumber>,
    saved: Option<u64>,
    notices: Vec<Notice>,
    /// See [`Walk::ahead`].
    ahead: Option<i64>,
}

impl<'a> Walker<'a> {
    fn new(client: &'a Client, seams: &'a Seams, limits: Limits, report: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self {
            client,
            seams,
            limits,
            report,
            progress: Progress::default(),
            seen: Observed::default(),
            waiting: VecDeque::new(),
            parents_running: 0,
            running: FuturesUnordered::new(),
            keeper: Keeper::new(None),
            open: BTreeSet::from([Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources]),
            paging: Effort::default(),
            moved: false,
            links_elsewhere: 0,
            steps: Vec::new(),
            unusable: None,
            unlisted: Unlisted::default(),
            stage: Stage::Reading,
            failure: None,
            expected: None,
            saved: None,
            notices: Vec::new(),
            ahead: None,
        }
    }

    /// Takes in what an earlier part of the run came to, as if it had just arrived.
    fn replay(&mut self, checkpoint: Checkpoint) -> Result<(), CollectError> {
        for outcome in checkpoint.into_outcomes() {
            let efforts = outcome.efforts();
            let requests: u64 = efforts.iter().map(|(_, effort)| effort.attempts).sum();
            match outcome {
                // The contract is asked for again in any case.
                Outcome::Contract(confirmed) => {
                    self.expected = Some(confirmed.contract.number);
                    self.seen.spent(Scope::Contract, confirmed.effort);
                    self.saved.get_or_insert(0);
                }
                Outcome::Spent(efforts) => {
                    for (scope, effort) in efforts {
                        self.seen.spent(scope, effort);
                    }
                }
                outcome if efforts.iter().any(|(scope, _)| self.open.contains(scope)) => {
                    *self.saved.get_or_insert(0) += requests;
                    self.take(outcome)?;
                }
                _ => {}
            }
        }
        let open = &self.open;
        self.waiting.retain(|parent| match parent {
            Parent::Group(group) => open.contains(&Scope::Members(group.clone())),
            Parent::User(user) => open.contains(&Scope::Owns(user.clone())),
        });
        Ok(())
    }

    /// Asks which contract it is, and for the lists that were not read yet.
    fn ask_for_lists(&mut self) {
        let (client, seams, wanted) = (self.client, self.seams, self.limits.contract);
        self.ask(outcome::contract(client, wanted));
        if self.open.contains(&Scope::Groups) {
            self.ask(outcome::groups(client, seams));
        }
        if self.open.contains(&Scope::Resources) {
            self.ask(outcome::resources(client, seams));
        }
        if self.open.contains(&Scope::Users) {
            let depth = depth(ScopeKind::Users);
            let users = client.all_users_from(depth, std::mem::take(&mut self.steps));
            self.turn_page(Box::new(users));
        }
    }

    fn ask(&self, question: impl Future<Output = Result<Outcome, CollectError>> + Send + 'a) {
        self.running.push(question.map(|outcome| outcome.map(|outcome| Arrival { outcome, users: None })).boxed());
    }

    /// Asks for the next page of users.
    fn turn_page(&self, mut users: Box<Users>) {
        let (client, seams) = (self.client, self.seams);
        let page = async move {
            let outcome = outcome::page(&mut users, client, seams).await?;
            Ok(Arrival { outcome, users: Some(users) })
        };
        self.running.push(page.boxed());
    }

    /// Reads until nothing is left to read, the time is over or the walk is stopped. When the client's breaker has ended the
    /// run, what is left fails without being asked, and so in no time.
    async fn run(&mut self, deadline: Instant, stop: &CancellationToken) -> Result<(), CollectError> {
        loop {
            self.start_more();
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.wind_down().await,
                () = sleep_until(deadline) => {
                    self.run_out_of_time();
                    return Ok(());
                }
                kept = self.keeper.step() => kept?,
                arrival = self.running.next() => match arrival {
                    Some(arrival) => self.arrive(arrival?)?,
                    None if self.ask_for_unlisted() || self.ask_for_lists_again() => {}
                    None => return Ok(()),
                },
            }
        }
    }

    /// Starts reading the scopes of waiting parents, as many as may run at once.
    fn start_more(&mut self) {
        let (client, seams) = (self.client, self.seams);
        while self.parents_running < self.limits.at_once.max(1) {
            let Some(parent) = self.waiting.pop_front() else { return };
            self.parents_running += 1;
            match parent {
                Parent::Group(group) => {
                    self.ask(async move { Ok(Outcome::OfGroup(of_group(client, seams, group).await?)) });
                }
                Parent::User(user) => {
                    self.ask(async move { Ok(Outcome::OfUser(of_user(client, seams, user).await?)) });
                }
            }
        }
    }

    /// Takes in what has just arrived, and asks for what comes next.
    fn arrive(&mut self, Arrival { outcome, users }: Arrival) -> Result<(), CollectError> {
        self.keeper.gather(&outcome)?;
        self.parents_running -= usize::from(matches!(outcome, Outcome::OfGroup(_) | Outcome::OfUser(_)));
        self.take(outcome)?;
        if let Some(users) = users.filter(|_| self.open.contains(&Scope::Users)) {
            self.turn_page(users);
        }
        (self.report)(self.progress);
        Ok(())
    }

    /// Asks nothing more, waits a while for what is in flight, and keeps what came of it.
    async fn wind_down(&mut self) -> Result<(), CollectError> {
        let end = Instant::now() + MAX_WIND_DOWN;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(end) => break,
                arrival = self.running.next() => match arrival {
                    Some(Ok(Arrival { outcome, .. })) => {
                        if let Outcome::Contract(confirmed) = &outcome {
                            self.confirm(confirmed.contract.number)?;
                        }
                        self.keeper.gather(&outcome)?;
                    }
                    // What was not asked any more comes back as a failure.
                    Some(Err(error)) => tracing::debug!(error = &error as &dyn std::error::Error, "Given up"),
                    None => break,
                },
                kept = self.keeper.step() => kept?,
            }
        }
        self.keeper.finish().await?;
        Err(CollectError::Stopped)
    }

    /// Leaves what was not read in time as gaps.
    fn run_out_of_time(&mut self) {
        let reason = format!("the walk took longer than {} s", self.limits.longest.as_secs());
        for scope in std::mem::take(&mut self.open) {
            let effort = if scope == Scope::Users { self.paging } else { Effort::default() };
            self.seen.record(scope, Status::Failed(reason.clone()), effort);
        }
        // There was no time to ask for the members whom the list does not name: it proves nothing.
        let is_complete = self.seen.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
        if is_complete && self.stage == Stage::Reading && !self.seen.unlisted_members().is_empty() {
            self.seen.record(Scope::Users, Status::Unstable, self.paging);
        }
    }

    fn finish(mut self) -> Result<Walk, CollectError> {
        if !self.seen.has_any_list() {
            return Err(CollectError::nothing_read(self.failure));
        }
        let contract = self.seen.contract.as_ref().ok_or(CollectError::NotConfirmedInTime)?.number;
        let (notes, repeated) = (self.seen.notes.clone(), self.seen.repeated);
        self.notices.extend(self.seen.notices());
        let count = self.links_elsewhere;
        self.notices.extend((count > 0).then_some(Notice::LinksElsewhere { count }));
        self.notices.extend(self.saved.map(|requests| Notice::Resumed { requests }));
        let ahead = self.ahead;
        let contradicted = std::mem::take(&mut self.seen.contradicted);
        Ok(Walk {
            contract,
            sightings: self.seen.finish(),
            notes,
            repeated,
            notices: self.notices,
            ahead,
            contradicted,
        })
    }
}

#[cfg(test)]
mod tests;
