//! Settings as the tools of IONOS take them: blank is as absent, and what surrounds a value without being meant is taken off
//! and reported. Every variable and every value of the shared IONOS file.

use std::fs;
use std::path::Path;

use keyholder::api::settings::Credentials;
use keyholder::config::{Flags, KEYS, Loaded, Origin, load, settings};
use keyholder::credentials::{self, Found};
use keyholder::seams::Environment;
use secrecy::ExposeSecret as _;

use crate::support::cli::{Desk, served};

/// Forms of a value that mean nothing.
pub(crate) const BLANK: [&str; 8] = ["", " ", "\t", "\r\n", "\u{feff}", "\u{feff}\r\n", "\"\"", "' '"];

/// Forms of a value that mean what stands in place of the star.
pub(crate) const ODD: [&str; 8] = ["*\r\n", "*\n", " * ", "\u{feff}*", "\"*\"", "'*'", "\"*\"\r\n", "\u{feff}' *'"];

/// A value for each key that has none by default.
const SAMPLES: [(&str, &str); 13] = [
    ("api.contract_number", "31000001"),
    ("api.ca_file", "/etc/ca.pem"),
    ("api.pinned_cert", "abababababababababababababababababababababababababababababababab"),
    ("credentials.token_file", "/run/token"),
    ("credentials.username", "ann@example.org"),
    ("credentials.password_file", "/run/password"),
    ("credentials.profile", "a"),
    ("credentials.config_file", "/dev/null"),
    ("store.path", "/var/lib/keyholder/keyholder.db"),
    ("report.organisation", "Example"),
    ("report.templates", "/etc/templates"),
    ("service.heartbeat_url", "https://beat.example/1"),
    ("service.heartbeat_url_file", "/run/beat"),
];

fn loaded(variables: [(&str, &str); 1]) -> Loaded {
    load(&Flags::default(), &Environment::of(variables)).unwrap_or_else(|error| panic!("{variables:?}: {error}"))
}

/// Expects that a variable is said to be ignored in part, without its value, or that nothing is said.
#[track_caller]
fn check_said(loaded: &Loaded, variable: &str, is_odd: bool) {
    let said: Vec<_> = loaded.warnings.iter().filter(|line| line.starts_with(&format!("env {variable}: "))).collect();
    assert_eq!(said.len(), usize::from(is_odd), "{variable}: {:?}", loaded.warnings);
}

#[test]
fn every_variable_is_taken_without_what_surrounds_it() {
    for key in KEYS.iter() {
        let path = key.spec.path;
        let sample = SAMPLES.iter().find(|(known, _)| *known == path).map(|(_, sample)| (*sample).to_owned());
        let default = keyholder::config::Config::default();
        let shown = key.shown(&default).map(|shown| match shown {
            keyholder::config::keys::Shown::Text(text) => text,
            keyholder::config::keys::Shown::Number(number) => number.to_string(),
            keyholder::config::keys::Shown::Flag(flag) => flag.to_string(),
            keyholder::config::keys::Shown::List(_) => unreachable!("no scalar key is a list"),
        });
        let value = sample.or(shown).filter(|value| !value.is_empty());
        let value = value.unwrap_or_else(|| panic!("{path}: a key without a sample"));
        for variable in &key.spec.variables {
            let plain = loaded([(variable, &value)]);
            assert_eq!(plain.origin(path), &Origin::Variable(variable.clone()), "{variable}");
            check_said(&plain, variable, false);
            for form in ODD {
                let odd = loaded([(variable, &form.replace('*', &value))]);
                assert_eq!(odd.config, plain.config, "{variable} {form:?}");
                check_said(&odd, variable, true);
            }
            for form in BLANK {
                let blank = loaded([(variable, form)]);
                assert_eq!(blank.origin(path), &Origin::Default, "{variable} {form:?}");
                check_said(&blank, variable, !form.is_empty());
            }
        }
    }
}

/// A home folder with a shared file, and variables.
struct Home(tempfile::TempDir);

