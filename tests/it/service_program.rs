//! The service as a program: what is due runs once, whatever kills or stops it; locks, reloading, and what it tells others.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::TimeDelta;
use emulator::Emulator;
use keyholder::app::freshness::Expectations;
use keyholder::app::status::Status;
use keyholder::seams::{Environment, Seams};
use keyholder::store::{Access, Store};
use rustix::process::Signal;
use sqlx::sqlite::SqliteConnectOptions;

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::cut::{Dice, Lane, many};
use crate::support::running::{MAX_STOPPING, PATIENCE, Running, Supervisor, configure, daily, make_due, put_secret};
use crate::support::{repeats, tell};

/// The outcomes of the recorded runs, oldest first, and how many snapshots there are.
fn recorded(desk: &Desk) -> (Vec<String>, i64) {
    let options = SqliteConnectOptions::new().filename(desk.database());
    RUNTIME.block_on(async {
        let db = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let outcomes = sqlx::query_scalar("SELECT outcome FROM job_run ORDER BY id").fetch_all(&db).await.unwrap();
        let snapshots = sqlx::query_scalar("SELECT count(*) FROM snapshot").fetch_one(&db).await.unwrap();
        db.close().await;
        (outcomes, snapshots)
    })
}

/// A desk whose daily collection has been due since yesterday.
fn due(emulator: &Emulator) -> Desk {
    let desk = Desk::of(emulator);
    configure(&desk, &daily(&desk, emulator));
    make_due(&desk);
    desk
}

/// The status line and the body of an answer.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// Asks until the answer contains that.
fn ask_until(address: &str, path: &str, part: &str) -> String {
    let begun = Instant::now();
    loop {
        let (_, body) = ask(address, &format!("GET {path}"));
        if body.contains(part) {
            return body;
        }
        assert!(begun.elapsed() < PATIENCE, "{path} never has {part:?}: {body}");
        std::thread::yield_now();
    }
}

#[test]
fn a_service_runs_what_is_due_and_ends_with_143() {
    let emulator = served();
    let desk = due(&emulator);
    let service = Running::start(&desk);
    service.line("Job collect of main is done: contract");
    service.stop(Signal::TERM, 143);
    assert_eq!(recorded(&desk), (vec!["missed".to_owned(), "done".to_owned()], 1));
    let status = desk.run(&["status", "--format", "csv"]).ends(0).out.replace('"', "");
    assert!(status.contains("service,,,stopped,") && status.contains("job,collect,main,done,"), "{status}");
    let planned = desk.run(&["status", "--next", "3", "--format", "csv"]).ends(0).out.replace('"', "");
    assert_eq!(planned.lines().filter(|line| line.starts_with("run,collect,main,planned,,")).count(), 3, "{planned}");
    assert!(status.contains(",fresh,") && status.contains("0 pending, 0 given up"), "{status}");
}

#[test]
fn once_runs_what_is_due_and_nothing_twice() {
    let emulator = served();
    let desk = due(&emulator);
    desk.run(&["service", "--once"]).ends(0);
    let requests = emulator.counters().total;
    desk.run(&["service", "--once"]).ends(0);
    assert_eq!(emulator.counters().total, requests);
    assert_eq!(recorded(&desk), (vec!["missed".to_owned(), "done".to_owned()], 1));
}

#[test]
fn a_second_service_of_a_database_ends_with_75() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    configure(&desk, &daily(&desk, &emulator));
    let service = Running::start(&desk);
    service.address();
    let refused = desk.run(&["service", "--once"]).ends(75);
    assert!(refused.err.contains("run the service: another service holds"), "{refused:#?}");
    let status = desk.run(&["status", "--format", "csv"]).out.replace('"', "");
    assert!(status.contains("service,,,running,"), "{status}");
    desk.run(&["collect"]).ends(0);
    service.stop(Signal::INT, 130);
}

#[test]
fn a_collection_waits_for_the_lock_of_another_process() {
    let emulator = served();
    let desk = due(&emulator);
    let store = RUNTIME.block_on(Store::open(&desk.database(), Access::Write)).unwrap();
    let runner = RUNTIME.block_on(store.runner(Seams::system().now())).unwrap();
    desk.run(&["service", "--once"]).ends(75);
    let service = Running::start(&desk);
    service.line("is tried again at the next tick");
    drop(runner);
    service.line("Job collect of main is done");
    service.stop(Signal::TERM, 143);
    assert_eq!(recorded(&desk), (vec!["missed".to_owned(), "done".to_owned()], 1));
}

