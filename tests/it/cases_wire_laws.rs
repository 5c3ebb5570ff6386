//! The law of kind B on the wire, over whole histories: whichever attribute of whichever object an answer leaves out, or says
//! null for where that is no value, in whichever run, no change is added, and none is hidden whose two ends are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use chrono::TimeDelta;
use emulator::faults::{Distortion, Effect};
use emulator::{Emulator, Rule, World};
use keyholder::api::Version;
use keyholder::api::read::Client;
use keyholder::app::collect::{Order, collect};
use keyholder::app::review::events;
use keyholder::domain::change::Class;
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::{ContractNumber, Seq};
use keyholder::seams::{Seams, SeededRandom, SetClock};
use keyholder::store::{Access, Store};
use proptest::prelude::*;
use serde_json::Value;

use crate::store_diff::runtime;
use crate::support::api::settings;
use crate::support::model::start;
use crate::support::private_folder;
use crate::support::truth::{relation, thing};

/// The scripted days on which the contract is collected.
const DAYS: [u32; 5] = [0, 6, 13, 20, 30];

/// The number of the last run.
const LAST: u32 = 5;

/// The attributes of the objects of a world, each with its place in an item.
type Attributes = Vec<(FactKey, String)>;

/// A change log, and the attributes by run.
type History = (BTreeSet<Line>, Vec<Attributes>);

/// A line of the change log; of a whole fact without the words that describe it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    from: u32,
    to: u32,
    key: FactKey,
    class: Class,
    field: String,
    before: String,
    after: String,
}

/// One attribute of one object that one run does not hear of.
#[derive(Clone, Debug)]
struct Silence {
    key: FactKey,
    /// Where the attribute stands in an item.
    at: String,
    run: u32,
    is_null: bool,
}

impl Silence {
    fn name(&self) -> &str {
        self.at.rsplit('.').next().unwrap_or(&self.at)
    }

    fn path(&self) -> String {
        let subject = &self.key.subject;
        match self.key.kind {
            Kind::Contract => "/contracts".to_owned(),
            Kind::User => "/um/users".to_owned(),
            Kind::Group => "/um/groups".to_owned(),
            Kind::Resource => "/um/resources".to_owned(),
            Kind::Share => format!("/um/groups/{subject}/shares"),
            Kind::Key => format!("/um/users/{subject}/s3keys"),
            Kind::Member | Kind::Own => unreachable!("they have no attributes"),
        }
    }

    fn distortion(&self) -> Distortion {
        let ids = vec![self.key.object.as_ref().unwrap_or(&self.key.subject).to_string()];
        let at = self.at.clone();
        match (self.key.kind, self.is_null) {
            (Kind::Contract, true) => Distortion::Set { at, value: Value::Null },
            (Kind::Contract, false) => Distortion::Remove { at },
            (_, true) => Distortion::Null { ids, at },
            (_, false) => Distortion::Omit { ids, at },
        }
    }
}

/// The silences of a run, each in its list; a list follows one rule.
fn rules(silences: &[Silence], run: u32) -> Vec<Rule> {
    let mut lists: BTreeMap<String, Vec<Distortion>> = BTreeMap::new();
    for silence in silences.iter().filter(|silence| silence.run == run) {
        lists.entry(silence.path()).or_default().push(silence.distortion());
    }
    let rule =
        |(path, all): (String, Vec<Distortion>)| Rule::on("GET", &path).effect(Effect::Distort(Distortion::All(all)));
    lists.into_iter().map(rule).collect()
}

/// Attributes whose null is a value.
const NULLABLE: [&str; 3] = ["lastLogin", "secAuthProtection", "s3CanonicalUserId"];

/// Where the attributes of an object stand.
fn places(world: &World, key: &FactKey) -> Vec<String> {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let made = ["metadata.createdDate", "metadata.createdBy", "metadata.lastModifiedBy", "metadata.lastModifiedDate"];
    match key.kind {
        Kind::Contract => of(&["properties.owner", "properties.status", "properties.regDomain"]),
        Kind::User => {
            let mut places = of(&made);
            let names = ["email", "firstname", "lastname", "administrator", "forceSecAuth", "secAuthActive", "active"];
            places.extend(names.iter().chain(&["s3CanonicalUserId"]).map(|name| format!("properties.{name}")));
            places.push("metadata.lastLogin".to_owned());
            places
        }
        Kind::Group => {
            let group = world.group(&key.subject);
            let privileges = group.into_iter().flat_map(|group| group.privileges.keys().cloned());
            privileges.chain(["name".to_owned()]).map(|name| format!("properties.{name}")).collect()
        }
        Kind::Resource => {
            let mut places = of(&made);
            places.extend(of(&["properties.name", "properties.secAuthProtection", "type"]));
            places
        }
        Kind::Share => of(&["properties.editPrivilege", "properties.sharePrivilege"]),
        Kind::Key => of(&["properties.active", "metadata.createdDate", "metadata.createdBy"]),
        Kind::Member | Kind::Own => Vec::new(),
    }
}

