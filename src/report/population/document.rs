//! The population report: the certificate of one snapshot by itself, for whoever has to judge what a review rests on.

use serde::Serialize;

use super::{Population, PopulationLine};
use crate::report::Document;
use crate::report::context::Context;
use crate::report::cover::Cover;
use crate::report::input::Input;

/// The population report, version 1.
#[derive(Clone, Debug, Serialize)]
pub struct PopulationReport {
    /// `keyholder.population.v1`.
    pub schema: &'static str,
    /// What stands above.
    pub cover: Cover,
    /// The certificate.
    pub population: Population,
}

impl Document for PopulationReport {
    const NAME: &'static str = "population";
    const TITLE: &'static str = "Population certificate";
    const ABOUT: &'static str =
        "What was asked and answered, what could not be seen, and what was odd about the answers.";
    const TEMPLATE: &'static str = "population-report.html.j2";
    type Row<'a> = PopulationLine;

    fn build(input: &Input) -> Self {
        Self { schema: "keyholder.population.v1", cover: Cover::of::<Self>(input), population: certificate(input) }
    }

    fn rows(input: &Input) -> impl Iterator<Item = PopulationLine> + '_ {
        PopulationLine::all(input, certificate(input)).into_iter()
    }

    fn cover(&self) -> &Cover {
        &self.cover
    }
}

fn certificate(input: &Input) -> Population {
    Population::of_current(&Context::of(&input.current, &input.snapshots), input)
}
