//! No secret is ever formatted: configuration, credentials, settings, errors and log lines at every level.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use emulator::Emulator;
use keyholder::cli::config::{Args, Command, run};
use keyholder::cli::doctor;
use keyholder::config::{Flags, Level, LogFormat, load, settings};
use keyholder::credentials::find;
use keyholder::seams::{Environment, Seams};
use keyholder::telemetry::{Options, Scope, dispatch};

const CANARY: &str = "CANARY-0123456789abcdef0123456789abcdef";

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn everything() -> Options {
    Options { level: Level::Trace, format: LogFormat::Text, colour: false, scope: Scope::Everything }
}

/// Everything that can be formatted and logged of a configuration with that token in three places.
fn everything_visible(token: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("shared.yaml");
    let text =
        format!("currentProfile: a\nprofiles: [{{name: a, credentials: {{token: '{token}', password: '{token}'}}}}]\n");
    std::fs::write(&shared, text).expect("a file");
    let shared = shared.to_str().expect("a path in UTF-8");
    let variables = [("IONOS_TOKEN", token), ("IONOS_PASSWORD", token), ("IONOS_CONFIG_FILE", shared)];
    let kept = Kept::default();
    let writer = kept.clone();
    let mut visible = Vec::new();
    tracing::dispatcher::with_default(&dispatch(everything(), Seams::system(), move || writer.clone()), || {
        let environment = Environment::of(variables);
        let loaded = load(&Flags::default(), &environment).expect("a configuration in order");
        tracing::trace!(loaded = ?loaded, environment = ?environment, "Loaded");
        let found = find(&loaded, &environment).expect("credentials");
        tracing::trace!(found = ?found, "Found");
        write!(visible, "{found:?}").expect("memory");
        let settings = settings(&loaded, None, found.credentials).expect("settings");
        tracing::trace!(settings = ?settings, "Settings");
        write!(visible, "{loaded:?} {environment:?} {:?} {settings:?}", loaded.config).expect("memory");
        let args = Args { command: Command::Show { origin: true } };
        run(&args, &Ok(loaded), &mut visible, &mut io::sink()).expect("output");
    });
    visible.extend_from_slice(&kept.0.lock().expect("nobody panics while writing"));
    String::from_utf8(visible).expect("text")
}

#[test]
fn nothing_that_can_be_formatted_or_logged_holds_a_secret() {
    let visible = everything_visible(CANARY);
    assert!(!visible.contains(CANARY) && !visible.contains(&CANARY[7..]), "{visible}");
    // The net is not empty: names and places are there.
    for expected in ["env IONOS_TOKEN", "IONOS_PASSWORD", "shared.yaml", "TRACE", "Bearer(***)"] {
        assert!(visible.contains(expected), "{expected} is missing in {visible}");
    }
}

#[tokio::test]
async fn the_doctor_and_the_libraries_below_it_log_no_secret_at_any_level() {
    let emulator = Emulator::builder().seed(11).users(30).start().await.unwrap();
    emulator.set_now(Seams::system().now());
    let kept = Kept::default();
    let writer = kept.clone();
    let guard = tracing::dispatcher::set_default(&dispatch(everything(), Seams::system(), move || writer.clone()));
    let state = tempfile::tempdir().unwrap();
    let home = ("HOME", state.path().to_str().unwrap());
    let url = ("IONOS_API_URL", emulator.origin());
    let bearer = Environment::of([home, url, ("IONOS_TOKEN", emulator.token())]);
    let basic = [home, url, ("IONOS_USERNAME", emulator.username()), ("IONOS_PASSWORD", emulator.password())];
    let args = doctor::Args::default();
    for environment in [bearer, Environment::of(basic)] {
        let loaded = load(&Flags::default(), &environment);
        let mut out = kept.clone();
        doctor::run(&args, &loaded, &environment, &Seams::system(), &mut out).await.unwrap();
    }
    drop(guard);
    let visible = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let pair = format!("{}:{}", emulator.username(), emulator.password());
    let secrets =
        [emulator.canary(), &emulator.canary()[7..], emulator.token(), emulator.password(), &BASE64.encode(pair)];
    for secret in secrets {
        assert!(!visible.contains(secret), "{visible}");
    }
    for expected in ["GET", "/um/users", "TRACE", "accepted; contract"] {
        assert!(visible.contains(expected), "{expected} is missing in {visible}");
    }
}
