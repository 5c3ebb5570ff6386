//! The one table: what, budget, measured, ratio, reached or not.

use std::fmt::Write as _;

use crate::budget::{BUDGETS, Budget, Rule, Unit, named};
use crate::support::Outcome;

/// What became of a row.
#[derive(Clone, Debug)]
enum Cell {
    Measured { value: f64, computed: f64 },
    NotMeasured(String),
}

/// All rows, in the order of the budgets, and what the contenders agreed on.
#[derive(Debug, Default)]
pub(crate) struct Table {
    cells: Vec<(&'static Budget, Cell)>,
    agreed: Vec<String>,
}

impl Table {
    /// Notes a figure.
    pub(crate) fn put(&mut self, name: &str, value: f64) -> Outcome<()> {
        self.put_against(name, value, f64::NAN)
    }

    /// Notes a figure with the limit that was computed for it.
    pub(crate) fn put_against(&mut self, name: &str, value: f64, computed: f64) -> Outcome<()> {
        self.note(name, Cell::Measured { value, computed })
    }

    /// Notes why there is no figure.
    pub(crate) fn skip(&mut self, name: &str, why: &str) -> Outcome<()> {
        self.note(name, Cell::NotMeasured(why.to_owned()))
    }

    fn note(&mut self, name: &str, cell: Cell) -> Outcome<()> {
        let budget = named(name).ok_or_else(|| format!("there is no budget called {name}"))?;
        self.cells.push((budget, cell));
        Ok(())
    }

    /// Notes that somebody found the same facts as somebody else.
    pub(crate) fn agree(&mut self, what: String) {
        self.agreed.push(what);
    }

    /// Rows that nothing was measured for, among the parts that ran.
    pub(crate) fn missing(&self, parts: &[&str]) -> Vec<&'static str> {
        let ran = |budget: &&Budget| parts.iter().any(|part| budget.name.split('.').next() == Some(part));
        let measured = |budget: &Budget| self.cells.iter().any(|(of, _)| of.name == budget.name);
        BUDGETS.iter().filter(ran).filter(|budget| !measured(budget)).map(|budget| budget.name).collect()
    }

    /// The table as Markdown. Verdicts are given for the size that the budgets are for.
    pub(crate) fn markdown(&self, judged: bool) -> String {
        let mut text = "| what | budget | measured | ratio | |\n| --- | ---: | ---: | ---: | --- |\n".to_owned();
        for budget in BUDGETS {
            let Some((_, cell)) = self.cells.iter().find(|(of, _)| of.name == budget.name) else { continue };
            let (limit, measured, ratio, verdict) = match cell {
                Cell::NotMeasured(why) => (String::new(), "-".to_owned(), String::new(), why.clone()),
                Cell::Measured { value, computed } => words(budget, *value, *computed, judged),
            };
            _ = writeln!(text, "| {} | {limit} | {measured} | {ratio} | {verdict} |", budget.what);
        }
        text.push_str("\nEverybody found the same facts, compared one by one through a digest:\n");
        for what in &self.agreed {
            _ = write!(text, "\n* {what}");
        }
        text
    }
}

fn words(budget: &Budget, value: f64, computed: f64, judged: bool) -> (String, String, String, String) {
    let (sign, limit, reached) = match budget.rule {
        Rule::AtMost(limit) => ("≤", limit, value <= limit),
        Rule::AtLeast(limit) => ("≥", limit, value >= limit),
        Rule::AtMostComputed => ("≤", computed, value <= computed),
        #[expect(clippy::float_cmp, reason = "counts, which are whole")]
        Rule::Exactly => ("=", computed, value == computed),
        Rule::Shown => ("", f64::NAN, true),
    };
    let measured = figure(value, budget.unit);
    if budget.rule == Rule::Shown {
        return (String::new(), measured, String::new(), String::new());
    }
    let verdict = match (judged || budget.rule == Rule::Exactly, reached) {
        (false, _) => "",
        (true, true) => "reached",
        (true, false) => "**not reached**",
    };
    let ratio = if limit == 0.0 { String::new() } else { format!("{:.2}", value / limit) };
    (format!("{sign} {}", figure(limit, budget.unit)), measured, ratio, verdict.to_owned())
}

/// A figure with as many digits as mean something.
fn figure(value: f64, unit: Unit) -> String {
    let digits = match value.abs() {
        _ if unit == Unit::Count => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        0.0 => 0,
        _ => 5,
    };
    let word = match unit {
        Unit::Count => "",
        Unit::Seconds => " s",
        Unit::Milliseconds => " ms",
        Unit::Mebibytes => " MiB",
        Unit::Kibibytes => " KiB",
        Unit::Bytes => " B",
        Unit::Times => " ×",
        Unit::Percent => " %",
    };
    format!("{value:.digits$}{word}")
}
