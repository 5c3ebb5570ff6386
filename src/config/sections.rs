//! Every scalar key of the configuration, one row each, and the sections that they make.
//!
//! Knows nothing of files, flags or variables, and holds no secret: only the names of files that do. A new key is one row
//! here and one paragraph of `config/default.toml`.
#![expect(clippy::doc_markdown, reason = "the help texts are shown in TOML comments, where backticks are noise")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::keys::{Key, Spec, keys, own_variable};
use super::tables::{ContractConfig, JobConfig, RouteConfig, Rows, SinkConfig};
use super::text::{ListenAddress, TargetUrl, ZoneName};
use super::value::{MAX_COUNT, ValueType};
use super::words::{Level, LogFormat};
use crate::api::settings::{Pin, Version};
use crate::domain::id::ContractNumber;

/// Everything that can be configured. `Config::default()` is what `config/default.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How to reach the API, and how hard to try.
    pub api: Api,
    /// Where the secrets are; never the secrets.
    pub credentials: Sources,
    /// How far answers are believed.
    pub collect: Collect,
    /// The database.
    pub store: Store,
    /// What reports say and look like.
    pub report: Report,
    /// When alerts are raised and gathered.
    pub alerts: Alerts,
    /// What the service offers to others.
    pub service: Service,
    /// What is written to standard error.
    pub log: Log,
    /// Contracts to collect; without any, the one of `[api]` and `[credentials]`.
    pub contracts: Vec<ContractConfig>,
    /// What the service does on a schedule.
    pub jobs: Vec<JobConfig>,
    /// Where alerts go.
    pub sinks: Vec<SinkConfig>,
    /// Which alerts go where; without any, every sink gets what is alerted by default.
    pub routes: Vec<RouteConfig>,
    pub(super) rows: Rows,
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

const DAY: u64 = 86_400;

