//! Where credentials are found, which win, and what is said when there are none.

use std::os::unix::fs::PermissionsExt as _;

use keyholder::api::settings::Credentials;
use keyholder::config::{Flags, load};
use keyholder::credentials::{CredentialsError, Found, find, find_for, legacy_variables};
use keyholder::seams::Environment;
use secrecy::ExposeSecret as _;

/// A home folder with files, a process environment and options; then: what is found?
#[derive(Default)]
struct Case {
    home: Option<tempfile::TempDir>,
    variables: Vec<(String, String)>,
    flags: Flags,
}

impl Case {
    fn new() -> Self {
        Self { home: Some(tempfile::tempdir().expect("a folder")), ..Self::default() }
    }

    fn home(&self) -> String {
        self.home.as_ref().expect("a home").path().display().to_string()
    }

    fn file(self, path: &str, text: &str, mode: u32) -> Self {
        let path = self.home.as_ref().expect("a home").path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(&path, text.replace('~', &self.home())).expect("a file");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
        self
    }

    fn config(self, text: &str) -> Self {
        self.file(".config/keyholder/config.toml", text, 0o644)
    }

    fn shared(self, credentials: &str) -> Self {
        let text = format!("currentProfile: a\nprofiles: [{{name: a, credentials: {{{credentials}}}}}]\n");
        self.file(".ionos/config", &text, 0o600)
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        let value = value.replace('~', &self.home());
        self.variables.push((name.to_owned(), value));
        self
    }

    fn find(&self) -> Result<Found, CredentialsError> {
        let home = ("HOME".to_owned(), self.home());
        let mut all: Vec<_> = self.variables.iter().chain([&home]).map(|(name, value)| (&**name, &**value)).collect();
        all.resize(10, ("", ""));
        let environment = Environment::of::<10>(all.try_into().expect("ten variables at most"));
        let loaded = load(&self.flags, &environment).expect("a configuration in order");
        find(&loaded, &environment)
    }

    /// `secret from source`, or the error with its sources.
    fn outcome(&self) -> String {
        let text = match self.find() {
            Ok(found) => match &found.credentials {
                Credentials::Bearer(token) => format!("{} from {}", token.expose_secret(), found.source),
                Credentials::Basic { username, password } => {
                    format!("{username}/{} from {}", password.expose_secret(), found.source)
                }
            },
            Err(error) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                format!("{error}{}", source.unwrap_or_default())
            }
        };
        text.replace(&self.home(), "~")
    }

    #[track_caller]
    fn gives(self, expected: &str) {
        assert_eq!(self.outcome(), expected);
    }
}

#[test]
fn a_token_in_the_environment_is_found() {
    Case::new().var("IONOS_TOKEN", " abc ").gives("abc from env IONOS_TOKEN");
}

#[test]
fn user_name_and_password_in_the_environment_are_found() {
    Case::new()
        .var("IONOS_USERNAME", "ann@example.com")
        .var("IONOS_PASSWORD", "pass word")
        .gives("ann@example.com/pass word from env IONOS_PASSWORD");
}

#[test]
fn a_token_beats_a_password_of_the_same_layer() {
    Case::new()
        .var("IONOS_USERNAME", "ann")
        .var("IONOS_PASSWORD", "pw")
        .var("IONOS_TOKEN", "abc")
        .gives("abc from env IONOS_TOKEN");
    Case::new()
        .shared("token: abc, username: ann, password: pw")
        .gives("abc from shared IONOS file ~/.ionos/config, profile a");
}

#[test]
fn a_password_of_a_stronger_layer_beats_a_token_of_a_weaker_one() {
    Case::new()
        .config("[credentials]\ntoken_file = '~/token'\n")
        .file("token", "abc", 0o600)
        .shared("token: def")
        .var("IONOS_USERNAME", "ann")
        .var("IONOS_PASSWORD", "pw")
        .gives("ann/pw from env IONOS_PASSWORD");
}