#[test]
fn a_revoked_token_does_not_stop_another_contract() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let revoked = put_secret(&desk, "revoked", "not-a-token-of-anybody");
    let second = format!("\n[[contract]]\nname = \"gone\"\ntoken_file = \"{revoked}\"\ncollect = \"@daily\"\n");
    configure(&desk, &(daily(&desk, &emulator) + &second));
    make_due(&desk);
    let ran = desk.run(&["service", "--once"]).ends(4);
    assert!(ran.err.contains("Job collect of gone failed"), "{ran:#?}");
    let (outcomes, snapshots) = recorded(&desk);
    assert_eq!((outcomes.iter().filter(|one| *one == "done").count(), snapshots), (1, 1), "{outcomes:?}");
    desk.run(&["status"]).ends(9);
}

#[test]
fn health_readiness_and_metrics_are_read_only() {
    let emulator = served();
    let desk = due(&emulator);
    let service = Running::start(&desk);
    let address = service.address();
    service.line("Job collect of main is done");
    assert_eq!(ask(&address, "GET /healthz"), ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
    ask_until(&address, "/readyz", "ready\n");
    let page = ask_until(&address, "/metrics", "keyholder_last_success_timestamp_seconds{contract=\"main\"}");
    for line in [
        "keyholder_build_info{version=\"",
        "keyholder_runs_total{job=\"collect\",contract=\"main\",outcome=\"done\"} 1\n",
        "keyholder_runs_total{job=\"collect\",contract=\"main\",outcome=\"missed\"} 1\n",
        "keyholder_collect_duration_seconds_count{contract=\"main\"} 1\n",
        "keyholder_schedule_next_run_timestamp_seconds{job=\"collect\",contract=\"main\"} ",
        "keyholder_contract_overdue{contract=\"main\"} 0\n",
        "keyholder_dead_letters 0\n",
        "# TYPE keyholder_collect_duration_seconds histogram\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert!(!page.contains('@'), "{page}");
    check_metrics(&page);
    assert_eq!(ask(&address, "POST /metrics").0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(ask(&address, "GET /other").0, "HTTP/1.1 404 Not Found");
    service.stop(Signal::TERM, 143);
}

/// Lets Prometheus' own checker read a page; says so where there is none.
#[track_caller]
fn check_metrics(page: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        // The continuous integration sees to it that there is one.
        assert_eq!(Environment::of_process().get("KEYHOLDER_TEST_PROMTOOL"), None, "promtool is required");
        tell("skipped: the metrics page is not checked without promtool");
        return;
    };
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.trim().is_empty(), "{words}\n{page}");
}

#[test]
fn an_invalid_configuration_leaves_the_one_before_in_use() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let valid = daily(&desk, &emulator);
    configure(&desk, &valid);
    let service = Running::start(&desk);
    let address = service.address();
    configure(&desk, &valid.replace("@daily", "0 0 30 2 *"));
    service.send(Signal::HUP);
    service.line("The configuration is not valid and the one before stays in use");
    let page = ask_until(&address, "/metrics", "keyholder_config_last_reload_successful 0");
    assert!(page.contains("{job=\"collect\",contract=\"main\"}"), "{page}");
    configure(&desk, &valid.replace("name = \"main\"", "name = \"other\""));
    service.send(Signal::HUP);
    ask_until(&address, "/metrics", "keyholder_config_last_reload_successful 1");
    // A page that is made during the reload has parts from before it.
    let page = ask_until(&address, "/metrics", "keyholder_config_last_reload_successful 1");
    assert!(page.contains("{job=\"collect\",contract=\"other\"}") && !page.contains("\"main\""), "{page}");
    service.stop(Signal::TERM, 143);
}

#[test]
fn systemd_hears_of_readiness_life_and_the_end() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    configure(&desk, &daily(&desk, &emulator));
    let supervisor = Supervisor::of(&desk);
    let next = || supervisor.next();
    let service = Running::start_with(&desk, &supervisor.variables());
    assert_eq!(next(), "READY=1");
    assert_eq!((next(), next()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
    service.send(Signal::HUP);
    while !next().starts_with("RELOADING=1") {}
    while next() != "READY=1" {}
    service.stop(Signal::TERM, 143);
    while next() != "STOPPING=1" {}
}

/// A server that answers one request, and says what it was.
fn receiver() -> (u16, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        line
    });
    (port, served)
}

