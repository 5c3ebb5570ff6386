//! Every notice can be read, stored and put together again.

use super::*;
use crate::domain::principal::ChangeOutcome;

#[track_caller]
fn check(notice: &Notice, word: &str, sentence: &str) {
    assert_eq!((notice.as_str(), notice.to_string().as_str()), (word, sentence));
    assert_eq!(Notice::from_parts(word, &notice.parts()).as_ref(), Some(notice), "{notice}");
    let mut lacking = notice.parts();
    lacking.count = None;
    assert_eq!(Notice::from_parts(word, &lacking), None, "{notice} without its number");
}

#[test]
fn notices_about_odd_answers_can_be_read_and_put_together_again() {
    check(
        &Notice::KeysNotListed { count: 21 },
        "keys-not-listed",
        "S3 keys of 21 users could not be listed; keys made earlier are not excluded",
    );
    check(
        &Notice::KeysCarried { count: 2 },
        "keys-carried",
        "known S3 keys of 2 users can no longer be listed, because the privilege is missing; they are carried",
    );
    check(
        &Notice::ImpossibleTimes { kind: ScopeKind::Users, count: 3 },
        "impossible-times",
        "3 times under users are impossible (in the future, or before 2000) and are not used",
    );
    check(&Notice::OwnerNotListed, "owner-not-listed", "no listed user has the address of the contract's owner");
    check(
        &Notice::LinksElsewhere { count: 2 },
        "links-elsewhere",
        "2 links to a next page of users name another server or path than the configured one, or cannot be read; none was \
         followed, and the pages were requested from the configured address",
    );
}

#[test]
fn notices_about_references_can_be_read_and_put_together_again() {
    let ids = ["u1", "u2"].map(str::to_owned);
    check(
        &Notice::unlisted(ScopeKind::Users, &BTreeSet::from(ids)).unwrap(),
        "unlisted",
        "2 are not in the list of users, but are there when they are read one by one: u1, u2; they count as present",
    );
    let names =
        [membership(&"u1".into(), &"g1".into(), Some("ops\u{202e}")), membership(&"u2".into(), &"g2".into(), None)];
    check(
        &Notice::dangling_members(&BTreeSet::from(names)).unwrap(),
        "dangling-members",
        "2 memberships refer to a user or group that is not found, and count as gone: user u1 of group ops⟨U+202E⟩ (g1), user \
         u2 of group g2",
    );
    assert_eq!(
        (Notice::unlisted(ScopeKind::Users, &BTreeSet::new()), Notice::dangling_members(&BTreeSet::new())),
        (None, None)
    );
}

#[test]
fn notices_about_lost_items_can_be_read_and_put_together_again() {
    let scope = Scope::Members("ops".into());
    check(
        &Notice::MassRemoval { scope: scope.clone(), before: 120, vanished: 41, asked: 20 },
        "mass-removal",
        "mass removal, confirmed: 41 of 120 are gone; 20 of them were read one by one",
    );
    check(
        &Notice::MassRemoval { scope: Scope::Owns("ann".into()), before: 36, vanished: 35, asked: 0 },
        "mass-removal",
        "mass removal, confirmed: 35 of 36 are gone; the list was read twice",
    );
    check(
        &Notice::SuspiciousAnswer { scope, before: 40, vanished: 40, asked: 20, present: 3 },
        "suspicious-answer",
        "suspicious answer: 40 of 40 were missing; re-read, 20 of them one by one: 3 are still there; nothing counts as \
         removed",
    );
    let kind = ScopeKind::Keys;
    check(
        &Notice::MassRemovalAcross { kind: ScopeKind::Owns, before: 60, vanished: 59, asked: 0 },
        "mass-removal-across",
        "mass removal, confirmed: in many scopes, 59 of 60 are gone under owns; the lists were read twice",
    );
    check(
        &Notice::MassRemovalAcross { kind, before: 60, vanished: 59, asked: 41 },
        "mass-removal-across",
        "mass removal, confirmed: in many scopes, 59 of 60 are gone under keys; 41 of them were read one by one",
    );
    check(
        &Notice::SuspiciousAcross { kind, before: 60, vanished: 59, asked: 0, present: 59 },
        "suspicious-across",
        "suspicious answers: in many scopes, 59 of 60 were missing under keys; re-read: 59 are still there; nothing \
         counts as removed",
    );
}

#[test]
fn notices_about_items_and_clocks_can_be_read_and_put_together_again() {
    check(
        &Notice::Repeated { kind: ScopeKind::Users, count: 2 },
        "repeated",
        "2 listed more than once with different content under users; what differs counts as not reported",
    );
    check(
        &Notice::OddItems { kind: ScopeKind::Groups, count: 3, names: vec!["g1".to_owned(), "g2".to_owned()] },
        "odd-items",
        "3 under groups have no attributes but their ids, also when they are read one by one: g1, g2 and 1 more; they count \
         as present, their attributes as not reported",
    );
    check(
        &Notice::Dangling { kind: ScopeKind::Shares, count: 7 },
        "dangling",
        "7 references under shares to resources that are in no list",
    );
    check(
        &Notice::Resumed { requests: 90 },
        "resumed",
        "resumed an interrupted run; the answers to 90 requests are from before the interruption",
    );
    check(
        &Notice::ClockRegressed { milliseconds: 3_600_000 },
        "clock-regressed",
        "the clock of this machine was 3600000 ms behind the end of an earlier run; times were moved forward",
    );
    let of = |attribute: &str, count, never_known| UnknownCount {
        kind: Kind::User,
        attribute: attribute.to_owned(),
        count,
        never_known,
        new: 0,
    };
    check(
        &Notice::AttributeUnknown { counts: vec![of("active", 9, 9), of("administrator", 3, 0), of("email", 4, 1)] },
        "attribute-unknown",
        "not reported: active of 9 users (never known), administrator of 3 users, email of 4 users (1 never known); \
         the last known values are carried, and only known values are compared",
    );
    let owner = UnknownCount { kind: Kind::Contract, ..of("owner", 1, 1) };
    check(
        &Notice::AttributeUnknown { counts: vec![owner, of("administrator", 3, 3)] },
        "attribute-unknown",
        "not reported: owner of 1 contract (never known), administrator of 3 users (never known); only known values are compared",
    );
    check(
        &Notice::ClockSkew { seconds: 400 },
        "clock-skew",
        "the API's clock is 400 s ahead of the clock of this machine",
    );
    check(
        &Notice::ClockSkew { seconds: -400 },
        "clock-skew",
        "the API's clock is 400 s behind the clock of this machine",
    );
}

#[test]
fn a_change_of_the_principal_can_be_read_and_put_together_again() {
    let change = PrincipalChange {
        accepted: "user a (administrator)".into(),
        now: "user b (user)".into(),
        held_back: 57,
        outcome: ChangeOutcome::HeldBack,
        is_new: true,
    };
    check(
        &Notice::PrincipalChanged { change: change.clone() },
        "principal-changed",
        "the collecting principal changed: user a (administrator) before, user b (user) now; nothing ends, and 57 known \
         things that it did not see are carried, until a run sees everything that is known or somebody accepts it with \
         `keyholder collect --accept-principal`",
    );
    let outcome = ChangeOutcome::AcceptedBy("ann".into());
    check(
        &Notice::PrincipalChanged { change: PrincipalChange { outcome, ..change } },
        "principal-changed",
        "the collecting principal changed: user a (administrator) before, user b (user) now; accepted by ann: what it did \
         not see in complete scopes counts as gone",
    );
}
