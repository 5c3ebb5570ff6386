//! Which layer has the last word, and where files are looked for.

use std::path::{Path, PathBuf};

use keyholder::config::{ConfigError, Flags, Loaded, load};
use keyholder::seams::Environment;

/// A home with a configuration file and a shared IONOS file, each optional.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
        self
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("a path in UTF-8")
    }

    fn load<const N: usize>(&self, variables: [(&str, &str); N], flags: &Flags) -> Result<Loaded, ConfigError> {
        load(flags, &environment(self.path(), variables))
    }
}

fn environment<const N: usize>(home: &str, variables: [(&str, &str); N]) -> Environment {
    // One more than given: pad with the last place for HOME.
    let mut all = [("HOME", home); 8];
    all[..N].copy_from_slice(&variables);
    Environment::of(all)
}

const SHARED: &str = "currentProfile: a\nprofiles: [{name: a, environment: e, credentials: {token: shared}}]\n\
    environments: [{name: e, products: [{name: cloud, endpoints: [{name: 'https://shared.example'}]}]}]\n";

#[track_caller]
fn check_url<const N: usize>(home: &Home, variables: [(&str, &str); N], flags: &Flags, url: &str, origin: &str) {
    let loaded = home.load(variables, flags).expect("a configuration in order");
    assert_eq!(loaded.config.api.url.to_string(), url);
    assert_eq!(loaded.origin("api.url").to_string().replace(home.path(), "~"), origin);
}

#[test]
fn each_layer_beats_the_one_below() {
    let none = Flags::default();
    check_url(&Home::new(), [], &none, "https://api.ionos.com", "default");
    let home = Home::new().with(".ionos/config", SHARED);
    check_url(&home, [], &none, "https://shared.example", "shared IONOS file ~/.ionos/config");
    let home = home.with(".config/keyholder/config.toml", "[api]\nurl = 'file.example'\n");
    check_url(&home, [], &none, "https://file.example", "file ~/.config/keyholder/config.toml:2");
    let ionos = ("IONOS_API_URL", "https://ionos.example/");
    check_url(&home, [ionos], &none, "https://ionos.example", "env IONOS_API_URL");
    let ours = ("KEYHOLDER_API_URL", "ours.example");
    check_url(&home, [ionos, ours], &none, "https://ours.example", "env KEYHOLDER_API_URL");
    let flags = Flags::default().set("--url", "api.url", Some("flag.example"));
    check_url(&home, [ionos, ours], &flags, "https://flag.example", "flag --url");
}

#[test]
fn every_ionos_variable_is_understood() {
    let pin = "AB:".repeat(31) + "AB";
    let loaded = Home::new()
        .load(
            [
                ("IONOS_API_URL", "https://api.example/cloudapi/v6/"),
                ("IONOS_CONTRACT_NUMBER", "31234567"),
                ("IONOS_PINNED_CERT", &pin),
                ("IONOS_USERNAME", "ann@example.com"),
                ("IONOS_CURRENT_PROFILE", "nobody needs it"),
                ("IONOS_TOKEN_FILE", "/run/token"),
            ],
            &Flags::default(),
        )
        .expect("a configuration in order");
    let config = &loaded.config;
    assert_eq!(config.api.url.to_string(), "https://api.example");
    assert_eq!(config.api.contract_number, Some(31_234_567));
    assert_eq!(config.api.pinned_cert.map(|pin| pin.0), Some([0xab; 32]));
    assert_eq!(config.credentials.username.as_deref(), Some("ann@example.com"));
    assert_eq!(config.credentials.token_file.as_deref(), Some(Path::new("/run/token")));
}

#[test]
fn the_database_has_short_names_too() {
    let home = Home::new();
    let path = |variables: [(&str, &str); 2], flags: &Flags| {
        home.load(variables, flags).expect("a configuration in order").config.store.path
    };
    let default = home.0.path().join(".local/state/keyholder/keyholder.db");
    assert_eq!(path([("A", "b"); 2], &Flags::default()), Some(default));
    let variables = [("KEYHOLDER_DB", "/a.db"), ("XDG_STATE_HOME", "/s")];
    assert_eq!(path(variables, &Flags::default()), Some(PathBuf::from("/a.db")));
    let flags = Flags::default().set("--db", "store.path", Some("b.db"));
    assert_eq!(path(variables, &flags), Some(PathBuf::from("b.db")), "a flag is meant from the working folder");
}

