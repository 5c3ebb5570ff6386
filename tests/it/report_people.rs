//! The people, groups and things of the reports' believable contract, one by one.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use keyholder::domain::group::Group;
use keyholder::domain::key::Key;
use keyholder::domain::resource::Resource;
use keyholder::domain::share::Share;
use keyholder::domain::unknown::Nullable;
use keyholder::domain::user::{Attribution, Person, User};
use sha2::{Digest as _, Sha256};

use crate::analyse_world::{World, held};
use crate::report_fixture::FIRST;

pub(crate) const PEOPLE: [(&str, &str); 42] = [
    ("Greta", "Lindqvist"),
    ("Malik", "Osei"),
    ("Sofia", "Marinova"),
    ("Jonas", "Brandt"),
    ("Aylin", "Demir"),
    ("Tobias", "Krüger"),
    ("Chiara", "Conti"),
    ("Pavel", "Novák"),
    ("Ines", "Carvalho"),
    ("Lukas", "Huber"),
    ("Nadia", "Haddad"),
    ("Oskar", "Wolff"),
    ("Priya", "Raman"),
    ("Quentin", "Lefèvre"),
    ("Rosa", "Delgado"),
    ("Stefan", "Ilić"),
    ("Thea", "Bergmann"),
    ("Umut", "Aydın"),
    ("Vera", "Sokolova"),
    ("Wouter", "Janssen"),
    ("Yara", "Saleh"),
    ("Zoltán", "Kovács"),
    ("Anna", "Fischer"),
    ("Björn", "Eriksson"),
    ("Carla", "Romano"),
    ("David", "O’Brien"),
    ("Elif", "Yılmaz"),
    ("Felix", "Schuster"),
    ("Hanna", "Virtanen"),
    ("Igor", "Petrenko"),
    ("Jana", "Dvořáková"),
    ("Kofi", "Mensah"),
    ("Lena", "Hartmann"),
    ("Mateo", "Vargas"),
    ("Nils", "Petersen"),
    ("Olga", "Wiśniewska"),
    ("Paul", "Richter"),
    ("Rania", "Khoury"),
    ("Sven", "Lorenz"),
    ("Tina", "Albrecht"),
    ("backup", "robot"),
    ("deploy", "pipeline"),
];

/// An instant so many days before the last snapshot ended.
pub(crate) fn days_ago(days: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 3, 4, 12).unwrap() - TimeDelta::days(days)
}

fn id(kind: u32, number: usize) -> String {
    let digest = hex::encode(Sha256::digest(format!("{kind}/{number}")));
    format!("{}-{}-4{}-8{}-{}", &digest[..8], &digest[8..12], &digest[12..15], &digest[15..18], &digest[18..30])
}

pub(crate) fn user_id(number: usize) -> String {
    id(1, number)
}

pub(crate) fn group_id(number: usize) -> String {
    id(2, number)
}

pub(crate) fn resource_id(number: usize) -> String {
    id(3, number)
}

pub(crate) fn key_id(number: usize) -> String {
    hex::encode(Sha256::digest(format!("key {number}")))[..20].to_uppercase()
}

pub(crate) fn address(number: usize) -> String {
    let (first, last) = PEOPLE[number % PEOPLE.len()];
    let plain = |name: &str| {
        let name = name.to_lowercase();
        let letters = name.chars().filter_map(|letter| match letter {
            'á' => Some('a'),
            'ć' | 'č' => Some('c'),
            'è' => Some('e'),
            'ı' => Some('i'),
            'ö' => Some('o'),
            'ř' => Some('r'),
            'ś' => Some('s'),
            'ü' => Some('u'),
            other => other.is_ascii_alphabetic().then_some(other),
        });
        letters.collect::<String>()
    };
    format!("{}.{}@nordlicht-logistik.example", plain(first), plain(last))
}

