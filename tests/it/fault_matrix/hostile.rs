//! F11 to F13: servers that lead astray or fill the memory.

use keyholder::api::Settings;
use keyholder::domain::notice::Notice;
use keyholder::exit::Exit;

use super::row::{Row, example, play, play_with, sum};

/// The one rule of F11's example with that query, for the pages that this client asks for.
fn astray(query: &str) -> String {
    let example = example("F11");
    let rule = example.split("[[fault]]").find(|rule| rule.contains(&format!("query = \"{query}\""))).unwrap();
    format!("[[fault]]{}", rule.replace(query, "limit=100"))
}

/// Nobody came to the other host.
#[track_caller]
fn check_nobody_strayed(row: &Row) {
    let elsewhere = row.emulator.elsewhere();
    assert_eq!((elsewhere.connections(), elsewhere.requests(), elsewhere.credentials()), (0, 0, 0));
}

/// Expects that the users are a gap for such a reason, that nothing ended, and that nobody strayed.
async fn check_astray(row: &Row, query: &str, most: u64, reason: &str) {
    let before = row.asked("/um/users");
    row.arm(&astray(query));
    let snapshot = row.collect().await.sealed();
    let asked = row.asked("/um/users") - before;
    assert!(asked <= most, "{asked} pages");
    assert!(row.emulator.faults_fired().into_values().all(|fired| fired > 0));
    assert_eq!((snapshot.state.as_str(), snapshot.ended), ("partial", 0));
    let gaps = row.gaps(&snapshot).await;
    assert!(gaps.iter().any(|gap| gap.starts_with("users: ") && gap.contains(reason)), "{gaps:#?}");
    check_nobody_strayed(row);
}

#[test]
fn f11_a_link_to_another_host_is_not_followed_and_the_token_stays_here() {
    play(30, 16, async |row| {
        row.arm(&astray("limit=30"));
        let snapshot = row.collect().await.sealed();
        assert_eq!(sum(&snapshot), "complete +0 -0 ~0");
        let reported = row.store.notices(snapshot.contract, snapshot.seq).await.unwrap();
        assert!(reported.contains(&Notice::LinksElsewhere { count: 2 }), "{reported:?}");
        check_nobody_strayed(row);
        row.check_recovers().await;
    });
}

#[test]
fn f11_pages_without_end_are_given_up_when_they_are_too_many() {
    // The limits for a real run are a hundred times as high; what happens at them is the same.
    let dress = |settings: &mut Settings| (settings.concurrency, settings.largest_run) = (1, 2 << 20);
    play_with(30, dress, async |row| {
        let requests = row.emulator.counters().total;
        check_astray(row, "limit=10", 100, "failed (the answers of this run hold more than 2 MiB)").await;
        assert!(row.emulator.counters().total - requests < 400, "nothing more is asked then");
        row.check_recovers().await;
    });
}

#[test]
fn f11_the_same_page_again_and_again_is_given_up() {
    play(30, 16, async |row| {
        check_astray(row, "limit=20", 6, "unstable").await;
        row.check_recovers().await;
    });
}

#[test]
fn f12_a_redirect_is_an_error_and_nobody_follows_it() {
    play(30, 16, async |row| {
        let before = row.asked("/um/users");
        row.arm(&example("F12"));
        let snapshot = row.collect().await.sealed();
        row.check_fired(&[1]);
        assert_eq!((row.asked("/um/users") - before, sum(&snapshot).as_str()), (1, "partial +0 -0 ~0"));
        assert_eq!(row.gaps(&snapshot).await[0], "users: failed (the server redirects (status 302))");
        check_nobody_strayed(row);
        row.check_recovers().await;
    });
}

#[test]
fn f13_bombs_long_strings_and_deep_nesting_are_refused_as_such() {
    play(30, 16, async |row| {
        row.arm(&example("F13"));
        // Each of the three lists is refused at its first answer: nothing of the contract could be read.
        let collected = row.collect().await;
        let requests = collected.requests;
        let failure = collected.failed();
        row.check_fired(&[1, 1, 1]);
        assert_eq!((failure.exit(), requests), (Exit::Unreachable, 4));
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}
