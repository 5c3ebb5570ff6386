//! Plays one story: baseline, changes, a collection in bad weather, judgement, and a collection in good weather.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use emulator::faults::{Edit, Effect};
use emulator::{Emulator, Rule};
use keyholder::analyse::diff::meanings;
use keyholder::api::read::Client;
use keyholder::api::{Depth, Version};
use keyholder::app::collect::{CollectFailure, Settling, settle};
use keyholder::collect::recheck::Recheck;
use keyholder::collect::{CollectError, Limits, Walk, walk};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::Kind;
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::domain::sighting::Sightings;
use keyholder::domain::snapshot::{RunState, Snapshot};
use keyholder::domain::state::State;
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::changes::apply;
use tokio::sync::Notify;
use tokio::time::{Instant, advance};

use super::case::{CONTRACTS, Case, TIME_OVER, Weather, kinds_below};
use super::oracle::{Witness, differences, judge, reported};
use crate::support::api::settings;
use crate::support::model::{Bench, start};
use crate::support::truth::{Facts, held, relation, there};
use crate::support::virtual_time::{Hung, Patience, frozen, passing};

/// Who collects: the product, or the product with a planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collector {
    Product,
    TakesFailedForEmpty,
    DropsOneUser,
    OverlooksWhatIsNew,
    TakesLateForEmpty,
    TakesNotFoundForGone,
    Hangs,
    AsksForEver,
}

/// How a story went.
pub(super) struct Story {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    /// How the collection in bad weather ended.
    pub(super) state: RunState,
    /// How often each fault fired, by what it does.
    pub(super) fired: BTreeMap<String, u32>,
    /// What the bad collection did to the facts.
    pub(super) changes: [u64; 3],
    /// The virtual time it took.
    pub(super) time: Duration,
    /// What must not be.
    pub(super) wrong: Vec<String>,
    pub(super) command: String,
}

/// A walk ends by itself within half an hour; nobody sends five thousand requests about a hundred users.
const PATIENCE: Patience =
    Patience { time: Duration::from_mins(40), requests: 5_000, quiet: Duration::from_micros(200) };

/// Faults that claim too little or too much in a well-formed answer.
const LIES: [&str; 4] = ["emptied", "collapsed", "dangling reference", "duplicate id"];

/// Plays the story of a seed.
pub(super) fn play(case: Case, collector: Collector) -> Story {
    let baseline = baseline(case.contract);
    frozen(Stage::play(case, collector, baseline))
}

/// Everything that a story is played with.
struct Stage {
    emulator: Emulator,
    bench: Bench,
    client: Client,
    seams: Seams,
}

/// What one collection came to.
enum Ended {
    Sealed(Box<Snapshot>, BTreeMap<Scope, Status>),
    Failed(CollectError),
    Hung(Hung),
}

/// The databases with the baselines, by contract.
static BASELINES: [OnceLock<Vec<u8>>; CONTRACTS] = [const { OnceLock::new() }; CONTRACTS];

/// The database with the baseline of a contract, collected by whoever asks first.
fn baseline(contract: usize) -> &'static [u8] {
    BASELINES[contract].get_or_init(|| {
        frozen(async {
            let stage = Stage::set(contract, 0, None).await;
            let ended = stage.collect(Collector::Product, &Facts::new(), &Notify::new()).await;
            assert!(matches!(ended, Ended::Sealed(first, _) if first.is_complete()), "the baseline of {contract}");
            stage.bench.into_bytes().await
        })
    })
}

impl Stage {
    /// The stage of a contract, with a database that holds its baseline or with none.
    async fn set(contract: usize, seed: u64, baseline: Option<&[u8]>) -> Self {
        let emulator = Emulator::builder().seed(contract as u64).users(Case::users(contract)).start().await.unwrap();
        let seams = Seams::new(SetClock::at(start()), SeededRandom::new(seed));
        let client = Client::new(&settings(&emulator, Version::V6), seams.clone()).unwrap();
        Self { emulator, bench: Bench::in_memory(baseline, i64::from(baseline.is_some())).await, client, seams }
    }

    async fn play(case: Case, collector: Collector, baseline: &[u8]) -> Story {
        let stage = Self::set(case.contract, case.seed, Some(baseline)).await;
        let command = case.command();
        let mut story = Story {
            seed: case.seed,
            weather: case.weather,
            state: RunState::Collecting,
            fired: BTreeMap::new(),
            changes: [0; 3],
            time: Duration::ZERO,
            wrong: Vec::new(),
            command,
        };
        if let Err(wrong) = stage.acts(case, collector, &mut story).await {
            story.wrong.push(wrong);
        }
        story
    }

