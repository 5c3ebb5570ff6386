//! What a walk leaves behind when it cannot be finished.

use super::*;
use crate::api::{Credentials, Settings, Version};
use crate::collect::reading::{OfGroup, Reading};
use crate::domain::contract::Contract;
use crate::domain::user::Person;
use crate::seams::{SeededRandom, SetClock};

fn contract() -> Contract {
    Contract { number: ContractNumber(1), owner: Person::default(), status: None, reg_domain: None }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_went_away_leaves_gaps_without_waiting() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}/cloudapi/v6", gone.local_addr().unwrap()).parse().unwrap();
    drop(gone);
    let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
    let seams = Seams::new(SetClock::at(chrono::DateTime::UNIX_EPOCH), SeededRandom::new(1));
    let client = Client::new(&settings, seams.clone()).unwrap();
    let mut walker = Walker::new(&client, &seams, Limits::default(), &|_| ());
    // The lists were read before; what they named is still to be read.
    walker.seen.contract = Some(contract());
    for scope in std::mem::take(&mut walker.open) {
        walker.seen.record(scope, Status::Complete, Effort::default());
    }
    let users: Vec<UserId> = (0..5_000).map(|number| UserId::from(format!("u{number}").as_str())).collect();
    for user in users {
        walker.open.extend([Scope::Owns(user.clone()), Scope::Keys(user.clone())]);
        walker.waiting.push_back(Parent::User(user));
    }
    let begun = Instant::now();
    walker.run(begun + walker.limits.longest, &CancellationToken::new()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 60, "left alone twice, for half a minute");
    let coverage = walker.finish().unwrap().sightings.coverage();
    let (asked, spared): (Vec<_>, Vec<_>) = coverage.gaps.iter().partition(|gap| gap.effort.attempts > 0);
    assert_eq!((coverage.gaps.len(), asked.len() < 30), (10_000, true), "{} were asked for", asked.len());
    let reported = "failed (not asked, because the server was found broken 3 times)";
    assert!(spared.iter().all(|gap| gap.status.to_string() == reported));
    assert!(coverage.attempts() < 60, "{} requests to a server that is not there", coverage.attempts());
}

#[test]
fn what_was_not_read_in_time_is_a_gap_and_what_was_is_kept() {
    let base = "http://127.0.0.1:9/cloudapi/v6".parse().unwrap();
    let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
    let seams = Seams::system();
    let client = Client::new(&settings, seams.clone()).unwrap();
    let mut walker = Walker::new(&client, &seams, Limits::default(), &|_| ());
    walker.seen.contract = Some(contract());
    walker.seen.record(Scope::Contract, Status::Complete, Effort::default());
    walker.close(&[Scope::Contract]);
    let group = GroupId::from("ops");
    walker.seen.record(Scope::Groups, Status::Complete, Effort::default());
    walker.open.extend([Scope::Members(group.clone()), Scope::Shares(group.clone())]);
    walker.seen.record(Scope::Shares(group.clone()), Status::Complete, Effort::default());
    walker.close(&[Scope::Groups, Scope::Shares(group)]);
    walker.run_out_of_time();
    let coverage = walker.finish().unwrap().sightings.coverage();
    let reported: Vec<String> = coverage.gaps.iter().map(|gap| format!("{}: {}", gap.scope, gap.status)).collect();
    let late = "failed (the walk took longer than 1800 s)";
    let expected = ["users", "resources", "members(ops)"].map(|scope| format!("{scope}: {late}"));
    assert_eq!(reported, expected);
    assert_eq!(coverage.totals(), (6, 3));
}

#[test]
fn a_list_of_users_that_leaves_out_a_member_proves_nothing_when_there_is_no_time_to_ask() {
    let settings = Settings::new(
        "http://127.0.0.1:9/cloudapi/v6".parse().unwrap(),
        Version::V6,
        Credentials::Bearer("token".into()),
    );
    let seams = Seams::system();
    let client = Client::new(&settings, seams.clone()).unwrap();
    for (members, expected) in [(vec!["ann".into(), "bob".into()], Status::Unstable), (Vec::new(), Status::Complete)] {
        let mut walker = Walker::new(&client, &seams, Limits::default(), &|_| ());
        walker.seen.contract = Some(contract());
        for scope in std::mem::take(&mut walker.open) {
            walker.seen.record(scope, Status::Complete, Effort::default());
        }
        walker.seen.of_group(OfGroup {
            group: "ops".into(),
            members: Reading::of_items(members),
            shares: Reading::of_items(Vec::new()),
        });
        // The keys of a user were still to be read when the time was over.
        walker.open.insert(Scope::Keys("ann".into()));
        walker.run_out_of_time();
        let scopes = walker.finish().unwrap().sightings.scopes;
        assert_eq!(scopes[&Scope::Users].0, expected);
    }
}
