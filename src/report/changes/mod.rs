//! The change report: what differs between two snapshots, what came and went in between, and who is said to have done it.

mod line;
mod section;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::line::{ChangeLine, Scene, change_id};
pub use self::section::{Changes, Consequence, Item, SeverityGroup};
use super::Document;
use super::context::Context;
use super::cover::{Cover, population_word};
use super::input::Input;
use super::population::Population;
use crate::domain::change::Meaning;

/// The change report, version 1.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeReport {
    /// `keyholder.changes.v1`.
    pub schema: &'static str,
    /// What stands above.
    pub cover: Cover,
    /// Whether there is an earlier snapshot to compare with.
    pub compared: bool,
    /// `COMPLETE` or `INCOMPLETE` for the earlier snapshot; empty without one.
    pub before_population: &'static str,
    /// What is different between the two snapshots.
    pub net: Changes,
    /// What came and went between the two, or happened more than once.
    pub in_between: Changes,
    /// How many changes of each class, in the order classes are documented; only classes that occur.
    pub by_class: Vec<ClassCount>,
    /// Who is said to have done how many, the most first.
    pub actors: Vec<ActorCount>,
    /// Changes for which the API names nobody.
    pub without_actor: usize,
    /// The population of the later snapshot.
    pub population: Population,
    /// The population of the earlier snapshot; none without one.
    pub population_before: Option<Population>,
}

/// How many changes of one class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassCount {
    /// The class's stable word.
    pub class: &'static str,
    /// The class in words.
    pub title: String,
    /// Changes between the two snapshots.
    pub net: usize,
    /// Changes that came and went in between.
    pub in_between: usize,
}

/// How many changes somebody is said to have made.
#[derive(Clone, Debug, Serialize)]
pub struct ActorCount {
    /// E-mail address, URN or id, as the API gives it.
    pub actor: String,
    /// How many.
    pub changes: usize,
    /// Of which high or critical.
    pub severe: usize,
    /// The properties that say so.
    pub sources: Vec<&'static str>,
}

impl Document for ChangeReport {
    const NAME: &'static str = "changes";
    const TITLE: &'static str = "Change report";
    const ABOUT: &'static str = "What changed between two snapshots, and what came and went in between.";
    const TEMPLATE: &'static str = "changes.html.j2";
    type Row<'a> = ChangeLine;

    fn build(input: &Input) -> Self {
        let comparison = input.comparison.as_ref();
        let (net, in_between) =
            comparison.map_or((&[][..], &[][..]), |comparison| (&comparison.net[..], &comparison.in_between[..]));
        let (actors, without_actor) = actors(net, in_between);
        let before = comparison.map(|comparison| &comparison.before);
        let context = |view| Context::of(view, &input.snapshots);
        let population_before = before.map(|view| Population::of(&context(view), None));
        Self {
            schema: "keyholder.changes.v1",
            cover: Cover::of::<Self>(input),
            compared: comparison.is_some(),
            before_population: population_before.as_ref().map_or("", |before| population_word(before.complete)),
            net: Changes::of(net, Scene::Net, input),
            in_between: Changes::of(in_between, Scene::InBetween, input),
            by_class: by_class(net, in_between),
            actors,
            without_actor,
            population: Population::of_current(&context(&input.current), input),
            population_before,
        }
    }

    fn rows(input: &Input) -> impl Iterator<Item = ChangeLine> + '_ {
        input.comparison.iter().flat_map(move |comparison| {
            let net = comparison.net.iter().map(|change| (change, Scene::Net));
            let in_between = comparison.in_between.iter().map(|change| (change, Scene::InBetween));
            net.chain(in_between).map(move |(change, scene)| ChangeLine::of(change, scene, input))
        })
    }

    fn cover(&self) -> &Cover {
        &self.cover
    }
}

fn by_class(net: &[Meaning], in_between: &[Meaning]) -> Vec<ClassCount> {
    crate::domain::change::Class::ALL
        .into_iter()
        .map(|class| {
            let count = |changes: &[Meaning]| changes.iter().filter(|change| change.class == class).count();
            ClassCount { class: class.as_str(), title: class.title(), net: count(net), in_between: count(in_between) }
        })
        .filter(|count| count.net + count.in_between > 0)
        .collect()
}

fn actors(net: &[Meaning], in_between: &[Meaning]) -> (Vec<ActorCount>, usize) {
    use crate::domain::severity::Severity;
    let mut counts: BTreeMap<&str, ActorCount> = BTreeMap::new();
    let mut nobody = 0;
    for change in net.iter().chain(in_between) {
        let Some(actor) = &change.actor else {
            nobody += 1;
            continue;
        };
        let count = counts.entry(&actor.who).or_insert_with(|| ActorCount {
            actor: actor.who.clone(),
            changes: 0,
            severe: 0,
            sources: Vec::new(),
        });
        count.changes += 1;
        count.severe += usize::from(change.severity >= Severity::High);
        count.sources.push(actor.source);
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    for count in &mut counts {
        count.sources.sort_unstable();
        count.sources.dedup();
    }
    counts.sort_by(|a, b| (b.changes, &a.actor).cmp(&(a.changes, &b.actor)));
    (counts, nobody)
}