    async fn acts(&self, case: Case, collector: Collector, story: &mut Story) -> Result<(), String> {
        self.emulator.advance_to_day(case.days);
        let contract = ContractNumber(self.emulator.contract_number());
        let first = self.state(contract, Seq(1)).await;
        let before = held(&first);
        let witness = self.emulator.read(Witness::of);
        let watcher = witness.clone();
        let (is_late, late) = (Arc::new(Notify::new()), case.late);
        let over = Arc::clone(&is_late);
        let schedule = late.into_iter().fold(case.schedule, |schedule, requests| {
            let over = Arc::clone(&over);
            let end = Effect::Edit(Edit::with(move |_| over.notify_one()));
            schedule
                .rule(Rule::on("GET", "*").effect(end).after(requests).times(1).named(&format!("GET *: {TIME_OVER}")))
        });
        self.emulator.follow(schedule.watched(move |world| watcher.look(world)));
        let begun = Instant::now();
        let ended = self.collect(collector, &before, &is_late).await;
        story.time = begun.elapsed();
        let fired = self.emulator.faults_fired();
        for (name, times) in &fired {
            let effect = name.rsplit_once(": ").map_or(name.as_str(), |(_, effect)| effect);
            *story.fired.entry(effect.to_owned()).or_default() += times;
        }
        match ended {
            Ended::Sealed(second, scopes) => {
                story.state = second.state;
                story.changes = [second.began, second.ended, second.changed];
                let state = self.state(contract, second.seq).await;
                self.check_law(contract, &first, &state).await?;
                let after = held(&state);
                let doubtful = match case.weather {
                    Weather::Lies(_) | Weather::All(_) => lied_about(&fired),
                    _ => BTreeSet::new(),
                };
                let mut wrong = judge(&before, &after, &scopes, &witness);
                wrong.retain(|(_, key)| !doubtful.contains(&key.kind));
                story.wrong.extend(reported(&wrong));
            }
            Ended::Failed(error) => {
                story.state = RunState::Failed;
                story.wrong.extend(undocumented(&error));
            }
            Ended::Hung(Hung(why)) => story.wrong.push(why),
        }
        self.check_good_weather().await
    }

    /// Without faults, the next collection is complete and says exactly what is there.
    async fn check_good_weather(&self) -> Result<(), String> {
        self.emulator.clear_faults();
        match self.collect(Collector::Product, &Facts::new(), &Notify::new()).await {
            Ended::Sealed(last, _) if last.is_complete() => {
                let (expected, found) =
                    (self.emulator.read(there), held(&without_made_up(self.state(last.contract, last.seq).await)));
                let differ = differences(&expected, &found);
                if differ.is_empty() { Ok(()) } else { Err(format!("in good weather: {}", differ.join("; "))) }
            }
            Ended::Sealed(last, scopes) => {
                let gaps: Vec<String> = scopes
                    .iter()
                    .filter(|(_, status)| **status != Status::Complete)
                    .map(|(scope, status)| format!("{scope} {status}"))
                    .collect();
                Err(format!("in good weather: {} with {}", last.state, gaps.join("; ")))
            }
            Ended::Failed(error) => Err(format!("in good weather: {error}")),
            Ended::Hung(Hung(why)) => Err(format!("in good weather: {why}")),
        }
    }

