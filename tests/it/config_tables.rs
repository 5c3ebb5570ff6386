//! Arrays of tables in the configuration file: what they amount to, and what is said about wrong ones.

use std::path::Path;
use std::time::Duration;

use keyholder::cli::config::{Args, Command, run};
use keyholder::config::{
    Config, ContractCredentials, ContractSet, Flags, JobWork, Loaded, MailSecurity, SecretSource, SinkTarget,
    TargetSource, known_classes, load,
};
use keyholder::domain::change::Class;
use keyholder::domain::id::ContractNumber;
use keyholder::domain::schedule::Schedule;
use keyholder::domain::severity::Severity;
use keyholder::seams::Environment;

fn written(text: &str) -> (tempfile::TempDir, Result<Loaded, String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("k.toml");
    std::fs::write(&path, text).expect("a file");
    let loaded = load(&Flags::new(Some(path)), &Environment::default());
    let loaded = loaded.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""));
    (folder, loaded)
}

fn config(text: &str) -> Config {
    written(text).1.expect("a configuration in order").config
}

/// The lines of the message about a file: each problem with its line.
fn problems(text: &str) -> Vec<String> {
    let message = written(text).1.expect_err("a configuration that is not in order");
    let problems = message.trim_start_matches("use the configuration: ").lines();
    problems.filter(|line| !line.ends_with(" problems")).map(|line| line.trim().to_owned()).collect()
}

#[track_caller]
fn check_problems(text: &str, expected: &[&str]) {
    let found = problems(text);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "expected {expected:?}, found {found:?}");
    }
}

const CONTRACTS: &str = "[[contract]]\nname = 'production'\nnumber = 31234567\nlabels = ['emea']\ntoken_file = 'token'\n\
    collect = '30 2 * * *'\nzone = 'Europe/Berlin'\njitter = '10m'\n\n\
    [[contract]]\nname = 'staging'\nurl = 'https://api.example/cloudapi/v5'\n";

#[test]
fn contracts_have_credentials_and_a_schedule_of_their_own() {
    let (folder, loaded) = written(CONTRACTS);
    let config = loaded.expect("a configuration in order").config;
    let [production, staging] = config.contracts.as_slice() else { panic!("{:?}", config.contracts) };
    assert_eq!((production.name.as_str(), production.number), ("production", Some(ContractNumber(31_234_567))));
    assert_eq!(production.credentials, Some(ContractCredentials::TokenFile(folder.path().join("token"))));
    let schedule = Schedule::parse("30 2 * * *", "Europe/Berlin", Duration::from_mins(10)).expect("a schedule");
    assert_eq!(production.collect, Some(schedule));
    assert_eq!((&staging.credentials, &staging.collect, staging.number), (&None, &None, None));
    assert_eq!(staging.version, Some(keyholder::api::settings::Version::V5));
}

#[test]
fn each_kind_of_credentials_of_a_contract_is_read() {
    let config = config(
        "[[contract]]\nname = 'a'\ncredential = 'a-token'\n[[contract]]\nname = 'b'\nprofile = 'auditor'\n\
         [[contract]]\nname = 'c'\nusername = 'ann@example.com'\npassword_file = '/p'\n",
    );
    let credentials: Vec<_> = config.contracts.into_iter().map(|contract| contract.credentials).collect();
    assert_eq!(
        credentials,
        [
            Some(ContractCredentials::Systemd("a-token".to_owned())),
            Some(ContractCredentials::Profile("auditor".to_owned())),
            Some(ContractCredentials::Password { username: "ann@example.com".to_owned(), file: "/p".into() }),
        ]
    );
}

#[test]
fn wrong_contracts_are_reported_all_at_once() {
    check_problems(
        "[[contract]]\nname = 'a'\nnumber = 7\n\n[[contract]]\nname = 'a'\nnumber = 7\ntoken = 'CANARY'\ncolect = 1\n\
         zone = 'Mars'\ncollect = '61 * * * *'\nprofile = 'x'\ncredential = 'y'\njitter = '2h'\n\n\
         [[contract]]\nname = 'Größe'\npassword_file = 'p'\nlabels = ['a b']\n\n[[contract]]\nzone = 'UTC'\n",
        &[
            "file k.toml:6: contract.name: must be unique: a is the name of another contract (file k.toml:2)",
            "file k.toml:7: contract.number: must be unique: 7 is the number of another contract (file k.toml:3)",
            "file k.toml:8: contract.token: a secret does not belong into this file; put it into a file of mode 0600",
            "file k.toml:9: contract.colect: unknown key; did you mean collect?",
            "file k.toml:10: contract.zone: read time zone \"Mars\": not the name of an IANA time zone",
            "file k.toml:11: contract.collect: read schedule \"61 * * * *\"",
            "file k.toml:12: contract.profile: must not be set beside credential",
            "file k.toml:14: contract.jitter: must be 0s to 1h, is 2h",
            "file k.toml:16: contract.username: must be set",
            "file k.toml:17: contract.name: must be 1 to 40 lower-case letters, digits and hyphens",
            "file k.toml:19: contract.labels: item 1: must be 1 to 40 letters",
            "file k.toml:21: contract.name: must be set",
            "file k.toml:22: contract.zone: means nothing without collect",
        ],
    );
}

