//! The configuration file that IONOS tools share: one profile's credentials and the endpoint of its environment.
//!
//! It belongs to other tools, so what it has besides is ignored, and no error repeats a line of it: the file holds secrets.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::shared_yaml::{BlankOr, Flag, RawCredentials, RawEnvironment, RawFile, RawProfile};
use crate::domain::untrusted::Untrusted;
use crate::seams::clean;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

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
    NoProfile(Untrusted),
    #[error("the endpoint of environment {environment:?} {source}")]
    Endpoint { environment: Untrusted, source: super::address::AddressError },
}

/// Reads the text of a shared file. `profile` overrides the file's own `currentProfile`.
///
/// Blank is as absent, and a profile that was not chosen decides nothing: without a profile in use there are neither credentials
/// nor an address.
pub(super) fn read(text: &Zeroizing<String>, path: &Path, profile: Option<&str>) -> Result<Shared, SharedError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let text = text.trim_start_matches('\u{feff}');
    let raw: BlankOr<RawFile> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        SharedError::Shape { line, column }
    })?;
    let raw = raw.0.unwrap_or_default();
    let mut shared =
        Shared { path: path.to_owned(), profile: None, token: None, basic: None, endpoint: None, warnings: Vec::new() };
    let profiles: Vec<RawProfile> = raw.profiles.into_items().collect();
    let environments: Vec<RawEnvironment> = raw.environments.into_items().collect();
    let mut environment = None;
    if profiles.is_empty() {
        let legacy = raw.userdata.0.unwrap_or_default();
        let credentials = RawCredentials {
            token: legacy.token.or(raw.userdata_token),
            username: legacy.name.or(raw.userdata_name),
            password: legacy.password.or(raw.userdata_password),
        };
        shared.take_credentials(credentials, "it");
    } else if let Some(chosen) = choose(profiles, profile, raw.current_profile, &mut shared.warnings)? {
        shared.profile = cleaned(chosen.name);
        environment = cleaned(chosen.environment);
        let name = shared.profile.clone().unwrap_or_default();
        shared.take_credentials(chosen.credentials.0.unwrap_or_default(), &format!("profile {name:?}"));
    }
    match environment {
        Some(named) => shared.endpoint = endpoint(environments, &named, &mut shared.warnings)?,
        None if environments.is_empty() => {}
        None => shared.warnings.push("its environments are not used: no profile in use names one".to_owned()),
    }
    Ok(shared)
}

/// The profile in use. One that was asked for has to be there; one that the file itself names need not.
fn choose(
    profiles: Vec<RawProfile>,
    asked: Option<&str>,
    current: Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Option<RawProfile>, SharedError> {
    let asked = asked.and_then(|asked| clean(asked).value);
    let current = cleaned(current);
    let Some(wanted) = asked.or(current.as_deref()) else {
        warnings.push("it has profiles but no currentProfile: set IONOS_CURRENT_PROFILE to use one".to_owned());
        return Ok(None);
    };
    let found = profiles.into_iter().find(|profile| same(profile.name.as_deref(), wanted));
    match (found, asked) {
        (Some(found), _) => Ok(Some(found)),
        (None, Some(_)) => Err(SharedError::NoProfile(wanted.into())),
        (None, None) => {
            warnings.push(format!("its currentProfile is {wanted:?}, and there is no such profile: none is used"));
            Ok(None)
        }
    }
}

impl Shared {
    /// Takes a token, or a user name and a password; says so where there is only half a pair.
    fn take_credentials(&mut self, credentials: RawCredentials, of: &str) {
        self.token = credentials.token.filter(is_set);
        let username = cleaned(credentials.username);
        let password = credentials.password.filter(is_set);
        self.basic = match (username, password) {
            (Some(username), Some(password)) => Some((username, password)),
            (Some(_), None) if self.token.is_none() => {
                self.warnings.push(format!("{of} has a user name without a password, which is not used"));
                None
            }
            (None, Some(_)) if self.token.is_none() => {
                self.warnings.push(format!("{of} has a password without a user name, which is not used"));
                None
            }
            _ => None,
        };
    }
}

/// The endpoint of the Cloud API in the named environment.
fn endpoint(
    environments: Vec<RawEnvironment>,
    named: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<Endpoint>, SharedError> {
    let is_empty = environments.is_empty();
    let Some(environment) = environments.into_iter().find(|environment| same(environment.name.as_deref(), named))
    else {
        if !is_empty {
            warnings.push(format!("its profile names environment {named:?}, which it does not have"));
        }
        return Ok(None);
    };
    let mut endpoints: Vec<_> = environment
        .products
        .into_items()
        .filter(|product| ["cloud", "compute"].iter().any(|known| same(product.name.as_deref(), known)))
        .flat_map(|product| product.endpoints.into_items())
        .filter_map(|endpoint| Some((cleaned(endpoint.name.clone())?, endpoint)))
        .collect();
    // User management is not regional: an endpoint without a location comes first.
    endpoints.sort_by_key(|(_, endpoint)| cleaned(endpoint.location.clone()).is_some());
    let others = endpoints.len().saturating_sub(1);
    let Some((address, chosen)) = endpoints.into_iter().next() else { return Ok(None) };
    if others > 0 {
        warnings.push(format!("environment {named:?} has {others} more endpoints, which are not used"));
    }
    if chosen.skip_tls_verify.is_some_and(|Flag(skip)| skip) {
        warnings.push(format!("environment {named:?} asks for skipTlsVerify: certificates are verified all the same"));
    }
    let address: Address =
        address.parse().map_err(|source| SharedError::Endpoint { environment: named.into(), source })?;
    let authorities = chosen.certificate_auth_data.filter(|pem| !pem.trim().is_empty());
    Ok(Some(Endpoint { address, authorities }))
}

/// Whether two names are the same: case, quotes and surrounding blanks do not count.
fn same(name: Option<&str>, wanted: &str) -> bool {
    let name = name.and_then(|name| clean(name).value);
    name.is_some_and(|name| name.eq_ignore_ascii_case(wanted.trim()))
}

/// A text without what surrounds it; nothing if it is blank.
fn cleaned(text: Option<String>) -> Option<String> {
    clean(&text?).value.map(str::to_owned)
}

fn is_set(secret: &SecretString) -> bool {
    clean(secret.expose_secret()).value.is_some()
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
        assert_eq!(read_text(FILE, Some("nobody")).err(), Some(SharedError::NoProfile("nobody".into())));
    }

    #[test]
    fn without_a_current_profile_nothing_is_guessed() {
        for current in ["", "currentProfile:", "currentProfile: \"\"", "currentProfile: \" ' ' \""] {
            let shared = read_text(&FILE.replace("currentProfile: User", current), None).expect("a shared file");
            assert!(shared.token.is_none() && shared.basic.is_none() && shared.endpoint.is_none(), "{current}");
            assert_eq!(
                shared.warnings,
                [
                    "it has profiles but no currentProfile: set IONOS_CURRENT_PROFILE to use one",
                    "its environments are not used: no profile in use names one"
                ]
            );
        }
    }

    #[test]
    fn a_current_profile_that_is_not_there_is_none() {
        let shared = read_text(&FILE.replace("User", "gone"), None).expect("a shared file");
        assert!(shared.profile.is_none() && shared.token.is_none() && shared.endpoint.is_none());
        assert!(shared.warnings[0].starts_with("its currentProfile is \"gone\""), "{:?}", shared.warnings);
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
