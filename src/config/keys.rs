//! Every key there is, once: name, variables, limits, and where its value lives in [`Config`].
//!
//! Reading, showing, hashing and the schema all go through this list; a new key is one row here, one field of
//! [`Config`] and one paragraph of `config/default.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address;
use super::duration;
use super::effective::{Config, Level, LogFormat};
use crate::api::settings::Pin;

/// One key of the configuration file.
#[derive(Debug)]
pub struct Key {
    /// Section and name: `api.concurrency`.
    pub path: &'static str,
    /// Environment variables that set it, the strongest first.
    pub variables: &'static [&'static str],
    /// What it does, in one or two sentences.
    pub about: &'static str,
    /// Whether it is part of the configuration's identity: not for places of files, accounts and logging.
    pub identity: bool,
    /// What values it takes and where they live.
    pub field: Field,
}

/// The kinds of value.
#[derive(Debug)]
pub enum Field {
    /// Text of a certain form.
    Text {
        /// Which form.
        form: Form,
        /// Stores it, or says how it should have been.
        set: fn(&mut Config, &str) -> Result<(), String>,
        /// The text in its canonical spelling.
        get: fn(&Config) -> Option<String>,
    },
    /// A file or folder.
    Path {
        /// Stores it.
        set: fn(&mut Config, PathBuf),
        /// The path, if there is one.
        get: fn(&Config) -> Option<&Path>,
    },
    /// A whole number.
    Count {
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
        /// Stores it.
        set: fn(&mut Config, u64),
        /// The number, if there is one.
        get: fn(&Config) -> Option<u64>,
    },
    /// True or false.
    Flag {
        /// Stores it.
        set: fn(&mut Config, bool),
        /// The value.
        get: fn(&Config) -> bool,
    },
    /// A duration.
    Span {
        /// The shortest allowed.
        least: Duration,
        /// The longest allowed.
        most: Duration,
        /// Stores it.
        set: fn(&mut Config, Duration),
        /// The duration.
        get: fn(&Config) -> Duration,
    },
}

/// The forms of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anything without control characters.
    Free,
    /// One of these words.
    Words(&'static [&'static str]),
    /// An address of the API.
    Address,
    /// SHA-256 in hex, with or without colons and blanks.
    Fingerprint,
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Text, a path or a duration.
    Text(String),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
}

