//! Plays one history: a contract over a week, collected every day, most days with one or two distortions, each day
//! judged, and a truthful day at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::faults::{Edit, Effect};
use emulator::{Emulator, Restricted, Rule, Schedule};
use fastrand::Rng;
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::api::settings::{Credentials, Settings};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::app::stop::Stop;
use keyholder::domain::coverage::{Coverage, Scope, Status};
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::snapshot::{RunState, Snapshot};
use keyholder::domain::state::State;
use keyholder::exit::Exit;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};
use tokio::sync::Notify;

use super::kinds::{self, Around, Kind, Trouble};
use super::oracle::{Run, Witness, differences, judge, truth};
use crate::support::api::settings;
use crate::support::model::start;
use crate::support::virtual_time::{Hung, Patience, frozen, passing};

/// Days of a history before the truthful one.
const DAYS: usize = 7;

/// No run takes longer than its half hour and what asking again takes, or sends more requests.
const PATIENCE: Patience =
    Patience { time: Duration::from_mins(40), requests: 12_000, quiet: Duration::from_micros(200) };

/// Who collects: the product, or a contract whose server lies consistently, which no client could detect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Honest,
    /// One group is nowhere any more.
    HidesAGroup,
    /// Everybody is an administrator.
    PromotesAll,
    /// One group has never been anywhere.
    NeverShowsAGroup,
}

/// What became of one history.
pub(super) struct History {
    pub(super) seed: u64,
    /// What must not be, by day.
    pub(super) wrong: Vec<String>,
    /// How often each kind was tried, and on how many days it struck.
    pub(super) kinds: BTreeMap<&'static str, [u32; 2]>,
    /// How runs ended.
    pub(super) endings: BTreeMap<String, u32>,
    /// Facts that began, ended and changed.
    pub(super) changes: [u64; 3],
}

/// Plays the history of a seed.
pub(super) fn play(seed: u64, server: Server) -> History {
    frozen(async {
        let mut stage = Stage::set(seed, server).await;
        for day in 0..DAYS {
            stage.play_day(day).await;
        }
        stage.play_truthful_day().await;
        stage.history
    })
}

/// Everything that a history is played with.
struct Stage {
    emulator: Emulator,
    server: Server,
    folder: tempfile::TempDir,
    store: Option<Store>,
    rng: Rng,
    now: DateTime<Utc>,
    /// Day of the scripted month.
    scripted: u32,
    history: History,
    /// The file as it was before the last run.
    older: Option<Vec<u8>>,
    contract: ContractNumber,
    /// Whether something of this day hides what is new, which nothing known contradicts.
    hides_new: bool,
    /// Whose credentials collect, if not the usual ones.
    token: Option<String>,
    /// Whether the principal that collects is accepted.
    accepts: bool,
}

/// How a run ended.
enum Ended {
    Sealed(Box<Snapshot>),
    Failed(CollectFailure),
    Killed,
    Hung(String),
}

impl Stage {
    async fn set(seed: u64, server: Server) -> Self {
        let mut rng = Rng::with_seed(seed);
        let size = Emulator::builder().seed(seed).users(rng.usize(24..34)).memberships(40).shares(30).resources(20);
        let emulator = size.keys(12).start().await.unwrap();
        let memory = crate::support::private_folder_in(Path::new("/dev/shm"));
        let folder = memory.unwrap_or_else(|_| crate::support::private_folder());
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
        let contract = ContractNumber(emulator.contract_number());
        let history =
            History { seed, wrong: Vec::new(), kinds: BTreeMap::new(), endings: BTreeMap::new(), changes: [0; 3] };
        Self {
            emulator,
            server,
            folder,
            store: Some(store),
            rng,
            now: start(),
            scripted: 0,
            history,
            older: None,
            contract,
            hides_new: false,
            token: None,
            accepts: false,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("open between two steps")
    }

    /// Time passes, and some of what happens in a month happens.
    fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        if time >= TimeDelta::days(1) {
            self.scripted += self.rng.u32(0..4);
            self.emulator.advance_to_day(self.scripted.min(30));
        }
        self.emulator.set_now(self.now);
    }

