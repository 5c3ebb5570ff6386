//! The configuration file that IONOS tools share: one profile's credentials and the endpoint of its environment.
//!
//! It belongs to other tools, so what it has besides is ignored, and no error repeats a line of it: the file holds secrets.

use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::address::Address;

/// What the shared file says to us.
#[derive(Debug)]
pub struct Shared {
    /// Where the file is.
    pub path: PathBuf,
    /// The profile in use, as the file spells it.
    pub profile: Option<String>,
    /// The profile's token.
    pub token: Option<SecretString>,
    /// The profile's user name and password, when it has both.
    pub basic: Option<(String, SecretString)>,
    /// Where the profile's environment has the API.
    pub endpoint: Option<Endpoint>,
    /// What is odd about the file, in sentences without secrets.
    pub warnings: Vec<String>,
}

/// An endpoint of the Cloud API.
#[derive(Debug)]
pub struct Endpoint {
    /// Its address.
    pub address: Address,
    /// Certificate authorities for it, as PEM text.
    pub authorities: Option<String>,
}

/// Why the shared file cannot be used; says nothing of its content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SharedError {
    #[error("not the YAML of a shared IONOS file (line {line}, column {column})")]
    Shape { line: u64, column: u64 },
    #[error("there is no profile {0:?} in it")]
    NoProfile(String),
    #[error("the endpoint of environment {environment:?} {source}")]
    Endpoint { environment: String, source: super::address::AddressError },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawFile {
    current_profile: Option<String>,
    profiles: Option<Vec<RawProfile>>,
    environments: Option<Vec<RawEnvironment>>,
    /// The older JSON file of ionosctl, nested or with dots in its names.
    userdata: Option<RawUserdata>,
    #[serde(rename = "userdata.token")]
    userdata_token: Option<SecretString>,
    #[serde(rename = "userdata.name")]
    userdata_name: Option<String>,
    #[serde(rename = "userdata.password")]
    userdata_password: Option<SecretString>,
}

#[derive(Deserialize)]
struct RawUserdata {
    token: Option<SecretString>,
    name: Option<String>,
    password: Option<SecretString>,
}

#[derive(Deserialize)]
struct RawProfile {
    name: Option<String>,
    environment: Option<String>,
    credentials: Option<RawCredentials>,
}

#[derive(Deserialize)]
struct RawCredentials {
    token: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
}

#[derive(Deserialize)]
struct RawEnvironment {
    name: Option<String>,
    products: Option<Vec<RawProduct>>,
}

#[derive(Deserialize)]
struct RawProduct {
    name: Option<String>,
    endpoints: Option<Vec<RawEndpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEndpoint {
    name: Option<String>,
    location: Option<String>,
    skip_tls_verify: Option<bool>,
    certificate_auth_data: Option<String>,
}

/// Reads the text of a shared file. `profile` overrides the file's own `currentProfile`.
pub(super) fn read(text: &Zeroizing<String>, path: &Path, profile: Option<&str>) -> Result<Shared, SharedError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let raw: RawFile = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        SharedError::Shape { line, column }
    })?;
    let mut shared =
        Shared { path: path.to_owned(), profile: None, token: None, basic: None, endpoint: None, warnings: Vec::new() };
    let environments = raw.environments.unwrap_or_default();
    let wanted = profile.or(raw.current_profile.as_deref());
    let profiles = raw.profiles.unwrap_or_default();
    let has_profiles = !profiles.is_empty();
    let mut environment = None;
    if let Some(wanted) = wanted {
        let found = profiles.into_iter().find(|profile| same(profile.name.as_deref(), wanted));
        let chosen = found.ok_or_else(|| SharedError::NoProfile(wanted.trim().to_owned()))?;
        environment = chosen.environment;
        shared.profile = chosen.name;
        if let Some(credentials) = chosen.credentials {
            shared.token = credentials.token.filter(is_set);
            shared.basic = pair(credentials.username, credentials.password);
        }
    } else if has_profiles {
        shared.warnings.push("it has profiles but no currentProfile: set IONOS_CURRENT_PROFILE to use one".to_owned());
    } else {
        let legacy = raw.userdata.unwrap_or(RawUserdata { token: None, name: None, password: None });
        shared.token = legacy.token.or(raw.userdata_token).filter(is_set);
        shared.basic = pair(legacy.name.or(raw.userdata_name), legacy.password.or(raw.userdata_password));
    }
    shared.endpoint = endpoint(environments, environment.as_deref(), &mut shared.warnings)?;
    Ok(shared)
}

