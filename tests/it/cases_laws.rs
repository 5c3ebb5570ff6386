//! Laws of kinds A and B on the wire: what answers leave out or say null for is not reported and nothing else happens (what
//! follows for changes is the law of `cases_unknown_laws`), and pages in any shape give all users or nothing to go by.

use std::collections::BTreeSet;

use emulator::faults::{Distortion, Effect, Forgetting, Items, Link};
use emulator::{Body, Emulator, Rule};
use keyholder::api::Depth;
use keyholder::collect::{Limits, walk};
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::notice::Notice;
use keyholder::domain::sighting::Sightings;
use proptest::prelude::*;
use serde_json::json;

use crate::cases_unknown_laws::leave_out;
use crate::store_diff::runtime;
use crate::support::api::{reader, seams};
use crate::support::model::CONTRACT;
use crate::support::site::Site;

/// Lists whose items have attributes.
const LISTS: [&str; 6] = [
    "/contracts",
    "/um/users",
    "/um/groups",
    "/um/resources",
    "/um/groups/{groupId}/shares",
    "/um/users/{userId}/s3keys",
];

/// Where an attribute stands: the path of the list, and the id of the item.
fn place(key: &FactKey) -> (String, String) {
    let (subject, object) = (key.subject.to_string(), key.object.as_deref().unwrap_or_default().to_owned());
    match key.kind {
        Kind::Contract => ("/contracts".to_owned(), String::new()),
        Kind::User => ("/um/users".to_owned(), subject),
        Kind::Group => ("/um/groups".to_owned(), subject),
        Kind::Resource => ("/um/resources".to_owned(), subject),
        Kind::Share => (format!("/um/groups/{subject}/shares"), object),
        Kind::Key => (format!("/um/users/{subject}/s3keys"), object),
        Kind::Member | Kind::Own => unreachable!("they have no attributes"),
    }
}

/// What is seen of a contract, every scope to its end.
async fn seen(emulator: &Emulator) -> Sightings {
    let walk = walk(&reader(emulator), &seams(), Limits::default(), &|_| ()).await.unwrap();
    let coverage = walk.sightings.coverage();
    assert!(coverage.is_complete(), "{:?}", coverage.gaps);
    walk.sightings
}

/// The values of sightings, without what it took to get them.
fn values(seen: &Sightings) -> String {
    let Sightings { contract, users, groups, resources, members, shares, owns, keys, .. } = seen;
    format!("{contract:#?} {users:#?} {groups:#?} {resources:#?} {members:#?} {shares:#?} {owns:#?} {keys:#?}")
}

/// Expects that answers which leave something out are seen without that, and as the truth otherwise.
async fn check_forgetting(emulator: &Emulator, forgetting: Forgetting) {
    let truthful = seen(emulator).await;
    for path in LISTS {
        emulator.fail(Rule::on("GET", path).effect(Effect::Distort(Distortion::Forget(forgetting))));
    }
    let silent = seen(emulator).await;
    emulator.clear_faults();
    let mut expected = truthful.clone();
    leave_out(&mut expected, |(key, name)| {
        let (path, id) = place(key);
        forgetting.leaves_out(&path, &id, name)
    });
    assert_eq!(values(&silent), values(&expected));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn what_the_wire_leaves_out_is_not_reported(
        seed in any::<u64>(),
        share in prop::sample::select(vec![20_u8, 120, 255]),
        day in prop::sample::select(vec![0_u32, 12, 30]),
    ) {
        runtime().block_on(async {
            let builder = Emulator::builder().seed(7).users(24).contract_number(CONTRACT.0);
            let emulator = builder.start().await.unwrap();
            emulator.advance_to_day(day);
            check_forgetting(&emulator, Forgetting { seed, share }).await;
        });
    }
}

/// How a list of users is spread over pages.
#[derive(Clone, Copy, Debug)]
enum Size {
    /// At most so many on a page.
    Of(usize),
    /// All of them, whatever is asked for.
    All,
}