#[test]
fn the_configuration_file_beats_the_shared_file() {
    Case::new()
        .config("[credentials]\nusername = 'ann'\npassword_file = '~/password'\n")
        .file("password", "pw\n", 0o400)
        .shared("token: def")
        .gives("ann/pw from password file ~/password (file ~/.config/keyholder/config.toml:3)");
}

#[test]
fn files_are_named_by_variables_too() {
    Case::new()
        .file("token", "abc\n", 0o600)
        .var("IONOS_TOKEN_FILE", "~/token")
        .gives("abc from token file ~/token (env IONOS_TOKEN_FILE)");
    Case::new()
        .file("password", "pw\n", 0o600)
        .var("IONOS_PASSWORD_FILE", "~/password")
        .var("IONOS_USERNAME", "ann")
        .gives("ann/pw from password file ~/password (env IONOS_PASSWORD_FILE)");
}

#[test]
fn options_beat_the_environment() {
    let mut case = Case::new().file("token", "abc\n", 0o600).var("IONOS_TOKEN", "def");
    case.flags = Flags::default().set("--token-file", "credentials.token_file", Some(format!("{}/token", case.home())));
    case.gives("abc from token file ~/token (flag --token-file)");
}

#[test]
fn systemd_credentials_are_found() {
    let case = || Case::new().var("CREDENTIALS_DIRECTORY", "~/run").var("IONOS_USERNAME", "ann");
    case().file("run/ionos-token", "abc\n", 0o440).gives("abc from systemd credential ionos-token");
    case().file("run/ionos-password", "pw\n", 0o400).gives("ann/pw from systemd credential ionos-password");
}

