//! Versions of facts: which of them hold, and since when what they say has been so.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;

use crate::domain::contract::ContractBody;
use crate::domain::group::GroupBody;
use crate::domain::id::Seq;
use crate::domain::key::KeyBody;
use crate::domain::resource::ResourceBody;
use crate::domain::share::ShareBody;
use crate::domain::state::Held;
use crate::domain::user::UserBody;
use crate::store::error::StoreError;
use crate::store::wide;

/// One version of a fact, by the numbers of what it is about. Zero is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) subject: i64,
    pub(super) object: i64,
    pub(super) since: i64,
    pub(super) until: i64,
    pub(super) body: i64,
}

/// Takes apart the columns subject, object, since, until and body; versions of one fact come out together, oldest first.
pub(super) fn read(row: &SqliteRow) -> Result<Vec<Version>, StoreError> {
    let [subjects, objects, sinces, untils, bodies] = wide::columns("fact", row)?;
    let mut versions: Vec<Version> = subjects
        .zip(objects)
        .zip(sinces.zip(untils).zip(bodies))
        .map(|((subject, object), ((since, until), body))| Version { subject, object, since, until, body })
        .collect();
    // They come in order of their key, but nobody has promised that.
    if !versions.is_sorted() {
        versions.sort_unstable();
    }
    Ok(versions)
}

/// The versions of each fact that holds in a snapshot, later ones than that left out already.
pub(super) fn alive(versions: &[Version], seq: Seq) -> impl Iterator<Item = &[Version]> {
    versions
        .chunk_by(|a, b| (a.subject, a.object) == (b.subject, b.object))
        .filter(move |versions| versions.last().is_some_and(|last| last.until == 0 || last.until > i64::from(seq.0)))
}

/// A body of which it is reported since when its booleans have been true.
pub(super) trait Reported: DeserializeOwned + Clone {
    /// The names of the booleans that are true.
    fn true_names(&self) -> Vec<&str> {
        Vec::new()
    }
}

fn named<'a>(flags: &[(&'a str, Option<bool>)]) -> Vec<&'a str> {
    flags.iter().filter(|(_, flag)| *flag == Some(true)).map(|(name, _)| *name).collect()
}

impl Reported for () {}

impl Reported for ContractBody {}

impl Reported for UserBody {
    fn true_names(&self) -> Vec<&str> {
        named(&[
            ("active", self.active),
            ("administrator", self.administrator),
            ("forceSecAuth", self.force_sec_auth),
            ("secAuthActive", self.sec_auth_active),
        ])
    }
}

impl Reported for GroupBody {
    fn true_names(&self) -> Vec<&str> {
        self.privileges.iter().filter(|(_, granted)| **granted).map(|(name, _)| name.as_str()).collect()
    }
}

impl Reported for ResourceBody {
    fn true_names(&self) -> Vec<&str> {
        named(&[("secAuthProtection", self.sec_auth_protection.value().copied())])
    }
}

impl Reported for ShareBody {
    fn true_names(&self) -> Vec<&str> {
        named(&[("editPrivilege", self.edit_privilege), ("sharePrivilege", self.share_privilege)])
    }
}

impl Reported for KeyBody {
    fn true_names(&self) -> Vec<&str> {
        named(&[("active", self.active)])
    }
}

/// Folds the versions of one fact, oldest first and at least one, into the last with its age.
pub(super) fn age<T: Reported>(
    versions: &[Version],
    seen: Seq,
    mut read: impl FnMut(&Version) -> Result<T, StoreError>,
) -> Result<Held<T>, StoreError> {
    let last = &versions[versions.len() - 1];
    // Before a break it was another life of the same fact.
    let begun = versions.windows(2).rposition(|two| two[0].until != two[1].since).map_or(0, |before| before + 1);
    let mut true_since: BTreeMap<String, Seq> = BTreeMap::new();
    for version in &versions[begun..versions.len() - 1] {
        hold_on(&mut true_since, &read(version)?, number(version.since));
    }
    let value = read(last)?;
    hold_on(&mut true_since, &value, number(last.since));
    Ok(Held { value, since: number(versions[begun].since), changed: number(last.since), seen, true_since })
}

fn hold_on<T: Reported>(true_since: &mut BTreeMap<String, Seq>, body: &T, since: Seq) {
    let names = body.true_names();
    if !true_since.is_empty() {
        let holding: BTreeSet<&str> = names.iter().copied().collect();
        true_since.retain(|name, _| holding.contains(name.as_str()));
    }
    for name in names {
        if !true_since.contains_key(name) {
            true_since.insert(name.to_owned(), since);
        }
    }
}

/// Sequence numbers are stored in 32 bits.
fn number(seq: i64) -> Seq {
    Seq(u32::try_from(seq).unwrap_or(u32::MAX))
}
