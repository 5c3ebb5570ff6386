//! A table of odd environments: every variable that the code reads and that is no key of the configuration, in each form that
//! people and tools leave it in. Those of keys are in `cases_settings`. Which variables there are is read from the code.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use keyholder::api::settings::Credentials;
use keyholder::config::{Flags, KEYS, load};
use keyholder::credentials;
use keyholder::seams::Environment;
use secrecy::ExposeSecret as _;

use crate::cases_settings::{BLANK, ODD};
use crate::support::cli::Desk;
use crate::support::service::WEBHOOK_KEY;

/// How a value is taken.
#[derive(Clone, Copy, Debug)]
enum Takes {
    /// Without what surrounds it; blank is as absent.
    Bare,
    /// Without the end of its line and a byte order mark.
    Line,
    /// An absolute path, as the system means it; anything else is as absent.
    Folder,
    /// As it is; only an empty one is as absent.
    AsItIs,
}

const ROWS: [(&str, Takes); 14] = [
    ("COLUMNS", Takes::AsItIs),
    ("CREDENTIALS_DIRECTORY", Takes::Folder),
    ("HOME", Takes::Folder),
    ("IONOS_PASSWORD", Takes::Line),
    ("IONOS_TOKEN", Takes::Bare),
    ("KEYHOLDER_CONFIG", Takes::Bare),
    ("LOGNAME", Takes::AsItIs),
    ("NO_COLOR", Takes::AsItIs),
    ("SSL_CERT_DIR", Takes::AsItIs),
    ("SSL_CERT_FILE", Takes::AsItIs),
    ("SUDO_USER", Takes::AsItIs),
    ("USER", Takes::AsItIs),
    ("XDG_CONFIG_HOME", Takes::Folder),
    ("XDG_STATE_HOME", Takes::Folder),
];

/// What comes of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    Value,
    Absent,
    /// Something else: the value is not what the form surrounds.
    Other,
}

impl Takes {
    fn of(self, form: &str) -> Becomes {
        let is_blank = !form.contains('*');
        let (is_quoted, has_blanks) = (form.contains(['"', '\'']), form.contains(' '));
        let taken = match self {
            Self::Line if is_quoted || has_blanks && !is_blank => return Becomes::Other,
            Self::Bare | Self::Line => !is_blank,
            Self::Folder if form.starts_with('*') => return Becomes::Other,
            Self::AsItIs if !form.is_empty() => return Becomes::Other,
            Self::Folder | Self::AsItIs => false,
        };
        if taken { Becomes::Value } else { Becomes::Absent }
    }
}

/// A home folder, and places that variables name.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("other/keyholder")).unwrap();
        fs::write(folder.path().join("other/keyholder/config.toml"), "").unwrap();
        fs::create_dir_all(folder.path().join("secrets")).unwrap();
        let token = folder.path().join("secrets/ionos-token");
        fs::write(&token, "abc").unwrap();
        fs::set_permissions(token, fs::Permissions::from_mode(0o400)).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// A value that makes a difference.
    fn value(&self, variable: &str) -> String {
        match variable {
            "HOME" | "XDG_STATE_HOME" => self.path("state"),
            "XDG_CONFIG_HOME" => self.path("other"),
            "KEYHOLDER_CONFIG" => self.path("other/keyholder/config.toml"),
            "CREDENTIALS_DIRECTORY" => self.path("secrets"),
            _ => "80".to_owned(),
        }
    }

    /// What the program makes of a value.
    fn outcome(&self, variable: &str, value: &str) -> String {
        let (home, user) = (self.path("home"), ("IONOS_USERNAME", "ann"));
        let home = if variable == "HOME" { ("", "") } else { ("HOME", home.as_str()) };
        let user = if variable == "IONOS_PASSWORD" { user } else { ("", "") };
        let environment = Environment::of([home, user, (variable, value)]);
        let loaded = match load(&Flags::default(), &environment) {
            Ok(loaded) => loaded,
            Err(error) => return error.to_string(),
        };
        match variable {
            "HOME" | "XDG_STATE_HOME" => loaded.database().map_or_else(|error| error.to_string(), show),
            "XDG_CONFIG_HOME" | "KEYHOLDER_CONFIG" => loaded.file.as_deref().map(show).unwrap_or_default(),
            "CREDENTIALS_DIRECTORY" | "IONOS_TOKEN" | "IONOS_PASSWORD" => {
                match credentials::find(&loaded, &environment).map(|found| found.credentials) {
                    Ok(Credentials::Bearer(token)) => token.expose_secret().to_owned(),
                    Ok(Credentials::Basic { password, .. }) => password.expose_secret().to_owned(),
                    // The places that were looked at are named with what was wrong with each.
                    Err(_) => "none".to_owned(),
                }
            }
            _ => environment.get(variable).unwrap_or_default().to_owned(),
        }
    }
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[track_caller]
fn check(ground: &Ground, variable: &str, takes: Takes) {
    let value = ground.value(variable);
    let (plain, absent) = (ground.outcome(variable, &value), ground.outcome(variable, ""));
    assert_ne!(plain, absent, "{variable}: the value makes a difference");
    for form in BLANK.into_iter().chain(ODD) {
        let outcome = ground.outcome(variable, &form.replace('*', &value));
        let expected = takes.of(form);
        let is_expected = match expected {
            Becomes::Value => outcome == plain,
            Becomes::Absent => outcome == absent,
            Becomes::Other => outcome != plain,
        };
        assert!(is_expected, "{variable} {form:?} becomes {outcome:?}, not {expected:?}");
    }
}

