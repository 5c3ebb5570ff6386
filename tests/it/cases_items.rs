//! Kind A of the cases, items (rules 8 and 9): an odd item is read by itself, a list that is in pages after all is read to
//! its end, and of a thing that stands twice what differs is not known.

use emulator::faults::{Distortion, Effect, Items, Link};
use emulator::{Emulator, Fault, Rule};
use keyholder::domain::coverage::ScopeKind;
use keyholder::domain::fact::Kind;
use keyholder::domain::id::Seq;
use keyholder::domain::notice::Notice;

use crate::support::site::{Collected, Site, lie};

/// Lists of things with properties, each with the path of one thing.
const LISTS: [(&str, &str, ScopeKind); 5] = [
    ("/um/users", "/um/users/{userId}", ScopeKind::Users),
    ("/um/groups", "/um/groups/{groupId}", ScopeKind::Groups),
    ("/um/resources", "/um/resources/{resourceType}/{resourceId}", ScopeKind::Resources),
    ("/um/groups/{groupId}/shares", "/um/groups/{groupId}/shares/{resourceId}", ScopeKind::Shares),
    ("/um/users/{userId}/s3keys", "/um/users/{userId}/s3keys/{keyId}", ScopeKind::Keys),
];

async fn site() -> Site {
    Site::begun(Emulator::builder().seed(5).users(30).resources(40).start().await.unwrap()).await
}

fn distort(site: &Site, path: &str, distortion: Distortion) -> Fault {
    site.emulator.fail(Rule::on("GET", path).effect(Effect::Distort(distortion)))
}

fn bare() -> Distortion {
    Distortion::Remove { at: "properties".to_owned() }
}

/// Expects that nothing ends, begins or differs.
#[track_caller]
fn check_complete(collected: &Collected, what: &str) {
    let found = (collected.endings(), collected.snapshot.began);
    assert_eq!(found, ("complete -0 ~0".to_owned(), 0), "{what}: {:?}", collected.gaps());
}

#[tokio::test]
async fn a3_an_odd_item_is_read_by_itself() {
    let site = site().await;
    let usual = site.collect().await.requests;
    let other_type = Distortion::Set { at: "type".to_owned(), value: "contract".into() };
    for (path, ..) in LISTS {
        for odd in [bare(), other_type.clone(), Distortion::Set { at: "properties".to_owned(), value: 7.into() }] {
            let fault = distort(&site, path, odd.clone());
            let collected = site.collect().await;
            check_complete(&collected, path);
            assert!(fault.fired() > 0, "{path}");
            let is_odd = |notice: &Notice| matches!(notice, Notice::OddItems { .. } | Notice::AttributeUnknown { .. });
            // A resource without its type has no address of its own.
            let has_address = path != "/um/resources" || odd != other_type;
            assert_eq!(collected.requests > usual, has_address, "{path} {odd:?}: {} requests", collected.requests);
            assert_eq!(collected.notices.iter().any(is_odd), !has_address, "{path}: {:?}", collected.notices);
            site.emulator.clear_faults();
        }
    }
}

#[tokio::test]
async fn a3_an_item_that_stays_odd_is_there_and_named() {
    let site = site().await;
    for (path, single, kind) in LISTS {
        distort(&site, path, bare());
        distort(&site, single, bare());
        let collected = site.collect().await;
        check_complete(&collected, path);
        let found = collected.notices.iter().find_map(|notice| match notice {
            Notice::OddItems { kind: of, count, names } if *of == kind => Some((*count, names.len())),
            _ => None,
        });
        let (count, named) = found.unwrap_or_else(|| panic!("{path}: {:?}", collected.notices));
        assert!(count > 0 && named > 0 && named <= 10, "{path}: {count} {named}");
        assert!(collected.notices.iter().any(|notice| matches!(notice, Notice::AttributeUnknown { .. })), "{path}");
        site.emulator.clear_faults();
        let back = site.collect().await;
        check_complete(&back, path);
        assert_eq!(back.notices, [], "{path}");
    }
}

