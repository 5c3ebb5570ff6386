//! Whose credentials collected a snapshot, as the certificate says it.

use serde::Serialize;

use crate::domain::principal::{Collector, PrincipalId, PrincipalStatus, Role};
use crate::domain::time::to_seconds;
use crate::report::input::View;

/// The collecting principal. Times are RFC 3339 in UTC to the second; what is not known is empty.
#[derive(Clone, Debug, Serialize)]
pub struct PrincipalRow {
    /// `accepted`, `held-back`, `unknown`, or `not-recorded` for a snapshot that was sealed before this was kept.
    pub standing: &'static str,
    /// `user`, `unlisted-address` (no known user has the address that collected), or `unknown`.
    pub identity: &'static str,
    /// The e-mail address of the user, or the id; empty if the principal is no known user.
    pub who: String,
    /// The id of the user.
    pub user_id: String,
    /// `owner`, `administrator`, `user`, or another word of the token; empty if it is not reported.
    pub role: String,
    /// The role of the last run that knew it, where this one does not.
    pub last_known_role: String,
    /// The contract that the token is for.
    pub token_contract: Option<u64>,
    /// When the token ends.
    pub expires_utc: String,
    /// How many things were not seen and did not end because of it.
    pub held_back: u64,
    /// Who accepted another principal than before, in this run.
    pub accepted_by: String,
    /// When.
    pub accepted_utc: String,
    /// What it means for the reader.
    pub meaning: String,
}

impl PrincipalRow {
    pub(super) fn of(view: &View) -> Self {
        let Some(collector) = &view.collector else { return Self::not_recorded() };
        let Collector { principal, standing, held_back, acceptance } = collector;
        let (identity, user) = match &principal.id {
            Some(PrincipalId::User(user)) => ("user", Some(user)),
            Some(PrincipalId::Unlisted { .. }) => ("unlisted-address", None),
            None => ("unknown", None),
        };
        Self {
            standing: standing.as_str(),
            identity,
            who: user.map(|user| view.state.user_label(user).to_owned()).unwrap_or_default(),
            user_id: user.map(ToString::to_string).unwrap_or_default(),
            role: principal.role.as_ref().map(Role::to_string).unwrap_or_default(),
            last_known_role: principal.last_known_role.as_ref().map(Role::to_string).unwrap_or_default(),
            token_contract: principal.contract.map(|number| number.0),
            expires_utc: principal.expires.map(to_seconds).unwrap_or_default(),
            held_back: *held_back,
            accepted_by: acceptance.as_ref().map(|acceptance| acceptance.by.clone()).unwrap_or_default(),
            accepted_utc: acceptance.as_ref().map(|acceptance| to_seconds(acceptance.at)).unwrap_or_default(),
            meaning: meaning(collector),
        }
    }

    fn not_recorded() -> Self {
        Self {
            standing: "not-recorded",
            identity: "unknown",
            who: String::new(),
            user_id: String::new(),
            role: String::new(),
            last_known_role: String::new(),
            token_contract: None,
            expires_utc: String::new(),
            held_back: 0,
            accepted_by: String::new(),
            accepted_utc: String::new(),
            meaning: "This snapshot was sealed before the collecting principal was kept.".to_owned(),
        }
    }
}

/// The role in words.
pub(super) fn role_text(role: &str, last_known: &str) -> String {
    match (role, last_known) {
        ("", "") => "not known".to_owned(),
        ("", last_known) => format!("not reported (last known: {last_known})"),
        (role, _) => role.to_owned(),
    }
}

fn meaning(collector: &Collector) -> String {
    let is_unknown = collector.principal.id.is_none();
    match collector.standing {
        PrincipalStatus::Accepted if collector.acceptance.is_some() => {
            "Another principal than before, accepted in this run: what it did not see counts as gone.".to_owned()
        }
        PrincipalStatus::Accepted => "What it did not see in a complete scope counts as gone.".to_owned(),
        PrincipalStatus::HeldBack => format!(
            "{}, which may see less: nothing ended, and {} known things that it did not see are carried on.",
            if is_unknown {
                "Not known to be the accepted principal"
            } else {
                "Another principal than the accepted one"
            },
            collector.held_back
        ),
        PrincipalStatus::Unknown => {
            "Neither the token nor the list of users names the principal, and none was accepted before: \
                              whether it saw as much as the one before is not known."
                .to_owned()
        }
    }
}
