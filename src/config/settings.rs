//! From the configuration to what a client of the API needs.

use super::load::Loaded;
use super::problem::{ConfigError, Origin, Problems};
use super::shared::Endpoint;
use super::tables::{ContractConfig, ContractCredentials};
use crate::api::room;
use crate::api::settings::{Credentials, Settings};
use crate::files::{self, Purpose};

/// The settings of a client: the configuration's section `[api]` with what a contract has of its own instead, and the
/// authorities of `api.ca_file`, or of the shared IONOS file when the address comes from there, read in.
pub fn settings(
    loaded: &Loaded,
    contract: Option<&ContractConfig>,
    credentials: Credentials,
) -> Result<Settings, ConfigError> {
    let api = &loaded.config.api;
    let mut problems = Problems::default();
    let endpoint = endpoint(loaded, contract);
    let mut extra_roots = endpoint.and_then(|endpoint| endpoint.authorities.clone());
    let url = contract.and_then(|contract| contract.url.as_ref()).or(endpoint.map(|endpoint| &endpoint.address));
    let own = contract.and_then(|contract| contract.version);
    let version = own.or(endpoint.and_then(|endpoint| endpoint.address.version)).unwrap_or(api.version);
    if let Some(path) = &api.ca_file {
        let origin = loaded.origin("api.ca_file");
        match files::read_text(path, Purpose::Authorities) {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => extra_roots = Some(text.to_string()),
            Ok(_) => {
                problems.add(origin, "api.ca_file", format!("{} holds no certificate in PEM form", path.display()));
            }
            Err(error) => problems.add(origin, "api.ca_file", error.summary()),
        }
    }
    problems.or(Settings {
        base: url.unwrap_or(&api.url).base(version),
        base_origin: base_origin(loaded, contract, endpoint.is_some()),
        version,
        credentials,
        credentials_origin: None,
        contract_number: contract.map_or(api.contract_number, |contract| contract.number.map(|number| number.0)),
        pin: api.pinned_cert,
        extra_roots,
        concurrency: api.concurrency,
        connect_timeout: api.connect_timeout,
        first_byte_timeout: api.first_byte_timeout,
        request_timeout: api.request_timeout,
        attempts: api.attempts,
        longest_retry_after: api.longest_retry_after,
        largest_run: room::MAX_RUN_BYTES,
    })
}

/// Who named the address, unless it is the default.
fn base_origin(loaded: &Loaded, contract: Option<&ContractConfig>, is_shared: bool) -> Option<String> {
    let of_contract = contract.filter(|contract| contract.url.is_some()).and_then(|contract| {
        let index = loaded.config.contracts.iter().position(|known| known.name == contract.name)?;
        Some(loaded.origin(&format!("contract[{index}].url")))
    });
    match (of_contract, &loaded.shared) {
        (Some(origin), _) => Some(origin.to_string()),
        (None, Some(shared)) if is_shared => Some(Origin::Shared(shared.path.clone()).to_string()),
        (None, _) => {
            Some(loaded.origin("api.url")).filter(|origin| **origin != Origin::Default).map(ToString::to_string)
        }
    }
}

/// The endpoint of the shared IONOS file that counts: that of the contract's own profile, or of the profile in use; none where
/// somebody says otherwise.
fn endpoint<'a>(loaded: &'a Loaded, contract: Option<&ContractConfig>) -> Option<&'a Endpoint> {
    match contract {
        Some(ContractConfig { url: Some(_), .. }) => None,
        Some(ContractConfig { credentials: Some(ContractCredentials::Profile(name)), .. }) => {
            loaded.profile(name)?.endpoint.as_ref()
        }
        _ => loaded.shared.as_ref()?.endpoint.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::config::{Flags, load};
    use crate::seams::Environment;

    fn token() -> Credentials {
        Credentials::Bearer(SecretString::from("CANARY"))
    }

    #[test]
    fn the_defaults_are_those_of_the_client() {
        let loaded = load(&Flags::default(), &Environment::default()).expect("the defaults");
        let ours = settings(&loaded, None, token()).expect("settings");
        let theirs = Settings::new(ours.base.clone(), ours.version, token());
        assert_eq!(ours.base.as_str(), "https://api.ionos.com/cloudapi/v6");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn settings_never_show_the_credentials() {
        let loaded = load(&Flags::default(), &Environment::default()).expect("the defaults");
        assert!(!format!("{:?}", settings(&loaded, None, token())).contains("CANARY"));
    }
}
