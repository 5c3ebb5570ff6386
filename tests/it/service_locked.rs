//! The service while another program holds the database file: it ends in time, and shows signs of life.

use keyholder::seams::Seams;
use keyholder::store::{Access, Store};
use rustix::process::Signal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::cli::{Desk, RUNTIME, served};
use crate::support::running::{Running, Supervisor, configure, daily, make_due};

/// Another program that holds the file.
struct Holder(SqliteConnection);

impl Holder {
    fn of(desk: &Desk) -> Self {
        let options = SqliteConnectOptions::new().filename(desk.database());
        RUNTIME.block_on(async {
            let mut connection = options.connect().await.unwrap();
            sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
            Self(connection)
        })
    }

    fn release(self) {
        RUNTIME.block_on(self.0.close()).unwrap();
    }
}

#[test]
fn a_held_file_does_not_delay_the_end() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    configure(&desk, &daily(&desk, &emulator));
    make_due(&desk);
    // The collection is tried at each tick: each one writes.
    let store = RUNTIME.block_on(Store::open(&desk.database(), Access::Write)).unwrap();
    let runner = RUNTIME.block_on(store.runner(Seams::system().now())).unwrap();
    let service = Running::start(&desk);
    service.line("is tried again at the next tick");
    let holder = Holder::of(&desk);
    service.line("Another program holds");
    service.stop(Signal::TERM, 143);
    holder.release();
    drop(runner);
}

#[test]
fn a_held_file_does_not_silence_a_reload() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    configure(&desk, &daily(&desk, &emulator));
    let supervisor = Supervisor::of(&desk);
    let next = || supervisor.next();
    let service = Running::start_with(&desk, &supervisor.variables());
    while next() != "READY=1" {}
    let holder = Holder::of(&desk);
    service.send(Signal::HUP);
    while !next().starts_with("RELOADING=1") {}
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    holder.release();
    while next() != "READY=1" {}
    service.stop(Signal::TERM, 143);
}