#[test]
fn without_a_home_the_database_must_be_named() {
    let loaded = load(&Flags::default(), &Environment::default()).expect("a configuration in order");
    let error = loaded.database().expect_err("no place");
    assert_eq!(
        error.to_string(),
        "use the configuration: default: store.path: must be set when there is neither $XDG_STATE_HOME nor $HOME; or use --db"
    );
}

#[track_caller]
fn check_error<const N: usize>(home: &Home, variables: [(&str, &str); N], flags: &Flags, message: &str) {
    let error = home.load(variables, flags).expect_err("a configuration that is not in order");
    assert_eq!(error.to_string().replace(home.path(), "~"), format!("use the configuration: {message}"));
}

#[test]
fn a_named_file_must_be_there() {
    let home = Home::new();
    let flags = Flags::new(Some(PathBuf::from("/nowhere.toml")));
    let missing = "read /nowhere.toml: No such file or directory (os error 2)";
    check_error(&home, [], &flags, &format!("flag --config: {missing}"));
    let variable = ("KEYHOLDER_CONFIG", "/nowhere.toml");
    check_error(&home, [variable], &Flags::default(), &format!("env KEYHOLDER_CONFIG: {missing}"));
    check_error(
        &home,
        [("IONOS_CONFIG_FILE", "/nowhere.yaml")],
        &Flags::default(),
        "env IONOS_CONFIG_FILE: credentials.config_file: read /nowhere.yaml: No such file or directory (os error 2)",
    );
}

#[test]
fn a_named_profile_must_be_there() {
    let home = Home::new().with(".ionos/config.yaml", SHARED);
    check_error(
        &home,
        [("IONOS_CURRENT_PROFILE", "other")],
        &Flags::default(),
        "shared IONOS file ~/.ionos/config.yaml: there is no profile \"other\" in it",
    );
}

#[test]
fn problems_of_all_layers_come_together() {
    let home = Home::new()
        .with(".config/keyholder/config.toml", "[api]\nattempts = 0\n")
        .with(".ionos/config", "profiles: nonsense\n");
    check_error(
        &home,
        [("KEYHOLDER_API_CONCURRENCY", "0"), ("IONOS_API_URL", "http://ann:CANARY@10.0.0.1")],
        &Flags::default().set("--contract", "api.contract_number", Some("x")),
        "5 problems\n  \
         file ~/.config/keyholder/config.toml:2: api.attempts: must be 1 to 20, is 0\n  \
         env IONOS_API_URL: api.url: must not hold a user name or password; see the section [credentials]\n  \
         env KEYHOLDER_API_CONCURRENCY: api.concurrency: must be 1 to 256, is 0\n  \
         flag --contract: api.contract_number: must be a whole number, at least 1, is \"x\"\n  \
         shared IONOS file ~/.ionos/config: not the YAML of a shared IONOS file (line 1, column 11)",
    );
}

#[test]
fn odd_variables_are_warned_of() {
    let loaded = Home::new()
        .load(
            [
                ("KEYHOLDER_API_TIMEOUT", "5s"),
                ("KEYHOLDER_CREDENTIALS_TOKEN", "CANARY"),
                ("KEYHOLDER_STORE_PATH", "/a"),
                ("KEYHOLDER_DB", "/b"),
                ("KEYHOLDER_PORT", "tcp://10.0.0.1"),
            ],
            &Flags::default(),
        )
        .expect("a configuration in order");
    assert_eq!(
        loaded.warnings,
        [
            "env KEYHOLDER_DB is not used: KEYHOLDER_STORE_PATH sets store.path as well",
            "env KEYHOLDER_API_TIMEOUT is not read; did you mean KEYHOLDER_API_CONNECT_TIMEOUT, \
             KEYHOLDER_API_FIRST_BYTE_TIMEOUT or KEYHOLDER_API_REQUEST_TIMEOUT?",
            "env KEYHOLDER_CREDENTIALS_TOKEN is not read; put the token into a file of mode 0600 and name it in credentials.token_file, or set IONOS_TOKEN",
        ]
    );
}