    async fn play_day(&mut self, day: usize) {
        self.pass(TimeDelta::days(1));
        let all = kinds::all();
        let count = if day == 0 { self.rng.usize(..2) } else { [0, 1, 1, 1, 1, 2][self.rng.usize(..6)] };
        let drawn: Vec<&'static Kind> = (0..count).map(|_| all[self.rng.usize(..all.len())]).collect();
        let (mut rules, mut around) = (Vec::new(), Vec::new());
        for kind in &drawn {
            self.history.kinds.entry(kind.name).or_default()[0] += 1;
            match (kind.make)(&mut self.rng) {
                Trouble::Answers(answers) => rules.extend(answers.into_iter().map(|rule| rule.named(kind.name))),
                Trouble::Around(what) => around.push((kind.name, what)),
            }
        }
        let names: Vec<&str> = drawn.iter().map(|kind| kind.name).collect();
        self.hides_new = drawn.iter().any(|kind| kinds::HIDING.contains(&kind.name));
        self.lie(day);
        let before = self.emulator.faults_fired();
        let schedule = rules.into_iter().fold(Schedule::new(self.rng.u64(..)), Schedule::rule);
        self.emulator.follow(schedule);
        let wrong = self.run(&around).await;
        self.history.wrong.extend(wrong.into_iter().map(|wrong| format!("day {day} {names:?}: {wrong}")));
        let struck: BTreeSet<&str> = self
            .emulator
            .faults_fired()
            .iter()
            .filter(|(name, times)| **times > before.get(*name).copied().unwrap_or_default())
            .filter_map(|(name, _)| names.iter().copied().find(|kind| kind == name))
            .chain(around.iter().map(|(name, _)| *name))
            .collect();
        for kind in drawn.iter().filter(|kind| struck.contains(kind.name)) {
            self.history.kinds.entry(kind.name).or_default()[1] += 1;
        }
        self.emulator.clear_faults();
        self.emulator.set_shuffle(None);
        self.emulator.set_latency(Duration::ZERO);
        self.emulator.set_restricted(Restricted::default());
        self.token = None;
    }

    /// Puts a planted lie in force.
    fn lie(&self, day: usize) {
        use emulator::faults::Distortion;
        let rule = |path: &str, distortion| {
            self.emulator.fail(Rule::on("GET", path).effect(Effect::Distort(distortion)).named("planted"));
        };
        match self.server {
            Server::HidesAGroup if day >= 2 => {
                let (last, count) = self.emulator.read(|world| {
                    (world.groups().last().expect("there are groups").id.clone(), world.groups().count())
                });
                rule("/um/groups", Distortion::Items(emulator::faults::Items::Keep(count - 1)));
                self.emulator.fail(Rule::on("GET", &format!("/um/groups/{last}*")).status(404).named("planted"));
            }
            Server::PromotesAll if day >= 2 => {
                let at = "properties.administrator".to_owned();
                rule("/um/users", Distortion::Set { at, value: true.into() });
            }
            Server::NeverShowsAGroup => {
                let old = self.emulator.read(|world| world.groups().count()) - 1;
                rule("/um/groups", Distortion::Items(emulator::faults::Items::Keep(old)));
            }
            _ => {}
        }
    }

