//! The collector killed with SIGKILL at random moments: what is sealed stays as it is, nothing of an unsealed run is seen by
//! anybody, and the next run comes to exactly what an undisturbed twin comes to.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::cli::RUNTIME;
use crate::support::cut::{Dice, Lane, Moment, TWIN, cut, integrity, many, number, raw, sealed};
use crate::support::repeats;

/// Sealing takes about so long.
const SEAL: Duration = Duration::from_millis(150);

/// What was seen over all kills.
#[derive(Debug, Default)]
struct Tally {
    /// Killed between two requests of the walk.
    in_walk: AtomicU64,
    /// Killed when everything was read and nothing was sealed.
    in_seal: AtomicU64,
    /// Killed when the snapshot was sealed, or not at all.
    sealed: AtomicU64,
    resumed: AtomicU64,
    saved: AtomicU64,
}

/// Checks what a killed run left behind; answers whether its snapshot was sealed.
fn check_left_behind(database: &Path, what: &str) -> bool {
    let twin = &*TWIN;
    assert_eq!(RUNTIME.block_on(integrity(database)), "ok", "{what}");
    let sealed_now = RUNTIME.block_on(sealed(database));
    assert!(twin.sealed.is_subset(&sealed_now), "{what}: something sealed has changed");
    let snapshots = RUNTIME.block_on(number(database, "SELECT count(*) FROM snapshot"));
    if snapshots == 1 {
        assert_eq!(twin.sealed, sealed_now, "{what}: an unsealed run has left facts behind");
        let visible = RUNTIME.block_on(number(database, "SELECT count(*) FROM fact WHERE since > 1 OR until > 1"));
        assert_eq!(visible, 0, "{what}");
    }
    snapshots == 2
}

/// Kills a run, looks, and collects again.
fn kill_once(lane: &Lane, turn: u64, mut dice: Dice, tally: &Tally) {
    let twin = &*TWIN;
    let moment = Moment::random(&mut dice, SEAL);
    let what = format!("kill {turn} {moment:?}");
    let desk = lane.desk(&twin.baseline);
    let ended = cut(lane, &desk, moment, Signal::KILL);
    let was_sealed = check_left_behind(&desk.database(), &what);
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    count(match (was_sealed, ended.requests == twin.requests) {
        (true, _) => &tally.sealed,
        (false, true) => &tally.in_seal,
        (false, false) => &tally.in_walk,
    });
    lane.0.reset_counters();
    let ran = desk.run(&["-qq", "collect"]);
    assert_eq!(ran.code, 0, "{what}: {ran:#?}");
    assert_eq!(RUNTIME.block_on(integrity(&desk.database())), "ok", "{what}");
    twin.check_same(&desk.database(), &what);
    let staged =
        RUNTIME.block_on(number(&desk.database(), "SELECT count(*) + (SELECT count(*) FROM staging) FROM staged"));
    assert_eq!(staged, 0, "{what}: the journal outlives its run");
    let saved = RUNTIME
        .block_on(number(&desk.database(), "SELECT coalesce((SELECT count FROM notice WHERE notice = 'resumed'), -1)"));
    if let Ok(saved) = u64::try_from(saved) {
        count(&tally.resumed);
        tally.saved.fetch_add(saved, Ordering::Relaxed);
    }
    let requests = lane.0.counters().total;
    let whole = if was_sealed { twin.quiet } else { twin.requests };
    assert_eq!(requests, whole - u64::try_from(saved).unwrap_or(0), "{what}: what was saved was not asked again");
}

/// The figures of the run, for `--nocapture`.
#[expect(clippy::print_stdout, reason = "figures are what this test is run for")]
fn tell(tally: &Tally) {
    println!("{tally:?}");
}

#[test]
fn a_collector_that_is_killed_at_any_moment_leaves_no_trace_and_the_next_one_comes_to_the_same() {
    let tally = Tally::default();
    many(repeats("KEYHOLDER_TEST_KILLS", 200), |lane, turn, dice| kill_once(lane, turn, dice, &tally));
    tell(&tally);
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(of(&tally.in_walk) > 0, "{tally:?}");
    if repeats("KEYHOLDER_TEST_KILLS", 200) >= 200 {
        assert!(of(&tally.in_seal) > 0 && of(&tally.sealed) > 0, "{tally:?}");
        assert!(of(&tally.saved) > of(&tally.resumed), "{tally:?}");
    }
}

/// Breaks a database that a killed run left behind, and expects that the comparison notices.
fn check_noticed(trigger: &'static str, edit: &'static str) {
    let lane = Lane::after();
    let desk = lane.desk(&TWIN.baseline);
    let path = desk.database();
    assert!(!check_left_behind(&path, "untouched"));
    RUNTIME.block_on(async {
        let db = raw(&path).await;
        sqlx::query(trigger).execute(&db).await.unwrap();
        assert!(sqlx::query(edit).execute(&db).await.unwrap().rows_affected() > 0);
        db.close().await;
    });
    let judged = std::panic::catch_unwind(|| check_left_behind(&path, "planted"));
    assert!(judged.is_err(), "{edit} was not noticed");
    drop(fs::remove_file(path));
}

#[test]
fn a_planted_change_of_something_sealed_is_noticed() {
    check_noticed("DROP TRIGGER fact_sealed", "UPDATE fact SET body = (SELECT max(id) FROM body) WHERE kind = 2");
    check_noticed("DROP TRIGGER fact_kept", "DELETE FROM fact WHERE kind = 5");
    check_noticed("DROP TRIGGER run_over", "UPDATE run SET requests = requests + 1");
}

#[test]
fn a_planted_fact_of_an_unsealed_run_is_noticed() {
    check_noticed(
        "SELECT 1",
        "INSERT INTO fact SELECT contract, kind, subject, object, 2, NULL, body FROM fact LIMIT 1",
    );
    check_noticed("SELECT 1", "UPDATE fact SET until = 2 WHERE kind = 5");
}

#[test]
fn a_planted_difference_of_the_second_snapshot_is_noticed() {
    let lane = Lane::after();
    let desk = lane.desk(&TWIN.baseline);
    lane.0.set_latency(Duration::ZERO);
    let user = lane.0.read(|world| world.users().last().unwrap().id.clone());
    let was = lane.0.read(|world| world.user(&user).unwrap().force_sec_auth);
    lane.0.edit(|world| world.set_force_sec_auth(&user, !was).unwrap());
    desk.run(&["-qq", "collect"]).ends(0);
    let judged = std::panic::catch_unwind(|| TWIN.check_same(&desk.database(), "planted"));
    assert!(judged.is_err(), "a user whose flag differs was not noticed");
}
