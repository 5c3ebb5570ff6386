//! What the doctor sees of a server, of credentials and of a database.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use emulator::{Emulator, RateLimit, Rule};
use keyholder::cli::doctor::{Args, Check, Outcome, examine, exit, run};
use keyholder::config::{Flags, load};
use keyholder::exit::Exit;
use keyholder::seams::Environment;
use keyholder::store::open::schema_version;
use keyholder::store::{Access, Store};

use super::api_tls::{authority, leaf, pin_of, serve};
use super::support::api::{emulator, seams};

/// A machine with a state folder of its own, pointed at a server with a token.
struct Machine {
    folder: tempfile::TempDir,
    url: String,
    token: String,
}

impl Machine {
    fn of(emulator: &Emulator) -> Self {
        Self::at(&emulator.base_url(emulator::Version::V6), emulator.token())
    }

    fn at(url: &str, token: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: url.to_owned(), token: token.to_owned() }
    }

    fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    fn environment(&self, more: (&str, &str)) -> Environment {
        let state = self.folder.path().to_str().unwrap();
        Environment::of([("XDG_STATE_HOME", state), ("IONOS_API_URL", &self.url), ("IONOS_TOKEN", &self.token), more])
    }

    async fn examine_with(&self, more: (&str, &str)) -> Vec<Check> {
        let environment = self.environment(more);
        examine(&Args::default(), &load(&Flags::default(), &environment), &environment, &seams()).await
    }

    async fn examine(&self) -> Vec<Check> {
        self.examine_with(("", "")).await
    }

    fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("keyholder/keyholder.db")
    }
}

fn offline() -> Args {
    Args { offline: true, ..Args::default() }
}

/// Each check as `outcome name`, without those that went well.
fn complaints(checks: &[Check]) -> Vec<String> {
    checks
        .iter()
        .filter(|check| !matches!(check.outcome, Outcome::Ok | Outcome::Skipped))
        .map(|check| format!("{} {}", check.outcome.as_str(), check.name))
        .collect()
}

fn found<'c>(checks: &'c [Check], name: &str) -> &'c str {
    checks.iter().find(|check| check.name == name).map_or("", |check| &check.found)
}

#[tokio::test]
async fn a_healthy_installation_has_nothing_to_complain_of() {
    let emulator = emulator().await;
    let machine = Machine::of(&emulator);
    let checks = machine.examine().await;
    assert_eq!(complaints(&checks), [""; 0], "{checks:#?}");
    assert_eq!(exit(&checks), Exit::Done);
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    let expected = "configuration credentials token database disk api clock certificate contract users groups resources members \
                    shares owned keys limits lock";
    assert_eq!(names.join(" "), expected);
    assert_eq!(found(&checks, "contract"), format!("accepted; contract {}", emulator.contract_number()));
    assert_eq!(found(&checks, "users"), "30");
    assert_eq!(found(&checks, "groups"), emulator.read(|world| world.groups().count()).to_string());
}

