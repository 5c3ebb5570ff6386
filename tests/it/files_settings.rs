//! Case R1: files that decide something, and that others could have written. The binary refuses them by name with exit code 3,
//! and no server hears anything.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use emulator::{Emulator, Version};

use crate::support::cli::{Desk, served};
use crate::support::skipped;

/// A home folder and a server.
struct Case {
    emulator: Emulator,
    desk: Desk,
}

impl Case {
    fn new() -> Self {
        let emulator = served();
        let desk = Desk::bare();
        Self { emulator, desk }
    }

    /// Puts a file below the home folder.
    fn put(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.desk.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Settings that lead a token to the server.
    fn settings(&self) -> String {
        let token = self.put("token", self.emulator.token(), 0o600);
        format!(
            "[api]\nurl = '{}'\n[credentials]\ntoken_file = '{}'\n",
            self.emulator.base_url(Version::V6),
            token.display()
        )
    }

    /// A shared IONOS file that leads its token to the server.
    fn shared(&self) -> String {
        format!(
            "currentProfile: a\nprofiles: [{{name: a, environment: e, credentials: {{token: '{}'}}}}]\n\
             environments: [{{name: e, products: [{{name: cloud, endpoints: [{{name: '{}'}}]}}]}}]\n",
            self.emulator.token(),
            self.emulator.base_url(Version::V6)
        )
    }

    /// Expects exit code 3, this reason, and a server that nobody asked.
    #[track_caller]
    fn check_refused(&self, arguments: &[&str], reason: &str) {
        let ran = self.desk.run(arguments).ends(3);
        assert!(ran.err.contains(reason), "{reason:?} in {ran:#?}");
        assert_eq!(self.emulator.counters().total, 0, "nothing may be sent");
    }

    #[track_caller]
    fn check_collects(&self, arguments: &[&str]) {
        self.desk.run(arguments).ends(0);
    }
}

const COLLECT: [&str; 1] = ["collect"];

/// Whether files of others can be made here.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skipped("only root makes files of another user");
    }
    is_root
}

fn give_away(path: &Path) {
    lchown(path, Some(65_534), None).unwrap();
}

const USUAL: &str = ".config/keyholder/config.toml";

#[test]
fn r1_settings_that_others_write_lead_nowhere() {
    let case = Case::new();
    case.put(USUAL, &case.settings(), 0o644);
    case.check_collects(&COLLECT);
    let case = Case::new();
    let settings = case.settings();
    for mode in [0o666, 0o664, 0o646] {
        let path = case.put(USUAL, &settings, mode);
        let reason = format!(
            "{} has mode {mode:04o}: others can change it; look at what it says, then: chmod go-w",
            path.display()
        );
        case.check_refused(&COLLECT, &reason);
        case.check_refused(&["--config", path.to_str().unwrap(), "collect"], &reason);
    }
}

#[test]
fn r1_settings_of_another_user_lead_nowhere() {
    if !is_root() {
        return;
    }
    let case = Case::new();
    let path = case.put(USUAL, &case.settings(), 0o644);
    give_away(&path);
    case.check_refused(&COLLECT, &format!("{} belongs to user ", path.display()));
}

