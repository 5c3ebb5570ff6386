//! Violations that are planted into what sealed snapshots said: each must be found, and without it nothing.

use keyholder::domain::alert::{AlertClass, AlertId, Event};
use keyholder::domain::change::{Class, Meaning};
use keyholder::domain::id::Seq;
use keyholder::domain::severity::Severity;
use keyholder::exit::Exit;

use super::expected::Line;
use super::history::Server;
use super::observation::Observation;
use super::play_all;

/// Plants a violation, where there is what it takes.
type Plant = fn(&mut Observation) -> Option<()>;

/// Expects that the oracle finds that wrong in all of the snapshots in which it is planted, and that it is planted at all.
#[track_caller]
fn check(observations: &[Observation], name: &str, plant: Plant, word: &str) {
    let mut planted = 0;
    for observation in observations {
        let mut other = observation.clone();
        let Some(()) = plant(&mut other) else { continue };
        planted += 1;
        let wrong = other.judge();
        assert!(wrong.iter().any(|line| line.contains(word)), "{name} in snapshot {}: {wrong:?}", observation.seq.0);
    }
    assert!(planted > 0, "{name} was never planted");
}

const PLANTS: &[(&str, Plant, &str)] = &[
    ("a change is lost", lost, "change missing"),
    ("a change is reported twice", twice, "change 2 times instead of 1"),
    ("a change is made up", made_up, "change that is none"),
    ("a change has another class", reclassed, "change missing"),
    ("a change is dated too early", too_early, "wrong beginning"),
    ("a change is dated at another snapshot", too_late, "wrong end"),
    ("a new share weighs nothing", |one| lowered(one, Class::ShareAdded), "wrong severity"),
    ("a new key weighs nothing", |one| lowered(one, Class::KeyAdded), "wrong severity"),
    ("a new administrator weighs nothing", |one| lowered(one, Class::AdministratorGained), "wrong severity"),
    ("another address weighs nothing", |one| lowered(one, Class::SignInAddressChanged), "wrong severity"),
    ("a difference is lost", difference_lost, "difference missing"),
    ("a difference is made up", difference_made_up, "difference that is none"),
    ("an alert is lost", alert_lost, "alert missing"),
    ("an alert is raised twice", alert_twice, "alert 2 times instead of 1"),
    ("an alert is about nothing", alert_made_up, "alert that is none"),
    ("a gap is not alerted", |one| event_lost(one, Event::RunPartial), "alerts of RunPartial"),
    ("a baseline is not alerted", |one| event_lost(one, Event::BaselineEstablished), "alerts of BaselineEstablished"),
    ("an event has no reason", event_made_up, "alert without a reason"),
    ("an incomplete snapshot ends with 0", |one| ends(one, Exit::Incomplete, Exit::Done), "exit code 0 with"),
    ("a complete snapshot ends with 9", |one| ends(one, Exit::Done, Exit::Incomplete), "no gap says why"),
    ("a sealed snapshot ends with 5", |one| ends(one, Exit::Done, Exit::Unreachable), "sealed, with exit code 5"),
];

/// The place of a line that the oracle has an opinion about.
fn judged(one: &Observation) -> Option<usize> {
    one.log.iter().position(|line| Line::of_meaning(line).is_some() && line.class != Class::Other)
}

fn lost(one: &mut Observation) -> Option<()> {
    let at = judged(one)?;
    one.log.remove(at);
    Some(())
}

fn twice(one: &mut Observation) -> Option<()> {
    let line = one.log[judged(one)?].clone();
    one.log.push(line);
    Some(())
}

fn reclassed(one: &mut Observation) -> Option<()> {
    let at = judged(one)?;
    one.log[at].class = Class::Other;
    Some(())
}

fn too_late(one: &mut Observation) -> Option<()> {
    let at = judged(one)?;
    one.log[at].to = Seq(99);
    Some(())
}

fn difference_lost(one: &mut Observation) -> Option<()> {
    let net = &mut one.net.as_mut()?.1;
    let at = net.iter().position(|line| Line::of_meaning(line).is_some())?;
    net.remove(at);
    Some(())
}

/// Whether a line that the oracle has an opinion about is one of a whole fact.
fn is_of_a_whole_fact(line: &Meaning) -> bool {
    line.field.is_empty() && Line::of_meaning(line).is_some()
}

/// A line of the log about something that is not there.
fn made_up(one: &mut Observation) -> Option<()> {
    let mut line = one.log.iter().find(|line| is_of_a_whole_fact(line))?.clone();
    line.key.subject = "made-up".into();
    one.log.push(line);
    Some(())
}

fn too_early(one: &mut Observation) -> Option<()> {
    let mut lines = one.log.iter_mut().filter(|line| Line::of_meaning(line).is_some());
    let line = lines.find(|line| line.class != Class::FirstSeen && line.from > Seq(1) && !line.before.is_empty())?;
    line.from = Seq(line.from.0 - 1);
    Some(())
}

fn lowered(one: &mut Observation, class: Class) -> Option<()> {
    one.log.iter_mut().find(|line| line.class == class)?.severity = Severity::Info;
    Some(())
}

fn difference_made_up(one: &mut Observation) -> Option<()> {
    let net = &mut one.net.as_mut()?.1;
    let mut line = net.iter().find(|line| is_of_a_whole_fact(line))?.clone();
    line.key.subject = "made-up".into();
    net.push(line);
    Some(())
}

fn alert_lost(one: &mut Observation) -> Option<()> {
    let at = one.alerts.iter().position(|alert| alert.fact.is_some())?;
    one.alerts.remove(at);
    Some(())
}

fn alert_twice(one: &mut Observation) -> Option<()> {
    let mut again = one.alerts.iter().find(|alert| alert.fact.is_some())?.clone();
    again.id = AlertId([7; 32]);
    one.alerts.push(again);
    Some(())
}

fn alert_made_up(one: &mut Observation) -> Option<()> {
    let mut other = one.alerts.iter().find(|alert| alert.fact.is_some())?.clone();
    "made-up".clone_into(&mut other.attribute);
    one.alerts.push(other);
    Some(())
}

fn event_lost(one: &mut Observation, event: Event) -> Option<()> {
    let at = one.alerts.iter().position(|alert| alert.class == AlertClass::Event(event))?;
    one.alerts.remove(at);
    Some(())
}

fn event_made_up(one: &mut Observation) -> Option<()> {
    let mut other = one.alerts.first()?.clone();
    other.class = AlertClass::Event(Event::CollectionOverdue);
    one.alerts.push(other);
    Some(())
}

fn ends(one: &mut Observation, really: Exit, planted: Exit) -> Option<()> {
    if one.exit != really {
        return None;
    }
    one.exit = planted;
    Some(())
}

/// Histories whose snapshots are enough for every violation.
const SEEDS: std::ops::Range<u64> = 1..11;

#[test]
fn planted_violations_of_what_a_snapshot_says_are_found() {
    let histories = play_all(SEEDS, Server::Honest, true);
    let observations: Vec<Observation> = histories.into_iter().flat_map(|history| history.observations).collect();
    for observation in &observations {
        assert_eq!(observation.judge(), [""; 0], "snapshot {}", observation.seq.0);
    }
    for (name, plant, word) in PLANTS {
        check(&observations, name, *plant, word);
    }
}