/// The endpoint of the Cloud API in the named environment, or in the first that has one when none is named.
fn endpoint(
    environments: Vec<RawEnvironment>,
    named: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Option<Endpoint>, SharedError> {
    if let Some(named) = named
        && !environments.is_empty()
        && !environments.iter().any(|environment| same(environment.name.as_deref(), named))
    {
        warnings.push(format!("its profile names environment {named:?}, which it does not have"));
    }
    for environment in environments {
        if named.is_some_and(|named| !same(environment.name.as_deref(), named)) {
            continue;
        }
        let name = environment.name.unwrap_or_default();
        let mut endpoints: Vec<_> = environment
            .products
            .into_iter()
            .flatten()
            .filter(|product| ["cloud", "compute"].iter().any(|known| same(product.name.as_deref(), known)))
            .flat_map(|product| product.endpoints.unwrap_or_default())
            .filter(|endpoint| endpoint.name.is_some())
            .collect();
        // User management is not regional: an endpoint without a location comes first.
        endpoints.sort_by_key(|endpoint| endpoint.location.is_some());
        let others = endpoints.len().saturating_sub(1);
        let Some(chosen) = endpoints.into_iter().next() else { continue };
        if others > 0 {
            warnings.push(format!("environment {name:?} has {others} more endpoints, which are not used"));
        }
        if chosen.skip_tls_verify == Some(true) {
            warnings
                .push(format!("environment {name:?} asks for skipTlsVerify: certificates are verified all the same"));
        }
        let address: Address = chosen
            .name
            .unwrap_or_default()
            .parse()
            .map_err(|source| SharedError::Endpoint { environment: name.clone(), source })?;
        return Ok(Some(Endpoint {
            address,
            authorities: chosen.certificate_auth_data.filter(|pem| !pem.trim().is_empty()),
        }));
    }
    Ok(None)
}

/// Whether two names are the same: case and surrounding blanks do not count.
fn same(name: Option<&str>, wanted: &str) -> bool {
    name.is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted.trim()))
}

fn is_set(secret: &SecretString) -> bool {
    !secret.expose_secret().trim().is_empty()
}