const JOBS: &str = "[[job]]\nname = 'review'\nkind = 'report'\nschedule = '0 6 1 * *'\ncontracts = ['staging']\n\
    reports = ['access-review']\nfolder = 'reports'\n[[job]]\nname = 'backup'\nkind = 'backup'\nschedule = '@daily'\n\
    folder = '/b'\n[[job]]\nname = 'deliver'\nkind = 'deliver'\nschedule = '*/5 * * * *'\n";

#[test]
fn jobs_have_what_belongs_to_their_kind() {
    let config = config(&format!("{CONTRACTS}{JOBS}"));
    let [review, backup, deliver] = config.jobs.as_slice() else { panic!("{:?}", config.jobs) };
    let JobWork::Report { contracts, formats, folder, .. } = &review.work else { panic!("{review:?}") };
    assert_eq!(*contracts, ContractSet::Only(vec!["staging".to_owned()]));
    assert_eq!(formats.iter().map(<&str>::from).collect::<Vec<_>>(), ["html", "csv"]);
    assert!(folder.is_absolute() && folder.ends_with("reports"), "{folder:?}");
    assert_eq!(backup.work, JobWork::Backup { folder: "/b".into(), keep: 14 });
    assert_eq!((deliver.name.as_str(), &deliver.work), ("deliver", &JobWork::Deliver));
}

#[test]
fn wrong_jobs_are_reported_all_at_once() {
    check_problems(
        "[[contract]]\nname = 'production'\n[[job]]\nname = 'a'\nkind = 'deliver'\nschedule = '@yearly'\nkeep = 3\n\
         [[job]]\nname = 'b'\nkind = 'report'\ncontracts = ['prodution']\ndeliver_to = ['mail']\nreports = ['acces']\n\
         [[job]]\nname = 'b'\nkind = 'bakcup'\nschedule = '@daily'\nformats = []\n",
        &[
            "file k.toml:6: job.schedule: read schedule \"@yearly\"",
            "file k.toml:7: job.keep: must not be set for kind deliver; it belongs to backup",
            "file k.toml:8: job.schedule: must be set",
            "file k.toml:8: job.folder: must be set",
            "file k.toml:11: job.contracts: there is no contract \"prodution\"; did you mean production?",
            "file k.toml:12: job.deliver_to: there is no sink \"mail\"",
            "file k.toml:13: job.reports: item 1: must be one of access-review, changes, population, is \"acces\"",
            "file k.toml:15: job.name: must be unique: b is the name of another job (file k.toml:9)",
            "file k.toml:16: job.kind: must be one of collect, report, deliver, verify, backup, is \"bakcup\"",
            "file k.toml:18: job.formats: must not be empty",
        ],
    );
}

#[test]
fn sinks_have_what_belongs_to_their_kind() {
    let config = config(
        "[[sink]]\nname = 'w'\nkind = 'webhook'\nurl = 'https://a.example/x'\nkey_files = ['/k1']\nkey_env = ['K2']\n\
         [[sink]]\nname = 's'\nkind = 'slack'\nurl_env = 'SLACK_URL'\n\
         [[sink]]\nname = 'm'\nkind = 'email'\nhost = 'mail.example.com'\nsecurity = 'tls'\nfrom = 'a@example.com'\n\
         to = ['b@example.com']\n\
         [[sink]]\nname = 'l'\nkind = 'syslog'\nhost = 'localhost'\nallow_private_targets = true\n",
    );
    let targets: Vec<_> = config.sinks.iter().map(|sink| (sink.names, &sink.target)).collect();
    let [(false, webhook), (false, slack), (true, mail), (false, syslog)] = targets.as_slice() else {
        panic!("{targets:?}")
    };
    let SinkTarget::Webhook { url: TargetSource::Plain(url), keys } = webhook else { panic!("{webhook:?}") };
    assert_eq!(url.as_url().as_str(), "https://a.example/x");
    assert_eq!(*keys, [SecretSource::File("/k1".into()), SecretSource::Variable("K2".to_owned())]);
    assert_eq!(**slack, SinkTarget::Slack { url: SecretSource::Variable("SLACK_URL".to_owned()) });
    assert!(matches!(mail, SinkTarget::Email { port: 465, security: MailSecurity::Tls, login: None, .. }), "{mail:?}");
    assert!(matches!(syslog, SinkTarget::Syslog { port: 514, .. }), "{syslog:?}");
}

