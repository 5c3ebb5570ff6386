//! A law on generated histories: whatever an answer leaves out adds no change, and hides none whose two ends are known.

use std::collections::BTreeSet;

use keyholder::analyse::diff::meanings;
use keyholder::app::review::{events, understand};
use keyholder::domain::body::Extra;
use keyholder::domain::change::{Class, Meaning};
use keyholder::domain::coverage::{Scope, Status};
use keyholder::domain::fact::{FactKey, Kind};
use keyholder::domain::id::Seq;
use keyholder::domain::sighting::Sightings;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::store_diff::{models, runtime};
use crate::support::model::{Bench, CONTRACT, Model, lose};

/// An attribute of one object.
pub(crate) type Attribute = (FactKey, String);

/// Chance that repeats: the same answer to the same question.
fn chance(salt: u64, of: &[&str]) -> u8 {
    let mut hash = Sha256::new();
    hash.update(salt.to_le_bytes());
    for part in of {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[0]
}

fn key(kind: Kind, subject: &str, object: Option<&str>) -> FactKey {
    FactKey { kind, subject: subject.into(), object: object.map(Into::into) }
}

/// The model in one run: every attribute has a value, which differs from run to run.
fn answers(model: &Model, salt: u64, run: &str) -> Sightings {
    let mut seen = model.sightings();
    let flag = |of: &str, name: &str| chance(salt, &[run, of, name]) < 96;
    let text = |of: &str, name: &str| format!("{of} {}", chance(salt, &[run, of, name]) % 3);
    let contract = seen.contract.as_mut().unwrap();
    contract.status = Some(text("contract", "status"));
    for user in &mut seen.users {
        let id = user.id.to_string();
        user.active = Some(flag(&id, "active"));
        user.force_sec_auth = Some(flag(&id, "force"));
        user.sec_auth_active = Some(flag(&id, "second"));
        user.person.email = Some(format!("{}@example.org", text(&id, "email")));
        user.person.lastname = Some(text(&id, "lastname"));
        user.s3_canonical_user_id = flag(&id, "s3").then(|| text(&id, "s3")).into();
        user.extra.insert("beta".to_owned(), Extra::Bool(flag(&id, "beta")));
    }
    for group in &mut seen.groups {
        group.name = Some(text(group.id.as_str(), "name"));
    }
    for resource in &mut seen.resources {
        let id = resource.id.to_string();
        resource.name = Some(text(&id, "name"));
        resource.sec_auth_protection = flag(&id, "can").then(|| flag(&id, "protected")).into();
    }
    for share in &mut seen.shares {
        share.share_privilege = Some(flag(share.resource.as_str(), "share"));
    }
    seen
}

/// Leaves attributes out of the answers, and says which.
pub(crate) fn leave_out(seen: &mut Sightings, mut is_left_out: impl FnMut(&Attribute) -> bool) -> BTreeSet<Attribute> {
    let mut left_out = BTreeSet::new();
    let mut decide = |key: &FactKey, name: &str| {
        let attribute = (key.clone(), name.to_owned());
        let is = is_left_out(&attribute);
        if is {
            left_out.insert(attribute);
        }
        is
    };
    macro_rules! silence {
        ($key:expr, $($place:expr => $name:literal),* $(,)?) => {$(
            if decide(&$key, $name) {
                $place = Default::default();
            }
        )*};
    }
    let contract = seen.contract.as_mut().unwrap();
    let of = key(Kind::Contract, &CONTRACT.to_string(), None);
    silence!(of, contract.status => "status", contract.owner.email => "owner", contract.reg_domain => "regDomain");
    for user in &mut seen.users {
        let of = key(Kind::User, user.id.as_str(), None);
        silence!(of,
            user.administrator => "administrator",
            user.active => "active",
            user.force_sec_auth => "forceSecAuth",
            user.sec_auth_active => "secAuthActive",
            user.person.email => "email",
            user.person.firstname => "firstname",
            user.person.lastname => "lastname",
            user.s3_canonical_user_id => "s3CanonicalUserId",
            user.created => "createdDate",
        );
        user.extra.retain(|name, _| !decide(&of, name));
    }
    for group in &mut seen.groups {
        let of = key(Kind::Group, group.id.as_str(), None);
        silence!(of, group.name => "name");
        group.privileges.retain(|name, _| !decide(&of, name));
    }
    for resource in &mut seen.resources {
        let of = key(Kind::Resource, resource.id.as_str(), None);
        silence!(of,
            resource.name => "name",
            resource.kind => "type",
            resource.sec_auth_protection => "secAuthProtection",
            resource.created => "createdDate",
        );
    }
    for share in &mut seen.shares {
        let of = key(Kind::Share, share.group.as_str(), Some(share.resource.as_str()));
        silence!(of, share.edit_privilege => "editPrivilege", share.share_privilege => "sharePrivilege");
    }
    for one in &mut seen.keys {
        let of = key(Kind::Key, one.user.as_str(), Some(one.id.as_str()));
        silence!(of, one.active => "active", one.created => "createdDate");
    }
    left_out
}

/// What a line says of which attribute; none for a line about a whole fact, or about a flag that came or went with it.
fn reported(line: &Meaning) -> Option<(Attribute, String, String)> {
    let came_or_went = matches!(line.class, Class::AdministratorGained | Class::AdministratorLost)
        && (line.before.is_empty() || line.after.is_empty());
    let attribute = (line.key.clone(), line.field.clone());
    (!line.field.is_empty() && !came_or_went).then(|| (attribute, line.before.clone(), line.after.clone()))
}

/// Whether a line is about something that was never known before and gives power.
fn is_first_seen(line: &Meaning) -> bool {
    line.before.is_empty() && matches!(line.class, Class::FirstSeen | Class::PrivilegeGained)
}

async fn lines(bench: &Bench, last: u32) -> Vec<Meaning> {
    events(&bench.store, CONTRACT, Seq(0), Seq(last)).await.unwrap()
}

/// The facts that began and ended, by snapshot.
fn whole(lines: &[Meaning]) -> BTreeSet<(Seq, FactKey, Class)> {
    let whole = lines.iter().filter(|line| line.field.is_empty());
    whole.map(|line| (line.to, line.key.clone(), line.class)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_out_adds_no_change_and_hides_none(
        history in prop::collection::vec(models(), 2..5),
        salt in any::<u64>(),
        share in prop::sample::select(vec![8_u8, 80, 160, 255]),
    ) {
        runtime().block_on(async {
            let (truthful, silent) = (Bench::new().await, Bench::new().await);
            let mut left_out = vec![BTreeSet::new()];
            for (run, model) in history.iter().enumerate() {
                let run = run.to_string();
                let mut seen = answers(model, salt, &run);
                truthful.seal(seen.clone()).await;
                left_out.push(leave_out(&mut seen, |(key, name)| {
                    let object = key.object.as_deref().unwrap_or_default();
                    chance(salt, &["left out", &run, key.kind.as_str(), &key.subject, object, name]) < share
                }));
                assert!(silent.seal(seen).await.is_complete());
            }
            let last = u32::try_from(history.len()).unwrap();
            let (all, found) = (lines(&truthful, last).await, lines(&silent, last).await);
            assert_eq!(whole(&found), whole(&all), "things come and go all the same");
            for line in found.iter().filter(|line| !is_first_seen(line)) {
                let Some(told_now) = reported(line) else { continue };
                let net = truthful.store.net(CONTRACT, line.from, line.to).await.unwrap();
                let net = understand(&truthful.store, CONTRACT, &net, line.from, line.to).await.unwrap();
                assert!(net.iter().any(|one| reported(one).as_ref() == Some(&told_now)), "added: {line:?}");
            }
            let lives = whole(&all);
            let is_one_life = |key: &FactKey, from: u32, to: u32| {
                !lives.iter().any(|(at, of, _)| of == key && (from + 1..=to).contains(&at.0))
            };
            let is_left_out = |at: u32, of: &Attribute| left_out[usize::try_from(at).unwrap()].contains(of);
            for line in found.iter().filter(|line| is_first_seen(line) && !line.field.is_empty()) {
                let of = (line.key.clone(), line.field.clone());
                let earlier = (1..line.to.0).filter(|at| is_one_life(&line.key, *at, line.to.0));
                assert!(earlier.into_iter().all(|at| is_left_out(at, &of)), "known before: {line:?}");
            }
            let found: BTreeSet<_> = found.iter().filter_map(|line| Some((line.to, reported(line)?))).collect();
            for (from, to) in (1..=last).flat_map(|to| (1..to).map(move |from| (from, to))) {
                let net = truthful.store.net(CONTRACT, Seq(from), Seq(to)).await.unwrap();
                for line in understand(&truthful.store, CONTRACT, &net, Seq(from), Seq(to)).await.unwrap() {
                    let Some(change) = reported(&line).filter(|_| is_one_life(&line.key, from, to)) else { continue };
                    let is_known = !is_left_out(from, &change.0) && !is_left_out(to, &change.0);
                    let is_silent_between = (from + 1..to).all(|at| is_left_out(at, &change.0));
                    let is_told = found.contains(&(Seq(to), change));
                    assert!(!(is_known && is_silent_between) || is_told, "hidden: {line:?}");
                }
            }
        });
    }
}

#[tokio::test]
async fn a_change_is_dated_from_the_last_that_read_its_scope() {
    let bench = Bench::new().await;
    let mut model = Model::small();
    bench.seal(model.sightings()).await;
    model.users.insert("bob".into(), true);
    model.keys.insert(("bob".into(), "K2".into()), true);
    model.shares.remove(&("ops".to_owned(), "dc1".to_owned()));
    let mut seen = model.sightings();
    for scope in [Scope::Users, Scope::Keys("bob".into()), Scope::Shares("ops".into())] {
        lose(&mut seen, scope, Status::Failed("timeout".into()));
    }
    bench.seal(seen.clone()).await;
    bench.seal(seen).await;
    model.keys.insert(("ann".into(), "K3".into()), true);
    bench.seal(model.sightings()).await;
    let dates = |lines: Vec<Meaning>| -> BTreeSet<(Class, u32, u32)> {
        lines.iter().map(|line| (line.class, line.from.0, line.to.0)).collect()
    };
    let events = events(&bench.store, CONTRACT, Seq(3), Seq(4)).await.unwrap();
    // The keys of ann were read on every day.
    let expected = [
        (Class::AdministratorGained, 1, 4),
        (Class::ShareRemoved, 1, 4),
        (Class::KeyAdded, 1, 4),
        (Class::KeyAdded, 3, 4),
    ];
    assert_eq!(dates(events), expected.into());
    let net = bench.store.net(CONTRACT, Seq(2), Seq(4)).await.unwrap();
    let net = understand(&bench.store, CONTRACT, &net, Seq(2), Seq(4)).await.unwrap();
    let expected = [
        (Class::AdministratorGained, 1, 4),
        (Class::ShareRemoved, 1, 4),
        (Class::KeyAdded, 1, 4),
        (Class::KeyAdded, 2, 4),
    ];
    assert_eq!(dates(net), expected.into());
}

#[tokio::test]
async fn b2_shares_and_keys_are_dated_from_the_last_that_knew() {
    let bench = Bench::new().await;
    let mut model = Model::small();
    bench.seal(model.sightings()).await;
    let mut silent = model.sightings();
    silent.shares[0].edit_privilege = None;
    silent.keys[0].active = None;
    bench.seal(silent).await;
    model.shares.insert(("ops".into(), "dc1".into()), true);
    model.keys.insert(("bob".into(), "K1".into()), false);
    bench.seal(model.sightings()).await;
    let of_a_part = events(&bench.store, CONTRACT, Seq(2), Seq(3)).await.unwrap();
    let (before, after) = (bench.store.state(CONTRACT, Seq(2)).await, bench.store.state(CONTRACT, Seq(3)).await);
    let changes = bench.store.events(CONTRACT, Seq(2), Seq(3)).await.unwrap();
    let of_the_whole = meanings(&changes, &before.unwrap(), &after.unwrap(), Seq(2)).unwrap();
    assert_eq!(of_a_part, of_the_whole, "lists of changes and reports say the same");
    let dates: Vec<_> = of_a_part.iter().map(|line| (line.class, line.from.0, line.to.0)).collect();
    assert_eq!(dates, [(Class::ShareWidened, 1, 3), (Class::KeyDisabled, 1, 3)]);
}