/// Every attribute of every object of a world.
fn attributes(world: &World) -> Attributes {
    let mut keys = vec![thing(Kind::Contract, &world.contract_number().to_string())];
    keys.extend(world.users().map(|user| thing(Kind::User, &user.id)));
    keys.extend(world.groups().map(|group| thing(Kind::Group, &group.id)));
    keys.extend(world.resources().map(|resource| thing(Kind::Resource, &resource.id)));
    keys.extend(world.groups().flat_map(|group| {
        world.shares(&group.id).map(|(id, _)| relation(Kind::Share, &group.id, id)).collect::<Vec<_>>()
    }));
    keys.extend(
        world.users().flat_map(|user| {
            world.keys(&user.id).map(|key| relation(Kind::Key, &user.id, &key.id)).collect::<Vec<_>>()
        }),
    );
    keys.into_iter().flat_map(|key| places(world, &key).into_iter().map(move |at| (key.clone(), at))).collect()
}

/// Collects on all days, each time in silence about what is drawn for the run; the change log, and the attributes by run.
async fn history(silences: &[Silence]) -> History {
    let builder = Emulator::builder().seed(11).users(24).memberships(25).shares(12).resources(8).keys(8);
    let emulator = builder.start().await.unwrap();
    let contract = ContractNumber(emulator.contract_number());
    let folder = private_folder();
    let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
    let settings = settings(&emulator, Version::V6);
    let mut known = Vec::new();
    for (run, day) in (1..).zip(DAYS) {
        let at = start() + TimeDelta::days(i64::from(day));
        emulator.advance_to_day(day);
        emulator.set_now(at);
        known.push(emulator.read(attributes));
        for rule in rules(silences, run) {
            emulator.fail(rule);
        }
        let seams = Seams::new(SetClock::at(at), SeededRandom::new(7));
        let client = Client::new(&settings, seams.clone()).unwrap();
        let order = Order { reread_after: Duration::ZERO, ..Order::manual(at, &settings) };
        let snapshot = collect(&store, &client, &seams, order, &|_| ()).await.unwrap();
        assert!(snapshot.is_complete(), "run {run} in silence about {silences:#?}");
        emulator.clear_faults();
    }
    let reported = events(&store, contract, Seq(0), Seq(LAST)).await.unwrap();
    let lines = reported.into_iter().map(|it| {
        let (before, after) = if it.field.is_empty() { (String::new(), String::new()) } else { (it.before, it.after) };
        Line { from: it.from.0, to: it.to.0, key: it.key, class: it.class, field: it.field, before, after }
    });
    (lines.collect(), known)
}

/// The history that nothing is left out of.
static TRUTH: LazyLock<History> = LazyLock::new(|| runtime().block_on(history(&[])));

/// Whether a fact came or went in the run of a silence or in the one after it: then one of the two ends is not known.
fn came_or_went(silence: &Silence) -> bool {
    let near = |line: &&Line| line.key == silence.key && (silence.run..=silence.run + 1).contains(&line.to);
    TRUTH.0.iter().filter(near).any(|line| line.field.is_empty())
}

/// The lines about an attribute that a silence leaves: what happened around it is one change between the runs that knew.
fn left(mut lines: BTreeSet<Line>, silence: &Silence) -> BTreeSet<Line> {
    let is_at = |line: &Line, run: u32| line.key == silence.key && line.field == silence.name() && line.to == run;
    let here = lines.iter().find(|line| is_at(line, silence.run)).cloned();
    let next = lines.iter().find(|line| is_at(line, silence.run + 1)).cloned();
    lines.retain(|line| !is_at(line, silence.run) && !is_at(line, silence.run + 1));
    let from = silence.run - 1;
    lines.extend(match (here, next) {
        (Some(here), None) if silence.run < LAST => Some(Line { from, to: silence.run + 1, ..here }),
        (None, Some(next)) => Some(Line { from, ..next }),
        (Some(here), Some(next)) if here.before != next.after => Some(Line { from, before: here.before, ..next }),
        _ => None,
    });
    lines
}