#[test]
fn r1_settings_in_a_folder_that_others_write_to_lead_nowhere() {
    let case = Case::new();
    case.put(USUAL, &case.settings(), 0o644);
    let folder = case.desk.path(".config/keyholder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    case.check_refused(&COLLECT, &format!("can be replaced by others: folder {} has mode 0777", folder.display()));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    case.check_collects(&COLLECT);
}

#[test]
fn r1_a_shared_file_that_others_write_leads_nowhere() {
    for name in [".ionos/config", ".config/ionosctl/config.yaml"] {
        let case = Case::new();
        let path = case.put(name, &case.shared(), 0o666);
        let reason = format!("shared IONOS file {0}: {0} has mode 0666: others can change it", path.display());
        case.check_refused(&COLLECT, &reason);
        case.put(name, &case.shared(), 0o644);
        case.check_collects(&COLLECT);
    }
}

#[test]
fn r1_a_shared_file_of_another_user_leads_nowhere() {
    if !is_root() {
        return;
    }
    let mut case = Case::new();
    let path = case.put("shared", &case.shared(), 0o600);
    give_away(&path);
    case.desk = case.desk.with("IONOS_CONFIG_FILE", "shared");
    case.check_refused(&COLLECT, "env IONOS_CONFIG_FILE: credentials.config_file: ");
}

#[test]
fn r1_a_token_file_that_others_read_is_not_sent() {
    let case = Case::new();
    case.put(USUAL, &case.settings(), 0o600);
    for (mode, can) in [(0o644, "read"), (0o640, "read"), (0o622, "change")] {
        fs::set_permissions(case.desk.path("token"), fs::Permissions::from_mode(mode)).unwrap();
        case.check_refused(&COLLECT, &format!("token has mode {mode:04o}: others can {can} it\nhint: "));
    }
    fs::set_permissions(case.desk.path("token"), fs::Permissions::from_mode(0o400)).unwrap();
    case.check_collects(&COLLECT);
}

#[test]
fn r1_authorities_that_others_write_are_not_trusted() {
    let case = Case::new();
    let authorities = case.put("ca.pem", "-----BEGIN CERTIFICATE-----\n", 0o666);
    let settings =
        case.settings().replace("[credentials]", &format!("ca_file = '{}'\n[credentials]", authorities.display()));
    case.put(USUAL, &settings, 0o600);
    case.check_refused(&COLLECT, "ca.pem has mode 0666: others can change it");
}

#[test]
fn r1_authorities_of_a_variable_that_others_write_are_not_trusted() {
    let case = Case::new();
    case.put(USUAL, &case.settings(), 0o600);
    let text = "-----BEGIN CERTIFICATE-----\n";
    let file = case.put("ca.pem", text, 0o666);
    fs::create_dir(case.desk.path("authorities")).unwrap();
    let inside = case.put("authorities/one.pem", text, 0o666);
    let mut case = case;
    for (variable, value) in [("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &inside.parent().unwrap().to_owned())] {
        case.desk = case.desk.with(variable, value.to_str().unwrap());
        case.check_refused(&COLLECT, "pem has mode 0666: others can change it");
        case.desk = case.desk.with(variable, "");
    }
    case.check_collects(&COLLECT);
}

#[test]
fn r1_templates_that_others_write_are_not_used() {
    let desk = Desk::with_month().with("KEYHOLDER_REPORT_TEMPLATES", "templates");
    let folder = desk.path("templates");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("style.css"), "p {}\n").unwrap();
    fs::set_permissions(folder.join("style.css"), fs::Permissions::from_mode(0o666)).unwrap();
    let report = ["report", "changes", "--as-of", "5", "--since", "1", "--format", "html", "--out", "-"];
    let ran = desk.run(&report).ends(3);
    assert!(ran.err.contains("read template \"style.css\": ") && ran.err.contains("has mode 0666"), "{ran:#?}");
    fs::set_permissions(folder.join("style.css"), fs::Permissions::from_mode(0o644)).unwrap();
    desk.run(&report).ends(0);
}

#[test]
fn r1_a_pipe_as_settings_is_refused_at_once() {
    let case = Case::new();
    let path = case.desk.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let reason = format!("flag --config: {} is a pipe, not a regular file; name a regular file", path.display());
    case.check_refused(&["--config", path.to_str().unwrap(), "collect"], &reason);
    // What a shell makes of <(…), without anybody who writes.
    let mut command = case.desk.command(&["--config", "/dev/stdin", "collect"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut writer = child.stdin.take().unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("/dev/stdin is a pipe"), "{ran:?}");
    assert!(writer.write_all(b"x").is_err(), "nobody reads any more");
}

#[test]
fn r1_settings_may_come_from_an_open_file() {
    let case = Case::new();
    let path = case.put("settings", &case.settings(), 0o600);
    let mut command = case.desk.command(&["--config", "/dev/stdin", "collect"]);
    let ran = command.stdin(fs::File::open(path).unwrap()).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}

#[test]
fn r3_a_shared_file_without_a_current_profile_decides_no_address() {
    let other = served();
    let case = Case::new();
    let shared = case.shared().replace("currentProfile: a\n", "");
    case.put(".ionos/config", &shared, 0o600);
    let desk = case.desk.with("IONOS_TOKEN", other.token()).with("HTTPS_PROXY", "http://127.0.0.1:9");
    let ran = desk.run(&["collect"]).ends(5);
    assert!(ran.err.contains("https://api.ionos.com"), "{ran:#?}");
    assert_eq!(case.emulator.counters().total, 0, "nobody chose that address");
}
