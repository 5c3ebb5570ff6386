//! Puts the layers on top of each other and remembers which one had the last word.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

use super::address;
use super::document::{self, Document, Entry};
use super::duration;
use super::keys::Key;
use super::places;
use super::problem::{ConfigError, Origin, Problems};
use super::sections::{Config, KEYS, find_key};
use super::shared::{self, Shared};
use super::tables::{self, Built, Origins};
use super::text::Place;
use super::value::Given;
use crate::files::{self, FileError, Purpose};
use crate::seams::Environment;

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    values: Vec<(&'static str, &'static str, String)>,
}

impl Flags {
    /// The file named by `--config`, if any.
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config, values: Vec::new() }
    }

    /// Sets a key, such as `store.path`, on behalf of an option, such as `--db`; nothing happens without a value.
    #[must_use]
    pub fn set(mut self, flag: &'static str, key: &'static str, value: Option<impl Into<String>>) -> Self {
        self.values.extend(value.map(|value| (flag, key, value.into())));
        self
    }
}

/// A configuration that is in order, and how it came about.
#[derive(Debug)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// The shared IONOS file that was read.
    pub shared: Option<Shared>,
    /// Places in which there was no shared IONOS file.
    pub shared_absent: Vec<PathBuf>,
    /// The shared IONOS file again, for each profile that a contract names.
    profiles: BTreeMap<String, Shared>,
    /// What is odd without being wrong, in sentences.
    pub warnings: Vec<String>,
    origins: Origins,
}

impl Loaded {
    /// What the shared IONOS file has for a profile that a contract names.
    pub fn profile(&self, name: &str) -> Option<&Shared> {
        self.profiles.get(name)
    }

    /// Where the value of a key comes from: `api.url`, or `contract[0].zone` for a key of an element, `contract[0]` for the
    /// element.
    pub fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// The database file; an error when neither the configuration nor a home folder says where it is.
    pub fn database(&self) -> Result<&Path, ConfigError> {
        let mut problems = Problems::default();
        let path = self.config.store.path.as_deref();
        if path.is_none() {
            let message = "must be set when there is neither $XDG_STATE_HOME nor $HOME; or use --db";
            problems.add(&Origin::Default, "store.path", message);
        }
        problems.or(path.unwrap_or(Path::new("")))
    }
}

/// Reads all layers. Files are read, nothing is written; a configuration file or shared file that was named must exist,
/// one in a usual place need not.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    let file = layers.read_file(flags, environment);
    layers.read_environment(environment);
    layers.read_flags(flags);
    let (text, shared_absent) = layers.read_shared(environment);
    let shared = text.as_ref().and_then(|(text, path)| layers.take_shared(text, path));
    let profiles = layers.profiles(text.as_ref());
    layers.check_across();
    layers.check_service();
    if layers.config.store.path.is_none() {
        layers.config.store.path = places::database(environment);
    }
    let Layers { config, origins, warnings, problems } = layers;
    problems.or(Loaded { config, file, shared, shared_absent, profiles, warnings, origins })
}

/// The text of a shared IONOS file, and where it is.
type SharedText = (Zeroizing<String>, PathBuf);

#[derive(Default)]
struct Layers {
    config: Config,
    origins: Origins,
    warnings: Vec<String>,
    problems: Problems,
}

impl Layers {
    fn apply(&mut self, key: &'static Key<Config>, given: &Given, origin: Origin, folder: &Path) {
        match (key.set)(&mut self.config, given, folder) {
            Ok(()) => {
                self.origins.insert(key.spec.path.to_owned(), origin);
            }
            Err(message) => self.problems.add(&origin, key.spec.path, message),
        }
    }

    fn read_file(&mut self, flags: &Flags, environment: &Environment) -> Option<PathBuf> {
        let (path, named_by) = match (&flags.config, environment.get("KEYHOLDER_CONFIG")) {
            (Some(path), _) => (path.clone(), Some(Origin::Flag("--config"))),
            (None, Some(path)) => (PathBuf::from(path), Some(Origin::Variable("KEYHOLDER_CONFIG".to_owned()))),
            (None, None) => (places::config_file(environment)?, None),
        };
        let text = match files::read_text(&path, Purpose::Settings) {
            Ok(text) => text,
            Err(error) if named_by.is_none() && error.is_missing() => return None,
            Err(error) => {
                let origin = named_by.unwrap_or(Origin::File(path.clone(), 0));
                self.problems.add(&origin, "", error.summary());
                return None;
            }
        };
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let Document { entries, elements } = document::read(&text, &path, &mut self.problems);
        for Entry { key, given, origin } in entries {
            self.apply(key, &given, origin, &folder);
        }
        let Built { contracts, jobs, sinks, routes, rows } =
            tables::build(&elements, &folder, &mut self.origins, &mut self.problems);
        self.config = Config { contracts, jobs, sinks, routes, rows, ..std::mem::take(&mut self.config) };
        Some(path)
    }

