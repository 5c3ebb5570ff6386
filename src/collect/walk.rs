//! The walk: all lists at once, then members, shares, ownerships and keys of whatever they name, many at a time.
//!
//! One loop on one task: dropping its future stops everything, and nothing is shared between tasks. How many requests are
//! in flight is the client's business; how many are waiting is bounded here, so that memory is.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::confirm::{Confirmed, confirmed};
use super::error::CollectError;
use super::plan::depth;
use super::reading::{OfGroup, OfUser, Reading, Unauthorised, effort, of_group, of_user};
use super::seen::Seen;
use crate::api::pages::{UserPage, Users};
use crate::api::read::Client;
use crate::api::wire::{Collection, ConvertError, Notes, contract, group, resource, user};
use crate::api::{Answer, Depth, Error, Fault};
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::id::{ContractNumber, GroupId, UserId};
use crate::domain::notice::Notice;
use crate::domain::sighting::Sightings;
use crate::domain::user::User;
use crate::seams::Seams;

/// Members that the list of users does not name, at most so many are asked for.
const MOST_STRAYS: usize = 20;

/// Bounds of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The contract to walk, if it is known; else it is the only one that the credentials see. The API has to list it.
    pub contract: Option<ContractNumber>,
    /// Users and groups whose scopes are read at once; two requests each. At least the client's concurrency, to keep it busy.
    pub at_once: usize,
    /// The longest a walk may take; what was not read by then is a gap.
    pub longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { contract: None, at_once: 64, longest: Duration::from_mins(30) }
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
    /// Things that were listed twice; the later one was kept.
    pub repeated: u64,
    /// What was noticed about how far all this can be trusted.
    pub notices: Vec<Notice>,
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
    let mut walker = Walker::new(client, seams, limits, progress);
    walker.run().await?;
    walker.finish()
}

/// A list that is read as a whole.
type Listed<T> = Result<Answer<Collection<T>>, Error>;

/// What one of the running futures came back with.
enum Outcome {
    Contracts(Result<Answer<Option<Vec<contract::Contract>>>, Error>),
    Page(Box<Users>, Option<Result<Answer<UserPage>, Error>>),
    Groups(Listed<group::Group>),
    Resources(Listed<resource::Resource>),
    OfGroup(OfGroup),
    OfUser(OfUser),
    Stray(UserId, Result<Answer<user::User>, Error>),
}

/// A parent whose scopes wait to be read.
enum Parent {
    Group(GroupId),
    User(UserId),
}

struct Walker<'a> {
    client: &'a Client,
    seams: &'a Seams,
    limits: Limits,
    report: &'a (dyn Fn(Progress) + Sync),
    progress: Progress,
    seen: Seen,
    waiting: VecDeque<Parent>,
    parents_running: usize,
    running: FuturesUnordered<BoxFuture<'a, Result<Outcome, Unauthorised>>>,
    /// Scopes whose reading has not ended.
    open: BTreeSet<Scope>,
    /// What the pages of users took so far, and whether one moved while they were read.
    paging: Effort,
    shifted: bool,
    /// How many users of the list mean nothing, and the first reason.
    unusable: Option<(usize, ConvertError)>,
    /// Members that the list of users does not name: whether they were asked for, how many have not answered yet, and
    /// whether one of them is not known to be gone.
    asked_for_strays: bool,
    strays: usize,
    contradicted: bool,
    /// The first failure of a list, in case that nothing else can be said.
    failure: Option<Box<Error>>,
}

impl<'a> Walker<'a> {
    fn new(client: &'a Client, seams: &'a Seams, limits: Limits, report: &'a (dyn Fn(Progress) + Sync)) -> Self {
        let walker = Self {
            client,
            seams,
            limits,
            report,
            progress: Progress::default(),
            seen: Seen::default(),
            waiting: VecDeque::new(),
            parents_running: 0,
            running: FuturesUnordered::new(),
            open: BTreeSet::from([Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources]),
            paging: Effort::default(),
            shifted: false,
            unusable: None,
            asked_for_strays: false,
            strays: 0,
            contradicted: false,
            failure: None,
        };
        walker.running.push(async { Ok(Outcome::Contracts(client.contracts().await)) }.boxed());
        walker.running.push(async { Ok(Outcome::Groups(client.groups(depth(ScopeKind::Groups)).await)) }.boxed());
        walker
            .running
            .push(async { Ok(Outcome::Resources(client.resources(depth(ScopeKind::Resources)).await)) }.boxed());
        walker.turn_page(Box::new(client.all_users(depth(ScopeKind::Users))));
        walker
    }

    /// Reads until nothing is left to read or the time is over. When the client's breaker has ended the run, what is left
    /// fails without being asked, and so in no time.
    async fn run(&mut self) -> Result<(), CollectError> {
        let deadline = Instant::now() + self.limits.longest;
        loop {
            self.start_more();
            match timeout_at(deadline, self.running.next()).await {
                Ok(Some(outcome)) => self.take(outcome.map_err(|error| CollectError::Refused(error.0))?)?,
                Ok(None) if self.ask_for_strays() => {}
                Ok(None) => return Ok(()),
                Err(_) => {
                    self.run_out_of_time();
                    return Ok(());
                }
            }
        }
    }