#[test]
fn a_token_file_that_others_can_read_is_refused() {
    Case::new()
        .file("token", "CANARY", 0o644)
        .shared("token: def")
        .var("IONOS_TOKEN_FILE", "~/token")
        .gives("read the token (env IONOS_TOKEN_FILE): ~/token has mode 0644: others can read it");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error_and_no_fallback() {
    Case::new()
        .config("[credentials]\ntoken_file = 'token'\n")
        .shared("token: def")
        .gives("read the token (file ~/.config/keyholder/config.toml:2): read ~/.config/keyholder/token");
}

#[test]
fn half_a_pair_is_told_apart_from_nothing() {
    Case::new().var("IONOS_PASSWORD", "CANARY").gives(
        "use the password of env IONOS_PASSWORD: there is no user name; set IONOS_USERNAME or credentials.username",
    );
    let outcome = Case::new().var("IONOS_USERNAME", "ann").outcome();
    assert!(outcome.contains("\n  user name: set, but neither IONOS_PASSWORD nor a password file is\n"), "{outcome}");
    Case::new()
        .var("IONOS_USERNAME", "ann")
        .shared("token: def")
        .gives("def from shared IONOS file ~/.ionos/config, profile a");
}

#[test]
fn a_token_that_cannot_be_sent_is_refused_without_repeating_it() {
    for token in ["CANARY CANARY", "CANARY\nX: y", "CANÄRY"] {
        Case::new()
            .var("IONOS_TOKEN", token)
            .gives("use the token of env IONOS_TOKEN: it is empty or holds blanks or characters that cannot be sent");
    }
}

#[test]
fn without_credentials_the_places_and_the_remedy_are_named() {
    Case::new().gives(
        "find credentials: there are none\n\
         looked in\n  \
         env IONOS_TOKEN: not set\n  \
         env IONOS_TOKEN_FILE, KEYHOLDER_CREDENTIALS_TOKEN_FILE, credentials.token_file: not set\n  \
         systemd credentials: CREDENTIALS_DIRECTORY is not set\n  \
         env IONOS_USERNAME with IONOS_PASSWORD or IONOS_PASSWORD_FILE: not set\n  \
         shared IONOS file ~/.ionos/config: not there\n  \
         shared IONOS file ~/.ionos/config.yaml: not there\n  \
         shared IONOS file ~/.config/ionosctl/config.yaml: not there\n  \
         shared IONOS file ~/.config/ionosctl/config.json: not there",
    );
    let hint = Case::new().find().expect_err("no credentials").hint();
    assert!(hint.contains("set IONOS_TOKEN") && hint.contains("mode 0600"), "{hint}");
    let outcome = Case::new().shared("s3AccessKey: x").outcome();
    assert!(outcome.contains("\n  shared IONOS file ~/.ionos/config: no credentials in profile a"), "{outcome}");
}

#[test]
fn the_end_of_a_token_is_known_when_it_says_so() {
    let found = Case::new().var("IONOS_TOKEN", "x.eyJleHAiOjE4MDAwMDAwMDB9.y").find().expect("a token");
    assert_eq!(found.expires.map(|end| end.to_rfc3339()).as_deref(), Some("2027-01-15T08:00:00+00:00"));
}

#[test]
fn names_of_the_time_before_ionos_are_noticed_and_not_used() {
    let environment = Environment::of([("PROFITBRICKS_TOKEN", "CANARY"), ("PROFITBRICKS_USERNAME", "ann")]);
    assert_eq!(legacy_variables(&environment), ["PROFITBRICKS_TOKEN", "PROFITBRICKS_USERNAME"]);
    let outcome = Case::new().var("PROFITBRICKS_TOKEN", "CANARY").outcome();
    assert!(outcome.starts_with("find credentials: there are none") && !outcome.contains("CANARY"), "{outcome}");
}

/// Where the credentials of the only contract of a configuration are found.
fn of_contract(case: &Case) -> String {
    let home = case.home();
    let mut all: Vec<_> = case.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.push(("HOME", &home));
    all.resize(10, ("", ""));
    let environment = Environment::of::<10>(all.try_into().expect("ten variables at most"));
    let loaded = load(&case.flags, &environment).expect("a configuration in order");
    let text = match find_for(&loaded, loaded.config.contracts.first(), &environment) {
        Ok(found) => found.source,
        Err(error) => error.to_string(),
    };
    text.replace(&home, "~")
}

#[test]
fn a_contract_uses_its_own_credentials_or_none() {
    let case = |own: &str| {
        let text = format!("[[contract]]\nname = 'prod'\n{own}\n[credentials]\ntoken_file = 'global'\n");
        let case = Case::new().config(&text).file(".config/keyholder/global", "global", 0o600);
        case.file(".config/keyholder/own", "own", 0o600).shared("token: shared").var("IONOS_TOKEN", "env")
    };
    assert_eq!(of_contract(&case("")), "env IONOS_TOKEN");
    assert_eq!(of_contract(&case("token_file = 'own'")), "token file ~/.config/keyholder/own (contract prod)");
    assert_eq!(of_contract(&case("token_file = 'gone'")), "read the token (contract prod)");
    assert_eq!(of_contract(&case("profile = 'a'")), "shared IONOS file ~/.ionos/config, profile a");
    assert_eq!(
        of_contract(&case("username = 'ann'\npassword_file = 'own'")),
        "password file ~/.config/keyholder/own (contract prod)"
    );
    assert_eq!(
        of_contract(&case("credential = 'prod-token'")),
        "find systemd credential prod-token (contract prod): CREDENTIALS_DIRECTORY is not set"
    );
    let with_folder = case("credential = 'prod-token'").file("systemd/prod-token", "x", 0o440);
    assert_eq!(
        of_contract(&with_folder.var("CREDENTIALS_DIRECTORY", "~/systemd")),
        "systemd credential prod-token (contract prod)"
    );
}

#[test]
fn a_profile_that_is_not_there_fails_its_contract_only() {
    let case = Case::new().config("[[contract]]\nname = 'prod'\nprofile = 'b'\n").shared("token: shared");
    assert_eq!(of_contract(&case), "find credentials in profile b (contract prod): the shared IONOS file has none");
    let loaded = load(&case.flags, &Environment::of([("HOME", case.home().as_str())])).expect("in order");
    let warnings = loaded.warnings.join("\n").replace(&case.home(), "~");
    assert!(warnings.contains("~/.config/keyholder/config.toml:3: contract.profile: "), "{warnings}");
    assert!(warnings.contains("there is no profile \"b\" in it"), "{warnings}");
}
