//! Judges how the runs of a history ended, and makes what each sealed snapshot says available to the oracle.

use std::collections::{BTreeMap, BTreeSet};

use keyholder::app::collect::{CollectFailure, exit_of};
use keyholder::app::review::{events, understand};
use keyholder::domain::alert::{Alert, AlertClass, Event};
use keyholder::domain::coverage::{Coverage, Scope, Status};
use keyholder::domain::id::Seq;
use keyholder::domain::notice::Notice;
use keyholder::domain::snapshot::{RunState, Snapshot};
use keyholder::domain::state::State;
use keyholder::exit::Exit;

use super::kinds::Around;
use super::ledger::Sealed;
use super::observation::Observation;
use super::oracle::{Run, Witness, judge, stored};
use super::stage::{Ended, Stage};

/// At most so many violations of one run are printed.
const MAX_PRINTED: usize = 6;

impl Stage {
    /// The state before a run; what is in the outbox by then is not of this run.
    pub(super) async fn before(&mut self) -> State {
        self.alerted = self.alerts().await.into_iter().map(|alert| alert.id).collect();
        self.latest().await
    }

    /// Every alert in the outbox, oldest first.
    async fn alerts(&self) -> Vec<Alert> {
        let rows = self.store().delivery_rows(None, u32::MAX).await.unwrap();
        rows.into_iter().map(|row| row.alert).rev().collect()
    }

    async fn new_alerts(&self) -> Vec<Alert> {
        self.alerts().await.into_iter().filter(|alert| !self.alerted.contains(&alert.id)).collect()
    }

    /// Whatever must not be about the end of a run.
    pub(super) async fn judged(
        &mut self,
        before: &State,
        ended: Ended,
        witness: &Witness,
        end: Option<Around>,
    ) -> Vec<String> {
        let (ending, exit, wrong) = match ended {
            Ended::Hung(why) => return vec![why],
            Ended::Killed => ("killed".to_owned(), None, Vec::new()),
            Ended::Failed(failure) => {
                let exit = failure.exit();
                (format!("failed, exit {}", exit.code()), Some(exit), self.failed(before, &failure, end).await)
            }
            Ended::Sealed(snapshot) => {
                let wrong = self.sealed(before, &snapshot, witness).await;
                (snapshot.state.to_string(), Some(exit_of(&snapshot)), wrong)
            }
        };
        *self.history.endings.entry(ending).or_default() += 1;
        self.exit = self.exit.or(exit);
        wrong
    }

    /// A run that failed has sealed nothing and alerts no change.
    async fn failed(&self, before: &State, failure: &CollectFailure, end: Option<Around>) -> Vec<String> {
        let mut wrong: Vec<String> = unnamed(failure, end).into_iter().collect();
        let after = self.latest().await;
        wrong.extend((after.seq != before.seq).then(|| format!("failed, and sealed snapshot {}", after.seq.0)));
        let alerts = self.new_alerts().await;
        let is_of_the_run = |alert: &Alert| alert.class == AlertClass::Event(Event::RunFailed);
        let others = alerts.iter().filter(|alert| !is_of_the_run(alert));
        wrong.extend(others.map(|alert| format!("failed, and alerted {}", alert.class)));
        let allowed = usize::from(failure.exit() != Exit::Terminated);
        wrong.extend((alerts.len() > allowed).then(|| format!("failed, with {} alerts", alerts.len())));
        wrong
    }

    pub(super) async fn sealed(&mut self, before: &State, snapshot: &Snapshot, witness: &Witness) -> Vec<String> {
        for (sum, more) in self.history.changes.iter_mut().zip([snapshot.began, snapshot.ended, snapshot.changed]) {
            *sum += more;
        }
        let (store, seq, hides_new) = (self.store(), snapshot.seq, self.hides_new);
        let after = store.state(self.contract, seq).await.unwrap();
        let coverage = store.coverage(self.contract, seq).await.unwrap();
        let notices = store.notices(self.contract, seq).await.unwrap();
        let scopes = scopes_of(&after, &coverage);
        let mut wrong = judge(&Run { before, after: &after, scopes: &scopes, hides_new }, witness);
        let observation = self.observed(&after, &scopes, snapshot, notices, witness).await;
        let is_as_it_says = (snapshot.state == RunState::Complete) == (observation.exit == Exit::Done);
        wrong.extend((!is_as_it_says).then(|| format!("{}, exit code {}", snapshot.state, observation.exit.code())));
        let is_unnamed = after.unknown.iter().count() > before.unknown.iter().count() && observation.notices.is_empty();
        wrong.extend(is_unnamed.then(|| "attributes became unknown without a word".to_owned()));
        wrong.extend(observation.judge());
        self.holds_back = observation.notices.iter().any(|notice| matches!(notice, Notice::PrincipalChanged { .. }));
        self.ledger = observation.ledger.clone();
        self.history.observations.extend(self.keeps.then_some(observation));
        wrong.truncate(MAX_PRINTED);
        wrong
    }

    /// What a sealed snapshot says beside its state.
    async fn observed(
        &self,
        after: &State,
        scopes: &BTreeMap<Scope, Status>,
        snapshot: &Snapshot,
        notices: Vec<Notice>,
        witness: &Witness,
    ) -> Observation {
        let (store, contract, seq) = (self.store(), self.contract, snapshot.seq);
        let log = events(store, contract, Seq(seq.0 - 1), seq).await.unwrap();
        // Every earlier snapshot is compared with sooner or later.
        let earlier = Seq(1 + u32::try_from(self.history.seed % 1_000).unwrap() % seq.0);
        let mut net = None;
        if earlier < seq {
            let changes = store.net(contract, earlier, seq).await.unwrap();
            net = Some((earlier, understand(store, contract, &changes, earlier, seq).await.unwrap()));
        }
        let with = |wanted: fn(&Status) -> bool| -> BTreeSet<Scope> {
            scopes.iter().filter(|(_, status)| wanted(status)).map(|(scope, _)| scope.clone()).collect()
        };
        let mut ledger = self.ledger.clone();
        ledger.push(Sealed {
            seq,
            stored: stored(after),
            unknown: after.unknown.iter().map(|(key, attribute, _)| (key.clone(), attribute.to_owned())).collect(),
            complete: with(|status| *status == Status::Complete),
            gaps: with(Status::is_gap),
            real: witness.pictures(),
            hides_new: self.hides_new,
            changed: log.iter().map(|meaning| meaning.key.clone()).collect(),
        });
        Observation { ledger, seq, log, net, alerts: self.new_alerts().await, notices, exit: exit_of(snapshot) }
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
pub(super) fn without_made_up(mut state: State) -> State {
    for group in state.groups.values_mut() {
        group.value.privileges.remove("tomorrow");
    }
    state
}
