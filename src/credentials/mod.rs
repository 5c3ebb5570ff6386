//! Finds the credentials: from the environment, files, systemd and the shared IONOS file.
//!
//! Never from the command line and never from the configuration file itself. A secret goes from where it is kept into a
//! type that cannot be printed; messages name places, never values.
//!
//! Layers, the strongest first: options, environment, configuration file, shared IONOS file. Within a layer a token beats
//! user name and password; a stronger layer's user name and password beat a weaker layer's token. In the environment the
//! order is `IONOS_TOKEN`, the token file (`KEYHOLDER_CREDENTIALS_TOKEN_FILE`, `IONOS_TOKEN_FILE`), the systemd credential
//! `ionos-token`, then `IONOS_PASSWORD`, the password file and the systemd credential `ionos-password`, each with the
//! effective user name (`IONOS_USERNAME`, `credentials.username`). The shared file's user name and password are a pair of
//! their own. Half a pair is none: it is logged, and the search continues. A contract with credentials of its own uses those and no others, whatever the layers say. The legacy names `PROFITBRICKS_*` are not read.

mod secret_file;
mod token;

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use crate::api::settings::Credentials;
use crate::config::{ContractConfig, ContractCredentials, Loaded, Origin, Shared};
use crate::domain::untrusted::{Untrusted, message};
use crate::seams::{Environment, clean};

pub use secret_file::{Keeper, SecretFileError, mode_of, read as read_secret_file};
pub use token::{Lifetime, WARN_BEFORE, claims, expiry, lifetime};

/// Credentials and where they were found.
#[derive(Debug)]
pub struct Found {
    /// What the API gets to see.
    pub credentials: Credentials,
    /// Where they come from, for people: `env IONOS_TOKEN`, `token file /etc/keyholder/token`.
    pub source: String,
    /// The shared IONOS file, when it is from there; its rights are nobody's but its tool's to set.
    pub shared_file: Option<PathBuf>,
    /// When the token says that it ends; `None` for passwords and for tokens that do not say.
    pub expires: Option<DateTime<Utc>>,
    /// What was ignored on the way to them, in sentences without secrets.
    pub notices: Vec<String>,
}

/// Why there are no credentials to use. All of these are errors of configuration: exit code 3. Credentials that the API
/// refuses are another matter: exit code 4.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Nothing anywhere.
    #[error("{0}")]
    Nowhere(Looked),
    /// A file with a secret that cannot be used.
    #[error("read the {what} ({origin})")]
    File {
        /// `token` or `password`.
        what: &'static str,
        /// Who named the file.
        origin: String,
        /// What is wrong with it.
        source: SecretFileError,
    },
    /// A secret in the environment or the shared file that cannot be sent.
    #[error("use the {what} of {origin}: it is empty or holds blanks or characters that cannot be sent")]
    Malformed {
        /// `token` or `password`.
        what: &'static str,
        /// Where it is.
        origin: String,
    },
    /// A systemd credential that is not there.
    #[error("find systemd credential {name} ({origin}): {reason}")]
    NoCredential {
        /// Its name.
        name: String,
        /// Who named it.
        origin: String,
        /// Why it is not there.
        reason: String,
    },
    /// A profile of the shared IONOS file that has no credentials.
    #[error("find credentials in profile {} ({origin}): the shared IONOS file has none", profile.visible())]
    NoProfile {
        /// Its name.
        profile: Untrusted,
        /// Who named it.
        origin: String,
    },
    /// A password of nobody.
    #[error("use the password of {origin}: there is no user name; set IONOS_USERNAME or credentials.username")]
    NoUsername {
        /// Where the password is.
        origin: String,
    },
}