#[test]
fn wrong_sinks_are_reported_all_at_once() {
    check_problems(
        "[[sink]]\nname = 'a'\nkind = 'slack'\nurl = 'https://hooks.slack.com/CANARY'\n\
         [[sink]]\nname = 'b'\nkind = 'webhook'\nurl = 'https://127.0.0.1/x'\n\
         [[sink]]\nname = 'c'\nkind = 'webhook'\nurl = 'https://169.254.169.254/x'\nkey_env = ['K']\nkey = 'CANARY'\n\
         [[sink]]\nname = 'd'\nkind = 'email'\nhost = 'mail.example.com'\nsecurity = 'none'\nto = ['Ann <a@b.c>']\n\
         password = 'CANARY'\npassword_env = 'P'\n\
         [[sink]]\nname = 'e'\nkind = 'pager'\n[[sink]]\nname = 'f'\nkind = 'file'\nhost = 'x'\n\
         [[sink]]\nname = 'g'\nkind = 'webhook'\nurl = 'https://hooks.slack.com/CANARY'\nkey_env = ['K']\n\
         [[sink]]\nname = 'h'\nkind = 'teams'\n[[sink]]\nname = 'h'\nkind = 'syslog'\nhost = 'localhost:514'\n",
        &[
            "file k.toml:4: sink.url: a secret does not belong into this file",
            "file k.toml:5: sink.key_files: must be set, or instead of it key_credentials or key_env",
            "file k.toml:8: sink.url: must not be this machine; allow_private_targets = true allows it",
            "file k.toml:12: sink.url: must not be a link-local address or a metadata service",
            "file k.toml:14: sink.key: a secret does not belong into this file",
            "file k.toml:15: sink.from: must be set",
            "file k.toml:19: sink.security: must be tls or starttls",
            "file k.toml:20: sink.to: item 1: must be a mail address",
            "file k.toml:21: sink.password: a secret does not belong into this file",
            "file k.toml:22: sink.password_env: means nothing without username",
            "file k.toml:25: sink.kind: must be one of stdout, file, webhook, slack, teams, email, syslog",
            "file k.toml:26: sink.path: must be set",
            "file k.toml:29: sink.host: must not be set for kind file; it belongs to email, syslog",
            "file k.toml:33: sink.url: a secret does not belong into this file",
            "file k.toml:35: sink.url_file: must be set, or instead of it url_credential or url_env",
            "file k.toml:39: sink.name: must be unique: h is the name of another sink (file k.toml:36)",
            "file k.toml:41: sink.host: must be the name or IP address of a host, without a port",
        ],
    );
}

#[test]
fn no_problem_of_a_table_repeats_a_secret() {
    for text in [
        "[[contract]]\nname = 'a'\ntoken = 'CANARY'\n",
        "[[contract]]\nname = 'a'\ntoken_file = 'eyJhbGciOiJSUzI1NiJ9.CANARY.CANARY'\n",
        "[[sink]]\nname = 'a'\nkind = 'teams'\nurl = 'https://x.webhook.office.com/CANARY'\n",
        "[[sink]]\nname = 'a'\nkind = 'webhook'\nkey_env = ['K']\nurl = 'https://ann:CANARY@a.example'\n",
        "[[sink]]\nname = 'a'\nkind = 'webhook'\nkey_env = ['K']\nurl = 'https://a.example?CANARY'\n",
        "[[sink]]\nname = 'a'\nkind = 'email'\nPassword = 'CANARY'\n",
        "[[sink]]\nname = 'a'\nkind = 'webhook'\nsigning-key = 'CANARY'\n",
    ] {
        let problems = problems(text).join("\n");
        assert!(!problems.contains("CANARY"), "{problems}");
    }
}

#[test]
fn routes_name_sinks_classes_and_contracts() {
    let sinks = "[[contract]]\nname = 'a'\nnumber = 7\n[[sink]]\nname = 'mail'\nkind = 'stdout'\n";
    let config = config(&format!(
        "{sinks}[[route]]\nsinks = ['mail']\nclasses = ['key-added', 'run-failed']\nseverity = 'high'\ncontracts = ['a']\n"
    ));
    let [route] = config.routes.as_slice() else { panic!("{:?}", config.routes) };
    assert_eq!((route.classes.len(), route.severity), (2, Some(Severity::High)));
    assert!(route.contracts.contains("a") && !route.contracts.contains("b"));
    check_problems(
        &format!(
            "{sinks}[[route]]\nsinks = ['mial']\nclasses = ['key-aded', 'share-added']\nseverity = 'urgent'\n\
             contracts = ['b']\n[[route]]\nseverity = 'high'\n"
        ),
        &[
            "file k.toml:8: route.sinks: there is no sink \"mial\"; did you mean mail?",
            "file k.toml:9: route.classes: there is no class \"key-aded\"; did you mean key-added?",
            "file k.toml:10: route.severity: must be one of info, low, medium, high, critical, is \"urgent\"",
            "file k.toml:11: route.contracts: there is no contract \"b\"",
            "file k.toml:12: route.sinks: must be set",
        ],
    );
    check_problems(
        &format!("{}[[route]]\nsinks = ['mail']\ncontracts = ['a']\n", sinks.replace("number = 7\n", "")),
        &["file k.toml:8: route.contracts: contract a needs a number to be named in a route"],
    );
}