impl Home {
    fn with(shared: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".ionos")).unwrap();
        fs::write(folder.path().join(".ionos/config"), shared).unwrap();
        Self(folder)
    }

    fn environment(&self, [one, two]: [(&str, &str); 2]) -> Environment {
        Environment::of([("HOME", self.0.path().to_str().unwrap()), one, two])
    }

    /// `token abc at https://api.ionos.com`, or the end of what is wrong; and everything that was said.
    fn outcome(&self, variables: [(&str, &str); 2]) -> (String, String) {
        let environment = self.environment(variables);
        let loaded = match load(&Flags::default(), &environment) {
            Ok(loaded) => loaded,
            Err(error) => return (error.to_string(), String::new()),
        };
        let mut said = loaded.warnings.clone();
        match credentials::find(&loaded, &environment) {
            Ok(Found { credentials, notices, .. }) => {
                said.extend(notices);
                let who = match &credentials {
                    Credentials::Bearer(token) => format!("token {}", token.expose_secret()),
                    Credentials::Basic { username, password } => format!("{username} {}", password.expose_secret()),
                };
                let base = settings(&loaded, None, credentials).unwrap().base;
                (format!("{who} at {}", base.as_str().trim_end_matches("/cloudapi/v6")), said.join("\n"))
            }
            Err(error) => (error.to_string().lines().next().unwrap_or_default().to_owned(), said.join("\n")),
        }
    }
}

#[track_caller]
fn check(shared: &str, variables: [(&str, &str); 2], expected: &str, says: &[&str]) {
    let (outcome, said) = Home::with(shared).outcome(variables);
    assert_eq!(outcome, expected, "{shared:?} {variables:?}: {said}");
    for part in says {
        assert!(said.contains(part), "{shared:?} {variables:?} does not say {part:?}: {said}");
    }
    assert_eq!(said.is_empty(), says.is_empty(), "{shared:?} {variables:?}: {said}");
}

const NOTHING: (&str, &str) = ("", "");
const NOWHERE: &str = "find credentials: there are none";

#[test]
fn a_token_is_taken_in_any_wrapping() {
    for form in ODD {
        let token = form.replace('*', "abc");
        check("", [("IONOS_TOKEN", &token), NOTHING], "token abc at https://api.ionos.com", &["env IONOS_TOKEN: "]);
    }
    for form in &BLANK[1..] {
        check("", [("IONOS_TOKEN", form), NOTHING], NOWHERE, &["env IONOS_TOKEN: it is blank"]);
    }
    check("", [("IONOS_TOKEN", ""), NOTHING], NOWHERE, &[]);
}

#[test]
fn a_password_is_taken_as_it_is() {
    let name = ("IONOS_USERNAME", "ann");
    let rows: [(&str, &str, &[&str]); 4] = [
        (" pw ", "ann  pw  at https://api.ionos.com", &[]),
        ("pw\r\n", "ann pw at https://api.ionos.com", &["env IONOS_PASSWORD: a line end"]),
        ("\"pw\"", "ann \"pw\" at https://api.ionos.com", &["env IONOS_PASSWORD: the quotes"]),
        ("\u{feff}pw", "ann pw at https://api.ionos.com", &["env IONOS_PASSWORD: a line end or a byte order mark"]),
    ];
    for (password, expected, says) in rows {
        check("", [name, ("IONOS_PASSWORD", password)], expected, says);
    }
}

const PROFILE: &str = "currentProfile: a\nprofiles: [{name: a, environment: e, credentials: {token: abc}}]\n\
    environments: [{name: e, products: [{name: cloud, endpoints: [{name: 'https://own.example'}]}]}]\n";

#[test]
fn half_a_pair_is_none() {
    let token = "token abc at https://own.example";
    check(PROFILE, [("IONOS_USERNAME", "ann"), NOTHING], token, &["env IONOS_USERNAME: the user name is not used"]);
    check(
        PROFILE,
        [("IONOS_PASSWORD", "pw"), NOTHING],
        token,
        &["env IONOS_PASSWORD is not used: there is no user name"],
    );
    check(PROFILE, [("IONOS_PASSWORD", "pw"), ("IONOS_USERNAME", " ")], token, &["it is blank", "is not used"]);
    let alone =
        "use the password of env IONOS_PASSWORD: there is no user name; set IONOS_USERNAME or credentials.username";
    check("", [("IONOS_PASSWORD", "pw"), NOTHING], alone, &[]);
    for (pair, says) in [("username: ann", "without a password"), ("password: pw", "without a user name")] {
        let text = format!("currentProfile: a\nprofiles: [{{name: a, credentials: {{{pair}, token: ' '}}}}]\n");
        check(&text, [NOTHING, NOTHING], NOWHERE, &[says]);
        check(&text, [("IONOS_TOKEN", "env"), NOTHING], "token env at https://api.ionos.com", &[says]);
    }
}

