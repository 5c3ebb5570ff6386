//! Plays one history: a contract over a week, collected every day, most days with one or two distortions, each day
//! judged, and a truthful day at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use emulator::faults::Effect;
use emulator::{Restricted, Rule, Schedule};
use keyholder::store::staging::MAX_RESUME_AGE;
use keyholder::store::{Access, Store};

use super::endings;
use super::kinds::{self, Around, Kind, Trouble};
use super::observation::Observation;
use super::oracle::{Witness, differences, truth};
use super::stage::{Ended, Stage, write_private};
use super::verdict::without_made_up;
use crate::support::virtual_time::frozen;

/// Days of a history before the truthful one.
const DAYS: usize = 7;

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
    /// How days with a single distortion that struck ended.
    pub(super) exits: BTreeMap<(&'static str, String), u32>,
    /// Facts that began, ended and changed.
    pub(super) changes: [u64; 3],
    /// What the sealed snapshots say, if that is kept.
    pub(super) observations: Vec<Observation>,
}

impl History {
    pub(super) fn of(seed: u64) -> Self {
        Self {
            seed,
            wrong: Vec::new(),
            kinds: BTreeMap::new(),
            endings: BTreeMap::new(),
            exits: BTreeMap::new(),
            changes: [0; 3],
            observations: Vec::new(),
        }
    }
}

/// Plays the history of a seed, and keeps what the sealed snapshots say if that is wanted.
pub(super) fn play(seed: u64, server: Server, keeps: bool) -> History {
    frozen(async {
        let mut stage = Stage { keeps, ..Stage::set(seed, server).await };
        for day in 0..DAYS {
            stage.play_day(day).await;
        }
        stage.play_truthful_day().await;
        stage.history
    })
}

impl Stage {
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
        let names: Vec<&'static str> = drawn.iter().map(|kind| kind.name).collect();
        self.hides_new = drawn.iter().any(|kind| kinds::HIDING.contains(&kind.name));
        self.lie(day);
        let before = self.emulator.faults_fired();
        let schedule = rules.into_iter().fold(Schedule::new(self.rng.u64(..)), Schedule::rule);
        self.emulator.follow(schedule);
        self.exit = None;
        let wrong = self.run(&around).await;
        self.history.wrong.extend(wrong.into_iter().map(|wrong| format!("day {day} {names:?}: {wrong}")));
        let struck: BTreeSet<&'static str> = self
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
        let wrong = self.judge_exit(&names, &struck, &around);
        self.history.wrong.extend(wrong.map(|wrong| format!("day {day} {names:?}: {wrong}")));
        self.emulator.clear_faults();
        self.emulator.set_shuffle(None);
        self.emulator.set_latency(Duration::ZERO);
        self.emulator.set_restricted(Restricted::default());
        self.token = None;
    }

    /// The code of a day without a distortion, or with a single one that struck, is the documented one.
    fn judge_exit(
        &mut self,
        names: &[&'static str],
        struck: &BTreeSet<&'static str>,
        around: &[(&str, Around)],
    ) -> Option<String> {
        let code = self.exit?.code();
        let kind = match names {
            [] => "nothing",
            [name] if struck.contains(name) => *name,
            _ => return None,
        };
        *self.history.exits.entry((kind, code.to_string())).or_default() += 1;
        // The principal of an earlier day may still be held back.
        let is_held_back = self.holds_back && code == 9;
        let expected = endings::codes(kind, around.first().map(|(_, what)| *what));
        (!expected.contains(&code) && !is_held_back).then(|| format!("exit code {code}, documented {expected:?}"))
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
        let before = self.before().await;
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
            wrong.extend(self.run_after(later, &witness).await);
        }
        wrong
    }

    /// The run that follows one that was ended from outside, under the same rules.
    async fn run_after(&mut self, later: TimeDelta, earlier: &Witness) -> Vec<String> {
        self.pass(later);
        self.reopened(false).await;
        let before = self.before().await;
        // What it resumes with was true when it was read.
        let witness = if later < MAX_RESUME_AGE { earlier.clone() } else { self.emulator.read(Witness::of) };
        self.emulator.read(|world| witness.look(world));
        let ended = self.collected(self.now, None, false).await;
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
        let before = self.before().await;
        self.ledger.keep_until(before.seq);
        let witness = self.emulator.read(Witness::of);
        let ended = self.collected(self.now, None, false).await;
        self.judged(&before, ended, &witness, None).await
    }

    /// Without distortions, the next run is complete and says exactly what is there.
    async fn play_truthful_day(&mut self) {
        self.pass(TimeDelta::days(1));
        self.reopened(false).await;
        // Without it, what went since another administrator collected would be carried.
        self.accepts = Some("ann");
        self.lie(DAYS);
        let (before, witness) = (self.before().await, self.emulator.read(Witness::of));
        self.hides_new = self.server != Server::Honest;
        let wrong = match self.collected(self.now, None, false).await {
            Ended::Sealed(last) if last.is_complete() => {
                let differ = differences(&self.emulator.read(truth), &without_made_up(self.latest().await));
                differ.into_iter().chain(self.sealed(&before, &last, &witness).await).collect()
            }
            Ended::Sealed(last) => {
                let coverage = self.store().coverage(self.contract, last.seq).await.unwrap();
                coverage.gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect::<Vec<_>>()
            }
            Ended::Failed(failure) => vec![failure.to_string()],
            Ended::Killed => vec!["killed".to_owned()],
            Ended::Hung(why) => vec![why],
        };
        self.history.wrong.extend(wrong.into_iter().take(6).map(|wrong| format!("truthful day: {wrong}")));
    }
}