fn person(number: usize) -> User {
    let (first, last) = PEOPLE[number % PEOPLE.len()];
    let signed_in = [2, 0, 15, 121, 5, 33, 1, 64, 210, 8, 3, 19, 96, 4];
    User {
        id: user_id(number).into(),
        person: Person {
            email: Some(address(number)),
            firstname: Some(first.to_owned()),
            lastname: Some(last.to_owned()),
        },
        administrator: Some(number < 4),
        force_sec_auth: Some(number % 5 != 2),
        sec_auth_active: Some(number % 7 != 3),
        active: Some(number % 13 != 12),
        s3_canonical_user_id: Nullable::Null,
        created: Some(days_ago(1400 - 30 * i64::try_from(number).unwrap())),
        last_login: (number % 9 != 8).then(|| days_ago(signed_in[number % signed_in.len()])).into(),
        attribution: Attribution {
            created_by: Some(address(0)),
            modified: Some(days_ago(40)),
            modified_by: Some(address(1)),
            ..Attribution::default()
        },
        extra: BTreeMap::new(),
    }
}

fn group(number: usize, name: &str, privileges: &[&str]) -> Group {
    let mut all: BTreeMap<String, bool> =
        keyholder::domain::privilege::KNOWN.iter().map(|privilege| (privilege.name.to_owned(), false)).collect();
    all.extend(privileges.iter().map(|name| ((*name).to_owned(), true)));
    Group { id: group_id(number).into(), name: Some(name.to_owned()), privileges: all, extra: BTreeMap::new() }
}

fn resource(number: usize) -> Resource {
    let kinds = ["datacenter", "snapshot", "image", "ipblock", "k8s", "backupunit"];
    let names = ["warehouse", "tracking", "webshop", "billing", "archive"];
    let kind = kinds[number % kinds.len()];
    Resource {
        id: resource_id(number).into(),
        kind: Some(kind.to_owned()),
        name: Some(format!("{}-{kind}-{}", names[number % names.len()], number + 1)),
        sec_auth_protection: (number % 6 != 3).then_some(number.is_multiple_of(2)).into(),
        created: Some(days_ago(900 - 20 * i64::try_from(number % 40).unwrap())),
        attribution: Attribution { created_by: Some(address(number)), ..Attribution::default() },
        extra: BTreeMap::new(),
    }
}

/// The small steps a state is put together from.
pub(crate) trait Furnish: Sized {
    fn person(self, number: usize, since: u32) -> Self;
    fn crew(self, number: usize, name: &str, privileges: &[&str]) -> Self;
    fn joins(self, group: usize, user: usize, since: u32) -> Self;
    fn thing(self, number: usize, owner: Option<usize>) -> Self;
    fn shares(self, group: usize, resource: usize, edit: bool, onward: bool, since: u32) -> Self;
    fn access_key(self, user: usize, number: usize, days: i64, active: bool, since: u32) -> Self;
}

impl Furnish for World {
    fn person(self, number: usize, since: u32) -> Self {
        self.with(|state| drop(state.users.insert(user_id(number).into(), held(person(number), since))))
    }

    fn crew(self, number: usize, name: &str, privileges: &[&str]) -> Self {
        self.with(|state| {
            drop(state.groups.insert(group_id(number).into(), held(group(number, name, privileges), FIRST)));
        })
    }

    fn joins(self, group: usize, user: usize, since: u32) -> Self {
        let key = (group_id(group).into(), user_id(user).into());
        self.with(|state| drop(state.members.insert(key, held((), since))))
    }

    fn thing(self, number: usize, owner: Option<usize>) -> Self {
        self.with(|state| {
            state.resources.insert(resource_id(number).into(), held(resource(number), FIRST));
            if let Some(owner) = owner {
                state.owns.insert((user_id(owner).into(), resource_id(number).into()), held((), FIRST));
            }
        })
    }

    fn shares(self, group: usize, resource: usize, edit: bool, onward: bool, since: u32) -> Self {
        let share = Share {
            group: group_id(group).into(),
            resource: resource_id(resource).into(),
            edit_privilege: Some(edit),
            share_privilege: Some(onward),
            extra: BTreeMap::new(),
        };
        let key = (share.group.clone(), share.resource.clone());
        self.with(|state| drop(state.shares.insert(key, held(share, since))))
    }

    fn access_key(self, user: usize, number: usize, days: i64, active: bool, since: u32) -> Self {
        let key = Key {
            user: user_id(user).into(),
            id: key_id(number).into(),
            active: Some(active),
            created: Some(days_ago(days)),
            attribution: Attribution { created_by: Some(address(user)), ..Attribution::default() },
            extra: BTreeMap::new(),
        };
        let place = (key.user.clone(), key.id.clone());
        self.with(|state| drop(state.keys.insert(place, held(key, since))))
    }
}
