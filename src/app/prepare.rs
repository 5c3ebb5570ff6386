//! What a collection of a contract is made from: credentials, client and options. For the command and the service alike.

use chrono::{DateTime, TimeDelta, Utc};

use super::alerts::failure::FailureAlerts;
use super::alerts::setup::announcer;
use super::collect::Order;
use super::preconditions::{DatabaseState, PreconditionError, Preconditions};
use crate::api::Settings;
use crate::api::read::Client;
use crate::config::{Config, ContractConfig, Loaded};
use crate::domain::id::ContractNumber;
use crate::seams::{Environment, Seams};
use crate::sinks::heartbeat::Heartbeat;

/// What is to be collected, and what differs from the configuration for this time.
#[derive(Clone, Debug, Default)]
pub struct CollectRequest {
    /// The contract of the configuration; `None` for that of `[api]` and `[credentials]`.
    pub contract: Option<ContractConfig>,
    /// The number that is expected, where the configuration has none.
    pub number: Option<ContractNumber>,
    /// A name for the snapshot.
    pub label: Option<String>,
    /// Whether memberships are read from both sides, even if the configuration says nothing of it.
    pub cross_check: bool,
    /// Whether to begin a new run, even if one that was interrupted could be resumed.
    pub fresh: bool,
    /// The person who accepts another principal than before, if it is accepted.
    pub accept_principal: Option<String>,
}

impl CollectRequest {
    /// The name of the contract in the configuration.
    pub fn contract_name(&self) -> Option<&str> {
        self.contract.as_ref().map(|contract| contract.name.as_str())
    }

    /// Composes alerts of collections that fail before there is a client.
    pub fn failure_alerts(&self, config: &Config) -> FailureAlerts {
        let configured = match &self.contract {
            Some(contract) => contract.number,
            None => config.api.contract_number.map(ContractNumber),
        };
        FailureAlerts {
            announcer: announcer(config),
            contract_name: self.contract_name().map(str::to_owned),
            contract: self.number.or(configured),
        }
    }
}

/// A collection that can begin.
pub struct Prepared {
    /// Asks the API.
    pub client: Client,
    /// What the client was made from.
    pub settings: Settings,
    /// What is collected, and how.
    pub order: Order,
    /// What is called after a complete snapshot, if anything is.
    pub heartbeat: Option<Heartbeat>,
}

/// When a token ends, if that is soon enough to be alerted, or over.
fn alerted_end(loaded: &Loaded, expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let warning = TimeDelta::from_std(loaded.config.alerts.expiry_warning).unwrap_or(TimeDelta::MAX);
    expires.filter(|end| *end - now <= warning)
}

/// The client of a contract and what is to be collected, if everything that a collection needs is there.
pub fn prepare(
    loaded: &Loaded,
    environment: &Environment,
    request: &CollectRequest,
    seams: &Seams,
    state: DatabaseState,
) -> Result<Prepared, PreconditionError> {
    Preconditions::look(loaded, environment, request, seams, state).ready(loaded, request, seams)
}

/// What is to be collected, and how.
pub(super) fn order(
    loaded: &Loaded,
    request: &CollectRequest,
    settings: &Settings,
    expires: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Order {
    let mut order = Order {
        label: request.label.clone(),
        cross_check: request.cross_check || loaded.config.collect.cross_check,
        reread_after: loaded.config.collect.reread_after,
        fresh: request.fresh,
        accept_principal: request.accept_principal.clone(),
        least_room: loaded.config.store.min_free_mib << 20,
        announcer: announcer(&loaded.config).of_contract(request.contract_name()),
        token_ends: alerted_end(loaded, expires, now),
        ..Order::manual(now, settings)
    };
    order.occasion.contract_name = request.contract_name().map(str::to_owned);
    order
}
