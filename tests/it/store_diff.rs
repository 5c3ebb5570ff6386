//! Laws of the diff, on generated histories.

use std::collections::BTreeSet;

use keyholder::domain::change::Op;
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::id::Seq;
use keyholder::domain::sighting::Sightings;
use keyholder::store::changes::{Plan, apply};
use proptest::prelude::*;

use crate::support::model::{Bench, CONTRACT, Model, lose};

/// A model out of a few names, so that histories overlap.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let user = prop::sample::select(vec!["ann", "bob", "cyd", "dan"]);
    let group = prop::sample::select(vec!["ops", "dev", "sec"]);
    let resource = prop::sample::select(vec!["dc1", "dc2", "img"]);
    let privilege = prop::sample::select(vec!["reserveIp", "createPcc", "newThing"]);
    (
        prop::collection::btree_map(user.clone(), any::<bool>(), 0..4),
        prop::collection::btree_map(group.clone(), prop::collection::btree_set(privilege, 0..3), 0..3),
        prop::collection::btree_set(resource.clone(), 0..3),
        prop::collection::btree_set((group.clone(), user.clone()), 0..5),
        prop::collection::btree_map((group, resource.clone()), any::<bool>(), 0..5),
        prop::collection::btree_set((user.clone(), resource), 0..4),
        prop::collection::btree_map((user, prop::sample::select(vec!["K1", "K2"])), any::<bool>(), 0..4),
    )
        .prop_map(|(users, groups, resources, members, shares, owns, keys)| Model {
            members: members
                .into_iter()
                .filter(|(group, _)| groups.contains_key(group))
                .map(|(group, user)| (group.to_owned(), user.to_owned()))
                .collect(),
            shares: shares
                .into_iter()
                .filter(|((group, _), _)| groups.contains_key(group))
                .map(|((group, resource), edit)| ((group.to_owned(), resource.to_owned()), edit))
                .collect(),
            owns: owns
                .into_iter()
                .filter(|(user, _)| users.contains_key(user))
                .map(|(user, resource)| (user.to_owned(), resource.to_owned()))
                .collect(),
            keys: keys
                .into_iter()
                .filter(|((user, _), _)| users.contains_key(user))
                .map(|((user, key), active)| ((user.to_owned(), format!("{user}-{key}")), active))
                .collect(),
            users: users.into_iter().map(|(id, administrator)| (id.to_owned(), administrator)).collect(),
            groups: groups
                .into_iter()
                .map(|(id, names)| (id.to_owned(), names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>()))
                .collect(),
            resources: resources.into_iter().map(str::to_owned).collect(),
        })
}

/// A walk of a model in which some scopes fail: one bit of the mask per scope.
pub(crate) fn damaged(model: &Model, mask: u32) -> Sightings {
    let mut seen = model.sightings();
    let scopes: Vec<Scope> = seen.scopes.keys().cloned().collect();
    for (index, scope) in scopes.into_iter().enumerate() {
        if mask >> (index % 32) & 1 == 1 {
            lose(&mut seen, scope, Status::Failed("injected".to_owned()));
        }
    }
    seen
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn applying_the_diff_of_two_snapshots_to_the_first_gives_the_second(
        history in prop::collection::vec((models(), prop_oneof![3 => Just(0_u32), 1 => any::<u32>()]), 2..5)
    ) {
        runtime().block_on(async {
            let bench = Bench::new().await;
            for (model, mask) in &history {
                bench.seal(damaged(model, *mask)).await;
            }
            let last = u32::try_from(history.len()).unwrap();
            for a in 1..=last {
                let facts = bench.store.facts(CONTRACT, Seq(a)).await.unwrap();
                for b in 1..=last {
                    let net = bench.store.net(CONTRACT, Seq(a), Seq(b)).await.unwrap();
                    let expected = bench.store.facts(CONTRACT, Seq(b)).await.unwrap();
                    assert_eq!(apply(&facts, &net), expected, "from {a} to {b}");
                    for plan in [Plan::Log, Plan::States] {
                        let other = bench.store.net_by(plan, CONTRACT, Seq(a), Seq(b)).await.unwrap();
                        assert_eq!(other, net, "from {a} to {b} by {plan:?}");
                    }
                    if a == b {
                        assert!(net.is_empty(), "a snapshot differs from itself");
                    }
                }
            }
        });
    }

    #[test]
    fn a_walk_with_failures_never_ends_a_fact_that_is_there(model in models(), mask in any::<u32>()) {
        runtime().block_on(async {
            let bench = Bench::new().await;
            let first = bench.seal(model.sightings()).await;
            let partial = bench.seal(damaged(&model, mask)).await;
            let third = bench.seal(model.sightings()).await;
            assert_eq!((partial.ended, third.ended), (0, 0));
            let events = bench.store.events(CONTRACT, Seq(1), Seq(3)).await.unwrap();
            assert!(events.is_empty(), "false changes: {events:?}");
            assert_eq!(third.root, first.root);
        });
    }

    #[test]
    fn a_complete_walk_is_the_state_whatever_was_there_before(before in models(), now in models()) {
        runtime().block_on(async {
            let bench = Bench::new().await;
            bench.seal(before.sightings()).await;
            let second = bench.seal(now.sightings()).await;
            let facts = bench.store.facts(CONTRACT, Seq(2)).await.unwrap();
            let expected = 1 + now.users.len() + now.groups.len() + now.resources.len() + now.members.len()
                + now.shares.len() + now.owns.len() + now.keys.len();
            assert_eq!(facts.len(), expected);
            let net = bench.store.net(CONTRACT, Seq(1), Seq(2)).await.unwrap();
            let ended = net.iter().filter(|change| change.op == Op::Ended).count();
            assert_eq!(u64::try_from(ended).unwrap(), second.ended);
        });
    }
}