fn pair(username: Option<String>, password: Option<SecretString>) -> Option<(String, SecretString)> {
    let username = username.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())?;
    Some((username, password.filter(is_set)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r"
version: 1.0
currentProfile: User
profiles:
  - name: admin
    environment: prod
    credentials: {username: root@example.com, password: 12345, s3AccessKey: a, s3SecretKey: b}
  - name: user
    environment: Staging
    credentials:
      token: CANARY-token
environments:
  - name: prod
    products:
      - name: dns
        endpoints: [{name: https://dns.example}]
      - name: cloud
        endpoints:
          - {name: https://fra.example/cloudapi/v6, location: de/fra}
          - {name: https://api.ionos.com/cloudapi/v6, skipTlsVerify: true}
  - name: staging
    products:
      - name: compute
        endpoints:
          - name: https://staging.example/
            certificateAuthData: |
              -----BEGIN CERTIFICATE-----
failover:
  strategy: roundRobin
";

    fn read_text(text: &str, profile: Option<&str>) -> Result<Shared, SharedError> {
        read(&Zeroizing::new(text.to_owned()), Path::new("/home/ann/.ionos/config"), profile)
    }

    #[test]
    fn the_current_profile_gives_token_and_endpoint() {
        let shared = read_text(FILE, None).expect("a shared file");
        assert_eq!(shared.profile.as_deref(), Some("user"));
        assert_eq!(shared.token.as_ref().map(ExposeSecret::expose_secret), Some("CANARY-token"));
        let endpoint = shared.endpoint.as_ref().expect("an endpoint");
        assert_eq!(endpoint.address.to_string(), "https://staging.example");
        assert!(endpoint.authorities.as_ref().is_some_and(|pem| pem.starts_with("-----BEGIN")));
        assert!(shared.warnings.is_empty(), "{:?}", shared.warnings);
        assert!(!format!("{shared:?}").contains("CANARY"), "{shared:?}");
    }

    #[test]
    fn a_named_profile_wins_in_any_case() {
        let shared = read_text(FILE, Some(" ADMIN ")).expect("a shared file");
        assert!(shared.token.is_none());
        let (username, password) = shared.basic.as_ref().expect("a pair");
        assert_eq!((username.as_str(), password.expose_secret()), ("root@example.com", "12345"));
        assert_eq!(
            shared.endpoint.as_ref().map(|endpoint| endpoint.address.to_string()).as_deref(),
            Some("https://api.ionos.com")
        );
        assert_eq!(
            shared.warnings,
            [
                "environment \"prod\" has 1 more endpoints, which are not used",
                "environment \"prod\" asks for skipTlsVerify: certificates are verified all the same"
            ]
        );
    }

    #[test]
    fn a_profile_that_is_not_there_is_an_error() {
        assert_eq!(read_text(FILE, Some("nobody")).err(), Some(SharedError::NoProfile("nobody".to_owned())));
    }

    #[test]
    fn without_a_current_profile_there_is_an_endpoint_but_no_guess_at_credentials() {
        let shared = read_text(&FILE.replace("currentProfile: User", ""), None).expect("a shared file");
        assert!(shared.token.is_none() && shared.basic.is_none());
        assert_eq!(
            shared.endpoint.map(|endpoint| endpoint.address.to_string()).as_deref(),
            Some("https://api.ionos.com")
        );
        assert!(shared.warnings.iter().any(|warning| warning.contains("IONOS_CURRENT_PROFILE")));
    }

    #[test]
    fn the_older_json_of_ionosctl_is_read_in_both_spellings() {
        for text in [
            r#"{"userdata.name": "ann@example.com", "userdata.password": "CANARY", "userdata.token": ""}"#,
            r#"{"userdata": {"name": "ann@example.com", "password": "CANARY", "token": null}}"#,
        ] {
            let shared = read_text(text, None).expect("a shared file");
            assert!(shared.token.is_none(), "{text}");
            assert_eq!(shared.basic.map(|(name, _)| name).as_deref(), Some("ann@example.com"), "{text}");
        }
    }

    #[test]
    fn empty_and_null_parts_are_nothing() {
        for text in
            ["{}", "profiles:\nenvironments:\n", "currentProfile: a\nprofiles: [{name: a, credentials: null}]\n"]
        {
            let shared = read_text(text, None).expect("a shared file");
            assert!(shared.token.is_none() && shared.basic.is_none() && shared.endpoint.is_none(), "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_named_by_line_and_never_repeated() {
        for text in [
            "profiles:\n  - name: a\n    credentials: {token: [CANARY]}\n",
            "profiles: CANARY\n",
            "profiles:\n - token: \"CANARY\n",
            "CANARY",
            "a: b: CANARY",
            "profiles: [{name: a, credentials: {token: CANARY, token: CANARY}}]",
            "currentProfile: a\nprofiles: [{name: a, environment: e}]\nenvironments: [{name: e, products: [{name: cloud, endpoints: [{name: 'https://u:CANARY@x'}]}]}]",
        ] {
            let error = read_text(text, None).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error:?}");
        }
    }
}
