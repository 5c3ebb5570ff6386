//! What a month's net view hides: things that came and went, or happened again.

use keyholder::analyse::in_between;
use keyholder::domain::change::Meaning;

use crate::analyse_world::{World, brief, meanings_of};

/// Expects the lines of a chain of states that its ends do not show, each with its snapshot.
fn check(chain: &[World], expected: &[&str]) {
    let events: Vec<Meaning> = chain.windows(2).flat_map(|pair| meanings_of(&pair[0], &pair[1])).collect();
    let net = meanings_of(&chain[0], &chain[chain.len() - 1]);
    let found: Vec<String> =
        in_between(&events, &net).iter().map(|line| format!("{} {}", line.to, brief(line))).collect();
    assert_eq!(found, expected);
}

fn at(seq: u32) -> World {
    World::new(seq).user("ann").group("ops", &[]).resource("dc")
}

#[test]
fn a_single_step_hides_nothing() {
    check(&[at(1), at(2).share("ops", "dc", "e")], &[]);
    check(&[at(1), at(2).administrator("eve").key("eve", "AKEY", true)], &[]);
}

#[test]
fn a_share_that_lived_for_three_days_is_shown() {
    check(
        &[at(1), at(2).share("ops", "dc", "s"), at(3)],
        &[
            "2 high share-added: ops / dc [ > share] (members may share it on)",
            "3 low share-removed: ops / dc [share > ]",
        ],
    );
}

#[test]
fn a_flag_that_was_on_for_a_day_is_shown() {
    check(
        &[at(1), at(2).administrator("ann"), at(3)],
        &[
            "2 critical administrator-gained: ann@example.org administrator [false > true]",
            "3 medium administrator-lost: ann@example.org administrator [true > false]",
        ],
    );
}

#[test]
fn the_last_of_repeated_events_is_what_the_net_view_shows() {
    check(
        &[at(1), at(2).administrator("ann"), at(3), at(4).administrator("ann")],
        &[
            "2 critical administrator-gained: ann@example.org administrator [false > true]",
            "3 medium administrator-lost: ann@example.org administrator [true > false]",
        ],
    );
}

#[test]
fn the_steps_of_a_rename_are_shown_where_the_net_view_says_something_else() {
    let named = |seq, name: &str| {
        at(seq).with(|state| state.groups.get_mut(&"ops".into()).unwrap().value.name = Some(name.to_owned()))
    };
    check(
        &[at(1), named(2, "staff"), named(3, "crew")],
        &[
            "2 low renamed: staff name [ops > staff] (a group is judged by its name)",
            "3 low renamed: crew name [staff > crew] (a group is judged by its name)",
        ],
    );
}

#[test]
fn a_user_who_came_and_then_became_administrator_is_told_once() {
    check(&[at(1), at(2).user("eve"), at(3).administrator("eve")], &[]);
}
