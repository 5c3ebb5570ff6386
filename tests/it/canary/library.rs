//! Everything the library can do with a contract full of canaries, in one process, with every line of every library kept.
//!
//! Runs in a process of its own (see [`super`]): only there is everything that is logged, by any thread, ours. Leaves its
//! traces in a folder and judges nothing but that what was to happen has happened.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::{Body, Emulator, Rule};
use keyholder::api::operation::{SIGN_ON, WRITES};
use keyholder::api::write::{GroupWrite, ShareWrite, UserWrite};
use keyholder::api::{Credentials, Depth, Error, Page, Settings, Version, read, sign_on, write};
use keyholder::app::collect::{CollectFailure, Order, collect};
use keyholder::app::review::{self, Cover, Question};
use keyholder::collect::Progress;
use keyholder::config::{Level, LogFormat};
use keyholder::domain::id::{ResourceId, UserId};
use keyholder::domain::snapshot::Snapshot;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::{self, Format};
use keyholder::seams::{Seams, SetClock};
use keyholder::store::packing::{MAX_UNPACKED_BYTES, unpack};
use keyholder::store::{Access, Store};
use keyholder::telemetry::{Options, Scope, dispatch};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::{Value, json};

use super::emulator;
use super::secure::Server;
use crate::support::api::{seams, settings};
use crate::support::utc_calendar;

/// What libraries print through `log` instead of `tracing`.
struct Logged(File);

impl Log for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        writeln!(&self.0, "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

/// Keeps every line of this process, of every thread and library.
fn keep_every_line(folder: &Path) {
    let file = |name| File::create(folder.join(name)).unwrap();
    let options = Options { level: Level::Trace, format: LogFormat::Json, colour: false, scope: Scope::Everything };
    tracing::dispatcher::set_global_default(dispatch(options, Seams::system(), file("trace.log"))).unwrap();
    log::set_boxed_logger(Box::new(Logged(file("log.log")))).unwrap();
    log::set_max_level(LevelFilter::Trace);
}

/// The work on one contract, and everything that can be said about what came of it.
struct Job<'f> {
    folder: &'f Path,
    emulator: Emulator,
    settings: Settings,
    reader: read::Client,
    store: Store,
    said: String,
    days: i64,
}

/// Runs the whole job and leaves its traces in the folder: `library.db` while it was open and after, `live/`, `reports/`,
/// `trace.log`, `log.log`, `said.txt`.
pub(super) async fn run(folder: &Path) {
    keep_every_line(folder);
    let emulator = emulator().await;
    let settings = settings(&emulator, Version::V6);
    let reader = read::Client::new(&settings, seams()).unwrap();
    let store = Store::open(&folder.join("library.db"), Access::Write).await.unwrap();
    let mut job = Job { folder, emulator, settings, reader, store, said: String::new(), days: 0 };
    job.collect_a_month().await;
    job.be_stopped().await;
    job.report().await;
    job.write().await;
    job.be_answered_with_secrets().await;
    job.speak_securely().await;
    job.panic().await;
    job.leave().await;
}

