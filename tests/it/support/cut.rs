//! Runs of the real binary that are cut off at a random moment, and what is compared with a twin that was left alone.
//!
//! All servers hold the same contract, before and after the same changes. Nobody new is among the changes: the commitment to
//! a new name has a random key, and everything else is compared byte by byte.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::DateTime;
use emulator::{Emulator, World};
use keyholder::app::review::{self, Cover, Question};
use keyholder::domain::id::ContractNumber;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, render};
use keyholder::seams::Environment;
use keyholder::store::{Access, Store};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::cli::{Desk, RUNTIME, in_step};
use super::utc_calendar;

/// Servers at once, each with runs of its own.
const LANES: u64 = 10;

/// How long every answer takes: with three requests at once a run lasts for more than a second, so that moments differ.
const LATENCY: Duration = Duration::from_millis(50);

/// A server, and how it is called.
pub(crate) struct Lane(pub(crate) Emulator);

impl Lane {
    /// Before the changes.
    fn before() -> Self {
        let emulator = RUNTIME.block_on(Emulator::builder().seed(7).users(30).start()).unwrap();
        in_step(&emulator);
        Self(emulator)
    }

    /// After the changes, and slow.
    pub(crate) fn after() -> Self {
        let lane = Self::before();
        lane.change();
        lane.0.set_latency(LATENCY);
        lane
    }

    /// A month's changes without anybody new, all at the same instant on every server.
    fn change(&self) {
        self.0.set_now(DateTime::parse_from_rfc3339("2026-07-01T06:00:00Z").unwrap().to_utc());
        let cast = self.0.cast().clone();
        self.0.edit(|world| {
            let ordinary = |world: &World| -> Vec<String> {
                let parts = [&cast.owner, &cast.auditor, &cast.restricted];
                let users = world.users().filter(|user| !parts.contains(&&user.id) && !user.administrator);
                users.map(|user| user.id.to_string()).collect()
            };
            let users = ordinary(world);
            assert!(users.iter().any(|user| world.remove_user(user).is_ok()), "somebody leaves");
            let users = ordinary(world);
            world.set_administrator(&users[0], true).unwrap();
            world.set_active(&users[1], !world.user(&users[1]).unwrap().active).unwrap();
            let holder = users.iter().find(|user| world.keys(user).next().is_some()).expect("a key").clone();
            let key = world.keys(&holder).next().unwrap().id.clone();
            world.remove_key(&holder, &key).unwrap();
            let groups: Vec<String> = world.groups().map(|group| group.id.to_string()).collect();
            let group = groups.iter().find(|group| world.members(group).next().is_some()).expect("a member").clone();
            let member = world.members(&group).next().unwrap().to_string();
            world.remove_member(&group, &member).unwrap();
            let outside = users.iter().find(|user| !world.is_member(&group, user)).expect("somebody outside").clone();
            world.add_member(&group, &outside).unwrap();
            let group = groups.iter().find(|group| world.shares(group).next().is_some()).expect("a share").clone();
            let resource = world.shares(&group).next().unwrap().0.to_string();
            world.unshare(&group, &resource).unwrap();
            world.rename_group(&groups[0], "another name").unwrap();
        });
        in_step(&self.0);
    }

    /// A desk with that database, pointed at this server.
    pub(crate) fn desk(&self, database: &[u8]) -> Desk {
        let desk = Desk::of(&self.0).with("KEYHOLDER_API_CONCURRENCY", "3");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(desk.database().parent().unwrap()).unwrap();
        fs::write(desk.database(), database).unwrap();
        fs::set_permissions(desk.database(), fs::Permissions::from_mode(0o600)).unwrap();
        desk
    }
}

/// The twin: a database with one snapshot, and what the second one comes to when nobody disturbs the run.
pub(crate) struct Twin {
    pub(crate) baseline: Vec<u8>,
    /// Everything that is sealed in it.
    pub(crate) sealed: BTreeSet<String>,
    /// What the second snapshot came to.
    pub(crate) outcome: Vec<String>,
    /// Requests of an undisturbed run.
    pub(crate) requests: u64,
    /// Requests of a run to which nothing happened since the one before: nobody has to be asked for.
    pub(crate) quiet: u64,
    input: Input,
    reports: Vec<Vec<u8>>,
}

pub(crate) static TWIN: LazyLock<Twin> = LazyLock::new(|| {
    let lane = Lane::before();
    let desk = Desk::of(&lane.0);
    desk.run(&["collect"]).ends(0);
    let baseline = fs::read(desk.database()).unwrap();
    let sealed = RUNTIME.block_on(sealed(&desk.database()));
    lane.change();
    lane.0.reset_counters();
    desk.run(&["collect"]).ends(0);
    let requests = lane.0.counters().total;
    let (outcome, input) = RUNTIME.block_on(async { (outcome(&desk.database()).await, input(&desk.database()).await) });
    let reports = rendered(&input);
    lane.0.reset_counters();
    desk.run(&["collect"]).ends(0);
    let quiet = lane.0.counters().total;
    Twin { baseline, sealed, outcome, requests, quiet, input, reports }
});

