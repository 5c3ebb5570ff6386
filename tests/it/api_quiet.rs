//! At the most talkative level, neither we nor the libraries below us print a credential, a secret or a body.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use emulator::{Body, Emulator, Rule};
use keyholder::api::Depth;
use keyholder::domain::id::UserId;
use keyholder::seams::Environment;
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;
use tracing::level_filters::LevelFilter as TracingLevel;

use crate::support::api::{reader, sign_on, writer};

/// Everything that is printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

thread_local! {
    /// Whether what this thread logs is of interest: other tests run beside this one.
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// What libraries print through `log` instead of `tracing`; one per process.
struct Logged(Mutex<String>);

impl Log for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        LISTENING.get()
    }

    fn log(&self, record: &Record<'_>) {
        if LISTENING.get() {
            writeln!(self.0.lock().unwrap(), "{} {}", record.target(), record.args()).unwrap();
        }
    }

    fn flush(&self) {}
}

fn logged() -> &'static Logged {
    static LOGGED: OnceLock<Logged> = OnceLock::new();
    LOGGED.get_or_init(|| Logged(Mutex::default()))
}

/// Set in the process that is listened to.
const CHILD: &str = "KEYHOLDER_TEST_LISTENED_TO";

/// In a process of its own: what one thread listens to depends on what others have listened to, and `log` has one logger.
#[test]
fn nothing_secret_is_printed_at_any_level() {
    if Environment::of_process().get(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(listen());
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["api_quiet::nothing_secret_is_printed_at_any_level", "--exact", "--test-threads=1"])
        .env(CHILD, "1")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let reported = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{reported}{}", String::from_utf8_lossy(&output.stderr));
    assert!(reported.contains("1 passed"), "{reported}");
}

async fn listen() {
    // Some libraries change what they print by this; the test means nothing if they were reported to be quiet.
    assert_eq!(Environment::of_process().get("RUST_LOG"), None);
    log::set_logger(logged()).unwrap();
    log::set_max_level(LevelFilter::Trace);
    LISTENING.set(true);
    let printed = Printed::default();
    let writer_of = printed.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(TracingLevel::TRACE)
        .with_ansi(false)
        .with_writer(move || writer_of.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let emulator = Emulator::builder().seed(20_260_601).users(30).start().await.unwrap();
    let canary = emulator.canary().to_owned();
    let client = reader(&emulator);
    let holder = emulator.read(|world| {
        let user = world.users().find(|user| world.keys(&user.id).next().is_some()).unwrap();
        UserId::from(&*user.id)
    });
    let keys = client.user_s3keys(&holder, Depth::One).await.unwrap();
    assert!(keys.value.items.unwrap()[0].properties.as_ref().unwrap().secret_key.is_some());
    sign_on(&emulator).link(&holder).await.unwrap();
    writer(&emulator).create_s3key(&emulator.cast().owner.as_ref().into()).await.unwrap();
    let body = json!({"httpStatus": 422, "messages": [{"errorCode": "1", "message": canary}]});
    emulator.fail(Rule::on("GET", "/um/groups").status(422).body(Body::Json(body)));
    client.groups(Depth::One).await.unwrap_err();
    let debug = format!("{client:?}{:?}", writer(&emulator));
    drop(guard);
    LISTENING.set(false);
    log::set_max_level(LevelFilter::Off);

    let printed = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    let logged = logged().0.lock().unwrap().clone();
    for (what, text) in [("tracing", &printed), ("log", &logged), ("Debug", &debug)] {
        assert!(!text.contains(&canary), "{what} printed a secret");
        assert!(!text.to_lowercase().contains("bearer"), "{what} printed a credential");
        assert!(!text.contains("secretKey"), "{what} printed a body");
    }
    assert!(logged.contains("reqwest"), "a library must have logged something for this to mean anything: {logged}");
    let ours: Vec<_> = printed.lines().filter(|line| line.contains("keyholder::api")).collect();
    assert_eq!(ours.len(), 4, "{ours:#?}");
    assert!(ours[0].contains(r#"API request method="GET" path="/um/users/{userId}/s3keys" status=200 attempt=1"#));
    assert!(!ours[0].contains(holder.as_str()));
    assert!(
        printed.contains(" TRACE hyper_util"),
        "the libraries must have printed something for this to mean anything"
    );
}
