//! The heartbeat after `keyholder collect`: after complete snapshots only, and never the reason of an exit code.

use emulator::{Emulator, Rule};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::receiver::Receiver;

/// A desk whose heartbeat goes to a receiver with these answers.
fn beating(emulator: &Emulator, answers: &[&str]) -> (Desk, Receiver) {
    let receiver = RUNTIME.block_on(Receiver::plain(answers));
    let url = format!("http://127.0.0.1:{}/beat", receiver.port);
    let desk = Desk::of(emulator)
        .with("KEYHOLDER_SERVICE_HEARTBEAT_URL", &url)
        .with("KEYHOLDER_SERVICE_HEARTBEAT_ALLOW_PRIVATE_TARGETS", "true");
    (desk, receiver)
}

/// Expects so many calls after a collection with that exit code.
#[track_caller]
fn check(desk: &Desk, receiver: &Receiver, code: i32, calls: usize) {
    let ran = desk.run(&["collect"]).ends(code);
    assert_eq!(receiver.received().len(), calls, "{ran:#?}");
}

#[test]
fn only_a_complete_snapshot_calls_the_heartbeat() {
    let emulator = served();
    let (desk, receiver) = beating(&emulator, &["200 OK"]);
    check(&desk, &receiver, 0, 1);
    emulator.fail(Rule::on("GET", "/um/groups/{groupId}/shares").status(403));
    check(&desk, &receiver, 9, 1);
    emulator.clear_faults();
    emulator.fail(Rule::on("GET", "/um/users").status(401));
    check(&desk, &receiver, 4, 1);
    emulator.clear_faults();
    check(&desk, &receiver, 0, 2);
    let sent = &receiver.received()[0];
    assert!(sent.head.contains("/beat HTTP/1.1") && sent.body.is_empty(), "it says nothing but that: {sent:?}");
}

#[test]
fn a_heartbeat_that_fails_changes_no_exit_code() {
    let emulator = served();
    for answer in ["500 Internal Server Error", "404 Not Found", "302 Found\r\nlocation: http://127.0.0.1:9/"] {
        let (desk, receiver) = beating(&emulator, &[answer]);
        let ran = desk.run(&["collect"]).ends(0);
        assert_eq!(receiver.received().len(), 1, "{ran:#?}");
        assert!(ran.err.contains("The heartbeat could not be sent"), "{ran:#?}");
    }
    let (desk, receiver) = beating(&emulator, &["200 OK"]);
    drop(receiver);
    check_unreachable(&desk);
}

/// Nobody listens any more.
#[track_caller]
fn check_unreachable(desk: &Desk) {
    let ran = desk.run(&["collect"]).ends(0);
    assert!(ran.err.contains("The heartbeat could not be sent"), "{ran:#?}");
}