impl CredentialsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Nowhere(_) => {
                "create a token in the token manager of the Data Center Designer; then set IONOS_TOKEN, or write it into a \
                 file of mode 0600 and name that in IONOS_TOKEN_FILE or credentials.token_file"
            }
            Self::File { source, .. } => return source.hint(),
            Self::NoCredential { .. } => "name it in the unit of the service: LoadCredential=NAME:/path/of/the/file",
            Self::NoProfile { .. } => "sign in with the tool that writes the file, or name a token file instead",
            Self::Malformed { .. } => "set it again, without quotes and line breaks",
            Self::NoUsername { .. } => "set IONOS_USERNAME, or better use a token",
        }
        .to_owned()
    }
}

/// Where credentials were looked for, and why there were none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked(Vec<String>);

impl fmt::Display for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("find credentials: there are none\nlooked in")?;
        for place in &self.0 {
            write!(f, "\n  {}", message(place))?;
        }
        Ok(())
    }
}

/// The layers that can name credentials, the strongest first; the shared file comes after them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Flags,
    Environment,
    File,
}

/// Finds the credentials to use. Reads the files that are named, and nothing else.
pub fn find(loaded: &Loaded, environment: &Environment) -> Result<Found, CredentialsError> {
    let search = Search { loaded, environment };
    let mut half = None;
    let found = search.layers(&mut half)?;
    let found = found.map_or_else(|| search.shared(), |found| Ok(Some(found)))?;
    match (found, half) {
        (Some(mut found), half) => {
            found.notices.extend(search.unused(half.as_ref(), &found));
            Ok(found)
        }
        (None, Some(half)) => Err(half),
        (None, None) => Err(CredentialsError::Nowhere(search.looked())),
    }
}

/// Finds the credentials of a contract: its own if it has any, and then no others; else those of [`find`].
pub fn find_for(
    loaded: &Loaded,
    contract: Option<&ContractConfig>,
    environment: &Environment,
) -> Result<Found, CredentialsError> {
    let Some((contract, own)) = contract.and_then(|contract| Some((contract, contract.credentials.as_ref()?))) else {
        return find(loaded, environment);
    };
    let origin = format!("contract {}", contract.name);
    match own {
        ContractCredentials::TokenFile(path) => {
            let token = read("token", path, Keeper::Private, origin.clone())?;
            bearer(&token, format!("token file {} ({origin})", path.display()))
        }
        ContractCredentials::Systemd(name) => {
            let token = read_systemd("token", name, &origin, environment)?;
            bearer(&token, format!("systemd credential {name} ({origin})"))
        }
        ContractCredentials::Password { username, file } => {
            let password = read("password", file, Keeper::Private, origin.clone())?;
            basic(username.clone(), &password, format!("password file {} ({origin})", file.display()))
        }
        ContractCredentials::Profile(name) => {
            let missing = || CredentialsError::NoProfile { profile: name.as_str().into(), origin: origin.clone() };
            of_shared(loaded.profile(name).ok_or_else(missing)?)?.ok_or_else(missing)
        }
    }
}

/// The secret in a systemd credential that must be there.
fn read_systemd(
    what: &'static str,
    name: &str,
    origin: &str,
    environment: &Environment,
) -> Result<SecretString, CredentialsError> {
    let missing =
        |reason: String| CredentialsError::NoCredential { name: name.to_owned(), origin: origin.to_owned(), reason };
    let folder = environment.get("CREDENTIALS_DIRECTORY").map(Path::new).filter(|path| path.is_absolute());
    let folder = folder.ok_or_else(|| missing("CREDENTIALS_DIRECTORY is not set".to_owned()))?;
    let path = folder.join(name);
    if !path.exists() {
        return Err(missing(format!("there is none in {}", folder.display())));
    }
    read(what, &path, Keeper::Service, origin.to_owned())
}