impl Key {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    /// The part after the dot.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The key of that path.
    pub fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The value in canonical form; `None` when it is not set.
    pub fn shown(&self, config: &Config) -> Option<Shown> {
        match self.field {
            Field::Text { get, .. } => get(config).map(Shown::Text),
            Field::Path { get, .. } => get(config).map(|path| Shown::Text(path.display().to_string())),
            Field::Count { get, .. } => get(config).map(Shown::Number),
            Field::Flag { get, .. } => Some(Shown::Flag(get(config))),
            Field::Span { get, .. } => Some(Shown::Text(duration::show(get(config)))),
        }
    }
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

const DAY: u64 = 86_400;

/// The keys, in the order of `config/default.toml`.
pub static KEYS: [Key; 25] = [
    Key {
        path: "api.url",
        variables: &["KEYHOLDER_API_URL", "IONOS_API_URL"],
        about: "Address of the API, with or without https:// and /cloudapi/v6. Plain http is allowed to this machine only.",
        identity: true,
        field: Field::Text {
            form: Form::Address,
            set: |config, text| {
                config.api.url = text.parse().map_err(|error: address::AddressError| error.to_string())?;
                Ok(())
            },
            get: |config| Some(config.api.url.to_string()),
        },
    },
    Key {
        path: "api.version",
        variables: &["KEYHOLDER_API_VERSION"],
        about: "Dialect of the API. IONOS switched v5 off in 2024; it is for emulators and replayed data.",
        identity: true,
        field: Field::Text {
            form: Form::Words(&["v6", "v5"]),
            set: |config, word| {
                config.api.version = address::version(word).ok_or("must be v6 or v5")?;
                Ok(())
            },
            get: |config| Some(address::word(config.api.version).to_owned()),
        },
    },
    Key {
        path: "api.contract_number",
        variables: &["KEYHOLDER_API_CONTRACT_NUMBER", "IONOS_CONTRACT_NUMBER"],
        about: "Contract to ask for, sent as X-Contract-Number. Needed by resellers and by users of several contracts only.",
        identity: true,
        field: Field::Count {
            least: 1,
            most: i64::MAX.unsigned_abs(),
            set: |config, number| config.api.contract_number = Some(number),
            get: |config| config.api.contract_number,
        },
    },
    Key {
        path: "api.ca_file",
        variables: &["KEYHOLDER_API_CA_FILE"],
        about: "PEM file with certificate authorities to trust besides those of the system, for example of a proxy.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.api.ca_file = Some(path),
            get: |config| config.api.ca_file.as_deref(),
        },
    },
    Key {
        path: "api.pinned_cert",
        variables: &["KEYHOLDER_API_PINNED_CERT", "IONOS_PINNED_CERT"],
        about: "SHA-256 of the only server certificate to talk to, in hex. It is checked on top of normal verification.",
        identity: true,
        field: Field::Text {
            form: Form::Fingerprint,
            set: |config, text| {
                let pin = text
                    .parse::<Pin>()
                    .map_err(|_| "must be a SHA-256 in hex: 64 digits, colons and blanks allowed")?;
                config.api.pinned_cert = Some(pin);
                Ok(())
            },
            get: |config| config.api.pinned_cert.map(|pin| pin.to_string()),
        },
    },
    Key {
        path: "api.concurrency",
        variables: &["KEYHOLDER_API_CONCURRENCY"],
        about: "Requests in flight at once.",
        identity: true,
        field: Field::Count {
            least: 1,
            most: 256,
            set: |config, number| config.api.concurrency = usize::try_from(number).unwrap_or(usize::MAX),
            get: |config| u64::try_from(config.api.concurrency).ok(),
        },
    },
    Key {
        path: "api.connect_timeout",
        variables: &["KEYHOLDER_API_CONNECT_TIMEOUT"],
        about: "Time to get a connection.",
        identity: true,
        field: Field::Span {
            least: Duration::from_millis(100),
            most: seconds(300),
            set: |config, span| config.api.connect_timeout = span,
            get: |config| config.api.connect_timeout,
        },
    },
    Key {
        path: "api.first_byte_timeout",
        variables: &["KEYHOLDER_API_FIRST_BYTE_TIMEOUT"],
        about: "Time from sending a request to the first byte of its answer.",
        identity: true,
        field: Field::Span {
            least: Duration::from_millis(100),
            most: seconds(3600),
            set: |config, span| config.api.first_byte_timeout = span,
            get: |config| config.api.first_byte_timeout,
        },
    },
    Key {
        path: "api.request_timeout",
        variables: &["KEYHOLDER_API_REQUEST_TIMEOUT"],
        about: "Time for a whole request. Not shorter than the other two timeouts.",
        identity: true,
        field: Field::Span {
            least: Duration::from_millis(100),
            most: seconds(3600),
            set: |config, span| config.api.request_timeout = span,
            get: |config| config.api.request_timeout,
        },
    },
    Key {
        path: "api.attempts",
        variables: &["KEYHOLDER_API_ATTEMPTS"],
        about: "How often a reading request is sent at most, the first time included. 1 means no retry.",
        identity: true,
        field: Field::Count {
            least: 1,
            most: 20,
            set: |config, number| config.api.attempts = u32::try_from(number).unwrap_or(u32::MAX),
            get: |config| Some(config.api.attempts.into()),
        },
    },
    Key {
        path: "api.longest_retry_after",
        variables: &["KEYHOLDER_API_LONGEST_RETRY_AFTER"],
        about: "The longest Retry-After that is waited for; a longer one fails the request.",
        identity: true,
        field: Field::Span {
            least: Duration::ZERO,
            most: seconds(3600),
            set: |config, span| config.api.longest_retry_after = span,
            get: |config| config.api.longest_retry_after,
        },
    },
    Key {
        path: "credentials.token_file",
        variables: &["KEYHOLDER_CREDENTIALS_TOKEN_FILE", "IONOS_TOKEN_FILE"],
        about: "File with a bearer token and nothing else; it must belong to the user who runs keyholder or to root, with mode 0600 or 0400.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.credentials.token_file = Some(path),
            get: |config| config.credentials.token_file.as_deref(),
        },
    },
    Key {
        path: "credentials.username",
        variables: &["KEYHOLDER_CREDENTIALS_USERNAME", "IONOS_USERNAME"],
        about: "E-mail address, to sign in with user name and password. IONOS refuses that for accounts with two-factor authentication.",
        identity: false,
        field: Field::Text {
            form: Form::Free,
            set: |config, text| {
                config.credentials.username = Some(text.to_owned());
                Ok(())
            },
            get: |config| config.credentials.username.clone(),
        },
    },
    Key {
        path: "credentials.password_file",
        variables: &["KEYHOLDER_CREDENTIALS_PASSWORD_FILE", "IONOS_PASSWORD_FILE"],
        about: "File with the password and nothing else; same owner and mode as the token file.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.credentials.password_file = Some(path),
            get: |config| config.credentials.password_file.as_deref(),
        },
    },
    Key {
        path: "credentials.profile",
        variables: &["KEYHOLDER_CREDENTIALS_PROFILE", "IONOS_CURRENT_PROFILE"],
        about: "Profile of the shared IONOS file; without it the currentProfile of that file.",
        identity: false,
        field: Field::Text {
            form: Form::Free,
            set: |config, text| {
                config.credentials.profile = Some(text.to_owned());
                Ok(())
            },
            get: |config| config.credentials.profile.clone(),
        },
    },
    Key {
        path: "credentials.config_file",
        variables: &["KEYHOLDER_CREDENTIALS_CONFIG_FILE", "IONOS_CONFIG_FILE"],
        about: "The configuration file that IONOS tools share; without it ~/.ionos/config, ~/.ionos/config.yaml and the places of ionosctl.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.credentials.config_file = Some(path),
            get: |config| config.credentials.config_file.as_deref(),
        },
    },
    Key {
        path: "collect.cross_check",
        variables: &["KEYHOLDER_COLLECT_CROSS_CHECK"],
        about: "Read memberships from the users' side too and compare: one request more for each user. --cross-check does it once.",
        identity: true,
        field: Field::Flag {
            set: |config, flag| config.collect.cross_check = flag,
            get: |config| config.collect.cross_check,
        },
    },
    Key {
        path: "collect.reread_after",
        variables: &["KEYHOLDER_COLLECT_REREAD_AFTER"],
        about: "How long to wait before a list is read again of which much is missing.",
        identity: true,
        field: Field::Span {
            least: seconds(0),
            most: seconds(600),
            set: |config, span| config.collect.reread_after = span,
            get: |config| config.collect.reread_after,
        },
    },
    Key {
        path: "store.path",
        variables: &["KEYHOLDER_STORE_PATH", "KEYHOLDER_DB"],
        about: "The database file; without it keyholder/keyholder.db in $XDG_STATE_HOME or ~/.local/state.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.store.path = Some(path),
            get: |config| config.store.path.as_deref(),
        },
    },
    Key {
        path: "store.min_free_mib",
        variables: &["KEYHOLDER_STORE_MIN_FREE_MIB"],
        about: "MiB that have to be free on the database's file system before a run, and never less than twice the database. 0 switches that off.",
        identity: false,
        field: Field::Count {
            least: 0,
            most: 1 << 30,
            set: |config, number| config.store.min_free_mib = number,
            get: |config| Some(config.store.min_free_mib),
        },
    },
    Key {
        path: "report.organisation",
        variables: &["KEYHOLDER_REPORT_ORGANISATION"],
        about: "Name of the organisation on the covers of reports.",
        identity: true,
        field: Field::Text {
            form: Form::Free,
            set: |config, text| {
                text.clone_into(&mut config.report.organisation);
                Ok(())
            },
            get: |config| Some(config.report.organisation.clone()),
        },
    },
    Key {
        path: "report.templates",
        variables: &["KEYHOLDER_REPORT_TEMPLATES"],
        about: "Folder whose report templates take the place of those built in, file by file.",
        identity: false,
        field: Field::Path {
            set: |config, path| config.report.templates = Some(path),
            get: |config| config.report.templates.as_deref(),
        },
    },
    Key {
        path: "report.dormant_after",
        variables: &["KEYHOLDER_REPORT_DORMANT_AFTER"],
        about: "Without a sign-in for that long an account counts as dormant.",
        identity: true,
        field: Field::Span {
            least: seconds(DAY),
            most: seconds(3650 * DAY),
            set: |config, span| config.report.dormant_after = span,
            get: |config| config.report.dormant_after,
        },
    },
    Key {
        path: "log.level",
        variables: &["KEYHOLDER_LOG_LEVEL", "KEYHOLDER_LOG"],
        about: "The least important line that is written to standard error. -q and -v on the command line win.",
        identity: false,
        field: Field::Text {
            form: Form::Words(&Level::WORDS),
            set: |config, word| {
                config.log.level = word.parse().map_err(|error: super::UnknownWord| error.to_string())?;
                Ok(())
            },
            get: |config| Some(config.log.level.as_str().to_owned()),
        },
    },
    Key {
        path: "log.format",
        variables: &["KEYHOLDER_LOG_FORMAT"],
        about: "How a line looks: for people, or one JSON object a line.",
        identity: false,
        field: Field::Text {
            form: Form::Words(&LogFormat::WORDS),
            set: |config, word| {
                config.log.format = word.parse().map_err(|error: super::UnknownWord| error.to_string())?;
                Ok(())
            },
            get: |config| Some(config.log.format.as_str().to_owned()),
        },
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_and_no_variable_is_named_twice() {
        let paths: BTreeSet<_> = KEYS.iter().map(|key| key.path).collect();
        let variables: Vec<_> = KEYS.iter().flat_map(|key| key.variables).collect();
        assert_eq!(paths.len(), KEYS.len());
        assert_eq!(variables.iter().collect::<BTreeSet<_>>().len(), variables.len());
    }

    #[test]
    fn the_first_variable_of_a_key_spells_its_path() {
        for key in &KEYS {
            let expected = format!("KEYHOLDER_{}", key.path.replace('.', "_").to_uppercase());
            assert_eq!(key.variables.first(), Some(&expected.as_str()));
        }
    }

    #[test]
    fn no_key_can_hold_a_secret() {
        for key in &KEYS {
            assert!(!["token", "password", "secret"].contains(&key.name()), "{}", key.path);
        }
    }
}