impl Job<'_> {
    /// Keeps all that can be said of a value.
    fn say(&mut self, value: &dyn Debug) {
        writeln!(self.said, "{value:?}\n{value:#?}").unwrap();
    }

    fn say_error(&mut self, error: &dyn std::error::Error) {
        self.say(&error);
        let mut cause = Some(error);
        while let Some(error) = cause {
            writeln!(self.said, "{error}").unwrap();
            cause = error.source();
        }
    }

    fn today(&self) -> DateTime<Utc> {
        seams().now() + TimeDelta::days(self.days)
    }

    async fn collect(&mut self) -> Result<Snapshot, CollectFailure> {
        let seams = seams().with_clock(SetClock::at(self.today()));
        let order = Order { reread_after: std::time::Duration::ZERO, ..Order::manual(seams.now(), &self.settings) };
        let outcome = collect(&self.store, &self.reader, &seams, order, &|_| ()).await;
        self.say(&outcome);
        self.days += 1;
        outcome
    }

    /// A run that is stopped half way, and what it has read: packed in the database, so it is said here.
    async fn be_stopped(&mut self) {
        let seams = seams().with_clock(SetClock::at(self.today()));
        let order = Order::manual(seams.now(), &self.settings);
        let stop = order.stop.clone();
        let watch = move |at: Progress| {
            if at.requests >= 60 {
                stop.stop("a test");
            }
        };
        collect(&self.store, &self.reader, &seams, order, &watch).await.unwrap_err();
        let db = crate::support::cut::raw(self.store.path()).await;
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT packed FROM staged").fetch_all(&db).await.unwrap();
        db.close().await;
        let outcomes: Vec<String> =
            rows.iter().flat_map(|packed| unpack(packed, MAX_UNPACKED_BYTES).unwrap().0).collect();
        assert!(outcomes.len() > 20, "the journal was read");
        self.say(&outcomes);
        self.days += 1;
    }

    /// A baseline, a month with failing endpoints, a day without them, and a day on which nothing can be sealed.
    async fn collect_a_month(&mut self) {
        assert!(self.collect().await.unwrap().is_complete());
        self.emulator.advance_to_day(30);
        self.days = 30;
        let canary = self.emulator.canary().to_owned();
        let envelope = |status| Body::Json(envelope(status, &canary));
        let keys = Rule::on("GET", "/um/users/{userId}/s3keys");
        self.emulator.fail(keys.clone().body(Body::Json(strange_keys(&canary))).status(200).after(3).times(2));
        let rules = [
            self.emulator.fail(Rule::on("GET", "/um/groups/{groupId}/shares").body(envelope(500)).after(2)),
            self.emulator.fail(Rule::on("GET", "/um/users/{userId}/owns").status(403).body(envelope(403)).times(2)),
            self.emulator.fail(keys.status(404).body(Body::Html(page(&canary))).after(6).times(2)),
            self.emulator.fail(Rule::on("GET", "/um/resources").status(422).body(Body::Text(canary.clone()))),
        ];
        let partial = self.collect().await.unwrap();
        assert!(!partial.is_complete());
        assert!(rules.iter().all(|rule| rule.fired() > 0), "every fault must have happened");
        let coverage = self.store.coverage(partial.contract, partial.seq).await.unwrap();
        self.say(&coverage);
        self.emulator.clear_faults();
        assert!(self.collect().await.unwrap().is_complete());
        for (status, path) in [(401, "/um/users"), (500, "/contracts")] {
            let rule = Rule::on("GET", path).status(status).body(envelope(status));
            self.emulator.fail(rule);
            let failure = self.collect().await.unwrap_err();
            self.say_error(&failure);
            writeln!(self.said, "{:?}", failure.hint()).unwrap();
            self.emulator.clear_faults();
        }
    }

    /// Every report in every format, about the last snapshot and about the one with gaps.
    async fn report(&mut self) {
        let folder = self.folder.join("reports");
        fs::create_dir(&folder).unwrap();
        let contract = self.store.contracts().await.unwrap()[0];
        for as_of in ["2", "3"] {
            let question = Question { as_of: Some(as_of.to_owned()), since: Some("1".to_owned()) };
            let taken = review::take(&self.store, contract, &question, utc_calendar()).await.unwrap();
            let input = review::input(&self.store, taken, &Cover::default()).await.unwrap();
            for report in report::ALL {
                for format in Format::ALL {
                    let rendered =
                        report::render(report, &input, format, Dialect::default(), &Templates::embedded()).unwrap();
                    fs::write(folder.join(rendered.file_name), rendered.bytes).unwrap();
                }
            }
            self.say(&input);
        }
    }

    /// Every write once, the sign-on link, and the reads that hand out secrets.
    async fn write(&mut self) {
        self.emulator.reset_counters();
        let client = write::Client::new(&self.settings, seams()).unwrap();
        let user = self.write_user(&client).await;
        let link = sign_on::Client::new(&self.settings, seams()).unwrap();
        let answer = link.link(&user).await.unwrap();
        self.say(&answer);
        for depth in [Depth::Zero, Depth::One] {
            let keys = self.reader.user_s3keys(&user, depth).await.unwrap();
            self.say(&keys);
        }
        let deleted = client.delete_user(&user).await.unwrap();
        self.say(&deleted);
        let counters = self.emulator.counters();
        for operation in WRITES.iter().chain(SIGN_ON) {
            assert_eq!(counters.of(operation.method.as_str(), operation.template), 1, "{operation}");
        }
        self.say(&client);
        self.say(&link);
    }

    /// All writes but the deletion of the user they made.
    async fn write_user(&mut self, client: &write::Client) -> UserId {
        let password = Some(self.emulator.password().into());
        let wanted = UserWrite {
            firstname: "Ada".into(),
            lastname: "Löwe".into(),
            email: "ada.loewe@example.com".into(),
            password,
            ..UserWrite::default()
        };
        self.say(&wanted);
        let created = client.create_user(&wanted).await.unwrap();
        self.say(&created);
        let user = created.value.unwrap().user_id().unwrap();
        let replaced = client.replace_user(&user, &UserWrite { active: Some(true), ..wanted }).await.unwrap();
        self.say(&replaced);
        let privileges = BTreeMap::from([("s3Privilege".to_owned(), true)]);
        let wanted = GroupWrite { name: "lions".into(), privileges };
        let created = client.create_group(&wanted).await.unwrap();
        self.say(&created);
        let group = created.value.unwrap().group_id().unwrap();
        let replaced = client.replace_group(&group, &wanted).await.unwrap();
        self.say(&replaced);
        let added = client.add_group_user(&group, &user).await.unwrap();
        self.say(&added);
        let resource = self.emulator.read(|world| ResourceId::from(&*world.resources().next().unwrap().id));
        let created = client.create_share(&group, &resource, ShareWrite::default()).await.unwrap();
        self.say(&created);
        let replaced = client.replace_share(&group, &resource, ShareWrite::default()).await.unwrap();
        self.say(&replaced);
        let kept = client.create_s3key(&user).await.unwrap();
        self.say(&kept);
        let key = kept.value.unwrap().into_domain(user.clone()).unwrap();
        self.say(&key);
        let switched = client.replace_s3key(&user, &key.id, false).await.unwrap();
        self.say(&switched);
        let deleted = client.delete_s3key(&user, &key.id).await.unwrap();
        self.say(&deleted);
        let deleted = client.delete_share(&group, &resource).await.unwrap();
        self.say(&deleted);
        let removed = client.remove_group_user(&group, &user).await.unwrap();
        self.say(&removed);
        let deleted = client.delete_group(&group).await.unwrap();
        self.say(&deleted);
        user
    }

    /// Reads, writes and sign-on, each answered by every kind of failure with the canary in every part of it.
    async fn be_answered_with_secrets(&mut self) {
        let canary = self.emulator.canary().to_owned();
        let writer = write::Client::new(&self.settings, seams()).unwrap();
        let link = sign_on::Client::new(&self.settings, seams()).unwrap();
        let owner = UserId::from(&*self.emulator.cast().owner);
        let wanted = UserWrite { password: Some(canary.as_str().into()), ..UserWrite::default() };
        let paths = [
            ("GET", "/um/users"),
            ("POST", "/um/users"),
            ("GET", "/um/users/{userId}/s3ssourl"),
            ("GET", "/um/groups"),
        ];
        for (status, body) in unfriendly(&canary) {
            for (method, path) in paths {
                let headers = ["location", "retry-after", "set-cookie", "x-secret-token", "etag"];
                let rule = Rule::on(method, path).status(status).body(body.clone());
                self.emulator.fail(headers.into_iter().fold(rule, |rule, name| rule.header(name, &canary)));
            }
            // Every failure is met by a client that has not given up on the server yet.
            let reader = || self.reader.for_another_run();
            let mut users = reader().all_users(Depth::One);
            let outcomes: [Option<Error>; 5] = [
                users.next().await.and_then(Result::err),
                reader().users(Page::FIRST, Depth::One).await.err(),
                writer.create_user(&wanted).await.err(),
                link.link(&owner).await.err(),
                reader().groups(Depth::One).await.err(),
            ];
            self.emulator.clear_faults();
            assert!(status == 200 || outcomes.iter().all(Option::is_some), "{status} {body:?}");
            for error in outcomes.into_iter().flatten() {
                writeln!(self.said, "{:?}", error.hint()).unwrap();
                self.say_error(&error);
            }
        }
    }

    /// The same secrets over TLS and HTTP/2, as in production.
    async fn speak_securely(&mut self) {
        let server = Server::start(self.emulator.canary()).await;
        let basic = Credentials::Basic {
            username: self.emulator.username().to_owned(),
            password: self.emulator.password().into(),
        };
        let user = UserId::from("u");
        let wanted = UserWrite { password: Some(self.emulator.password().into()), ..UserWrite::default() };
        for credentials in [Credentials::Bearer(self.emulator.token().into()), basic] {
            let settings = server.settings(credentials);
            let reader = read::Client::new(&settings, seams()).unwrap();
            let keys = reader.user_s3keys(&user, Depth::One).await.unwrap();
            self.say(&keys);
            let link = sign_on::Client::new(&settings, seams()).unwrap().link(&user).await.unwrap();
            self.say(&link);
            let error = write::Client::new(&settings, seams()).unwrap().create_user(&wanted).await.unwrap_err();
            self.say_error(&error);
        }
        assert_eq!(server.secrets_seen(), 6 + 2, "a secret in every header of credentials, and the two passwords");
    }

    /// Panics with an answer, an error, the settings and a client in the message.
    async fn panic(&mut self) {
        let basic = Credentials::Basic {
            username: self.emulator.username().to_owned(),
            password: self.emulator.password().into(),
        };
        let holder = self.emulator.read(|world| {
            let user = world.users().find(|user| world.keys(&user.id).next().is_some()).unwrap();
            UserId::from(&*user.id)
        });
        let answer = self.reader.user_s3keys(&holder, Depth::One).await;
        let rule = Rule::on("GET", "/um/groups").status(403).body(Body::Text(self.emulator.canary().to_owned()));
        self.emulator.fail(rule);
        let error = self.reader.groups(Depth::One).await;
        self.emulator.clear_faults();
        let shown = (&self.settings, &basic, &self.reader, &self.store);
        let panics = [
            catch_unwind(AssertUnwindSafe(|| drop(answer.unwrap_err()))),
            catch_unwind(AssertUnwindSafe(|| drop(error.unwrap()))),
            catch_unwind(AssertUnwindSafe(|| panic!("{shown:?}"))),
        ];
        for panic in panics {
            let message = panic.unwrap_err().downcast::<String>().unwrap();
            self.said.push_str(&message);
        }
    }

    /// Keeps the database as it is while it is open, with its log and shared memory, and as it is afterwards.
    async fn leave(self) {
        let live = self.folder.join("live");
        fs::create_dir(&live).unwrap();
        for name in ["library.db", "library.db-wal", "library.db-shm"] {
            fs::copy(self.folder.join(name), live.join(name)).unwrap();
        }
        assert!(fs::metadata(live.join("library.db-wal")).unwrap().len() > 0);
        fs::write(self.folder.join("said.txt"), &self.said).unwrap();
        self.store.close().await;
    }
}

