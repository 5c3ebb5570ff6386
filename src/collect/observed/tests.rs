//! Unlisted members up to a limit, and users who were not found.

use super::*;

fn of_group(group: &str, members: &[&str]) -> OfGroup {
    let members = Reading::of_items(members.iter().map(|id| UserId::from(*id)).collect());
    OfGroup { group: group.into(), members, shares: Reading::of_items(Vec::new()) }
}

fn user(id: &str) -> User {
    let properties = Some(Box::default());
    crate::api::wire::user::User { id: Some(id.into()), properties, ..Default::default() }.into_domain().unwrap()
}

/// Takes groups in of which each has so many members, and tells how the members of each ended.
#[track_caller]
fn check(listed: &[&str], groups: &[&[&str]], expected: &[&str]) {
    let mut seen = Observed { max_unlisted: MaxUnlisted(2), ..Observed::default() };
    for id in listed {
        seen.user(user(id));
    }
    let mut reported = Vec::new();
    for (number, members) in groups.iter().enumerate() {
        let id = format!("g{number}");
        seen.of_group(of_group(&id, members));
        let (status, _) = &seen.scopes[&Scope::Members(id.as_str().into())];
        let kept = seen.members.iter().filter(|(group, _)| group.as_str() == id).count();
        reported.push(format!("{kept} {status}"));
    }
    assert_eq!(reported, expected, "{listed:?} {groups:?}");
}

const TOO_LARGE: &str = "failed (too large: more than 2 unlisted ids)";

#[test]
fn unlisted_members_above_the_limit_make_a_scope_too_large() {
    check(&[], &[&["a", "b"]], &["2 complete"]);
    check(&[], &[&["a", "b", "c"]], &[&format!("2 {TOO_LARGE}")]);
    check(&[], &[&["a", "b"], &["b", "a"], &["a", "c"]], &["2 complete", "2 complete", &format!("1 {TOO_LARGE}")]);
    check(&["a", "b", "c"], &[&["a", "b", "c", "d", "e"]], &["5 complete"]);
}

#[test]
fn a_user_who_is_listed_later_makes_room() {
    let mut seen = Observed { max_unlisted: MaxUnlisted(2), ..Observed::default() };
    seen.of_group(of_group("ops", &["a", "b"]));
    seen.user(user("a"));
    seen.of_group(of_group("dev", &["a", "c"]));
    assert_eq!(seen.scopes[&Scope::Members("dev".into())].0, Status::Complete);
    assert_eq!(seen.unlisted_members(), BTreeSet::from(["b".into(), "c".into()]));
}

/// A user who was found gone, as members of a group that names them.
fn with_a_gone_user(users: Status) -> Observed {
    let mut seen = Observed::default();
    seen.user(user("x"));
    seen.record(Scope::Users, users, Effort::default());
    seen.of_group(of_group("ops", &["x"]));
    let gone = || Reading { status: Status::Gone, ..Reading::of_items(Vec::new()) };
    let keys = Reading { status: Status::Gone, ..Reading::of_items(Vec::new()) };
    seen.of_user(OfUser { user: "x".into(), owns: gone(), keys });
    seen
}

/// Reads the list of users once more, which names so many of them now, and tells what is left of the one who was gone.
#[track_caller]
fn check_missing(named: Option<&[&str]>, expected: (usize, usize, &str)) {
    let mut seen = with_a_gone_user(Status::Complete);
    assert!(seen.misses(&Scope::Users));
    let ids: Option<BTreeSet<Arc<str>>> = named.map(|ids| ids.iter().map(|id| Arc::from(*id)).collect());
    seen.relisted(&Scope::Users, ids.as_ref(), Effort::default());
    let seen = seen.finish();
    let status = seen.scopes[&Scope::Keys("x".into())].0.to_string();
    assert_eq!((seen.users.len(), seen.members.len(), status.as_str()), expected, "{named:?}");
}

#[test]
fn a_missing_user_is_gone_only_if_the_list_agrees() {
    check_missing(Some(&[]), (0, 0, "gone"));
    check_missing(Some(&["x"]), (1, 1, "failed (not found, although the list of users names it twice)"));
    check_missing(None, (1, 1, "unstable"));
}

#[test]
fn a_missing_user_stays_where_the_list_was_not_read_again() {
    for users in [Status::Complete, Status::Unstable] {
        let seen = with_a_gone_user(users).finish();
        assert_eq!((seen.users.len(), seen.members.len()), (1, 1));
        assert_eq!(seen.scopes[&Scope::Owns("x".into())].0, Status::Unstable);
    }
}

#[test]
fn a_gone_user_who_is_listed_again_is_there() {
    let listed = |seen: &mut Observed, user| {
        seen.user(user);
    };
    for again in [Observed::user_again, listed] {
        let mut seen = with_a_gone_user(Status::Complete);
        again(&mut seen, user("x"));
        let seen = seen.finish();
        assert_eq!((seen.users.len(), seen.members.len()), (1, 1));
        for scope in [Scope::Owns("x".into()), Scope::Keys("x".into())] {
            assert_eq!(seen.scopes[&scope].0, Status::Unstable);
        }
    }
}
