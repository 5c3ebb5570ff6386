//! The exit codes: a public promise to scripts, timers and pipelines.
//!
//! Nothing here decides which code an error gets; the command line does that, in one exhaustive match. A code is
//! never given another meaning.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::domain::severity::Severity;

/// How a command ended. The number is [`Exit::code`], the meaning [`Exit::meaning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// 0: it did what it was asked for.
    Done,
    /// 1: an error nobody planned for.
    Unexpected,
    /// 2: the command line does not make sense; the number is that of `clap`.
    Usage,
    /// 3: the configuration does not make sense, or no credentials are configured anywhere.
    Configuration,
    /// 4: the API knows the credentials and refuses them, or they may not read what is asked for.
    CredentialsRefused,
    /// 5: the API cannot be reached, or stopped answering for longer than the retries last.
    Unreachable,
    /// 6: the database cannot be opened, read or written, or does not fit.
    Store,
    /// 7: an alert could not be delivered and will not be tried again.
    Delivery,
    /// 8: evidence does not verify.
    Evidence,
    /// 9: done, but part of the population could not be seen, or nothing was collected yet.
    Incomplete,
    /// 10: the worst finding or change over the asked threshold is informational.
    FoundInfo,
    /// 11: the worst is low or medium.
    FoundModerate,
    /// 12: the worst is high.
    FoundHigh,
    /// 13: the worst is critical.
    FoundCritical,
    /// 14: an output could not be written.
    Output,
    /// 15: an alert has been waiting for its delivery for too long.
    Undelivered,
    /// 75: another run holds the lock, or another program the file; try again later (`EX_TEMPFAIL`).
    Locked,
    /// 130: stopped by SIGINT, as a shell counts it.
    Interrupted,
    /// 143: stopped by SIGTERM, as a shell counts it.
    Terminated,
}

/// Outcomes of several contracts, the worst first. A wrong contract behind the credentials is a matter of configuration.
const BY_WEIGHT: [Exit; 12] = [
    Exit::Unexpected,
    Exit::Store,
    Exit::Usage,
    Exit::Configuration,
    Exit::CredentialsRefused,
    Exit::Unreachable,
    Exit::Output,
    Exit::Delivery,
    Exit::Undelivered,
    Exit::Locked,
    Exit::Incomplete,
    Exit::Done,
];

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 19] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::Configuration,
        Self::CredentialsRefused,
        Self::Unreachable,
        Self::Store,
        Self::Delivery,
        Self::Evidence,
        Self::Incomplete,
        Self::FoundInfo,
        Self::FoundModerate,
        Self::FoundHigh,
        Self::FoundCritical,
        Self::Output,
        Self::Undelivered,
        Self::Locked,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What several outcomes come to: the one that most needs somebody.
    pub fn worst(outcomes: impl IntoIterator<Item = Self>) -> Self {
        // No outcome of a contract is missing in the list; one that is would count as an unexpected one.
        let rank = |exit: &Self| BY_WEIGHT.iter().position(|known| known == exit).unwrap_or(0);
        outcomes.into_iter().min_by_key(rank).unwrap_or(Self::Done)
    }

    /// The number the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::CredentialsRefused => 4,
            Self::Unreachable => 5,
            Self::Store => 6,
            Self::Delivery => 7,
            Self::Evidence => 8,
            Self::Incomplete => 9,
            Self::FoundInfo => 10,
            Self::FoundModerate => 11,
            Self::FoundHigh => 12,
            Self::FoundCritical => 13,
            Self::Output => 14,
            Self::Undelivered => 15,
            Self::Locked => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// What the number means, in the words of the documentation.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unexpected => "unexpected error",
            Self::Usage => "usage: the command line does not make sense",
            Self::Configuration => "configuration, or no credentials configured",
            Self::CredentialsRefused => "credentials refused",
            Self::Unreachable => "API unreachable",
            Self::Store => "store",
            Self::Delivery => "a delivery failed for good",
            Self::Evidence => "evidence does not verify",
            Self::Incomplete => {
                "done, but the population is incomplete, or older than its period, or nothing was collected yet"
            }
            Self::FoundInfo => "findings or changes, the worst informational (only with `--fail-on`)",
            Self::FoundModerate => "findings or changes, the worst low or medium (only with `--fail-on`)",
            Self::FoundHigh => "findings or changes, the worst high (only with `--fail-on`)",
            Self::FoundCritical => "findings or changes, the worst critical (only with `--fail-on`)",
            Self::Output => "an output could not be written",
            Self::Undelivered => "an alert has been waiting for its delivery for more than 2 h (only `status`)",
            Self::Locked => "another run holds the lock, or another program the file; try again later",
            Self::Interrupted => {
                "stopped by Ctrl-C (SIGINT); the next `collect` with the same credentials within 30 minutes resumes it"
            }
            Self::Terminated => {
                "stopped by SIGTERM; the next `collect` with the same credentials within 30 minutes resumes it"
            }
        }
    }

    /// The code for the worst finding or change that reached the asked threshold.
    pub fn found(worst: Severity) -> Self {
        match worst {
            Severity::Info => Self::FoundInfo,
            Severity::Low | Severity::Medium => Self::FoundModerate,
            Severity::High => Self::FoundHigh,
            Severity::Critical => Self::FoundCritical,
        }
    }

    /// The table of the documentation, as Markdown: `| code | meaning |`.
    pub fn table() -> String {
        let mut table = String::from("| code | meaning |\n| ---: | --- |\n");
        for exit in Self::ALL {
            writeln!(table, "| {} | {} |", exit.code(), exit.meaning()).expect("a String takes every write");
        }
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_of_several_contracts_counts() {
        let worst = |exits: &[Exit]| Exit::worst(exits.iter().copied()).code();
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[Exit::Done, Exit::Incomplete]), 9);
        assert_eq!(worst(&[Exit::Incomplete, Exit::CredentialsRefused, Exit::Done]), 4);
        assert_eq!(worst(&[Exit::Locked, Exit::Unreachable, Exit::Configuration]), 3);
        assert_eq!(worst(&[Exit::Store, Exit::Unexpected]), 1);
    }

    #[test]
    fn the_codes_are_the_promised_ones() {
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 75, 130, 143]);
    }

    #[test]
    fn a_process_ends_with_the_code() {
        for exit in Exit::ALL {
            assert_eq!(ExitCode::from(exit), ExitCode::from(exit.code()), "{exit:?}");
        }
    }

    #[test]
    fn worse_findings_give_higher_codes() {
        let codes = Severity::DESCENDING.map(|severity| Exit::found(severity).code());
        assert_eq!(codes, [13, 12, 11, 11, 10]);
    }

    #[test]
    fn the_table_has_one_line_for_each_code() {
        let table = Exit::table();
        assert_eq!(table.lines().count(), 2 + Exit::ALL.len());
        assert!(
            table.contains("\n| 75 | another run holds the lock, or another program the file; try again later |\n"),
            "{table}"
        );
    }
}