/// The credentials of a shared IONOS file, if it has any for the profile in use.
fn of_shared(shared: &Shared) -> Result<Option<Found>, CredentialsError> {
    let profile = shared.profile.as_ref().map(|name| format!(", profile {name}")).unwrap_or_default();
    let source = format!("shared IONOS file {}{profile}", shared.path.display());
    let found = if let Some(token) = &shared.token {
        bearer(token, source)?
    } else if let Some((username, password)) = &shared.basic {
        basic(username.clone(), password, source)?
    } else {
        return Ok(None);
    };
    Ok(Some(Found { shared_file: Some(shared.path.clone()), ..found }))
}

/// The variables of the time before IONOS that are set and not read: worth a hint, never used.
pub fn legacy_variables(environment: &Environment) -> Vec<&str> {
    environment.with_prefix("PROFITBRICKS_").map(|(name, _)| name).collect()
}

struct Search<'a> {
    loaded: &'a Loaded,
    environment: &'a Environment,
}

impl Search<'_> {
    /// The credentials of the strongest layer that has any. A password without a user name is none, as it is for the tools of
    /// IONOS; it is kept in `half`, in case that there is nothing else.
    fn layers(&self, half: &mut Option<CredentialsError>) -> Result<Option<Found>, CredentialsError> {
        for layer in [Layer::Flags, Layer::Environment, Layer::File] {
            if let Some(found) = self.token(layer)? {
                return Ok(Some(found));
            }
            match self.password(layer) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error @ CredentialsError::NoUsername { .. }) => drop(half.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Half a pair of user name and password that is not used, in a sentence.
    fn unused(&self, half: Option<&CredentialsError>, found: &Found) -> Option<String> {
        if let Some(CredentialsError::NoUsername { origin }) = half {
            return Some(format!("{origin} is not used: there is no user name beside it"));
        }
        let has_name = self.loaded.config.credentials.username.is_some();
        let has_password = [Layer::Flags, Layer::Environment, Layer::File]
            .into_iter()
            .any(|layer| !matches!(self.password(layer), Ok(None)));
        let is_half = has_name && !has_password && matches!(found.credentials, Credentials::Bearer(_));
        is_half.then(|| {
            let origin = self.loaded.origin("credentials.username");
            format!("{origin}: the user name is not used: there is no password beside it")
        })
    }

    fn token(&self, layer: Layer) -> Result<Option<Found>, CredentialsError> {
        if layer == Layer::Environment
            && let Some(token) = self.environment.get("IONOS_TOKEN")
        {
            return bearer(&SecretString::from(token), "env IONOS_TOKEN".to_owned()).map(Some);
        }
        if let Some(path) = self.loaded.config.credentials.token_file.as_deref()
            && layer_of(self.loaded.origin("credentials.token_file")) == Some(layer)
        {
            let origin = self.loaded.origin("credentials.token_file");
            let token = read("token", path, Keeper::Private, origin.to_string())?;
            return bearer(&token, format!("token file {} ({origin})", path.display())).map(Some);
        }
        if layer == Layer::Environment
            && let Some(path) = self.systemd("ionos-token")
        {
            let token = read("token", &path, Keeper::Service, "env CREDENTIALS_DIRECTORY".to_owned())?;
            return bearer(&token, "systemd credential ionos-token".to_owned()).map(Some);
        }
        Ok(None)
    }

    fn password(&self, layer: Layer) -> Result<Option<Found>, CredentialsError> {
        let file = self.loaded.config.credentials.password_file.as_deref();
        let (password, source) = if layer == Layer::Environment
            && let Some(password) = self.environment.get("IONOS_PASSWORD")
        {
            (SecretString::from(password), "env IONOS_PASSWORD".to_owned())
        } else if let Some(path) = file
            && layer_of(self.loaded.origin("credentials.password_file")) == Some(layer)
        {
            let origin = self.loaded.origin("credentials.password_file");
            let password = read("password", path, Keeper::Private, origin.to_string())?;
            (password, format!("password file {} ({origin})", path.display()))
        } else if layer == Layer::Environment
            && let Some(path) = self.systemd("ionos-password")
        {
            let password = read("password", &path, Keeper::Service, "env CREDENTIALS_DIRECTORY".to_owned())?;
            (password, "systemd credential ionos-password".to_owned())
        } else {
            return Ok(None);
        };
        let username =
            self.loaded.config.credentials.username.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let Some(username) = username else { return Err(CredentialsError::NoUsername { origin: source }) };
        basic(username.to_owned(), &password, source).map(Some)
    }

    fn shared(&self) -> Result<Option<Found>, CredentialsError> {
        self.loaded.shared.as_ref().map_or(Ok(None), of_shared)
    }

    /// The file of a systemd credential, when there is one.
    fn systemd(&self, name: &str) -> Option<PathBuf> {
        let folder = self.environment.get("CREDENTIALS_DIRECTORY").map(Path::new).filter(|path| path.is_absolute())?;
        Some(folder.join(name)).filter(|path| path.exists())
    }

    fn looked(&self) -> Looked {
        let mut places = vec![
            "env IONOS_TOKEN: not set".to_owned(),
            "env IONOS_TOKEN_FILE, KEYHOLDER_CREDENTIALS_TOKEN_FILE, credentials.token_file: not set".to_owned(),
        ];
        places.push(match self.environment.get("CREDENTIALS_DIRECTORY") {
            Some(folder) => format!("systemd credentials in {folder}: no ionos-token, no ionos-password"),
            None => "systemd credentials: CREDENTIALS_DIRECTORY is not set".to_owned(),
        });
        places.push(match &self.loaded.config.credentials.username {
            Some(_) => "user name: set, but neither IONOS_PASSWORD nor a password file is".to_owned(),
            None => "env IONOS_USERNAME with IONOS_PASSWORD or IONOS_PASSWORD_FILE: not set".to_owned(),
        });
        places.extend(
            self.loaded.shared_absent.iter().map(|path| format!("shared IONOS file {}: not there", path.display())),
        );
        if let Some(shared) = &self.loaded.shared {
            let what = match &shared.profile {
                Some(name) => format!("no credentials in profile {name}"),
                None => "no profile in use".to_owned(),
            };
            places.push(format!("shared IONOS file {}: {what}", shared.path.display()));
        }
        Looked(places)
    }
}

fn layer_of(origin: &Origin) -> Option<Layer> {
    match origin {
        Origin::Flag(_) => Some(Layer::Flags),
        Origin::Variable(_) => Some(Layer::Environment),
        Origin::File(..) => Some(Layer::File),
        Origin::Default | Origin::Shared(_) => None,
    }
}

fn read(what: &'static str, path: &Path, keeper: Keeper, origin: String) -> Result<SecretString, CredentialsError> {
    secret_file::read(path, keeper).map_err(|source| CredentialsError::File { what, origin, source })
}

fn bearer(token: &SecretString, source: String) -> Result<Found, CredentialsError> {
    let cleaned = clean(token.expose_secret());
    let notices = cleaned.ignored.map(|ignored| format!("{source}: {ignored}")).into_iter().collect();
    let token = SecretString::from(cleaned.value.unwrap_or_default());
    let sendable =
        !token.expose_secret().is_empty() && token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
    if !sendable {
        return Err(CredentialsError::Malformed { what: "token", origin: source });
    }
    let expires = expiry(&token);
    Ok(Found { credentials: Credentials::Bearer(token), source, shared_file: None, expires, notices })
}

fn basic(username: String, password: &SecretString, source: String) -> Result<Found, CredentialsError> {
    let password = SecretString::from(password.expose_secret().trim_end_matches(['\r', '\n']));
    let sendable = !password.expose_secret().is_empty() && !password.expose_secret().chars().any(char::is_control);
    if !sendable {
        return Err(CredentialsError::Malformed { what: "password", origin: source });
    }
    let credentials = Credentials::Basic { username, password };
    Ok(Found { credentials, source, shared_file: None, expires: None, notices: Vec::new() })
}