    /// One run, judged.
    async fn run(&mut self, around: &[(&str, Around)]) -> Vec<String> {
        let before = self.latest().await;
        let witness = self.emulator.read(Witness::of);
        let watcher = witness.clone();
        let (mut ours, mut end, mut second, mut copy) = (TimeDelta::zero(), None, false, false);
        for (_, what) in around {
            match *what {
                Around::OurClock(by) => ours = by,
                Around::ServerClock(by) => self.emulator.set_now(self.now + by),
                Around::Kill(..) | Around::Stop(..) => end = Some(*what),
                Around::Second => second = true,
                Around::OnCopy => copy = true,
                Around::OlderCopy => return self.run_on_older_copy().await,
                Around::Churn(edits) => {
                    let seed = self.rng.u64(..);
                    let watcher = watcher.clone();
                    self.emulator.follow(Schedule::churn(seed, edits).watched(move |world| watcher.look(world)));
                }
                Around::Shuffled(seed) => self.emulator.set_shuffle(Some(seed)),
                Around::Slow(time) => self.emulator.set_latency(time),
                Around::WeakerToken => {
                    self.emulator.set_restricted(Restricted::Shortened);
                    let user = self.emulator.cast().restricted.clone();
                    self.token = Some(self.emulator.issue_token(&user, "user", TimeDelta::days(30)));
                }
                Around::OtherToken => {
                    let user = self.emulator.cast().owner.clone();
                    self.token = Some(self.emulator.issue_token(&user, "owner", TimeDelta::days(30)));
                }
            }
        }
        self.reopened(copy).await;
        let ended = self.collected(self.now + ours, end, second).await;
        let mut wrong = self.judged(&before, ended, &witness, end).await;
        if let Some(Around::Kill(_, later) | Around::Stop(_, later)) = end {
            wrong.extend(self.run_after(later).await);
        }
        wrong
    }

    /// The run that follows one that was ended from outside, under the same rules.
    async fn run_after(&mut self, later: TimeDelta) -> Vec<String> {
        self.pass(later);
        self.reopened(false).await;
        let before = self.latest().await;
        let witness = self.emulator.read(Witness::of);
        let ended = self.collected(self.now, None, false).await;
        // What it resumes with was true when it was read; meanwhile a day of the script may have passed only if it is over.
        self.judged(&before, ended, &witness, None).await
    }

    async fn run_on_older_copy(&mut self) -> Vec<String> {
        let Some(older) = self.older.take() else { return Vec::new() };
        self.store.take().expect("open").close().await;
        for name in ["test.db", "test.db-wal", "test.db-shm"] {
            match std::fs::remove_file(self.folder.path().join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{name}: {error}"),
                _ => {}
            }
        }
        write_private(&self.path(), &older);
        self.store = Some(Store::open(&self.path(), Access::Write).await.unwrap());
        let before = self.latest().await;
        let witness = self.emulator.read(Witness::of);
        let ended = self.collected(self.now, None, false).await;
        self.judged(&before, ended, &witness, None).await
    }

    /// Closes and opens the store; keeps a copy, into which another process may collect.
    async fn reopened(&mut self, copy: bool) {
        self.store.take().expect("open").close().await;
        let bytes = std::fs::read(self.path()).unwrap();
        if copy {
            let other = self.folder.path().join("copy.db");
            write_private(&other, &bytes);
            let store = Store::open(&other, Access::Write).await.unwrap();
            let (client, seams) = self.client(self.now);
            let order = Order { reread_after: Duration::from_secs(1), ..self.order(self.now) };
            let collecting = collect(&store, &client, &seams, order, &|_| ());
            // What becomes of the copy is its owner's business.
            drop(passing(&self.emulator, PATIENCE, Box::pin(collecting)).await);
            store.close().await;
            std::fs::remove_file(&other).unwrap();
        }
        self.older = Some(bytes);
        self.store = Some(Store::open(&self.path(), Access::Write).await.unwrap());
    }

    fn settings(&self) -> Settings {
        let usual = settings(&self.emulator, Version::V6);
        match &self.token {
            Some(token) => Settings { credentials: Credentials::Bearer(token.as_str().into()), ..usual },
            None => usual,
        }
    }

    fn client(&self, at: DateTime<Utc>) -> (Client, Seams) {
        let seams = Seams::new(SetClock::at(at), SeededRandom::new(self.history.seed ^ at.timestamp().unsigned_abs()));
        (Client::new(&self.settings(), seams.clone()).unwrap(), seams)
    }

