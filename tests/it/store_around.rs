//! A part of a state is a part of the whole state, and enough to say what changes mean.

use keyholder::analyse::diff::{around, meanings};
use keyholder::app::review;
use keyholder::domain::id::{GroupId, Seq};
use keyholder::domain::state::{Around, State};
use proptest::prelude::*;

use crate::store_diff::{damaged, models, runtime};
use crate::support::model::{Bench, CONTRACT, Model};

/// What a whole state holds of that.
fn cut(mut whole: State, around: &Around) -> State {
    let shared: Vec<_> =
        whole.shares.keys().filter(|(group, _)| around.shares_of.contains(group)).map(|(_, it)| it.clone()).collect();
    whole.users.retain(|id, _| around.users.contains(id));
    whole.groups.retain(|id, _| around.groups.contains(id));
    whole.resources.retain(|id, _| around.resources.contains(id) || shared.contains(id));
    whole.members.retain(|(group, _), _| around.members_of.contains(group));
    whole.shares.retain(|(group, _), _| around.shares_of.contains(group));
    whole.owns.clear();
    whole.keys.retain(|(user, _), _| around.keys_of.contains(user));
    whole
}

#[tokio::test]
async fn nothing_is_around_nothing_but_the_contract() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let state = bench.store.state_around(CONTRACT, Seq(1), &Around::default()).await.unwrap();
    let whole = bench.store.state(CONTRACT, Seq(1)).await.unwrap();
    assert!(whole.contract.is_some());
    assert_eq!(state, State { contract: whole.contract, ..State::empty(Seq(1)) });
}

#[tokio::test]
async fn the_members_of_one_group_are_those_of_the_state_of_that_day() {
    let bench = Bench::new().await;
    bench.seal(Model::small().sightings()).await;
    let mut model = Model::small();
    model.members.insert(("ops".into(), "ann".into()));
    bench.seal(model.sightings()).await;
    model.members.remove(&("ops".into(), "bob".into()));
    bench.seal(model.sightings()).await;
    let mut found = Vec::new();
    for seq in 1..=3 {
        let members = bench.store.members_of(CONTRACT, &"ops".into(), Seq(seq)).await.unwrap();
        let state = bench.store.state(CONTRACT, Seq(seq)).await.unwrap();
        assert!(members.iter().eq(state.members_of(&"ops".into())));
        found.push(members.iter().map(keyholder::domain::id::UserId::as_str).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(found, ["bob", "ann bob", "ann"]);
    let nobody = bench.store.members_of(CONTRACT, &GroupId::from("never"), Seq(2)).await.unwrap();
    assert!(nobody.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn changes_mean_the_same_by_parts_of_states_as_by_whole_ones(
        history in prop::collection::vec((models(), prop_oneof![3 => Just(0_u32), 1 => any::<u32>()]), 2..5)
    ) {
        runtime().block_on(async {
            let bench = Bench::new().await;
            for (model, mask) in &history {
                bench.seal(damaged(model, *mask)).await;
            }
            let last = u32::try_from(history.len()).unwrap();
            for a in 1..last {
                for b in a + 1..=last {
                    let changes = bench.store.net(CONTRACT, Seq(a), Seq(b)).await.unwrap();
                    let before = bench.store.state(CONTRACT, Seq(a)).await.unwrap();
                    let after = bench.store.state(CONTRACT, Seq(b)).await.unwrap();
                    let whole = meanings(&changes, &before, &after, Seq(a)).unwrap();
                    let parts = review::understand(&bench.store, CONTRACT, &changes, Seq(a), Seq(b)).await.unwrap();
                    assert_eq!(parts, whole, "from {a} to {b}");
                    let (earlier, later) = around(&changes);
                    for (seq, state, around) in [(a, before, earlier), (b, after, later)] {
                        let part = bench.store.state_around(CONTRACT, Seq(seq), &around).await.unwrap();
                        assert_eq!(part, cut(state, &around), "as of {seq}");
                    }
                }
            }
        });
    }
}
