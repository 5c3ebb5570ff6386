//! What the driver is asked to do.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the whole program against its budgets and against what people use instead, and prints one table.
#[expect(clippy::struct_excessive_bools, reason = "every one is a flag of the command line")]
#[derive(Clone, Debug, Parser)]
#[command(name = "whole")]
pub(crate) struct Args {
    /// How large the contract is; the budgets are for L
    #[arg(long, value_enum, default_value_t, ignore_case = true)]
    pub(crate) size: Size,
    /// Everything once at the smallest size, to see that nothing is broken
    #[arg(long)]
    pub(crate) smoke: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    pub(crate) only: Vec<Part>,
    /// Days of the history
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(3..=3_650))]
    pub(crate) days: Option<u32>,
    /// A Python with the vendor's SDK; without it, one is made below the target folder
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<PathBuf>,
    /// Without the walks of others, which take minutes at size L
    #[arg(long)]
    pub(crate) alone: bool,
    /// Measures how cost grows with the contract, up to so many users, and draws docs/performance-growth.svg
    #[arg(long, value_name = "USERS", num_args = 0..=1, default_missing_value = "100000")]
    pub(crate) growth: Option<usize>,
    /// Serves the contract until standard input closes, to look at one command with other instruments
    #[arg(long)]
    pub(crate) serve: bool,
    /// Walks a contract without a store: what a collection costs before there is anything to keep
    #[arg(long, hide = true, value_name = "URL")]
    pub(crate) walk: Option<String>,
    /// What `cargo bench` passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// How large the contract is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    /// 60 users
    Xs,
    /// 1,000 users, 50 groups
    #[default]
    S,
    /// 10,000 users, 500 groups
    L,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// `keyholder --help`
    Help,
    /// Collections without latency, and the walks of others
    Collect,
    /// Collections at 20 and 80 ms
    Latency,
    /// Collections through faults and through a rate limit
    Faults,
    /// Days of a history, diffs, past states
    Days,
    /// The access review
    Review,
    /// A million memberships; only when asked for
    Million,
}

impl Part {
    /// The beginnings of the names of its budgets.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Help => &["help"],
            Self::Collect => &["collect"],
            Self::Latency => &["latency"],
            Self::Faults => &["faults"],
            Self::Days => &["days", "diff", "past"],
            Self::Review => &["review"],
            Self::Million => &["million"],
        }
    }
}

impl Args {
    pub(crate) fn users(&self) -> usize {
        match self.size {
            _ if self.smoke => 60,
            Size::Xs => 60,
            Size::S => 1_000,
            Size::L => 10_000,
        }
    }

    /// Days of the history: a year, a month of the small one, a few for a smoke.
    pub(crate) fn history(&self) -> u32 {
        self.days.unwrap_or(if self.smoke { 5 } else { 366 })
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        if self.only.is_empty() { part != Part::Million } else { self.only.contains(&part) }
    }

    /// Whether the budgets are for what is measured.
    pub(crate) fn judged(&self) -> bool {
        self.size == Size::L && !self.smoke
    }
}