    /// Asks for the next page of users.
    fn turn_page(&self, mut users: Box<Users>) {
        let page = async move {
            let page = users.next().await;
            Ok(Outcome::Page(users, page))
        };
        self.running.push(page.boxed());
    }

    /// Starts reading the scopes of waiting parents, as many as may run at once.
    fn start_more(&mut self) {
        let (client, seams) = (self.client, self.seams);
        while self.parents_running < self.limits.at_once.max(1) {
            let Some(parent) = self.waiting.pop_front() else { return };
            self.parents_running += 1;
            self.running.push(match parent {
                Parent::Group(group) => {
                    async move { of_group(client, seams, group).await.map(Outcome::OfGroup) }.boxed()
                }
                Parent::User(user) => async move { of_user(client, seams, user).await.map(Outcome::OfUser) }.boxed(),
            });
        }
    }

    /// Takes in what one of the running futures came back with.
    fn take(&mut self, outcome: Outcome) -> Result<(), CollectError> {
        match outcome {
            Outcome::Contracts(answer) => self.take_contracts(answer)?,
            Outcome::Page(users, page) => self.take_page(users, page)?,
            Outcome::Groups(answer) => {
                let reading =
                    Reading::of_list(answer, self.seams, |it: group::Group| it.into_domain(), |it| it.id.clone());
                let items = self.take_list(Scope::Groups, reading)?;
                for group in self.seen.groups(items) {
                    self.open.extend([Scope::Members(group.clone()), Scope::Shares(group.clone())]);
                    self.waiting.push_back(Parent::Group(group));
                }
            }
            Outcome::Resources(answer) => {
                let reading =
                    Reading::of_list(answer, self.seams, |it: resource::Resource| it.into_domain(), |it| it.id.clone());
                let items = self.take_list(Scope::Resources, reading)?;
                self.seen.resources(items);
            }
            Outcome::OfGroup(of) => {
                self.parents_running -= 1;
                let scopes = [Scope::Members(of.group.clone()), Scope::Shares(of.group.clone())];
                self.seen.of_group(of);
                self.close(&scopes);
            }
            Outcome::OfUser(of) => {
                self.parents_running -= 1;
                let scopes = [Scope::Owns(of.user.clone()), Scope::Keys(of.user.clone())];
                self.seen.of_user(of);
                self.close(&scopes);
            }
            Outcome::Stray(id, answer) => self.take_stray(id, answer)?,
        }
        self.progress.scopes = self.progress.ended + self.open.len() as u64;
        (self.report)(self.progress);
        Ok(())
    }

    /// Takes in one of the lists that everything else hangs on.
    fn take_list<T>(
        &mut self,
        scope: Scope,
        reading: Result<Reading<T>, Unauthorised>,
    ) -> Result<Vec<T>, CollectError> {
        let mut reading = reading.map_err(|error| CollectError::Refused(error.0))?;
        if let Some(error) = reading.error.take() {
            self.failure.get_or_insert(error);
        }
        let items = self.seen.take(scope.clone(), reading);
        self.close(&[scope]);
        Ok(items)
    }

    fn take_contracts(
        &mut self,
        answer: Result<Answer<Option<Vec<contract::Contract>>>, Error>,
    ) -> Result<(), CollectError> {
        let Confirmed { contract, notes, effort } = confirmed(answer, self.limits.contract)?;
        self.seen.notes.add(notes);
        self.seen.contract = Some(contract);
        self.seen.record(Scope::Contract, Status::Complete, effort);
        self.close(&[Scope::Contract]);
        Ok(())
    }

    fn take_page(
        &mut self,
        users: Box<Users>,
        page: Option<Result<Answer<UserPage>, Error>>,
    ) -> Result<(), CollectError> {
        let status = match page {
            Some(Ok(Answer { value, notes, receipt })) => {
                self.seen.notes.add(notes);
                self.paging.add(effort(&receipt, value.users.len() + value.repeated.len() + value.nameless));
                let last = value.last;
                self.take_users(value);
                if !last {
                    self.turn_page(users);
                    return Ok(());
                }
                self.end_of_users()
            }
            Some(Err(error)) => {
                let reading =
                    Reading::<()>::failed(error, self.seams).map_err(|error| CollectError::Refused(error.0))?;
                self.paging.add(reading.effort);
                if let Some(error) = reading.error {
                    self.failure.get_or_insert(error);
                }
                reading.status
            }
            // The page before said that it was the last one.
            None => Status::Complete,
        };
        self.seen.record(Scope::Users, status, self.paging);
        self.close(&[Scope::Users]);
        Ok(())
    }

    /// How the list of users ended whose last page was read.
    fn end_of_users(&self) -> Status {
        match &self.unusable {
            Some((1, error)) => Status::Failed(error.to_string()),
            Some((count, error)) => Status::Failed(format!("{count} users cannot be told, one of them is {error}")),
            // A contract has an owner at least, and somebody asks.
            None if self.shifted || !self.seen.has_users() => Status::Unstable,
            None => Status::Complete,
        }
    }