#[tokio::test]
async fn looking_changes_nothing_and_shows_no_secret() {
    let emulator = emulator().await;
    let machine = Machine::of(&emulator);
    for json in [false, true] {
        let environment = machine.environment(("", ""));
        let loaded = load(&Flags::default(), &environment);
        let mut out = Vec::new();
        let exit = run(&Args { json, ..Args::default() }, &loaded, &environment, &seams(), &mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(exit, Exit::Done, "{text}");
        assert!(!text.contains(emulator.canary()) && !text.contains(emulator.token()), "{text}");
    }
    assert_eq!(emulator.counters().writes, 0);
    assert_eq!(emulator.counters().total, 2 * 8);
    assert!(!machine.database().exists());
}

#[tokio::test]
async fn a_refused_token_is_told_and_ends_the_questions() {
    let emulator = emulator().await;
    let checks = Machine::of(&emulator).with_token("wrong").examine().await;
    assert_eq!(complaints(&checks), ["fail contract"], "{checks:#?}");
    assert!(found(&checks, "contract").contains("credentials refused (401"), "{checks:#?}");
    assert_eq!(exit(&checks), Exit::CredentialsRefused);
    assert!(!checks.iter().any(|check| check.name == "users"));
}

#[tokio::test]
async fn a_token_that_may_not_list_is_refused() {
    let emulator = emulator().await;
    let checks = Machine::of(&emulator).with_token(emulator.restricted_token()).examine().await;
    assert_eq!(complaints(&checks), ["fail lists"], "{checks:#?}");
    assert!(found(&checks, "lists").contains("access refused (403"), "{checks:#?}");
    assert_eq!(exit(&checks), Exit::CredentialsRefused);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let checks = Machine::at(&url, "token").examine().await;
    assert_eq!(complaints(&checks), ["fail api"], "{checks:#?}");
    assert_eq!(exit(&checks), Exit::Unreachable);
    assert!(found(&checks, "database").contains("not there yet"), "the database is looked at all the same");
}

#[tokio::test]
async fn a_hiccup_is_told_apart_from_a_fault() {
    let emulator = emulator().await;
    let fault = emulator.fail(Rule::on("GET", "/contracts").status(503).times(1));
    let checks = Machine::of(&emulator).examine().await;
    assert_eq!(fault.fired(), 1);
    assert_eq!(complaints(&checks), ["warn api"], "{checks:#?}");
    assert!(found(&checks, "api").ends_with("2 attempts"), "{checks:#?}");
}

#[tokio::test]
async fn more_connections_than_the_server_allows_are_warned_of() {
    let limit = RateLimit { per_minute: 600, burst: 12 };
    let emulator = Emulator::builder().users(30).rate_limit(limit).start().await.unwrap();
    let checks = Machine::of(&emulator).examine_with(("KEYHOLDER_API_CONCURRENCY", "13")).await;
    assert_eq!(complaints(&checks), ["warn limits"], "{checks:#?}");
    assert!(found(&checks, "limits").starts_with("600 requests a minute, 12 at once, "), "{checks:#?}");
    let checks = Machine::of(&emulator).examine_with(("KEYHOLDER_API_CONCURRENCY", "12")).await;
    assert_eq!(complaints(&checks), [""; 0], "{checks:#?}");
}

#[tokio::test]
async fn another_contract_than_the_one_asked_for_is_noticed() {
    let emulator = emulator().await;
    let checks = Machine::of(&emulator).examine_with(("IONOS_CONTRACT_NUMBER", "1")).await;
    assert_eq!(complaints(&checks), ["fail contract"], "{checks:#?}");
    assert_eq!(exit(&checks), Exit::Usage);
}

#[tokio::test]
async fn a_clock_that_is_off_is_noticed() {
    let emulator = emulator().await;
    emulator.set_now("2026-06-01T07:00:00Z".parse().unwrap());
    let checks = Machine::of(&emulator).examine().await;
    assert_eq!(complaints(&checks), ["warn clock"], "{checks:#?}");
}

#[tokio::test]
async fn old_names_and_odd_variables_are_mentioned_without_their_values() {
    let emulator = emulator().await;
    let checks = Machine::of(&emulator).examine_with(("PROFITBRICKS_TOKEN", "CANARY")).await;
    assert_eq!(complaints(&checks), ["warn credentials"]);
    assert!(!format!("{checks:?}").contains("CANARY"));
    let checks = Machine::of(&emulator).examine_with(("KEYHOLDER_API_CONCURENCY", "5")).await;
    assert_eq!(complaints(&checks), ["warn configuration"]);
}

#[tokio::test]
async fn user_name_and_password_work_with_a_warning() {
    let emulator = emulator().await;
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::of([
        ("XDG_STATE_HOME", folder.path().to_str().unwrap()),
        ("IONOS_API_URL", emulator.origin()),
        ("IONOS_USERNAME", emulator.username()),
        ("IONOS_PASSWORD", emulator.password()),
    ]);
    let checks = examine(&Args::default(), &load(&Flags::default(), &environment), &environment, &seams()).await;
    assert_eq!(complaints(&checks), ["warn credentials"], "{checks:#?}");
}

#[tokio::test]
async fn a_broken_configuration_is_all_there_is_to_say() {
    let environment = Environment::of([("KEYHOLDER_API_ATTEMPTS", "0"), ("KEYHOLDER_LOG", "loud")]);
    let checks = examine(&Args::default(), &load(&Flags::default(), &environment), &environment, &seams()).await;
    assert_eq!(complaints(&checks), ["fail configuration", "fail configuration"]);
    assert_eq!(exit(&checks), Exit::Configuration);
}

#[tokio::test]
async fn without_credentials_the_server_is_not_asked() {
    let environment = Environment::of([("XDG_STATE_HOME", "/nowhere")]);
    let checks = examine(&Args::default(), &load(&Flags::default(), &environment), &environment, &seams()).await;
    assert_eq!(exit(&checks), Exit::Configuration);
    assert!(found(&checks, "credentials").starts_with("find credentials: there are none\n"));
    assert!(!checks.iter().any(|check| check.name == "api"));
}

#[tokio::test]
async fn offline_sends_nothing() {
    let emulator = emulator().await;
    let machine = Machine::of(&emulator);
    let environment = machine.environment(("", ""));
    let checks = examine(&offline(), &load(&Flags::default(), &environment), &environment, &seams()).await;
    assert_eq!(emulator.counters().total, 0);
    assert_eq!(complaints(&checks), [""; 0]);
    assert_eq!(found(&checks, "api"), "not asked");
}

#[tokio::test]
async fn the_pinned_certificate_is_compared_with_the_servers() {
    let authority = authority();
    let (here, other) = (leaf(&authority, "localhost", false), leaf(&authority, "localhost", false));
    let url = format!("https://localhost:{}", serve(&here, &[]).await);
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("ca.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let roots = roots.to_str().unwrap();
    let ask = async |roots: &str, pin: &str| {
        let environment = Environment::of([
            ("XDG_STATE_HOME", folder.path().to_str().unwrap()),
            ("IONOS_API_URL", &url),
            ("IONOS_TOKEN", "token"),
            ("KEYHOLDER_API_CA_FILE", roots),
            ("IONOS_PINNED_CERT", pin),
        ]);
        examine(&Args::default(), &load(&Flags::default(), &environment), &environment, &seams()).await
    };
    let (right, wrong) = (pin_of(&here.certificate).to_string(), pin_of(&other.certificate).to_string());
    assert_eq!(found(&ask(roots, "").await, "certificate"), "trusted; none is pinned");
    assert_eq!(found(&ask(roots, &right).await, "certificate"), "trusted, and the pinned one");
    let checks = ask(roots, &wrong).await;
    assert_eq!(complaints(&checks), ["fail certificate"], "{checks:#?}");
    assert!(found(&checks, "certificate").contains(&right) && found(&checks, "certificate").contains(&wrong));
    let checks = ask("", "").await;
    assert_eq!(complaints(&checks), ["fail api"], "{checks:#?}");
    assert!(found(&checks, "api").contains("no trusted TLS connection"), "{checks:#?}");
    let checks = ask("/nowhere.pem", "").await;
    assert_eq!(complaints(&checks), ["fail configuration"], "{checks:#?}");
}

/// What is said about a database that was prepared that way.
async fn about_database(prepare: impl AsyncFnOnce(&Path)) -> Vec<Check> {
    let machine = Machine::at("http://127.0.0.1:9", "token");
    prepare(&machine.database()).await;
    let environment = machine.environment(("", ""));
    let checks = examine(&offline(), &load(&Flags::default(), &environment), &environment, &seams()).await;
    checks.into_iter().filter(|check| check.name == "database").collect()
}

async fn create(path: &Path) {
    Store::open(path, Access::Write).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_of_ours_is_described() {
    let checks = about_database(async |path| create(path).await).await;
    assert_eq!(complaints(&checks), [""; 0], "{checks:#?}");
    let expected = format!("keyholder.db, schema {}, no snapshot yet", schema_version());
    assert!(found(&checks, "database").ends_with(&expected), "{checks:#?}");
}

#[tokio::test]
async fn a_database_that_others_can_read_is_a_failure_with_the_remedy() {
    let checks = about_database(async |path| {
        create(path).await;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    })
    .await;
    assert_eq!(exit(&checks), Exit::Store);
    assert!(checks[0].hint.as_ref().unwrap().starts_with("chmod 600 "), "{checks:#?}");
}

#[tokio::test]
async fn a_file_of_another_program_is_a_failure() {
    let checks = about_database(async |path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "not a database").unwrap();
    })
    .await;
    assert_eq!(exit(&checks), Exit::Store);
}
