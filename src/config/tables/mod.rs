//! Arrays of tables: contracts, jobs, sinks and routes.
//!
//! The keys of an element are declared in rows like the scalar keys. An element is read into a structure of those rows,
//! then turned into the type that the program uses, in which a kind has exactly what belongs to it. Every problem of every
//! element is reported at once.

mod contract;
mod job;
mod names;
mod route;
mod sink;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

pub use contract::{COLLECT_JOB, ContractConfig, ContractCredentials};
pub use job::{ContractSet, JobConfig, JobWork};
pub use names::known_classes;
pub use route::RouteConfig;
pub use sink::{MailLogin, SecretSource, SinkConfig, SinkTarget, TargetSource};

use super::keys::{Key, Shown, Spec};
use super::problem::{Origin, Problems};
use super::sections::Config;
use super::value::Given;
use contract::ContractRow;
use job::JobRow;
use names::Known;
use route::RouteRow;
use sink::SinkRow;

/// A structure whose rows are the keys of one element of an array of tables.
pub(super) trait Table: Clone + Default + 'static {
    /// The name in double brackets.
    const NAME: &'static str;
    /// What an element is.
    const PURPOSE: &'static str;

    /// Its keys, in the order of `config/default.toml`.
    fn keys() -> &'static [Key<Self>];
}

/// An array of tables without its values.
#[derive(Debug)]
pub struct TableSpec {
    /// The name in double brackets.
    pub name: &'static str,
    /// What an element is.
    pub purpose: &'static str,
    /// The keys of an element.
    pub keys: Vec<&'static Spec>,
    /// The defaults of an element, by name of the key.
    pub defaults: BTreeMap<&'static str, Shown>,
    /// Where a secret belongs instead of into this table.
    pub(super) secrets: &'static str,
}

impl TableSpec {
    fn of<T: Table>(secrets: &'static str) -> Self {
        let keys = T::keys();
        let row = T::default();
        let defaults = keys.iter().filter_map(|key| Some((key.spec.name(), key.shown(&row)?)));
        Self {
            name: T::NAME,
            purpose: T::PURPOSE.trim_ascii(),
            keys: keys.iter().map(|key| &key.spec).collect(),
            defaults: defaults.collect(),
            secrets,
        }
    }
}

/// Every array of tables, in the order of `config/default.toml`.
pub static TABLES: LazyLock<[TableSpec; 4]> = LazyLock::new(|| {
    [
        TableSpec::of::<ContractRow>(
            "put it into a file of mode 0600 and name that in token_file or password_file, or use credential",
        ),
        TableSpec::of::<JobRow>("a job needs none"),
        TableSpec::of::<SinkRow>(
            "put it into a file of mode 0600 and name that in url_file, key_files or password_file, or name an environment \
             variable in url_env, key_env or password_env",
        ),
        TableSpec::of::<RouteRow>("a route needs none"),
    ]
});

/// The elements as they were given, for showing and hashing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    contracts: Vec<ContractRow>,
    jobs: Vec<JobRow>,
    sinks: Vec<SinkRow>,
    routes: Vec<RouteRow>,
}

/// The values of an element by their keys; `None` for one that is not set.
pub type ShownRow = Vec<(&'static Spec, Option<Shown>)>;

impl Rows {
    /// The profiles that contracts name, with the place of the contract.
    pub(super) fn profiles(&self) -> Vec<(usize, String)> {
        let profiles = self.contracts.iter().enumerate();
        profiles.filter_map(|(index, row)| Some((index, row.profile.clone()?))).collect()
    }
}

impl Config {
    /// Every array of tables by its name, with its elements in the order of the file.
    pub fn tables(&self) -> [(&'static str, Vec<ShownRow>); 4] {
        let Rows { contracts, jobs, sinks, routes } = &self.rows;
        [shown(contracts), shown(jobs), shown(sinks), shown(routes)]
    }
}

fn shown<T: Table>(rows: &[T]) -> (&'static str, Vec<ShownRow>) {
    let row = |row: &T| T::keys().iter().map(|key| (&key.spec, key.shown(row))).collect();
    (T::NAME, rows.iter().map(row).collect())
}

/// An element as it stands in a file: where it begins, and its values with their places.
#[derive(Debug)]
pub(super) struct RawElement {
    pub(super) table: &'static str,
    pub(super) header: Origin,
    pub(super) values: Vec<(&'static Spec, Given, Origin)>,
}

/// Everything that the arrays of tables amount to.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) contracts: Vec<ContractConfig>,
    pub(super) jobs: Vec<JobConfig>,
    pub(super) sinks: Vec<SinkConfig>,
    pub(super) routes: Vec<RouteConfig>,
    pub(super) rows: Rows,
}

/// Where values come from, by path: `api.url`, `contract[0]` for an element, `contract[0].zone` for its key.
pub(super) type Origins = BTreeMap<String, Origin>;

/// Reads the elements of a file. Relative paths are meant from `folder`.
pub(super) fn build(elements: &[RawElement], folder: &Path, origins: &mut Origins, problems: &mut Problems) -> Built {
    let mut reader = Reader { elements, folder, origins, problems };
    let rows = Rows { contracts: reader.rows(), jobs: reader.rows(), sinks: reader.rows(), routes: reader.rows() };
    let mut checker = Checker { origins, problems };
    let contracts = checker.each(&rows.contracts, |element, row| contract::build(row, element));
    let contract_names = rows.contracts.iter().map(|row| row.name.as_ref());
    let sink_names = rows.sinks.iter().map(|row| row.name.as_ref());
    let numbered = rows.contracts.iter().filter(|row| row.number.is_some()).map(|row| row.name.as_ref());
    let known = Known {
        contracts: names::of(contract_names.clone()),
        numbered: names::of(numbered),
        sinks: names::of(sink_names.clone()),
    };
    let sinks = checker.each(&rows.sinks, |element, row| sink::build(row, element));
    let jobs = checker.each(&rows.jobs, |element, row| job::build(row, &known, element));
    let routes = checker.each(&rows.routes, |element, row| route::build(row, &known, element));
    checker.unique::<ContractRow, _>("name", contract_names);
    checker.unique::<ContractRow, _>("number", rows.contracts.iter().map(|row| row.number));
    checker.unique::<SinkRow, _>("name", sink_names);
    checker.unique::<JobRow, _>("name", rows.jobs.iter().map(|row| row.name.as_ref()));
    Built { contracts, jobs, sinks, routes, rows }
}

struct Reader<'a> {
    elements: &'a [RawElement],
    folder: &'a Path,
    origins: &'a mut Origins,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn rows<T: Table>(&mut self) -> Vec<T> {
        let elements = self.elements.iter().filter(|element| element.table == T::NAME);
        let mut rows = Vec::new();
        for (index, element) in elements.enumerate() {
            let path = format!("{}[{index}]", T::NAME);
            let mut row = T::default();
            for (spec, given, origin) in &element.values {
                let Some(key) = T::keys().iter().find(|key| key.spec.path == spec.path) else { continue };
                if let Err(message) = (key.set)(&mut row, given, self.folder) {
                    self.problems.add(origin, spec.path, message);
                }
                self.origins.insert(format!("{path}.{}", spec.name()), origin.clone());
            }
            self.origins.insert(path, element.header.clone());
            rows.push(row);
        }
        rows
    }
}