#[tokio::test]
async fn a3_more_than_a_hundred_odd_items_are_a_gap() {
    let emulator = Emulator::builder().seed(5).users(120).memberships(40).resources(10).keys(10).start().await.unwrap();
    let site = Site::begun(emulator).await;
    distort(&site, "/um/users", bare());
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert!(collected.gaps()[0].starts_with("users: failed"), "{:?}", collected.gaps());
    assert!(site.emulator.counters().of("GET", "/um/users/{userId}") <= 100);
}

#[tokio::test]
async fn a3_an_item_without_an_id_fails_its_list() {
    let site = site().await;
    for (path, _, kind) in LISTS {
        distort(&site, path, Distortion::Remove { at: "id".to_owned() });
        let collected = site.collect().await;
        assert_eq!(collected.endings(), "partial -0 ~0", "{path}");
        let is_failed = |gap: &String| gap.starts_with(kind.as_str()) && gap.contains("without id");
        assert!(collected.gaps().iter().any(is_failed), "{path}: {:?}", collected.gaps());
        site.emulator.clear_faults();
    }
}

/// Every list but that of users.
const UNPAGED: [&str; 6] = [
    "/um/groups",
    "/um/resources",
    "/um/groups/{groupId}/users",
    "/um/groups/{groupId}/shares",
    "/um/users/{userId}/owns",
    "/um/users/{userId}/s3keys",
];

#[tokio::test]
async fn a3_any_list_in_pages_is_read_to_its_end() {
    let site = site().await;
    for size in [2, 3, 10] {
        for path in UNPAGED {
            distort(&site, path, Distortion::Paged(size));
        }
        check_complete(&site.collect().await, &format!("pages of {size}"));
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn a3_a_link_on_a_list_without_pages_costs_nothing() {
    let site = site().await;
    for link in [Link::Elsewhere, Link::Back, Link::Standstill, Link::PathOnly, Link::Unreadable] {
        for path in UNPAGED {
            distort(&site, path, Distortion::Next(link.clone()));
        }
        let collected = site.collect().await;
        // An empty list that leads on has nothing by which the next page could be recognised.
        assert!(collected.gaps().iter().all(|gap| gap.ends_with("failed (more than one page)")), "{link:?}");
        assert_eq!((collected.snapshot.ended, collected.snapshot.changed, collected.snapshot.began), (0, 0, 0));
        let complete = ["groups:", "resources:"];
        assert!(!collected.gaps().iter().any(|gap| complete.iter().any(|list| gap.starts_with(list))), "{link:?}");
        assert_eq!(site.emulator.elsewhere().connections(), 0, "{link:?}");
        site.emulator.clear_faults();
    }
}

#[tokio::test]
async fn a3_a_page_that_does_not_fit_on_is_a_gap() {
    let site = site().await;
    let empty = Distortion::All(vec![Distortion::Paged(2), Distortion::Items(Items::Empty)]);
    let rule = Rule::on("GET", "/um/groups").query("offset=").effect(Effect::Distort(empty));
    site.emulator.fail(rule);
    distort(&site, "/um/groups", Distortion::Paged(2));
    let collected = site.collect().await;
    assert_eq!(collected.endings(), "partial -0 ~0");
    assert!(collected.gaps().contains(&"groups: failed (more than one page)".to_owned()), "{:?}", collected.gaps());
}

#[tokio::test]
async fn rule_8_what_differs_between_two_of_one_id_is_not_known() {
    let site = site().await;
    let cases = [("/um/users", Kind::User, ScopeKind::Users), ("/um/groups", Kind::Group, ScopeKind::Groups)];
    for (path, kind, scope) in cases {
        let fault = site.emulator.fail(lie(path, Items::TwiceDifferent).times(1));
        let collected = site.collect().await;
        assert!(fault.fired() > 0);
        check_complete(&collected, path);
        assert!(collected.notices.contains(&Notice::Repeated { kind: scope, count: 1 }), "{:?}", collected.notices);
        let contract = collected.snapshot.contract;
        let unknown = site.store.unknown_attributes(contract, collected.snapshot.seq).await.unwrap();
        let found: Vec<_> = unknown.iter().map(|(key, name, known)| (key.kind, name.to_owned(), known)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == kind && found[0].2 >= Some(Seq(1)), "{found:?}");
        site.emulator.clear_faults();
        check_complete(&site.collect().await, path);
    }
}
