//! How the figures come about: thresholds, rules and words, so that a reader can judge them and do them again.

use std::collections::BTreeSet;

use serde::Serialize;

use super::groups::reach_word;
use crate::domain::count::Count;
use crate::domain::fact::Kind;
use crate::domain::privilege::{KNOWN, known};
use crate::report::context::Context;

/// Days after its creation in which an account without any sign-in is not remarked on.
pub const NEVER_GRACE_DAYS: i64 = 30;
/// The ages in days at which an S3 key moves on to the next step.
pub const KEY_AGES: [i64; 3] = [90, 180, 365];

/// One rule of the report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// What is decided.
    pub what: &'static str,
    /// How.
    pub how: &'static str,
}

/// Every rule that decides what the report shows.
pub(super) const RULES: [Rule; 9] = [
    Rule {
        what: "Lines",
        how: "One line for each user and each thing that user can do: owning the contract, being administrator, a privilege, a shared resource, an owned resource, an S3 key, the account itself. Several paths to the same thing are one line that names them all.",
    },
    Rule {
        what: "Who is included",
        how: "Everybody: active and inactive users, administrators, the owner, service accounts. Nothing is left out.",
    },
    Rule {
        what: "Administrators and the owner",
        how: "They can do everything without any group. That is one line of its own; what they hold through groups besides is listed like everybody else's.",
    },
    Rule {
        what: "Shares",
        how: "A share without any flag lets members read. Where several groups share the same resource with a user, what they allow is added up.",
    },
    Rule {
        what: "Two-factor authentication",
        how: "A user counts as without it when the API says it is not set up, whether or not it is demanded. Where the API does not say, the user counts as unknown, never as protected.",
    },
    Rule {
        what: "Absence",
        how: "Something counts as gone only when the list it belongs to was read to its end. What a failed or refused list showed before is carried on and marked with the snapshot that last proved it.",
    },
    Rule {
        what: "New, widened, narrowed",
        how: "A line is new when the compared snapshot does not have it, widened when it allows more than it did there, narrowed when it allows less.",
    },
    Rule {
        what: "Privileged groups",
        how: "A group counts as privileged when it holds more than half of the known privileges or one that changes who may do what. A privilege that this version does not know counts as such until it is classified.",
    },
    Rule {
        what: "Owner of the contract",
        how: "The API marks nobody as owner; the user whose e-mail address is that of the contract's owner is taken to be the one. Where no user is known to have it, the address has a line of its own.",
    },
];

/// A threshold of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Threshold {
    /// What it decides.
    pub what: &'static str,
    /// In days.
    pub days: i64,
}

/// Every threshold of the report; the first is the configuration's, the others are the same for everybody.
pub(super) fn thresholds(dormant_days: i64) -> Vec<Threshold> {
    vec![
        Threshold { what: "an active user without a sign-in counts as dormant after", days: dormant_days },
        Threshold { what: "a new account may be without a sign-in for", days: NEVER_GRACE_DAYS },
        Threshold { what: "an S3 key is young up to", days: KEY_AGES[0] },
        Threshold { what: "an S3 key is due for renewal up to", days: KEY_AGES[1] },
        Threshold { what: "an S3 key is old beyond", days: KEY_AGES[2] },
    ]
}

/// One privilege in plain words.
#[derive(Clone, Debug, Serialize)]
pub struct Word {
    /// The API's name.
    pub name: String,
    /// `ordinary`, `sensitive`, `powerful` or `not classified`.
    pub reach: &'static str,
    /// What its holder can do.
    pub meaning: &'static str,
    /// How many groups of the contract give it; `None` if that was not read.
    pub groups: Option<u64>,
}

/// Every known privilege in the API's order, then those that only the contract has.
pub(super) fn glossary(context: &Context<'_>) -> Vec<Word> {
    let given = |name: &str| {
        let known = context.state.groups.values().filter(|group| group.privileges.get(name) == Some(&true)).count();
        let is_reported = context.state.unknown.never_known(Kind::Group, |attribute| attribute == name) == 0;
        Count::of(known as u64, is_reported && context.view.coverage.unread(Kind::Group).is_none()).value()
    };
    let strangers: BTreeSet<&str> = context
        .state
        .groups
        .values()
        .flat_map(|group| group.privileges.keys())
        .map(String::as_str)
        .filter(|name| known(name).is_none())
        .collect();
    let known = KNOWN.iter().map(|privilege| (privilege.name, privilege.meaning));
    let unknown =
        strangers.into_iter().map(|name| (name, "Newer than this program: rated powerful until it is classified."));
    known
        .chain(unknown)
        .map(|(name, meaning)| Word { name: name.to_owned(), reach: reach_word(name), meaning, groups: given(name) })
        .collect()
}