/// What is wrong with one answer.
#[derive(Clone, Debug)]
enum Oddity {
    /// The link to the next page leads there.
    Link(Link),
    /// It is empty; its link may lead on all the same.
    Empty(Option<Link>),
}

fn links() -> impl Strategy<Value = Link> {
    prop::sample::select(vec![
        Link::Elsewhere,
        Link::Back,
        Link::Standstill,
        Link::PathOnly,
        Link::Unreadable,
        Link::Untold,
    ])
}

fn oddities() -> impl Strategy<Value = Oddity> {
    prop_oneof![3 => links().prop_map(Oddity::Link), 1 => prop::option::of(links()).prop_map(Oddity::Empty)]
}

/// A rule for the list of users, in pages of that size, with something wrong.
fn rule(emulator: &Emulator, size: Size, oddity: Option<&Oddity>) -> Rule {
    let rule = Rule::on("GET", "/um/users");
    let link = |link: &Link| Distortion::Next(link.clone());
    let wrong = match oddity {
        None => Vec::new(),
        Some(Oddity::Link(next)) => vec![link(next)],
        Some(Oddity::Empty(next)) => {
            [Distortion::Items(Items::Empty)].into_iter().chain(next.as_ref().map(link)).collect()
        }
    };
    match size {
        Size::Of(size) => {
            let all = [Distortion::PagesOf(size)].into_iter().chain(wrong).collect();
            rule.effect(Effect::Distort(Distortion::All(all)))
        }
        Size::All => {
            let is_empty = matches!(oddity, Some(Oddity::Empty(_)));
            let all =
                emulator.read(|world| world.users().map(|user| json!({"id": &*user.id, "type": "user"})).collect());
            let items: Vec<_> = if is_empty { Vec::new() } else { all };
            let mut list = json!({"id": "users", "type": "collection", "items": items});
            if matches!(oddity, Some(Oddity::Link(next) | Oddity::Empty(Some(next))) if *next != Link::Untold) {
                list["_links"] =
                    json!({"next": format!("{}/um/users?offset=100", emulator.base_url(emulator::Version::V6))});
            }
            rule.status(200).body(Body::Json(list))
        }
    }
}

/// A list of users in odd pages.
#[derive(Clone, Debug)]
struct Shape {
    size: Size,
    /// What is wrong with the answers after so many, so many times.
    odd: Vec<(u32, u32, Oddity)>,
    /// What is wrong with all others.
    always: Option<Oddity>,
}

impl Shape {
    fn arm(&self, emulator: &Emulator) {
        for (after, times, oddity) in &self.odd {
            emulator.fail(rule(emulator, self.size, Some(oddity)).after(*after).times(*times));
        }
        emulator.fail(rule(emulator, self.size, self.always.as_ref()));
    }

    fn has_empty(&self) -> bool {
        self.odd.iter().any(|(.., oddity)| matches!(oddity, Oddity::Empty(_)))
    }