struct Checker<'a> {
    origins: &'a Origins,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    /// Turns each row into what it amounts to; those with a problem are left out, and the problem is noted.
    fn each<T: Table, U>(&mut self, rows: &[T], build: impl Fn(&mut Element<'_>, &T) -> Option<U>) -> Vec<U> {
        let mut values = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let path = format!("{}[{index}]", T::NAME);
            let mut element = Element { table: T::NAME, path, origins: self.origins, problems: self.problems };
            values.extend(build(&mut element, row));
        }
        values
    }

    /// Notes every value of a key that an earlier element has as well.
    fn unique<T: Table, V: PartialEq + std::fmt::Display>(
        &mut self,
        key: &str,
        values: impl Iterator<Item = Option<V>>,
    ) {
        let values: Vec<_> = values.collect();
        for (index, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            let Some(first) = values[..index].iter().position(|other| other.as_ref() == Some(value)) else { continue };
            let origin = |index: usize| self.origins[&format!("{}[{index}].{key}", T::NAME)].clone();
            let message = format!("must be unique: {value} is the {key} of another {} ({})", T::NAME, origin(first));
            self.problems.add(&origin(index), &format!("{}.{key}", T::NAME), message);
        }
    }
}

/// One element while it is checked.
struct Element<'a> {
    table: &'static str,
    path: String,
    origins: &'a Origins,
    problems: &'a mut Problems,
}

impl Element<'_> {
    /// Whether a key stands in the element, rightly or wrongly.
    fn is_given(&self, key: &str) -> bool {
        self.origins.contains_key(&format!("{}.{key}", self.path))
    }

    /// Notes a problem of a key, at its line, or at that of the element if it is not there.
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let place = self.origins.get(&format!("{}.{key}", self.path)).or_else(|| self.origins.get(&self.path));
        self.problems.add(place.unwrap_or(&Origin::Default), &format!("{}.{key}", self.table), message);
    }

    /// The value of a key that has to be there. A value that was refused has its problem already.
    fn required<V: Clone>(&mut self, key: &str, value: Option<&V>) -> Option<V> {
        if value.is_none() && !self.is_given(key) {
            self.problem(key, "must be set");
        }
        value.cloned()
    }

    /// The one key that is given of several, of which one must be.
    fn one_of(&mut self, keys: &[&'static str]) -> Option<&'static str> {
        let given = self.at_most_one_of(keys);
        if given.is_none() {
            self.problem(keys[0], format!("must be set, or instead of it {}", keys[1..].join(" or ")));
        }
        given
    }

    /// The one key that is given of several that exclude each other.
    fn at_most_one_of(&mut self, keys: &[&'static str]) -> Option<&'static str> {
        let given: Vec<_> = keys.iter().copied().filter(|key| self.is_given(key)).collect();
        for other in given.iter().skip(1) {
            self.problem(other, format!("must not be set beside {}", given[0]));
        }
        given.first().copied()
    }

    /// Notes every given key that belongs to other kinds. `kinds_of` names the kinds that a key belongs to; none for a key
    /// of all.
    fn only_of_kind(&mut self, kind: &str, kinds_of: &[(&'static str, &[&'static str])]) {
        for (key, kinds) in kinds_of {
            if self.is_given(key) && !kinds.contains(&kind) {
                self.problem(key, format!("must not be set for kind {kind}; it belongs to {}", kinds.join(", ")));
            }
        }
    }
}