    /// Adds the users of one page. Those that convert are seen even if another one does not.
    fn take_users(&mut self, page: UserPage) {
        let here: BTreeSet<_> = page.users.iter().filter_map(|user| user.id.clone()).collect();
        // Twice on one page is the server's mistake; on two pages the list moved, and may have hidden somebody.
        self.shifted |= page.repeated.iter().filter_map(|user| user.id.as_ref()).any(|id| !here.contains(id));
        if page.nameless > 0 {
            self.unusable.get_or_insert((0, ConvertError::NoId("user"))).0 += page.nameless;
        }
        for user in page.users.into_iter().chain(page.repeated) {
            match user.into_domain() {
                Ok(user) => self.take_user(user),
                Err(error) => self.unusable.get_or_insert((0, error)).0 += 1,
            }
        }
    }

    /// Adds a user; the scopes of a new one wait to be read.
    fn take_user(&mut self, user: User) {
        let id = user.id.clone();
        if self.seen.user(user) {
            self.open.extend([Scope::Owns(id.clone()), Scope::Keys(id.clone())]);
            self.waiting.push_back(Parent::User(id));
        }
    }

    /// When everything else was read: asks for the users that groups name as members and the list does not. Answers whether
    /// there is anything to wait for.
    ///
    /// Somebody whom a deletion moved from the second page to the first between the two was on neither. Until they all turn
    /// out to be gone, the list proves nothing.
    fn ask_for_strays(&mut self) -> bool {
        let is_complete = self.seen.scopes.get(&Scope::Users).is_some_and(|(status, _)| *status == Status::Complete);
        if std::mem::replace(&mut self.asked_for_strays, true) || !is_complete {
            return false;
        }
        let strays = self.seen.strays();
        if strays.is_empty() {
            return false;
        }
        self.seen.record(Scope::Users, Status::Unstable, self.paging);
        self.progress.complete -= 1;
        if strays.len() > MOST_STRAYS {
            return false;
        }
        self.strays = strays.len();
        let client = self.client;
        for user in strays {
            let answer = async move {
                let answer = client.user(&user, Depth::One).await;
                Ok(Outcome::Stray(user, answer))
            };
            self.running.push(answer.boxed());
        }
        true
    }

    /// Takes in what became of a user whom the list does not name. Only one that is gone agrees with the list.
    fn take_stray(&mut self, id: UserId, answer: Result<Answer<user::User>, Error>) -> Result<(), CollectError> {
        let effort = match answer {
            Ok(Answer { value, notes, receipt }) => {
                self.seen.notes.add(notes);
                self.contradicted = true;
                if let Some(user) = value.into_domain().ok().filter(|user| user.id == id) {
                    self.take_user(user);
                }
                Effort { pages: 0, ..effort(&receipt, 0) }
            }
            Err(error) => {
                let is_gone = matches!(error.fault, Fault::NotFound);
                let reading =
                    Reading::<()>::failed(error, self.seams).map_err(|error| CollectError::Refused(error.0))?;
                if is_gone {
                    self.seen.gone(id);
                } else {
                    self.contradicted = true;
                }
                reading.effort
            }
        };
        self.paging.add(effort);
        self.progress.requests += effort.attempts;
        self.strays -= 1;
        let agrees = self.strays == 0 && !self.contradicted;
        self.progress.complete += u64::from(agrees);
        let status = if agrees { Status::Complete } else { Status::Unstable };
        self.seen.record(Scope::Users, status, self.paging);
        Ok(())
    }

    /// Counts scopes whose reading has ended.
    fn close(&mut self, scopes: &[Scope]) {
        for scope in scopes {
            self.open.remove(scope);
            self.progress.ended += 1;
            if let Some((status, effort)) = self.seen.scopes.get(scope) {
                self.progress.complete += u64::from(status.proves_absence());
                self.progress.requests += effort.attempts;
                tracing::debug!(scope = scope.kind().as_str(), status = status.as_str(), "scope read");
            }
        }
    }

    /// Leaves what was not read in time as gaps.
    fn run_out_of_time(&mut self) {
        let reason = format!("the walk took longer than {} s", self.limits.longest.as_secs());
        for scope in std::mem::take(&mut self.open) {
            let effort = if scope == Scope::Users { self.paging } else { Effort::default() };
            self.seen.record(scope, Status::Failed(reason.clone()), effort);
        }
    }

    fn finish(self) -> Result<Walk, CollectError> {
        if !self.seen.has_any_list() {
            return Err(self.failure.map_or(CollectError::NothingInTime, CollectError::NothingRead));
        }
        let contract = self.seen.contract.as_ref().ok_or(CollectError::NotConfirmedInTime)?.number;
        let (notes, repeated) = (self.seen.notes.clone(), self.seen.repeated);
        Ok(Walk { contract, sightings: self.seen.finish(), notes, repeated, notices: Vec::new() })
    }
}

#[cfg(test)]
mod tests;