    fn read_environment(&mut self, environment: &Environment) {
        for key in KEYS.iter() {
            let mut set = key.spec.variables.iter().filter_map(|name| Some((name, environment.get(name)?)));
            let Some((name, value)) = set.next() else { continue };
            // A weaker variable with another value is a trap when somebody changes the wrong one.
            if let Some((weaker, _)) = set.find(|(_, weaker)| *weaker != value) {
                self.warnings.push(format!("env {weaker} is not used: {name} sets {} as well", key.spec.path));
            }
            self.apply(key, &Given::Untyped(value.to_owned()), Origin::Variable(name.clone()), Path::new(""));
        }
        self.check_authorities(environment);
        self.warnings.extend(environment.ignored());
        self.warn_of_unknown(environment);
    }

    /// The TLS library reads the system's authorities from where these variables say, and believes any file: they are looked at
    /// before it does.
    fn check_authorities(&mut self, environment: &Environment) {
        let file = environment.get("SSL_CERT_FILE").map(|path| ("SSL_CERT_FILE", vec![PathBuf::from(path)]));
        let folder = environment.get("SSL_CERT_DIR").map(|folders| {
            let folders = folders.split(':').filter_map(|folder| fs::read_dir(folder).ok());
            ("SSL_CERT_DIR", folders.flatten().filter_map(Result::ok).map(|entry| entry.path()).collect())
        });
        for (variable, mut paths) in file.into_iter().chain(folder) {
            paths.sort();
            let refused = paths.iter().filter_map(|path| files::open(path, Purpose::Authorities).err());
            if let Some(error) = refused.into_iter().find(FileError::is_distrust) {
                self.problems.add(&Origin::Variable(variable.to_owned()), "", error.summary());
            }
        }
    }

    /// Variables that begin like a key of ours but are none. Only a warning: container platforms put variables of their
    /// own under such names.
    fn warn_of_unknown(&mut self, environment: &Environment) {
        let mut sections: Vec<_> = KEYS.iter().map(|key| key.spec.section()).collect();
        sections.dedup();
        for section in sections {
            let prefix = format!("KEYHOLDER_{}_", section.to_uppercase());
            for (variable, _) in environment.with_prefix(&prefix) {
                if KEYS.iter().any(|key| key.spec.variables.iter().any(|known| known == variable)) {
                    continue;
                }
                let name = variable.strip_prefix(&prefix).unwrap_or(variable).to_lowercase();
                let not_read = format!("env {variable} is not read");
                let near: Vec<_> =
                    document::near(section, &name).iter().map(|spec| spec.variables[0].as_str()).collect();
                self.warnings.push(
                    document::secret(&name)
                        .map_or_else(|| document::advise(&not_read, &near), |advice| format!("{not_read}; {advice}")),
                );
            }
        }
    }

    fn read_flags(&mut self, flags: &Flags) {
        for (flag, path, value) in &flags.values {
            match find_key(path) {
                Some(key) => self.apply(key, &Given::Untyped(value.clone()), Origin::Flag(flag), Path::new("")),
                None => self.problems.add(&Origin::Flag(flag), path, "unknown key"),
            }
        }
    }

    /// The text of the shared IONOS file, and the places in which it was not.
    fn read_shared(&mut self, environment: &Environment) -> (Option<SharedText>, Vec<PathBuf>) {
        let named = self.config.credentials.config_file.clone();
        let places = named.clone().map_or_else(|| places::shared_files(environment), |path| vec![path]);
        let mut absent = Vec::new();
        for path in places {
            let text = match files::read_text(&path, Purpose::SharedFile) {
                Ok(text) => text,
                Err(error) if named.is_none() && !error.is_distrust() => {
                    if !error.is_missing() {
                        self.warnings.push(format!("shared IONOS file: {}", error.summary()));
                    }
                    absent.push(path);
                    continue;
                }
                Err(error) => {
                    let (origin, key) = match named {
                        Some(_) => (self.origin_of("credentials.config_file"), "credentials.config_file"),
                        None => (Origin::Shared(path), ""),
                    };
                    self.problems.add(&origin, key, error.summary());
                    return (None, absent);
                }
            };
            return (Some((text, path)), absent);
        }
        (None, absent)
    }

