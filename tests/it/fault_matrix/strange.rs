//! F14 and F15: answers that say more than this version knows, or contradict themselves.

use keyholder::domain::fact::Kind;

use super::row::{example, play, sum};

#[test]
fn f14_what_is_unknown_is_kept_and_reported_and_the_scope_is_complete() {
    play(30, 16, async |row| {
        row.arm(&example("F14"));
        let snapshot = row.collect().await.sealed();
        // Users come on two pages, of which the second brings nobody new.
        row.check_fired(&[1, 2, 1]);
        assert_eq!((snapshot.state.as_str(), snapshot.began, snapshot.ended), ("complete", 0, 0));
        let state = row.store.state(snapshot.contract, snapshot.seq).await.unwrap();
        assert!(state.groups.values().all(|group| group.granted().any(|name| name == "accessAndManageTomorrow")));
        assert!(state.users.values().all(|user| user.extra.contains_key("tomorrow")));
        assert!(state.resources.values().all(|it| it.kind.as_deref() == Some("quantumcomputer")));
        let things = state.groups.len() + state.users.len() + state.resources.len();
        assert_eq!(snapshot.changed, things as u64, "each of them is another thing than before");
        row.check_recovers_carrying("accessAndManageTomorrow").await;
    });
}

#[test]
fn f15_a_repeated_id_and_a_dangling_reference_change_nothing_and_always_in_the_same_way() {
    let mut seen = Vec::new();
    for concurrency in [1, 16] {
        play(30, concurrency, async |row| {
            row.arm(&example("F15"));
            let snapshot = row.collect().await.sealed();
            let fired = row.emulator.faults_fired();
            assert!(fired.values().all(|times| *times > 0), "{fired:?}");
            assert_eq!((snapshot.began, snapshot.ended), (0, 0), "{:?}", row.began(&snapshot, Kind::Member).await);
            let state = row.store.state(snapshot.contract, snapshot.seq).await.unwrap();
            seen.push((sum(&snapshot), format!("{:?}", state.users), row.gaps(&snapshot).await));
            row.check_recovers().await;
        });
    }
    assert_eq!(seen[0], seen[1]);
}