/// Whether a line says that something was seen for the first time after a silence in the first run, or in the first that
/// showed the object.
fn is_first_seen(line: &Line, silences: &[Silence]) -> bool {
    let is_about = |silence: &Silence| {
        let is_of = (&line.key, line.field.as_str(), line.to) == (&silence.key, silence.name(), silence.run + 1);
        is_of && (silence.run == 1 || came_or_went(silence))
    };
    matches!(line.class, Class::FirstSeen | Class::PrivilegeGained)
        && line.before.is_empty()
        && silences.iter().any(is_about)
}

/// Expects the change log of the truth but for what the silences leave.
fn check(silences: &[Silence]) {
    let (found, _) = runtime().block_on(history(silences));
    let (mut expected, mut found) = (TRUTH.0.clone(), found);
    found.retain(|line| !is_first_seen(line, silences));
    for silence in silences {
        if silence.run == 1 || came_or_went(silence) {
            // One end was never known: nothing but a first sight may be said of it, around that run.
            let is_near = |line: &Line| {
                line.key == silence.key
                    && line.field == silence.name()
                    && (silence.run..=silence.run + 1).contains(&line.to)
            };
            expected.retain(|line| !is_near(line));
            let ends = |line: &Line| line.after.is_empty() && line.class == Class::AdministratorLost;
            found.retain(|line| !(is_near(line) && ends(line)));
        } else {
            expected = left(expected, silence);
        }
    }
    let added: Vec<&Line> = found.difference(&expected).collect();
    let hidden: Vec<&Line> = expected.difference(&found).collect();
    assert!(
        added.is_empty() && hidden.is_empty(),
        "added {added:#?}\nhidden {hidden:#?}\nin silence about {silences:#?}"
    );
}

/// What is drawn for one silence: whether it is about something that changes, which of these, when, and how.
type Draw = (bool, prop::sample::Index, u32, bool);

/// A silence about anything, or about something that changes, in the run that shows it or in the one before.
fn silence((changes, index, run, is_null): Draw) -> Option<Silence> {
    let (lines, known) = &*TRUTH;
    let (key, at, run) = if changes {
        let lines: Vec<&Line> = lines.iter().filter(|line| !line.field.is_empty()).collect();
        let line = index.get(&lines);
        let run = if run % 2 == 0 { line.to } else { line.from };
        let of_run = known.get(run as usize - 1)?;
        let is_it = |(key, at): &&(FactKey, String)| *key == line.key && at.rsplit('.').next() == Some(&line.field);
        let (key, at) = of_run.iter().find(is_it)?;
        (key.clone(), at.clone(), run)
    } else {
        let (key, at) = index.get(&known[run as usize - 1]);
        (key.clone(), at.clone(), run)
    };
    let name = at.rsplit('.').next().unwrap_or_default();
    let is_null = is_null && !NULLABLE.contains(&name);
    Some(Silence { key, at, run, is_null })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn b_a_silence_on_the_wire_adds_no_change_and_hides_none(
        draws in prop::collection::vec(
            (any::<bool>(), any::<prop::sample::Index>(), 1..=LAST, any::<bool>()), 1..14),
    ) {
        let mut silences: Vec<Silence> = draws.into_iter().filter_map(silence).collect();
        silences.sort_by(|a, b| (&a.key, &a.at).cmp(&(&b.key, &b.at)));
        // What two silences about one attribute leave is another law: that of `cases_unknown_laws`.
        silences.dedup_by(|a, b| (&a.key, &a.at) == (&b.key, &b.at));
        check(&silences);
    }
}

#[test]
fn b_the_history_of_the_law_has_changes_of_attributes() {
    let changes = TRUTH.0.iter().filter(|line| !line.field.is_empty() && !line.before.is_empty()).count();
    assert!(changes >= 8, "{:#?}", TRUTH.0);
    assert!(TRUTH.1.len() == LAST as usize && TRUTH.1.iter().all(|attributes| attributes.len() > 300));
}
