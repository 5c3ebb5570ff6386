//! What a notice says in words.

use std::fmt;

use super::{Notice, UnknownCount};

impl fmt::Display for UnknownCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.attribute, self.kind.counted(self.count))?;
        match self.never_known {
            0 => Ok(()),
            all if all == self.count => f.write_str(" (never known)"),
            some => write!(f, " ({some} never known)"),
        }
    }
}

/// One sentence, without the scope's name.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MassRemoval { .. }
            | Self::SuspiciousAnswer { .. }
            | Self::MassRemovalAcross { .. }
            | Self::SuspiciousAcross { .. } => self.write_loss(f),
            Self::Repeated { kind, count } => write!(
                f,
                "{count} listed more than once with different content under {kind}; what differs counts as not reported"
            ),
            Self::OddItems { kind, count, names } => write!(
                f,
                "{count} under {kind} have no attributes but their ids, also when they are read one by one: {}; they count as \
                 present, their attributes as not reported",
                listed(names, *count)
            ),
            Self::Dangling { kind, count } => {
                write!(f, "{count} references under {kind} to resources that are in no list")
            }
            Self::Unlisted { kind, count, names } => write!(
                f,
                "{count} are not in the list of {kind}, but are there when they are read one by one: {}; they count as present",
                listed(names, *count)
            ),
            Self::DanglingMembers { count, names } => write!(
                f,
                "{count} memberships refer to a user or group that is not found, and count as gone: {}",
                listed(names, *count)
            ),
            Self::LinksElsewhere { count } => write!(
                f,
                "{count} links to a next page of users name another server or path than the configured one, or cannot be \
                 read; none was followed, and the pages were requested from the configured address"
            ),
            Self::KeysNotListed { count } => {
                write!(f, "S3 keys of {count} users could not be listed; keys made earlier are not excluded")
            }
            Self::KeysCarried { count } => write!(
                f,
                "known S3 keys of {count} users can no longer be listed, because the privilege is missing; they are carried"
            ),
            Self::ImpossibleTimes { kind, count } => {
                write!(f, "{count} times under {kind} are impossible (in the future, or before 2000) and are not used")
            }
            Self::OwnerNotListed => f.write_str("no listed user has the address of the contract's owner"),
            Self::Resumed { requests } => {
                write!(
                    f,
                    "resumed an interrupted run; the answers to {requests} requests are from before the interruption"
                )
            }
            Self::ClockRegressed { milliseconds } => {
                write!(
                    f,
                    "the clock of this machine was {milliseconds} ms behind the end of an earlier run; times were moved forward"
                )
            }
            Self::ClockSkew { seconds } if *seconds < 0 => {
                write!(f, "the API's clock is {} s behind the clock of this machine", seconds.unsigned_abs())
            }
            Self::ClockSkew { seconds } => {
                write!(f, "the API's clock is {seconds} s ahead of the clock of this machine")
            }
            Self::AttributeUnknown { counts } => write_unknown(counts, f),
            Self::PrincipalChanged { change } => write!(f, "{change}"),
        }
    }
}

impl Notice {
    /// The sentence about a list that lost much at once.
    fn write_loss(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MassRemoval { before, vanished, asked: 0, .. } => {
                write!(f, "mass removal, confirmed: {vanished} of {before} are gone; the list was read twice")
            }
            Self::MassRemoval { before, vanished, asked, .. } => write!(
                f,
                "mass removal, confirmed: {vanished} of {before} are gone; {asked} of them were read one by one"
            ),
            Self::SuspiciousAnswer { before, vanished, asked, present, .. } => write!(
                f,
                "suspicious answer: {vanished} of {before} were missing; re-read{}: {present} are still there; nothing counts as \
                 removed",
                one_by_one(*asked)
            ),
            Self::MassRemovalAcross { kind, before, vanished, asked: 0 } => write!(
                f,
                "mass removal, confirmed: in many scopes, {vanished} of {before} are gone under {kind}; the lists were read twice"
            ),
            Self::MassRemovalAcross { kind, before, vanished, asked } => write!(
                f,
                "mass removal, confirmed: in many scopes, {vanished} of {before} are gone under {kind}; {asked} of them were \
                 read one by one"
            ),
            Self::SuspiciousAcross { kind, before, vanished, asked, present } => write!(
                f,
                "suspicious answers: in many scopes, {vanished} of {before} were missing under {kind}; re-read{}: {present} are \
                 still there; nothing counts as removed",
                one_by_one(*asked)
            ),
            _ => Ok(()),
        }
    }
}

/// What was not reported; nothing is carried where nothing was ever known.
fn write_unknown(counts: &[UnknownCount], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let carried = if counts.iter().all(|count| count.never_known == count.count) {
        ""
    } else {
        "the last known values are carried, and "
    };
    let listed = counts.iter().map(UnknownCount::to_string).collect::<Vec<_>>().join(", ");
    write!(f, "not reported: {listed}; {carried}only known values are compared")
}

/// How many of the missing were read by themselves, if any.
fn one_by_one(asked: u64) -> String {
    if asked == 0 { String::new() } else { format!(", {asked} of them one by one") }
}

/// Some names, and how many more there are.
fn listed(names: &[String], count: u64) -> String {
    match count.saturating_sub(names.len() as u64) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
