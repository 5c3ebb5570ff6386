//! From the configuration to what a client of the API needs.

use super::load::Loaded;
use super::problem::{ConfigError, Problems};
use crate::api::room;
use crate::api::settings::{Credentials, Settings};

/// The settings of a client: the configuration's section `[api]`, with the authorities of `api.ca_file`, or of the shared
/// IONOS file when the address comes from there, read in.
pub fn settings(loaded: &Loaded, credentials: Credentials) -> Result<Settings, ConfigError> {
    let api = &loaded.config.api;
    let mut problems = Problems::default();
    let mut extra_roots = loaded.shared.as_ref().and_then(|shared| shared.endpoint.as_ref()?.authorities.clone());
    if let Some(path) = &api.ca_file {
        let origin = loaded.origin("api.ca_file");
        match std::fs::read_to_string(path) {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => extra_roots = Some(text),
            Ok(_) => {
                problems.add(origin, "api.ca_file", format!("{} holds no certificate in PEM form", path.display()));
            }
            Err(error) => problems.add(origin, "api.ca_file", format!("read {}: {error}", path.display())),
        }
    }
    problems.or(Settings {
        base: api.url.base(api.version),
        version: api.version,
        credentials,
        contract_number: api.contract_number,
        pin: api.pinned_cert,
        extra_roots,
        concurrency: api.concurrency,
        connect_timeout: api.connect_timeout,
        first_byte_timeout: api.first_byte_timeout,
        request_timeout: api.request_timeout,
        attempts: api.attempts,
        longest_retry_after: api.longest_retry_after,
        largest_run: room::LARGEST_RUN,
    })
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
        let ours = settings(&loaded, token()).expect("settings");
        let theirs = Settings::new(ours.base.clone(), ours.version, token());
        assert_eq!(ours.base.as_str(), "https://api.ionos.com/cloudapi/v6");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn settings_never_show_the_credentials() {
        let loaded = load(&Flags::default(), &Environment::default()).expect("the defaults");
        assert!(!format!("{:?}", settings(&loaded, token())).contains("CANARY"));
    }
}