#[test]
fn every_class_of_a_change_can_be_routed() {
    let known = known_classes();
    assert!(Class::ALL.iter().all(|class| known.contains(&class.as_str())));
    assert!(known.contains(&"run-failed"));
}

#[test]
fn a_table_must_be_an_array_of_tables() {
    check_problems("contract = 5\n", &["file k.toml:1: contract: must be tables: [[contract]]"]);
    check_problems("[sink]\nname = 'a'\n", &["file k.toml:1: sink: must be tables: [[sink]]"]);
    check_problems("job = [1]\n", &["file k.toml:1: job: must be tables: [[job]]"]);
    check_problems("[[contracts]]\n", &["file k.toml:1: contracts: unknown section; did you mean contract?"]);
    assert_eq!(config("contract = [{ name = 'a' }, { name = 'b' }]\n").contracts.len(), 2);
}

#[test]
fn what_is_served_and_called_stays_where_it_belongs() {
    check_problems(
        "[service]\nlisten = '0.0.0.0:9184'\nheartbeat_url = 'http://127.0.0.1:1/x'\nheartbeat_url_file = 'x'\n",
        &[
            "file k.toml:2: service.listen: must be an address of this machine",
            "file k.toml:3: service.heartbeat_url: must not lead to this machine",
            "file k.toml:4: service.heartbeat_url_file: must not be set beside service.heartbeat_url",
        ],
    );
    assert_eq!(config("[service]\nlisten = ''\n").service.listen.0, None);
    assert!(config("[service]\nlisten = '[::]:9184'\nlisten_public = true\n").service.listen.0.is_some());
}

/// What `keyholder config show` prints about a file with that text.
fn shown(text: &str, origin: bool) -> String {
    let (folder, loaded) = written(text);
    let path = folder.path().join("k.toml");
    let loaded = load(&Flags::new(Some(path)), &Environment::default()).or(loaded.map_err(|_| unreachable!()));
    let mut out = Vec::new();
    run(&Args { command: Command::Show { origin } }, &loaded, &mut out, &mut std::io::sink()).expect("output");
    String::from_utf8(out).expect("text").replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn config_show_prints_tables_that_mean_the_same() {
    let text = std::fs::read_to_string(Path::new("config/example.toml")).expect("the example");
    let text = text.replace("heartbeat_url_file", "# heartbeat_url_file");
    let (first, again) = (config(&text), config(&shown(&text, false)));
    assert_eq!((&first.contracts, &first.jobs), (&again.contracts, &again.jobs));
    assert_eq!((&first.sinks, &first.routes), (&again.sinks, &again.routes));
    assert_eq!(first.hash(), again.hash());
    let lines = shown(CONTRACTS, true);
    assert!(lines.lines().any(|line| line.starts_with("zone = ") && line.ends_with("# file k.toml:7")), "{lines}");
    assert!(
        lines.lines().any(|line| line.starts_with("[[contract]]") && line.ends_with("# file k.toml:10")),
        "{lines}"
    );
}

#[test]
fn the_hash_includes_contracts_jobs_and_routes_only() {
    let sink = "[[sink]]\nname = 'a'\nkind = 'stdout'\n";
    let hash = |text: &str| config(text).hash();
    assert_eq!(hash(sink), hash(""));
    assert_ne!(hash(CONTRACTS), hash(""));
    assert_eq!(hash(CONTRACTS), hash(&CONTRACTS.replace("token_file = 'token'", "credential = 'x'")));
    assert_ne!(hash(CONTRACTS), hash(&CONTRACTS.replace("30 2", "30 3")));
    let jobs = format!("{CONTRACTS}{JOBS}");
    assert_ne!(hash(&jobs), hash(CONTRACTS));
    assert_eq!(hash(&jobs), hash(&jobs.replace("'/b'", "'/c'").replace("@daily", "0  0 * * *")));
    assert_ne!(hash(&format!("{sink}[[route]]\nsinks = ['a']\n")), hash(sink));
}