    fn order(&self, at: DateTime<Utc>) -> Order {
        Order {
            reread_after: Duration::from_secs(1),
            least_room: 0,
            accept_principal: self.accepts.then(|| "ann".to_owned()),
            ..Order::manual(at, &self.settings())
        }
    }

    /// Collects, and ends it from outside if that is drawn.
    async fn collected(&self, at: DateTime<Utc>, end: Option<Around>, second: bool) -> Ended {
        let (client, seams) = self.client(at);
        let (over, stop) = (Arc::new(Notify::new()), Stop::default());
        if let Some(Around::Kill(requests, _) | Around::Stop(requests, _)) = end {
            let (over, stop, kills) = (Arc::clone(&over), stop.clone(), matches!(end, Some(Around::Kill(..))));
            let edit = Edit::with(move |_| if kills { over.notify_one() } else { stop.stop("SIGTERM") });
            self.emulator.fail(Rule::on("GET", "*").effect(Effect::Edit(edit)).after(requests).times(1).named("end"));
        }
        let order = Order { stop, ..self.order(at) };
        let other = if second { Some(Store::open(&self.path(), Access::Write).await.unwrap()) } else { None };
        let collecting = Box::pin(collect(self.store(), &client, &seams, order, &|_| ()));
        let both = async {
            let Some(other) = &other else { return (collecting.await, None) };
            let rival = Box::pin(collect(other, &client, &seams, self.order(at), &|_| ()));
            let (one, two) = tokio::join!(collecting, rival);
            (one, Some(two))
        };
        let ended = passing(
            &self.emulator,
            PATIENCE,
            Box::pin(async {
                tokio::select! {
                    biased;
                    () = over.notified() => None,
                    outcome = both => Some(outcome),
                }
            }),
        );
        match ended.await {
            Err(Hung(why)) => Ended::Hung(why),
            Ok(None) => Ended::Killed,
            Ok(Some((Ok(_), Some(Ok(_))))) => Ended::Hung("two collected at once".to_owned()),
            Ok(Some((Err(one), Some(Ok(two))))) if one.exit() == Exit::Locked => Ended::Sealed(Box::new(two)),
            Ok(Some((Err(one), Some(Err(two))))) if one.exit() == Exit::Locked => Ended::Failed(two),
            Ok(Some((_, Some(Err(two))))) if two.exit() != Exit::Locked => Ended::Failed(two),
            Ok(Some((Ok(snapshot), _))) => Ended::Sealed(Box::new(snapshot)),
            Ok(Some((Err(failure), _))) => Ended::Failed(failure),
        }
    }

    /// What the store says now; nothing, if there is no snapshot yet.
    async fn latest(&self) -> State {
        match self.store().snapshots(self.contract).await.unwrap().last() {
            Some(last) => self.store().state(self.contract, last.seq).await.unwrap(),
            None => State::empty(Seq(0)),
        }
    }

    /// Whatever must not be about the end of a run.
    async fn judged(&mut self, before: &State, ended: Ended, witness: &Witness, end: Option<Around>) -> Vec<String> {
        let ending = match ended {
            Ended::Hung(why) => return vec![why],
            Ended::Killed => "killed".to_owned(),
            Ended::Failed(failure) => {
                let wrong = unnamed(&failure, end);
                *self.history.endings.entry(format!("failed, exit {}", failure.exit().code())).or_default() += 1;
                let after = self.latest().await;
                let moved = (after.seq != before.seq).then(|| format!("failed, and sealed snapshot {}", after.seq.0));
                return wrong.into_iter().chain(moved).collect();
            }
            Ended::Sealed(snapshot) => {
                let wrong = self.sealed(before, &snapshot, witness).await;
                *self.history.endings.entry(format!("{}", snapshot.state)).or_default() += 1;
                return wrong;
            }
        };
        *self.history.endings.entry(ending).or_default() += 1;
        Vec::new()
    }