    /// Walks and settles as the product does, alters what was seen where that is planted, and seals. All of its time is over
    /// as soon as somebody says that it is late.
    async fn collect(&self, collector: Collector, before: &Facts, is_late: &Notify) -> Ended {
        let client = self.client.for_another_run();
        let limits = Limits::default();
        let deadline = Instant::now() + limits.longest;
        let asked = async {
            if collector == Collector::Hangs {
                std::future::pending::<()>().await;
            }
            if collector == Collector::AsksForEver {
                loop {
                    // A breaker that is open answers at once.
                    if client.groups(Depth::Zero).await.is_err() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
            let mut walk = walk(&client, &self.seams, limits, &|_| ()).await?;
            let recheck = Recheck::new(&client, &self.seams, limits.at_once, Duration::from_secs(1), deadline);
            let vanishing = async |walk: &Walk| self.bench.store.vanishing(walk.contract, &walk.sightings).await;
            settle(vanishing, recheck, &mut walk, Settling::default()).await?;
            Ok(walk)
        };
        let late = async {
            is_late.notified().await;
            advance(deadline.saturating_duration_since(Instant::now())).await;
            std::future::pending::<()>().await;
        };
        // On the heap: it is large.
        let asked = Box::pin(async {
            tokio::select! {
                biased;
                outcome = asked => outcome,
                () = late => unreachable!("it waits for ever"),
            }
        });
        let walked = match passing(&self.emulator, PATIENCE, asked).await {
            Ok(Ok(walk)) => walk,
            Ok(Err(CollectFailure::Walk(error))) => return Ended::Failed(error),
            Ok(Err(CollectFailure::Store(error))) => panic!("{error:?}"),
            Err(hung) => return Ended::Hung(hung),
        };
        let Walk { contract, sightings, .. } = Self::altered(walked, collector, before);
        let scopes = sightings.scopes.iter().map(|(scope, (status, _))| (scope.clone(), status.clone())).collect();
        Ended::Sealed(Box::new(self.bench.seal_of(contract, sightings).await), scopes)
    }

    fn altered(mut walk: Walk, collector: Collector, before: &Facts) -> Walk {
        let seen = &mut walk.sightings;
        match collector {
            Collector::TakesFailedForEmpty => {
                for (status, _) in seen.scopes.values_mut() {
                    *status = Status::Complete;
                }
            }
            Collector::TakesLateForEmpty => conclude(seen, "the walk took longer than"),
            Collector::TakesNotFoundForGone => conclude(seen, "not found, and the"),
            Collector::DropsOneUser => {
                seen.users.pop();
            }
            Collector::OverlooksWhatIsNew => {
                let is_known =
                    |kind, subject: &str, object: &str| before.contains_key(&relation(kind, subject, object));
                seen.members.retain(|(group, user)| is_known(Kind::Member, group.as_str(), user.as_str()));
                seen.keys.retain(|key| is_known(Kind::Key, key.user.as_str(), key.id.as_str()));
            }
            Collector::Product | Collector::Hangs | Collector::AsksForEver => {}
        }
        walk
    }

    /// What the store says as of a snapshot.
    async fn state(&self, contract: ContractNumber, seq: Seq) -> State {
        self.bench.store.state(contract, seq).await.unwrap()
    }

    /// A diff opens, can be understood, and leads from the one state to the other.
    async fn check_law(&self, contract: ContractNumber, before: &State, after: &State) -> Result<(), String> {
        let store = &self.bench.store;
        let facts = async |seq: Seq| store.facts(contract, seq).await.unwrap();
        let changes = store.net(contract, before.seq, after.seq).await.unwrap();
        if apply(&facts(before.seq).await, &changes) != facts(after.seq).await {
            return Err("the diff does not lead to the state".to_owned());
        }
        let lines = meanings(&changes, before, after, before.seq).map_err(|error| error.to_string())?;
        // A resource that goes from one owner to another is one line for two changes.
        let is_enough = lines.len() >= changes.len().div_ceil(2);
        if is_enough { Ok(()) } else { Err(format!("{} lines about {} changes", lines.len(), changes.len())) }
    }
}

/// Takes scopes that failed for such a reason for read.
fn conclude(seen: &mut Sightings, reason: &str) {
    let failed = |status: &Status| status.reason().is_some_and(|why| why.starts_with(reason));
    for (status, _) in seen.scopes.values_mut().filter(|(status, _)| failed(status)) {
        *status = Status::Complete;
    }
}

/// A failed collection is one of those that the interface documents: refused, contract not certain, nothing read.
fn undocumented(error: &CollectError) -> Option<String> {
    let documented = matches!(
        error,
        CollectError::Refused(_)
            | CollectError::NoContract(_)
            | CollectError::NotConfirmed { .. }
            | CollectError::NotConfirmedInTime
            | CollectError::NothingRead(_)
            | CollectError::NothingInTime
    );
    (!documented).then(|| format!("ended with {error:?}"))
}

/// Kinds of facts about which somebody lied.
fn lied_about(fired: &BTreeMap<String, u32>) -> BTreeSet<Kind> {
    let is_lie = |name: &str| LIES.iter().any(|lie| name.ends_with(lie));
    fired.iter().filter(|(name, times)| **times > 0 && is_lie(name)).flat_map(|(name, _)| kinds_below(name)).collect()
}

/// The privilege that a fault makes up. Not reported any more, it is carried and marked, so it is no difference.
const MADE_UP: &str = "manageTomorrow";

/// The state without the made-up privilege, where it is marked as not reported.
fn without_made_up(mut state: State) -> State {
    for (id, group) in &mut state.groups {
        if state.unknown.last_known(Kind::Group, id.as_str(), None, MADE_UP).is_some() {
            group.value.privileges.remove(MADE_UP);
        }
    }
    state
}
