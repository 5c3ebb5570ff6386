//! What the API shows to these credentials, with eight small requests: those of a walk, once each. Where an answer leaves a
//! question that a walk would settle, one or two more.

use std::collections::BTreeSet;
use std::path::Path;

use super::check::Check;
use crate::api::Fault;
use crate::api::read::Client;
use crate::api::settings::Settings;
use crate::app::collect::{CollectFailure, Order};
use crate::app::preconditions::Precondition;
use crate::cli::{Failure, gaps};
use crate::collect::CollectError;
use crate::collect::plausibility::KEYS_KNOWN;
use crate::collect::preview::{Preview, Sample, preview};
use crate::domain::coverage::{Scope, ScopeKind, Status};
use crate::domain::id::{ContractNumber, UserId};
use crate::domain::state::Around;
use crate::exit::Exit;
use crate::seams::Seams;
use crate::store::{Access, Store, StoreError};

/// A clock that is further off than this is worth a warning: signatures and the order of events depend on it.
const MAX_UNNOTICED_SKEW_SECONDS: u64 = 30;

/// A check has to answer soon: one repetition distinguishes a hiccup from a fault.
const MAX_ATTEMPTS: u32 = 2;

/// Looks at the contract and at the beginning of every list that an audit needs.
pub(super) async fn examine(mut settings: Settings, database: Option<&Path>, seams: &Seams) -> Vec<Check> {
    let limits = Order::manual(seams.now(), &settings).limits;
    settings.attempts = settings.attempts.min(MAX_ATTEMPTS);
    let client = match Client::new(&settings, seams.clone()) {
        Ok(client) => client,
        Err(error) => return vec![Check::unmet(Precondition::Settings, &error.into())],
    };
    match preview(&client, seams, &limits).await {
        Ok(mut preview) => {
            settle_known_keys(&mut preview, database).await;
            seen(&preview, &client, &settings)
        }
        Err(error) => unseen(error, &client, &settings),
    }
}

fn seen(preview: &Preview, client: &Client, settings: &Settings) -> Vec<Check> {
    let mut checks = vec![reachable(preview, client), clock(preview.ahead), certificate(settings)];
    checks.push(Check::ok("contract", format!("accepted; contract {}", preview.contract)));
    checks.extend(preview.samples.iter().map(sample));
    checks.extend(limits(client, settings));
    checks
}

/// A list of keys that the API refuses is a gap for a user of whom the database knows keys.
async fn settle_known_keys(preview: &mut Preview, database: Option<&Path>) {
    for sample in preview.samples.iter_mut().filter(|sample| sample.status == Status::NotApplicable) {
        let (Scope::Keys(user), Some(database)) = (&sample.scope, database) else { continue };
        // What is wrong with the database is said where the database is looked at.
        if knows_keys(database, preview.contract, user).await.unwrap_or(false) {
            sample.status = Status::Failed(KEYS_KNOWN.to_owned());
        }
    }
}

/// Whether the newest snapshot of the contract has a key of that user.
async fn knows_keys(database: &Path, contract: ContractNumber, user: &UserId) -> Result<bool, StoreError> {
    let store = Store::open(database, Access::Read).await?;
    let known = async {
        let Some(latest) = store.snapshots(contract).await?.pop() else { return Ok(false) };
        let around = Around { keys_of: BTreeSet::from([user.clone()]), ..Around::default() };
        Ok(!store.state_around(contract, latest.seq, &around).await?.keys.is_empty())
    };
    let known = known.await;
    store.close().await;
    known
}

/// Why nothing can be collected, and what was seen all the same.
fn unseen(error: CollectError, client: &Client, settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    let unmet = precondition(&error);
    if !matches!(unmet, Precondition::Api | Precondition::Certificate) {
        checks.push(Check::ok("api", format!("{} answers", client.target())));
    }
    if error.fault().is_none_or(is_behind_tls) {
        checks.push(certificate(settings));
    }
    checks.push(Check::unmet(unmet, &Failure::Collect(CollectFailure::from(error))));
    checks
}

/// What an error is about.
fn precondition(error: &CollectError) -> Precondition {
    match (error, error.fault()) {
        (CollectError::ClocksDiffer { .. }, _) => Precondition::Clock,
        (_, Some(Fault::CertificateMismatch(_))) => Precondition::Certificate,
        (CollectError::NothingRead(_) | CollectError::NothingInTime, _) => Precondition::Lists,
        (_, None | Some(Fault::Unauthorised { .. } | Fault::Forbidden { .. } | Fault::Rejected { .. })) => {
            Precondition::Contract
        }
        _ => Precondition::Api,
    }
}

