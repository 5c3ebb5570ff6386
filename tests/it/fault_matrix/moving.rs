//! F4 and F6: lists that collapse, and a contract that moves under the walk.

use keyholder::domain::coverage::Scope;
use keyholder::domain::fact::Kind;
use keyholder::domain::notice::Notice;

use super::row::{Row, example, play, sum};

/// What was noticed about a snapshot, other than clocks.
async fn reported(row: &Row, snapshot: &keyholder::domain::snapshot::Snapshot) -> Vec<Notice> {
    row.store.notices(snapshot.contract, snapshot.seq).await.unwrap()
}

#[test]
fn f04_lists_that_collapse_are_read_again_and_end_nothing_that_is_there() {
    play(30, 16, async |row| {
        let resources = row.emulator.read(|world| world.resources().count() as u64);
        assert!(resources > 13, "{resources} resources are enough for the collapse check");
        row.arm(&example("F4"));
        let snapshot = row.collect().await.sealed();
        // The list of groups was empty once, the list of resources is short whenever it is read.
        row.check_fired(&[1, 2]);
        assert_eq!(sum(&snapshot), "partial +0 -0 ~0");
        assert_eq!(row.gaps(&snapshot).await, ["groups: unstable", "resources: unstable"]);
        let reported = reported(row, &snapshot).await;
        let suspicious = |scope: &Scope| {
            reported.iter().any(|notice| {
                matches!(notice, Notice::SuspiciousAnswer { .. }) && notice.scope().is_some_and(|it| it == scope)
            })
        };
        assert!(suspicious(&Scope::Groups) && suspicious(&Scope::Resources), "{reported:?}");
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}

#[test]
fn f04_what_is_really_gone_ends_and_is_told_of() {
    play(30, 16, async |row| {
        let gone = row.emulator.edit(|world| {
            let groups: Vec<_> = world.groups().map(|group| group.id.clone()).collect();
            for group in &groups {
                world.remove_group(group).unwrap();
            }
            groups.len()
        });
        let snapshot = row.collect().await.sealed();
        assert_eq!((snapshot.state.as_str(), row.ended(&snapshot, Kind::Group).await.len()), ("complete", gone));
        let reported = reported(row, &snapshot).await;
        assert!(
            reported.iter().any(|notice| matches!(notice, Notice::MassRemoval { scope: Scope::Groups, .. })),
            "{reported:?}"
        );
    });
}

#[test]
fn f06_who_comes_and_goes_between_two_pages_is_the_only_one_who_begins_and_ends() {
    play(130, 1, async |row| {
        let before: Vec<String> = row.emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
        row.arm(&example("F6"));
        let snapshot = row.collect().await.sealed();
        // Both edits go by one name.
        row.check_fired(&[2]);
        let after: Vec<String> = row.emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|id| !those.contains(id)).map(|id| format!("user {id}")).collect()
        };
        assert_eq!(snapshot.state.as_str(), "complete", "{:?}", row.gaps(&snapshot).await);
        assert_eq!(row.ended(&snapshot, Kind::User).await, only(&before, &after));
        assert_eq!(row.began(&snapshot, Kind::User).await, only(&after, &before));
        assert_eq!(sum(&row.check_recovers().await), "complete +0 -0 ~0");
    });
}