    fn take_shared(&mut self, text: &Zeroizing<String>, path: &Path) -> Option<Shared> {
        let origin = Origin::Shared(path.to_owned());
        match shared::read(text, path, self.config.credentials.profile.as_deref()) {
            Ok(mut shared) => {
                let warnings = shared.warnings.iter().map(|warning| format!("{origin}: {warning}"));
                self.warnings.extend(warnings);
                if self.origins.contains_key("api.url") {
                    shared.endpoint = None;
                } else if let Some(endpoint) = &shared.endpoint {
                    self.config.api.url = endpoint.address.clone();
                    self.origins.insert("api.url".to_owned(), origin);
                }
                Some(shared)
            }
            Err(error) => {
                self.problems.add(&origin, "", error.to_string());
                None
            }
        }
    }

    /// What the shared IONOS file has for the profiles that contracts name. One that is not there is a warning: it fails that
    /// contract only, when its credentials are looked for.
    fn profiles(&mut self, text: Option<&SharedText>) -> BTreeMap<String, Shared> {
        let mut found = BTreeMap::new();
        for (index, profile) in self.config.rows.profiles() {
            let shared = match text {
                None => Err("there is no shared IONOS file".to_owned()),
                Some((text, path)) => shared::read(text, path, Some(&profile))
                    .map_err(|error| format!("{}: {error}", Origin::Shared(path.clone()))),
            };
            let has_credentials = |shared: &Shared| shared.token.is_some() || shared.basic.is_some();
            match shared {
                Ok(mut shared) if has_credentials(&shared) => {
                    if self.origins.contains_key("api.url") && !matches!(self.origins["api.url"], Origin::Shared(_)) {
                        shared.endpoint = None;
                    }
                    found.insert(profile, shared);
                }
                Ok(_) => self.warn_of_profile(index, "the shared IONOS file has no credentials in that profile"),
                Err(message) => self.warn_of_profile(index, &message),
            }
        }
        found
    }

    fn warn_of_profile(&mut self, index: usize, message: &str) {
        let origin = self.origin_of(&format!("contract[{index}].profile"));
        self.warnings.push(format!("{origin}: contract.profile: {message}"));
    }

    /// Rules that span several keys.
    fn check_across(&mut self) {
        if let Some(version) = self.config.api.url.version.take() {
            let origin = self.origin_of("api.url");
            if self.origins.contains_key("api.version") && version != self.config.api.version {
                let other = address::word(self.config.api.version);
                let said = self.origin_of("api.version");
                let message = format!("names {}, but api.version is {other} ({said})", address::word(version));
                self.problems.add(&origin, "api.url", message);
            } else {
                self.config.api.version = version;
                self.origins.insert("api.version".to_owned(), origin);
            }
        }
        let request = self.config.api.request_timeout;
        let parts = [
            ("api.connect_timeout", self.config.api.connect_timeout),
            ("api.first_byte_timeout", self.config.api.first_byte_timeout),
        ];
        for (path, part) in parts {
            if part > request {
                let (part, request) = (duration::show(part), duration::show(request));
                let request_origin = self.origin_of("api.request_timeout");
                let message =
                    format!("must not be longer than api.request_timeout, {request} ({request_origin}), is {part}");
                self.problems.add(&self.origin_of(path), path, message);
            }
        }
    }

    /// Rules of the service: what it offers stays on this machine, and what it calls is elsewhere, unless somebody says so.
    fn check_service(&mut self) {
        let service = &self.config.service;
        let mut problems = Vec::new();
        if service.listen.0.is_some_and(|address| !address.ip().is_loopback()) && !service.listen_public {
            problems.push((
                "service.listen",
                "must be an address of this machine; service.listen_public = true allows others",
            ));
        }
        if service.heartbeat_url.is_some() && service.heartbeat_url_file.is_some() {
            problems.push(("service.heartbeat_url_file", "must not be set beside service.heartbeat_url"));
        }
        let is_private = service.heartbeat_url.as_ref().is_some_and(|url| url.place() != Place::Elsewhere);
        if is_private && !service.heartbeat_allow_private_targets {
            problems.push((
                "service.heartbeat_url",
                "must not lead to this machine, a link-local address or a metadata service; \
                 service.heartbeat_allow_private_targets = true allows it",
            ));
        }
        for (path, message) in problems {
            self.problems.add(&self.origin_of(path), path, message);
        }
    }

    fn origin_of(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }
}