#[test]
fn every_value_of_the_shared_file_may_be_odd() {
    let own = "token abc at https://own.example";
    let public = "token abc at https://api.ionos.com";
    let unused = "its environments are not used";
    // What is replaced in the file, by what, and what comes of it.
    let rows: [(&str, &str, &str, &[&str]); 24] = [
        ("", "", own, &[]),
        ("currentProfile: a", "currentProfile: ' A '", own, &[]),
        ("currentProfile: a", "currentProfile: '\"a\"'", own, &[]),
        ("currentProfile: a", "currentProfile: \"\"", NOWHERE, &["no currentProfile", unused]),
        ("currentProfile: a", "currentProfile: ' '", NOWHERE, &["no currentProfile", unused]),
        ("currentProfile: a", "currentProfile: gone", NOWHERE, &["there is no such profile", unused]),
        ("name: a", "name: '\"a\"'", own, &[]),
        ("name: a", "name: ''", NOWHERE, &["there is no such profile", unused]),
        ("environment: e", "environment: ' \"e\" '", own, &[]),
        ("environment: e", "environment: ''", public, &[unused]),
        ("environment: e", "environment: other", public, &["which it does not have"]),
        ("token: abc", "token: '\"abc\"'", own, &["the quotes around its value are ignored"]),
        ("token: abc", "token: \"abc\\r\\n\"", own, &["blanks, line ends"]),
        ("token: abc", "token: ' '", NOWHERE, &[]),
        ("credentials: {token: abc}", "credentials: ''", NOWHERE, &[]),
        ("credentials: {token: abc}", "credentials:", NOWHERE, &[]),
        ("profiles: [", "profiles: [null, ", own, &[]),
        ("profiles: [", "profiles: ['', ", own, &[]),
        ("endpoints: [{name: 'https://own.example'}]", "endpoints: ''", public, &[]),
        ("name: 'https://own.example'", "name: ' '", public, &[]),
        ("name: 'https://own.example'", "name: ' \"https://own.example\" '", own, &[]),
        ("{name: 'https://own.example'}", "{name: 'https://own.example', location: '', skipTlsVerify: ''}", own, &[]),
        (
            "{name: 'https://own.example'}",
            "{name: 'https://own.example', skipTlsVerify: 'true'}",
            own,
            &["skipTlsVerify"],
        ),
        ("{name: 'https://own.example'}", "{name: 'https://own.example', certificateAuthData: ' '}", own, &[]),
    ];
    for (part, odd, expected, says) in rows {
        assert!(PROFILE.contains(part));
        let text = PROFILE.replacen(part, odd, 1);
        check(&text, [NOTHING, NOTHING], expected, says);
        check(&format!("\u{feff}{}", text.replace('\n', "\r\n")), [NOTHING, NOTHING], expected, says);
    }
    for text in ["", " ", "\u{feff}", "profiles: ''\nenvironments: ''\nuserdata: ''\n", "currentProfile: ''\n"] {
        check(text, [("IONOS_TOKEN", "env"), NOTHING], "token env at https://api.ionos.com", &[]);
    }
}

#[test]
fn r3_what_nobody_chose_decides_no_address() {
    let text = PROFILE.replace("currentProfile: a", "");
    let says = ["no currentProfile", "its environments are not used"];
    check(&text, [("IONOS_TOKEN", "env"), NOTHING], "token env at https://api.ionos.com", &says);
    let desk = Desk::bare().with("IONOS_TOKEN", "env");
    put_shared(desk.path(".ionos").as_path(), &text);
    let shown = desk.run(&["config", "show"]).ends(0).out;
    assert!(shown.contains("https://api.ionos.com") && !shown.contains("own.example"), "{shown}");
}

#[test]
fn d1_a_blank_current_profile_is_none() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    put_shared(
        desk.path(".ionos").as_path(),
        "currentProfile: \"\"\nprofiles: [{name: a, credentials: {token: abc}}]\n",
    );
    let ran = desk.run(&["collect"]).ends(0);
    assert!(ran.err.contains("it has profiles but no currentProfile"), "what is ignored is said: {}", ran.err);
}

#[test]
fn blank_and_quoted_variables_stand_for_no_option() {
    let desk = Desk::with_month().with("KEYHOLDER_DB", " ").with("KEYHOLDER_CONFIG", "");
    let ran = desk.run(&["snapshots", "list"]).ends(0);
    assert!(ran.err.contains("env KEYHOLDER_DB: it is blank, which counts as not set"), "{}", ran.err);
    let quoted = format!("\"{}\"\r\n", desk.database().display());
    let ran = desk.with("KEYHOLDER_DB", &quoted).run(&["snapshots", "list"]).ends(0);
    assert!(ran.err.contains("env KEYHOLDER_DB: the quotes around its value are ignored"), "{}", ran.err);
}

fn put_shared(folder: &Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config"), text).unwrap();
}