/// Whether a request came as far as an answer.
fn is_behind_tls(fault: &Fault) -> bool {
    !matches!(
        fault,
        Fault::Unreachable { .. }
            | Fault::Tls { .. }
            | Fault::NoTls
            | Fault::CertificateMismatch(_)
            | Fault::Timeout(_)
    )
}

fn reachable(preview: &Preview, client: &Client) -> Check {
    let effort = &preview.effort;
    let took = effort.first_at.zip(effort.last_at).map_or(0, |(first, last)| (last - first).num_milliseconds());
    let found = format!("{} answers, {took} ms", client.target());
    if effort.attempts > 1 {
        Check::warn("api", format!("{found}, {} attempts", effort.attempts)).hint("the first attempt failed; try again")
    } else {
        Check::ok("api", found)
    }
}

/// The difference to the server's clock, from its `Date`, which has whole seconds.
fn clock(ahead: Option<i64>) -> Check {
    let Some(ahead) = ahead else { return Check::skipped("clock", "the server does not show its time") };
    let off = ahead.unsigned_abs();
    let found = match ahead {
        -1..=1 => "as the server's".to_owned(),
        ..-1 => format!("{off} s ahead of the server's"),
        _ => format!("{off} s behind the server's"),
    };
    if off > MAX_UNNOTICED_SKEW_SECONDS {
        Check::warn("clock", found).hint("set the clock by NTP: reports and evidence carry its time")
    } else {
        Check::ok("clock", found)
    }
}

fn certificate(settings: &Settings) -> Check {
    match (settings.pin, settings.base.scheme()) {
        (None, "https") => Check::ok("certificate", "trusted; none is pinned"),
        (Some(_), "https") => Check::ok("certificate", "trusted, and the pinned one"),
        (None, _) => Check::skipped("certificate", "plain http to this machine"),
        (Some(_), _) => {
            Check::warn("certificate", "plain http to this machine: the pinned certificate is not looked at")
        }
    }
}

/// One scope of a kind. What cannot be read is a gap of every collection.
fn sample(sample: &Sample) -> Check {
    let Sample { scope, label, status, items, has_more } = sample;
    let name = name_of(scope.kind());
    if status.is_gap() {
        let found = format!("cannot be read: {}", gaps::line(scope, label.as_deref(), status));
        let check = Check::fail(name, Exit::Incomplete, found);
        return match status {
            Status::Forbidden => check.hint("use the credentials of the contract owner or of an administrator"),
            _ => check.hint("a collection now would be incomplete; try again later"),
        };
    }
    let of = label.as_ref().map(|label| format!(" of {label}, the first that is listed")).unwrap_or_default();
    if *status == Status::NotApplicable {
        return Check::ok(
            name,
            format!("not listed{of}: the user lacks the privilege; keys made earlier are not excluded"),
        );
    }
    if (scope, *items) == (&Scope::Users, 0) {
        let found = "the list is empty, although each contract has at least one user: its owner";
        return Check::fail(name, Exit::Incomplete, found)
            .hint("check whose credentials these are, and what stands between here and the API");
    }
    let more = if *has_more { " on the first page, and more" } else { "" };
    Check::ok(name, format!("{items}{of}{more}"))
}

fn name_of(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Owns => "owned",
        kind => kind.as_str(),
    }
}

/// What the server allows, against what the configuration would do.
fn limits(client: &Client, settings: &Settings) -> Option<Check> {
    let rate = client.rate()?;
    let show = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    let found =
        format!("{} requests a minute, {} at once, {} left", show(rate.limit), show(rate.burst), show(rate.remaining));
    let concurrency = u64::try_from(settings.concurrency).unwrap_or(u64::MAX);
    Some(match rate.burst {
        Some(burst) if concurrency > burst => {
            Check::warn("limits", format!("{found}; api.concurrency is {concurrency}"))
                .hint(format!("set api.concurrency to {burst} or less"))
        }
        _ => Check::ok("limits", found),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Outcome;

    #[track_caller]
    fn check(ahead: Option<i64>, outcome: Outcome, found: &str) {
        let seen = clock(ahead);
        assert_eq!((seen.outcome, seen.found.as_str()), (outcome, found));
    }

    #[test]
    fn the_clock_is_compared_with_the_servers() {
        check(Some(-1), Outcome::Ok, "as the server's");
        check(Some(-20), Outcome::Ok, "20 s ahead of the server's");
        check(Some(-31), Outcome::Warn, "31 s ahead of the server's");
        check(Some(599), Outcome::Warn, "599 s behind the server's");
        check(None, Outcome::Skipped, "the server does not show its time");
    }
}
