//! What the API shows to these credentials, with six small requests.

use chrono::TimeDelta;

use super::check::{Check, causes};
use crate::api::answer::{Answer, Depth, Page, Receipt};
use crate::api::error::{Error, Fault};
use crate::api::read::Client;
use crate::api::settings::Settings;
use crate::api::wire::Collection;
use crate::api::wire::user::User;
use crate::app::collect::MAX_SKEW;
use crate::domain::id::UserId;
use crate::exit::Exit;

/// A clock that is further off than this is worth a warning: signatures and the order of events depend on it.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(30);

/// Asks for the service, the contract, and the beginning of every list that an audit needs. Stops where nothing more can
/// be learned.
pub(super) async fn examine(client: &Client, settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    match client.service().await {
        Ok(answer) => {
            let name = answer.value.name.as_deref().unwrap_or("a service without a name");
            let version = answer.value.version.as_deref().unwrap_or("");
            checks.push(reachable(settings, format!("{name} {version}").trim(), &answer.receipt));
            checks.push(clock(&answer.receipt));
        }
        // The name of the service is a nicety; a server that refuses to tell it was reached all the same.
        Err(error) if is_an_answer(&error) => {
            checks.push(Check::ok("api", format!("{} answers ({})", settings.base, error.fault)));
        }
        Err(error) => {
            let mismatch = matches!(error.fault, Fault::CertificateMismatch(_));
            checks.push(failed(if mismatch { "certificate" } else { "api" }, &error));
            return checks;
        }
    }
    checks.push(certificate(settings));
    match contracts(client, settings).await {
        Ok(check) => checks.push(check),
        Err(check) => {
            checks.push(check);
            return checks;
        }
    }
    checks.extend(lists(client).await);
    checks.extend(limits(client, settings));
    checks
}

fn reachable(settings: &Settings, name: &str, receipt: &Receipt) -> Check {
    let took = (receipt.answered_at - receipt.sent_at).num_milliseconds();
    let found = format!("{name} at {}, {took} ms", settings.base);
    if receipt.attempts > 1 {
        Check::warn("api", format!("{found}, {} attempts", receipt.attempts))
            .hint("the first attempt failed; try again")
    } else {
        Check::ok("api", found)
    }
}

/// The difference to the server's clock, from its `Date`, which has whole seconds and was written while we waited.
fn clock(receipt: &Receipt) -> Check {
    let Some(server) = receipt.server_date else { return Check::skipped("clock", "the server does not tell its time") };
    let ours = receipt.sent_at + (receipt.answered_at - receipt.sent_at) / 2;
    let skew = ours - server;
    let found = match skew.num_seconds() {
        -1..=1 => "as the server's".to_owned(),
        seconds if seconds > 0 => format!("{seconds} s ahead of the server's"),
        seconds => format!("{} s behind the server's", -seconds),
    };
    if skew.abs().to_std().is_ok_and(|skew| skew > MAX_SKEW) {
        Check::fail("clock", Exit::Configuration, found).hint("set the clock by NTP: `collect` seals nothing like this")
    } else if skew.abs() > MOST_SKEW {
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

/// The contracts; also tells whether the credentials are accepted. An error ends the examination.
async fn contracts(client: &Client, settings: &Settings) -> Result<Check, Check> {
    let answer = client.contracts().await.map_err(|error| failed("contract", &error))?;
    let numbers: Vec<u64> = answer
        .value
        .into_iter()
        .flatten()
        .filter_map(|contract| contract.properties.and_then(|properties| properties.contract_number))
        .collect();
    let listed: Vec<_> = numbers.iter().map(u64::to_string).collect();
    Ok(match (numbers.as_slice(), settings.contract_number) {
        ([], _) => {
            Check::warn("contract", "accepted, but no contract is shown").hint("use a token of the contract's owner")
        }
        (several, None) if several.len() > 1 => {
            Check::warn("contract", format!("accepted; several contracts: {}", listed.join(", ")))
                .hint("choose one with IONOS_CONTRACT_NUMBER or api.contract_number")
        }
        (seen, Some(asked)) if !seen.contains(&asked) => {
            Check::warn("contract", format!("accepted; asked for {asked}, seen is {}", listed.join(", ")))
                .hint("a token belongs to one contract; the number chooses one for resellers only")
        }
        _ => Check::ok("contract", format!("accepted; contract {}", listed.join(", "))),
    })
}

/// The lists of an audit, and the keys of one user.
async fn lists(client: &Client) -> Vec<Check> {
    let users = client.users(Page::FIRST, Depth::Zero).await;
    let first = users.as_ref().ok().and_then(first_user);
    let mut checks = vec![
        counted("users", users),
        counted("groups", client.groups(Depth::Zero).await),
        counted("resources", client.resources(Depth::Zero).await),
    ];
    checks.push(match first {
        Some(user) => counted("s3 keys", client.user_s3keys(&user, Depth::Zero).await),
        None => Check::skipped("s3 keys", "there is no user to ask for"),
    });
    checks
}

fn first_user(answer: &Answer<Collection<User>>) -> Option<UserId> {
    answer.value.items.iter().flatten().find_map(|user| user.id.clone()).map(UserId::from)
}

fn counted<T>(name: &'static str, answer: Result<Answer<Collection<T>>, Error>) -> Check {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return failed(name, &error),
    };
    let Some(items) = &answer.value.items else {
        return Check::warn(name, "the list came without its items").hint("these credentials may not see it in full");
    };
    let more = answer.value.links.and_then(|links| links.next).is_some();
    let whose = if name == "s3 keys" { " of the first user" } else { "" };
    Check::ok(name, format!("{}{}{whose}", items.len(), if more { " on the first page, and more" } else { "" }))
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

/// Whether the error is an answer of an API: it was reached.
fn is_an_answer(error: &Error) -> bool {
    matches!(
        error.fault,
        Fault::Unauthorised { .. } | Fault::Forbidden { .. } | Fault::NotFound | Fault::Rejected { .. }
    )
}

fn failed(name: &'static str, error: &Error) -> Check {
    let exit = match &error.fault {
        Fault::Unauthorised { .. } | Fault::Forbidden { .. } | Fault::Rejected { status: 402, .. } => {
            Exit::CredentialsRefused
        }
        _ => Exit::Unreachable,
    };
    Check::fail(name, exit, causes(error)).hint_if_any(error.hint())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::cli::doctor::Outcome;

    #[track_caller]
    fn check(ours: &str, server: Option<&str>, outcome: Outcome, found: &str) {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        let receipt = Receipt {
            attempts: 1,
            bytes: 0,
            sent_at: instant(ours),
            answered_at: instant(ours) + TimeDelta::milliseconds(400),
            server_date: server.map(instant),
            rate: None,
        };
        let seen = clock(&receipt);
        assert_eq!((seen.outcome, seen.found.as_str()), (outcome, found));
    }

    #[test]
    fn the_clock_is_compared_with_the_servers() {
        check("2026-11-23T12:00:00.9Z", Some("2026-11-23T12:00:00Z"), Outcome::Ok, "as the server's");
        check("2026-11-23T12:00:20Z", Some("2026-11-23T12:00:00Z"), Outcome::Ok, "20 s ahead of the server's");
        check("2026-11-23T12:00:31Z", Some("2026-11-23T12:00:00Z"), Outcome::Warn, "31 s ahead of the server's");
        check("2026-11-23T11:50:00Z", Some("2026-11-23T12:00:00Z"), Outcome::Warn, "599 s behind the server's");
        check("2026-11-23T12:00:00Z", None, Outcome::Skipped, "the server does not tell its time");
    }
}