    /// Whether all users are on one page, and that page promises more: then there may be more.
    fn promises_more(&self) -> bool {
        let all = self.odd.iter().map(|(.., oddity)| oddity).chain(&self.always);
        let promises = |oddity: &Oddity| match oddity {
            Oddity::Link(next) | Oddity::Empty(Some(next)) => *next != Link::Untold,
            Oddity::Empty(None) => false,
        };
        matches!(self.size, Size::All) && all.into_iter().any(promises)
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let size = prop::sample::select(vec![Size::Of(25), Size::Of(50), Size::Of(100), Size::All]);
    let odd = prop::collection::vec((0_u32..8, 1_u32..3, oddities()), 0..6);
    let always = prop::option::of(links().prop_map(Oddity::Link));
    (size, odd, always).prop_map(|(size, odd, always)| Shape { size, odd, always })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn pages_in_any_shape_give_all_users_or_prove_nothing(
        users in prop::sample::select(vec![24_usize, 25, 49, 50, 99, 100, 101, 198, 199, 230]),
        shape in shapes(),
    ) {
        runtime().block_on(async {
            let builder = Emulator::builder().seed(5).users(users).memberships(0).resources(10).keys(0);
            let emulator = builder.start().await.unwrap();
            shape.arm(&emulator);
            let truth: BTreeSet<String> =
                emulator.read(|world| world.users().map(|user| user.id.to_string()).collect());
            let (mut found, mut moved) = (BTreeSet::new(), false);
            let mut pages = reader(&emulator).all_users(Depth::Zero);
            while let Some(page) = pages.next().await {
                let page = page.expect("each page is a list").value;
                found.extend(page.users.iter().map(|user| user.id.as_deref().unwrap_or_default().to_owned()));
                moved = page.moved;
            }
            assert!(found.is_subset(&truth), "nobody is made up");
            assert!(moved || found == truth, "{} of {} users", found.len(), truth.len());
            assert!(!moved || shape.has_empty() || shape.promises_more(), "links alone cost nothing");
            assert_eq!(emulator.elsewhere().connections(), 0);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn pages_in_any_shape_remove_nobody(
        users in prop::sample::select(vec![24_usize, 99, 100, 101, 130]),
        shape in shapes(),
    ) {
        runtime().block_on(async {
            let builder = Emulator::builder().seed(5).users(users).memberships(20).resources(10).keys(5);
            let site = Site::begun(builder.start().await.unwrap()).await;
            shape.arm(&site.emulator);
            let collected = site.collect().await;
            assert_eq!((collected.snapshot.ended, collected.snapshot.changed), (0, 0), "{:?}", collected.gaps());
            site.emulator.clear_faults();
            assert_eq!(site.collect().await.endings(), "complete -0 ~0");
        });
    }
}

#[tokio::test]
async fn b1_on_the_wire_is_no_change_and_one_notice() {
    let site = Site::begun(Emulator::builder().seed(5).users(60).start().await.unwrap()).await;
    let (admins, shares): (Vec<String>, Vec<String>) = site.emulator.read(|world| {
        let admins = world.users().filter(|user| user.administrator).map(|user| user.id.to_string()).take(3).collect();
        (admins, world.groups().map(|group| group.id.to_string()).take(2).collect())
    });
    let total = site.emulator.read(|world| world.users().count() as u64);
    let edited: u64 = site.emulator.read(|world| shares.iter().map(|id| world.shares(id).count() as u64).sum());
    assert!(!admins.is_empty() && edited > 0);
    let remove = Distortion::Remove { at: "properties.secAuthActive".to_owned() };
    let null = Distortion::Null { ids: admins.clone(), at: "properties.administrator".to_owned() };
    let both = Distortion::All(vec![remove, null]);
    site.emulator.fail(Rule::on("GET", "/um/users").effect(Effect::Distort(both)));
    for group in &shares {
        let set = Distortion::Set { at: "properties.editPrivilege".to_owned(), value: serde_json::Value::Null };
        let path = format!("/um/groups/{group}/shares");
        site.emulator.fail(Rule::on("GET", &path).effect(Effect::Distort(set)));
    }
    let bad = site.collect().await;
    assert_eq!((bad.endings().as_str(), bad.snapshot.began), ("complete -0 ~0", 0), "{:?}", bad.gaps());
    let [Notice::AttributeUnknown { counts }] = &bad.notices[..] else { panic!("one notice: {:?}", bad.notices) };
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let expected = [
        format!("administrator of {} users", admins.len()),
        format!("secAuthActive of {total} users"),
        format!("editPrivilege of {edited} shares"),
    ];
    assert_eq!(counts, expected);
    site.emulator.clear_faults();
    let back = site.collect().await;
    assert_eq!((back.endings().as_str(), back.notices.as_slice()), ("complete -0 ~0", &[][..]));
}