    async fn sealed(&mut self, before: &State, snapshot: &Snapshot, witness: &Witness) -> Vec<String> {
        for (sum, more) in self.history.changes.iter_mut().zip([snapshot.began, snapshot.ended, snapshot.changed]) {
            *sum += more;
        }
        let (store, seq, hides_new) = (self.store(), snapshot.seq, self.hides_new);
        let after = store.state(self.contract, seq).await.unwrap();
        let coverage = store.coverage(self.contract, seq).await.unwrap();
        let notices = store.notices(self.contract, seq).await.unwrap();
        let scopes = scopes_of(&after, &coverage);
        let mut wrong = judge(&Run { before, after: &after, scopes: &scopes, hides_new }, witness);
        match snapshot.state {
            RunState::Complete if !coverage.gaps.iter().all(|gap| leaves_complete(&gap.status)) => {
                wrong.push("complete, with gaps".to_owned());
            }
            RunState::Partial if coverage.gaps.is_empty() => wrong.push("partial, and no gap says why".to_owned()),
            _ => {}
        }
        let unnamed = after.unknown.iter().count() > before.unknown.iter().count() && notices.is_empty();
        wrong.extend(unnamed.then(|| "attributes became unknown without a word".to_owned()));
        wrong.truncate(6);
        wrong
    }

    /// Without distortions, the next run is complete and says exactly what is there.
    async fn play_truthful_day(&mut self) {
        self.pass(TimeDelta::days(1));
        self.reopened(false).await;
        // Without it, what went since another administrator collected would be carried.
        self.accepts = true;
        self.lie(DAYS);
        let wrong = match self.collected(self.now, None, false).await {
            Ended::Sealed(last) if last.is_complete() => {
                differences(&self.emulator.read(truth), &without_made_up(self.latest().await))
            }
            Ended::Sealed(last) => {
                let coverage = self.store().coverage(self.contract, last.seq).await.unwrap();
                coverage.gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect()
            }
            Ended::Failed(failure) => vec![failure.to_string()],
            Ended::Killed => vec!["killed".to_owned()],
            Ended::Hung(why) => vec![why],
        };
        self.history.wrong.extend(wrong.into_iter().take(6).map(|wrong| format!("truthful day: {wrong}")));
    }
}

/// A failure is one of those that the interface documents, and says what to do.
fn unnamed(failure: &CollectFailure, end: Option<Around>) -> Option<String> {
    let is_named = match failure.exit() {
        Exit::CredentialsRefused | Exit::Unreachable | Exit::Configuration => failure.hint().is_some(),
        Exit::Terminated => matches!(end, Some(Around::Stop(..))),
        _ => false,
    };
    (!is_named).then(|| format!("ended with {} and hint {:?}: {failure}", failure.exit().code(), failure.hint()))
}

/// Nothing can be missing from a scope with that status.
fn leaves_complete(status: &Status) -> bool {
    matches!(status, Status::Complete | Status::NotApplicable | Status::Gone)
}

/// The status of each scope of a run: gaps are listed, everything else was complete.
fn scopes_of(state: &State, coverage: &Coverage) -> BTreeMap<Scope, Status> {
    let mut scopes: BTreeMap<Scope, Status> =
        [Scope::Contract, Scope::Users, Scope::Groups, Scope::Resources].map(|scope| (scope, Status::Complete)).into();
    for group in state.groups.keys() {
        scopes.insert(Scope::Members(group.clone()), Status::Complete);
        scopes.insert(Scope::Shares(group.clone()), Status::Complete);
    }
    for user in state.users.keys() {
        scopes.insert(Scope::Owns(user.clone()), Status::Complete);
        scopes.insert(Scope::Keys(user.clone()), Status::Complete);
    }
    scopes.extend(coverage.gaps.iter().map(|gap| (gap.scope.clone(), gap.status.clone())));
    scopes
}

/// The state without what only a distortion made up, where that is marked as unknown by now.
fn without_made_up(mut state: State) -> State {
    for group in state.groups.values_mut() {
        group.value.privileges.remove("tomorrow");
    }
    state
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