keys! { config
    /// Section `[api]`.
    [api] Api {
        /// Address of the API, with or without https:// and /cloudapi/v6. Plain http is allowed to this machine only.
        url: Address = Address::ionos(), env ["IONOS_API_URL"];
        /// Dialect of the API. IONOS switched v5 off in 2024; it is for emulators and replayed data.
        version: Version = Version::V6;
        /// Contract to ask for, sent as X-Contract-Number. Needed by resellers and by users of several contracts only.
        contract_number: Option<u64> = None, within 1..=MAX_COUNT, env ["IONOS_CONTRACT_NUMBER"];
        /// PEM file with certificate authorities to trust besides those of the system, for example of a proxy.
        ca_file: Option<PathBuf> = None, is local;
        /// SHA-256 of the only server certificate to talk to, in hex. It is checked on top of normal verification.
        pinned_cert: Option<Pin> = None, env ["IONOS_PINNED_CERT"];
        /// Requests in flight at once.
        concurrency: usize = 16, within 1..=256;
        /// Time to get a connection.
        connect_timeout: Duration = seconds(5), within Duration::from_millis(100)..=seconds(300);
        /// Time from sending a request to the first byte of its answer.
        first_byte_timeout: Duration = seconds(30), within Duration::from_millis(100)..=seconds(3600);
        /// Time for a whole request. Not shorter than the other two timeouts.
        request_timeout: Duration = seconds(120), within Duration::from_millis(100)..=seconds(3600);
        /// How often a reading request is sent at most, the first time included. 1 means no retry.
        attempts: u32 = 5, within 1..=20;
        /// The longest Retry-After that is waited for; a longer one fails the request.
        longest_retry_after: Duration = seconds(300), within Duration::ZERO..=seconds(3600);
    }

    /// Section `[credentials]`: names of files, accounts and profiles.
    [credentials] Sources {
        /// File with a bearer token and nothing else; it must belong to the user who runs keyholder or to root, with mode
        /// 0600 or 0400.
        token_file: Option<PathBuf> = None, is local, env ["IONOS_TOKEN_FILE"];
        /// E-mail address, to sign in with user name and password. IONOS refuses that for accounts with two-factor
        /// authentication.
        username: Option<String> = None, is local, env ["IONOS_USERNAME"];
        /// File with the password and nothing else; same owner and mode as the token file.
        password_file: Option<PathBuf> = None, is local, env ["IONOS_PASSWORD_FILE"];
        /// Profile of the shared IONOS file; without it the currentProfile of that file.
        profile: Option<String> = None, is local, env ["IONOS_CURRENT_PROFILE"];
        /// The configuration file that IONOS tools share; without it ~/.ionos/config, ~/.ionos/config.yaml and the places
        /// of ionosctl.
        config_file: Option<PathBuf> = None, is local, env ["IONOS_CONFIG_FILE"];
    }

    /// Section `[collect]`.
    [collect] Collect {
        /// Read memberships from the users' side too and compare: one request more for each user. --cross-check does it
        /// once.
        cross_check: bool = false;
        /// How long to wait before a list is read again of which much is missing.
        reread_after: Duration = seconds(60), within Duration::ZERO..=seconds(600);
        /// MiB that a recording (collect --record) takes at most. The run continues without it.
        max_record_mib: u64 = 256, within 1..=1 << 20, is local;
    }

    /// Section `[store]`.
    [store] Store {
        /// The database file; without it keyholder/keyholder.db in $XDG_STATE_HOME or ~/.local/state.
        path: Option<PathBuf> = None, is local, env ["KEYHOLDER_DB"];
        /// MiB that have to be free on the database's file system before a run, and never less than twice the database. 0
        /// switches that off.
        min_free_mib: u64 = 64, within 0..=1 << 30, is local;
        /// How long to wait for another program that has the database locked; then a run is interrupted (exit code 75).
        lock_wait: Duration = seconds(300), within Duration::ZERO..=seconds(3600), is local;
    }

    /// Section `[report]`.
    [report] Report {
        /// Name of the organisation on the covers of reports.
        organisation: String = String::new();
        /// Folder whose report templates take the place of those built in, file by file.
        templates: Option<PathBuf> = None, is local;
        /// Without a sign-in for that long an account counts as dormant.
        dormant_after: Duration = seconds(90 * DAY), within seconds(DAY)..=seconds(3650 * DAY);
        /// Time zone in which the months and days begin that commands are asked for.
        zone: ZoneName = ZoneName::default();
    }

    /// Section `[alerts]`.
    [alerts] Alerts {
        /// More alerts than this of one snapshot reach a sink as one digest with the list. Critical ones are always sent one
        /// by one as well.
        digest_above: u32 = 20, within 1..=10_000;
        /// How long before its end a token is worth an alert.
        expiry_warning: Duration = seconds(14 * DAY), within seconds(DAY)..=seconds(365 * DAY);
        /// A contract with a schedule is overdue when it has no complete snapshot so long after the start of its next run.
        overdue_grace: Duration = seconds(12 * 3600), within seconds(60)..=seconds(30 * DAY);
        /// Without a complete snapshot for that long a contract without a schedule is overdue.
        overdue_after: Duration = seconds(36 * 3600), within seconds(3600)..=seconds(365 * DAY);
    }

    /// Section `[service]`.
    [service] Service {
        /// Address and port of /healthz, /readyz and /metrics; empty for none.
        listen: ListenAddress = ListenAddress(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9184))), is local;
        /// Whether the address may be another than one of this machine. What is served is not encrypted and asks for no
        /// password.
        listen_public: bool = false, is local;
        /// URL that is called after each complete snapshot, so that a monitor elsewhere notices when that stops.
        heartbeat_url: Option<TargetUrl> = None, is local;
        /// File with that URL and nothing else, if it is a secret; same owner and mode as credentials.token_file.
        heartbeat_url_file: Option<PathBuf> = None, is local;
        /// Whether the URL may lead to this machine, a link-local address or a metadata service.
        heartbeat_allow_private_targets: bool = false, is local;
        /// How often the service looks at what is due.
        tick: Duration = seconds(5), within seconds(1)..=seconds(60), is local;
    }

    /// Section `[log]`.
    [log] Log {
        /// The least important line that is written to standard error. -q and -v on the command line win.
        level: Level = Level::Info, is local, env ["KEYHOLDER_LOG"];
        /// How a line looks: for people, or one JSON object a line.
        format: LogFormat = LogFormat::Text, is local;
    }
}

impl Config {
    /// The names of the contracts whose numbers are configured.
    pub fn contract_names(&self) -> BTreeMap<ContractNumber, String> {
        let named = self.contracts.iter().filter_map(|contract| Some((contract.number?, contract.name.clone())));
        named.collect()
    }
}

/// The scalar key of that path.
pub fn find_key(path: &str) -> Option<&'static Key<Config>> {
    KEYS.iter().find(|key| key.spec.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_and_no_variable_is_named_twice() {
        let paths: BTreeSet<_> = KEYS.iter().map(|key| key.spec.path).collect();
        let variables: Vec<_> = KEYS.iter().flat_map(|key| &key.spec.variables).collect();
        assert_eq!(paths.len(), KEYS.len());
        assert_eq!(variables.iter().collect::<BTreeSet<_>>().len(), variables.len());
    }

    #[test]
    fn the_first_variable_of_a_key_spells_its_path() {
        let first = |path| find_key(path).and_then(|key| key.spec.variables.first()).map(String::as_str);
        assert_eq!(first("api.url"), Some("KEYHOLDER_API_URL"));
        assert_eq!(first("store.min_free_mib"), Some("KEYHOLDER_STORE_MIN_FREE_MIB"));
    }

    #[test]
    fn no_key_can_hold_a_secret() {
        for key in KEYS.iter() {
            assert!(!["token", "password", "secret"].contains(&key.spec.name()), "{}", key.spec.path);
        }
    }
}