#[test]
fn each_variable_is_taken_as_its_row_says() {
    let ground = Ground::new();
    for (variable, takes) in ROWS {
        check(&ground, variable, takes);
    }
}

/// Sinks whose secrets are in variables, by the key of the configuration that names the variable, with a value that is taken.
const SINKS: [(&str, &str, &str); 3] = [
    ("key_env", "kind = 'webhook'\nurl = 'https://a.example/x'\nkey_env = ['SECRET']\n", WEBHOOK_KEY),
    (
        "password_env",
        "kind = 'email'\nhost = 'mail.example.com'\nsecurity = 'tls'\nfrom = 'a@example.com'\nto = ['b@example.com']\n\
         username = 'a'\npassword_env = 'SECRET'\n",
        "pw",
    ),
    ("url_env", "kind = 'slack'\nurl_env = 'SECRET'\n", "https://hooks.slack.com/services/x"),
];

/// What `doctor` says of the sink.
fn sink(desk: &Desk, value: &str) -> String {
    let output = desk.command(&["doctor", "--offline"]).env("SECRET", value).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find(|line| line.contains("  sink ")).unwrap_or_else(|| panic!("no sink: {text}")).to_owned()
}

#[test]
fn secrets_of_sinks_are_taken_without_what_surrounds_them() {
    for (key, config, value) in SINKS {
        let desk = Desk::at("http://127.0.0.1:9", "token");
        fs::create_dir_all(desk.path(".config/keyholder")).unwrap();
        fs::write(desk.path(".config/keyholder/config.toml"), format!("[[sink]]\nname = 's'\n{config}")).unwrap();
        let (plain, absent) = (sink(&desk, value), sink(&desk, ""));
        assert!(plain.starts_with("ok") && absent.starts_with("fail"), "{key}: {plain}, {absent}");
        let takes = if key == "password_env" { Takes::Line } else { Takes::Bare };
        for form in BLANK.into_iter().chain(ODD) {
            let seen = sink(&desk, &form.replace('*', value));
            // A password may have quotes and blanks around it.
            let expected = if takes.of(form) == Becomes::Absent { &absent } else { &plain };
            assert_eq!(&seen, expected, "{key} {form:?}");
        }
    }
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The literals of a line that can be names of variables.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |text: &&str| {
        let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        text.len() > 3 && text.bytes().all(is_part) && !text.ends_with('_')
    };
    line.split('"').skip(1).step_by(2).filter(is_name)
}

#[test]
fn each_variable_of_the_code_has_a_row() {
    let mut read = BTreeSet::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let lines = lines.filter(|line| line.contains("environment") || line.contains("env ["));
        read.extend(lines.flat_map(names).map(str::to_owned));
    }
    let of_keys: BTreeSet<String> = KEYS.iter().flat_map(|key| key.spec.variables.iter().cloned()).collect();
    assert!(of_keys.contains("IONOS_API_URL") && read.contains("IONOS_API_URL"), "both are seen");
    let others: Vec<&str> = read.difference(&of_keys).map(String::as_str).collect();
    let rows: Vec<&str> = ROWS.iter().map(|(variable, _)| *variable).collect();
    assert_eq!(others, rows);
}

#[test]
fn each_key_that_names_a_variable_has_a_row() {
    let mut keys = BTreeSet::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config")) {
        let text = fs::read_to_string(&path).unwrap();
        let fields = text.lines().filter_map(|line| line.trim().split_once(": "));
        let named = fields.filter(|(_, rest)| rest.contains("VariableName") && rest.ends_with(';'));
        keys.extend(named.map(|(key, _)| key.to_owned()));
    }
    assert_eq!(keys.iter().map(String::as_str).collect::<Vec<_>>(), SINKS.map(|(key, ..)| key));
}
