//! Whose credentials collected a snapshot, as the certificate says it.

use serde::Serialize;

use crate::domain::principal::{Collector, PrincipalId, Role, Standing};
use crate::domain::time::to_seconds;
use crate::report::input::View;

/// The collecting principal. Times are RFC 3339 in UTC to the second; what is not known is empty.
#[derive(Clone, Debug, Serialize)]
pub struct PrincipalRow {
    /// `accepted`, `held-back`, `unknown`, or `not-recorded` for a snapshot that was sealed before this was kept.
    pub standing: &'static str,
    /// The e-mail address of the user, or the id; empty if the principal is no listed user.
    pub who: String,
    /// The id of the user.
    pub user_id: String,
    /// `owner`, `administrator`, `user`, or another word of the token.
    pub role: String,
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
        let user = match &principal.id {
            Some(PrincipalId::User(user)) => Some(user),
            Some(PrincipalId::Unlisted { .. }) | None => None,
        };
        Self {
            standing: standing.as_str(),
            who: user.map(|user| view.state.user_label(user).to_owned()).unwrap_or_default(),
            user_id: user.map(ToString::to_string).unwrap_or_default(),
            role: principal.role.as_ref().map(Role::to_string).unwrap_or_default(),
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
            who: String::new(),
            user_id: String::new(),
            role: String::new(),
            token_contract: None,
            expires_utc: String::new(),
            held_back: 0,
            accepted_by: String::new(),
            accepted_utc: String::new(),
            meaning: "This snapshot was sealed before the collecting principal was kept.".to_owned(),
        }
    }
}

fn meaning(collector: &Collector) -> String {
    match collector.standing {
        Standing::Accepted if collector.acceptance.is_some() => {
            "Another principal than before, accepted in this run: what it did not see counts as gone.".to_owned()
        }
        Standing::Accepted => "What it did not see in a complete scope counts as gone.".to_owned(),
        Standing::HeldBack => format!(
            "Another principal than the accepted one, which may see less: nothing ended, and {} known things that it did not \
             see are carried on.",
            collector.held_back
        ),
        Standing::Unknown => {
            "Neither the token nor the list of users names the principal: whether it saw as much as the one \
                              before is not known."
                .to_owned()
        }
    }
}
