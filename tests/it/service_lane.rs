//! Deliveries have a lane of their own: a sink that hangs delays neither a collection nor the end of the service.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver, Sender};

use keyholder::seams::Seams;
use keyholder::store::{Access, Store};
use rustix::process::Signal;

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::running::{PATIENCE, Running, configure, daily, make_due, put_secret};
use crate::support::service::WEBHOOK_KEY;

/// A server whose first answer has to be allowed; it says when it has a request.
struct Hanging {
    port: u16,
    arrived: Receiver<()>,
    allow: Sender<()>,
}

impl Hanging {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ((arrive, arrived), (allow, allowed)) = (mpsc::channel(), mpsc::channel());
        std::thread::spawn(move || {
            let mut is_first = true;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let length = stream.read(&mut [0; 8 << 10]).unwrap();
                assert!(length > 0);
                if std::mem::take(&mut is_first) {
                    // Whoever does not wait any more is gone.
                    if arrive.send(()).is_err() || allowed.recv().is_err() {
                        return;
                    }
                }
                let answer = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                if stream.write_all(answer).is_err() {
                    return;
                }
            }
        });
        Self { port, arrived, allow }
    }
}

/// A desk with an alert that waits, a delivery every minute and a collection that is due.
fn desk(emulator: &emulator::Emulator, hanging: &Hanging) -> Desk {
    let desk = Desk::of(emulator);
    let key = put_secret(&desk, "key", WEBHOOK_KEY);
    let rest = format!(
        "\n[[sink]]\nname = \"soc\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook\"\nkey_files = [\"{key}\"]\n\
         timeout = \"2m\"\nallow_private_targets = true\n\n\
         [[job]]\nname = \"send\"\nkind = \"deliver\"\nschedule = \"* * * * *\"\n",
        hanging.port
    );
    configure(&desk, &(daily(&desk, emulator) + &rest));
    desk.run(&["collect"]).ends(0);
    make_due(&desk);
    desk
}

#[test]
fn a_sink_that_hangs_delays_no_collection() {
    let (emulator, hanging) = (served(), Hanging::start());
    let desk = desk(&emulator, &hanging);
    // Held back until the delivery hangs.
    let store = RUNTIME.block_on(Store::open(&desk.database(), Access::Write)).unwrap();
    let runner = RUNTIME.block_on(store.runner(Seams::system().now())).unwrap();
    let service = Running::start(&desk);
    hanging.arrived.recv_timeout(PATIENCE).expect("the alert is sent");
    drop(runner);
    let seen = service.lines_until("Job collect of main is done");
    assert!(!seen.iter().any(|line| line.contains("Job send is done")), "{seen:#?}");
    hanging.allow.send(()).unwrap();
    service.line("Job send is done");
    service.stop(Signal::TERM, 143);
}

#[test]
fn a_sink_that_hangs_does_not_delay_the_end() {
    let (emulator, hanging) = (served(), Hanging::start());
    let desk = desk(&emulator, &hanging);
    let service = Running::start(&desk);
    hanging.arrived.recv_timeout(PATIENCE).expect("the alert is sent");
    service.stop(Signal::TERM, 143);
    let waiting = desk.run(&["status", "--format", "csv"]).out;
    assert!(waiting.contains(" pending, 0 given up") && !waiting.contains("\"0 pending"), "{waiting}");
}