#[test]
fn a_complete_snapshot_is_followed_by_a_heartbeat() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let (port, served) = receiver();
    let heartbeat =
        format!("heartbeat_url = \"http://127.0.0.1:{port}/ping\"\nheartbeat_allow_private_targets = true\n");
    configure(&desk, &daily(&desk, &emulator).replace("[service]\n", &format!("[service]\n{heartbeat}")));
    make_due(&desk);
    desk.run(&["service", "--once"]).ends(0);
    assert_eq!(served.join().unwrap(), "GET /ping HTTP/1.1\r\n");
}

#[test]
fn a_deliver_job_writes_alerts_to_its_sink() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let path = desk.path("alerts.jsonl");
    let sink = format!(
        "\n[[sink]]\nname = \"log\"\nkind = \"file\"\npath = \"{}\"\n\n[[job]]\nname = \"send\"\nkind = \"deliver\"\nschedule = \"@daily\"\n",
        path.display()
    );
    configure(&desk, &(daily(&desk, &emulator) + &sink));
    make_due(&desk);
    desk.run(&["service", "--once"]).ends(0);
    let alerts = fs::read_to_string(&path).unwrap();
    assert!(alerts.contains("baseline-established") && alerts.contains("run-missed"), "{alerts}");
    assert!(desk.run(&["status", "--format", "csv"]).ends(0).out.contains("0 pending, 0 given up"));
}

#[test]
fn once_sends_the_alerts_of_its_own_collection() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let path = desk.path("alerts.jsonl");
    let rest = format!(
        "\n[[sink]]\nname = \"log\"\nkind = \"file\"\npath = \"{}\"\n\n\
         [[job]]\nname = \"send\"\nkind = \"deliver\"\nschedule = \"@daily\"\n",
        path.display()
    );
    // The delivery has been due for longer than the collection.
    configure(&desk, &(daily(&desk, &emulator).replace("@daily", "* * * * *") + &rest));
    make_due(&desk);
    desk.run(&["service", "--once"]).ends(0);
    let alerts = fs::read_to_string(&path).unwrap();
    assert!(alerts.contains("baseline-established"), "{alerts}");
}

#[test]
fn alerts_that_nobody_delivers_end_status_with_15() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let path = desk.path("alerts.jsonl");
    let sink = format!("\n[[sink]]\nname = \"log\"\nkind = \"file\"\npath = \"{}\"\n", path.display());
    configure(&desk, &(daily(&desk, &emulator) + &sink));
    desk.run(&["collect"]).ends(0);
    let exit_after = |minutes| {
        let now = Seams::system().now() + TimeDelta::minutes(minutes);
        RUNTIME.block_on(async {
            let store = Store::open(&desk.database(), Access::Read).await.unwrap();
            let status = Status::of(&store, now, &Expectations::default()).await.unwrap();
            store.close().await;
            status.exit().code()
        })
    };
    assert_eq!((exit_after(119), exit_after(121)), (0, 15));
}

/// Kills or stops a service at some moment of its collection, and lets another one finish it.
fn end_once(lane: &Lane, turn: u64, mut dice: Dice, signal: Signal, stopped: &AtomicU64) {
    let desk = due(&lane.0);
    let requests = 1 + dice.below(40);
    lane.0.reset_counters();
    let mut service = Running::start(&desk);
    while lane.0.counters().total < requests && service.child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    service.send(signal);
    service.child.wait().unwrap();
    assert!(begun.elapsed() <= MAX_STOPPING, "turn {turn}: {:?}", begun.elapsed());
    let (_, before) = recorded(&desk);
    stopped.fetch_add(u64::from(before == 0), Ordering::Relaxed);
    desk.run(&["service", "--once"]).ends(0);
    let (outcomes, snapshots) = recorded(&desk);
    assert_eq!(
        (outcomes, snapshots),
        (vec!["missed".to_owned(), "done".to_owned()], 1),
        "turn {turn}, {requests} requests"
    );
}

#[test]
fn a_killed_service_leaves_one_run_for_each_instant() {
    let stopped = AtomicU64::new(0);
    many(repeats("KEYHOLDER_TEST_SERVICE_KILLS", 10).max(2), |lane, turn, dice| {
        end_once(lane, turn, dice, Signal::KILL, &stopped);
    });
    assert!(stopped.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_stopped_service_leaves_one_run_for_each_instant() {
    let stopped = AtomicU64::new(0);
    many(repeats("KEYHOLDER_TEST_SERVICE_STOPS", 10).max(2), |lane, turn, dice| {
        end_once(lane, turn, dice, Signal::TERM, &stopped);
    });
    assert!(stopped.load(Ordering::Relaxed) > 0);
}