impl Twin {
    /// That the second snapshot of a database is the twin's in everything but times, requests and the server's address:
    /// facts with their history, changes, counts, root, scopes, and every report as CSV.
    #[track_caller]
    pub(crate) fn check_same(&self, database: &Path, what: &str) {
        let (outcome, mut input) = RUNTIME.block_on(async { (outcome(database).await, input(database).await) });
        for (expected, found) in self.outcome.iter().zip(&outcome) {
            assert_eq!(expected, found, "{what}");
        }
        assert_eq!(self.outcome.len(), outcome.len(), "{what}");
        // What times, attempts and the address are shown by is the twin's; what is shown is not.
        input.snapshots.clone_from(&self.input.snapshots);
        input.as_of = self.input.as_of;
        input.current.snapshot = self.input.current.snapshot.clone();
        input.current.coverage = self.input.current.coverage.clone();
        input.notices.clone_from(&self.input.notices);
        let reports = rendered(&input);
        assert!(reports == self.reports, "{what}: the reports differ");
    }
}

async fn input(database: &Path) -> Input {
    let store = Store::open(database, Access::Read).await.unwrap();
    let contract: Vec<ContractNumber> = store.contracts().await.unwrap();
    let question = Question { as_of: Some("2".to_owned()), since: Some("1".to_owned()) };
    let taken = review::take(&store, contract[0], &question, utc_calendar()).await.unwrap();
    let input = review::input(&store, taken, &Cover::default()).await.unwrap();
    store.close().await;
    input
}

fn rendered(input: &Input) -> Vec<Vec<u8>> {
    let render = |report| render(report, input, Format::Csv, Dialect::default(), &Templates::embedded()).unwrap().bytes;
    ALL.iter().map(|report| render(*report)).collect()
}

/// A database without the store's own rules, for looking at it and for breaking it.
pub(crate) async fn raw(database: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(database);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

/// The rows of a query as text, one line each, in order.
async fn lines(db: &SqlitePool, table: &str, columns: &[&str], filter: &str) -> Vec<String> {
    let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
    let sql =
        format!("SELECT '{table}: ' || {} AS line FROM {table} WHERE {filter} ORDER BY 1", quoted.join("||'|'||"));
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(db).await.unwrap()
}

/// What the second snapshot of a database came to.
async fn outcome(database: &Path) -> Vec<String> {
    let db = raw(database).await;
    let of: [(&str, &[&str], &str); 10] = [
        (
            "v_users",
            &[
                "user_id",
                "email",
                "firstname",
                "lastname",
                "active",
                "administrator",
                "force_sec_auth",
                "sec_auth_active",
                "s3_canonical_user_id",
                "created_date",
                "last_login",
                "since",
                "until",
            ],
            "1",
        ),
        ("v_groups", &["group_id", "name", "privileges", "since", "until"], "1"),
        ("v_resources", &["resource_id", "type", "name", "sec_auth_protection", "created_date", "since", "until"], "1"),
        ("v_members", &["group_id", "user_id", "since", "until"], "1"),
        ("v_shares", &["group_id", "resource_id", "edit_privilege", "share_privilege", "since", "until"], "1"),
        ("v_owns", &["user_id", "resource_id", "since", "until"], "1"),
        ("v_keys", &["user_id", "key_id", "active", "created_date", "since", "until"], "1"),
        ("v_changes", &["seq", "kind", "op", "subject_id", "object_id", "before", "after"], "1"),
        (
            "v_snapshots",
            &[
                "seq",
                "state",
                "schedule",
                "began",
                "ended",
                "changed",
                "users",
                "groups",
                "resources",
                "members",
                "shares",
                "owns",
                "keys",
                "root",
            ],
            "seq = 2",
        ),
        ("coverage", &["kind", "scopes", "complete"], "run = (SELECT run FROM snapshot WHERE seq = 2)"),
    ];
    let mut found = Vec::new();
    for (table, columns, filter) in of {
        found.extend(lines(&db, table, columns, filter).await);
    }
    db.close().await;
    found
}

/// Everything that belongs to the first snapshot of a database, whatever came later.
pub(crate) async fn sealed(database: &Path) -> BTreeSet<String> {
    let db = raw(database).await;
    let of_run = "run IN (SELECT run FROM snapshot WHERE seq = 1)";
    let of: [(&str, &[&str], &str); 14] = [
        ("contract", &["id", "number"], "1"),
        (
            "run",
            &[
                "id", "contract", "schedule", "nominal", "started", "finished", "state", "reason", "requests", "api",
                "tool",
            ],
            "id IN (SELECT run FROM snapshot WHERE seq = 1)",
        ),
        (
            "snapshot",
            &[
                "contract",
                "seq",
                "run",
                "label",
                "root",
                "began",
                "ended",
                "changed",
                "contracts",
                "users",
                "groups",
                "resources",
                "members",
                "shares",
                "owns",
                "keys",
            ],
            "seq = 1",
        ),
        (
            "coverage",
            &["run", "kind", "scopes", "complete", "pages", "items", "attempts", "first_at", "last_at"],
            of_run,
        ),
        ("gap", &["run", "kind", "parent", "status", "reason", "attempts"], of_run),
        ("principal", &["run", "user_id", "role", "token_contract", "expires", "standing", "held_back"], of_run),
        ("notice", &["run", "number", "notice", "count"], of_run),
        (
            "fact",
            &["contract", "kind", "subject", "object", "since", "CASE WHEN until <= 1 THEN until END", "body"],
            "since <= 1",
        ),
        ("change", &["contract", "seq", "kind", "subject", "object", "op", "before", "after"], "seq <= 1"),
        ("entity", &["id", "contract", "kind", "ref"], "1"),
        ("body", &["id", "hash", "json"], "1"),
        ("personal", &["entity", "commitment", "key", "email", "firstname", "lastname"], "1"),
        ("last_login", &["entity", "seq", "at"], "seq <= 1"),
        ("attribution", &["entity", "seq", "created_by", "modified", "modified_by"], "seq <= 1"),
    ];
    let mut found = BTreeSet::new();
    for (table, columns, filter) in of {
        found.extend(lines(&db, table, columns, filter).await);
    }
    db.close().await;
    found
}

/// A number of a database.
pub(crate) async fn number(database: &Path, sql: &'static str) -> i64 {
    let db = raw(database).await;
    let number = sqlx::query_scalar(sql).fetch_one(&db).await.unwrap();
    db.close().await;
    number
}

/// What SQLite itself has to say about a database.
pub(crate) async fn integrity(database: &Path) -> String {
    let db = raw(database).await;
    let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&db).await.unwrap();
    db.close().await;
    said.join("\n")
}