/// The API's own form of an error, with the canary wherever text can stand.
pub(super) fn envelope(status: u16, canary: &str) -> Value {
    json!({"httpStatus": status, "secret": canary, "messages": [{"errorCode": canary, "message": canary, "token": canary}]})
}

/// A gateway's page.
fn page(canary: &str) -> String {
    format!("<html><title>{canary}</title><a href=\"https://gateway.example/?token={canary}\">{canary}</a></html>")
}

/// A list of one key, with secrets under names that this version does not know and in shapes that it does not expect.
pub(super) fn strange_keys(canary: &str) -> Value {
    let strange = json!({"token": canary, "deep": {"password": canary}, "list": [canary], canary: {canary: canary}});
    let mut properties = json!({"secretKey": {"value": canary}, "active": canary, "secretAccessKey": canary,
        "sessionToken": canary, "ssoUrl": format!("https://example.com/?token={canary}")});
    properties["nested"] = strange.clone();
    json!({"id": "keys", "type": "collection", "apiKey": canary, "items": [
        {"id": "00000000000000000001", "metadata": {"createdDate": canary, "clientSecret": canary, "nested": strange},
         "properties": properties, "entities": {"secret": canary}, "accessToken": [canary]}
    ]})
}

/// Answers that help nobody: status and body.
fn unfriendly(canary: &str) -> Vec<(u16, Body)> {
    let mut answers = Vec::new();
    for status in [301, 400, 401, 403, 404, 422, 429, 500, 503] {
        answers.push((status, Body::Json(envelope(status, canary))));
        answers.push((status, Body::Text(canary.to_owned())));
        answers.push((status, Body::Html(page(canary))));
        answers.push((status, Body::Verbatim(format!("{{\"httpStatus\": {status}, \"{canary}"))));
    }
    let next = format!("https://elsewhere.example/um/users?token={canary}");
    answers.extend([
        (200, Body::Text(canary.to_owned())),
        (200, Body::Html(page(canary))),
        (200, Body::Verbatim(format!("{{\"id\": \"{canary}"))),
        (200, Body::Json(json!([canary]))),
        (200, Body::Json(json!({"items": [canary]}))),
        (200, Body::Json(json!({"items": [{"id": {"secret": canary}}]}))),
        (200, Body::Json(json!({"items": [{"id": "x", "properties": canary}], "_links": {"next": next}}))),
    ]);
    answers
}