/// Numbers that depend on a seed and look random.
pub(crate) struct Dice(u64);

impl Dice {
    /// A number below that.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// When a run is cut off: after so many requests, and that much later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    requests: u64,
    later: Duration,
}

impl Moment {
    /// Mostly somewhere in the walk; else after its last request, where the seal is.
    pub(crate) fn random(dice: &mut Dice, seal: Duration) -> Self {
        let micros = |limit: Duration| u64::try_from(limit.as_micros()).unwrap();
        if dice.below(10) < 7 {
            return Self { requests: 1 + dice.below(TWIN.requests), later: Duration::from_micros(dice.below(20_000)) };
        }
        let later = micros(LATENCY) + dice.below(micros(seal));
        Self { requests: TWIN.requests, later: Duration::from_micros(later) }
    }
}

/// How a run ended that was to be cut off.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// From the signal to the end.
    pub(crate) took: Duration,
    /// Requests that the server saw.
    pub(crate) requests: u64,
}

/// Starts a collection and sends it that signal at that moment, unless it ends before.
pub(crate) fn cut(lane: &Lane, desk: &Desk, moment: Moment, signal: Signal) -> Ended {
    lane.0.reset_counters();
    let mut command = desk.command(&["-qq", "collect"]);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut running = true;
    while running && lane.0.counters().total < moment.requests {
        running = child.try_wait().unwrap().is_none();
        // Looks again: what is waited for is the server's count.
        std::thread::sleep(Duration::from_micros(300));
    }
    std::thread::sleep(moment.later);
    let sent = Instant::now();
    if child.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let status = child.wait().unwrap();
    Ended { status, took: sent.elapsed(), requests: lane.0.counters().total }
}

/// Does something that often, on several servers at once; each time with dice of its own.
pub(crate) fn many(often: u64, each: impl Fn(&Lane, u64, Dice) + Sync) {
    let seed: u64 = Environment::of_process().get("KEYHOLDER_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    LazyLock::force(&TWIN);
    std::thread::scope(|scope| {
        for first in 0..LANES.min(often) {
            let each = &each;
            scope.spawn(move || {
                let lane = Lane::after();
                for turn in (first..often).step_by(usize::try_from(LANES).unwrap()) {
                    each(&lane, turn, Dice(seed.wrapping_mul(1_000_003).wrapping_add(turn)));
                }
            });
        }
    });
}
