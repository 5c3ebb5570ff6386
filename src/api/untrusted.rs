//! The readers of answers as fuzzers call them; see the module of the same name at the top.

use std::fmt::Write as _;

use super::wire::contract::Contracts;
use super::wire::failure::Failure;
use super::wire::group::Group;
use super::wire::key::Key;
use super::wire::record::Record;
use super::wire::request::Request;
use super::wire::resource::Resource;
use super::wire::service::Service;
use super::wire::share::Share;
use super::wire::sso::SignOn;
use super::wire::user::User;
use super::wire::{Collection, DecodeError, Decoded, decode};
use crate::domain::body::Body;

/// Reads bytes as every model, and whatever can be read as what it means.
pub(crate) fn every_model(bytes: &[u8]) -> String {
    let mut said = String::new();
    model::<Collection<User>>(&mut said, "users", bytes, |list| {
        for user in list.items.into_iter().flatten() {
            // The canonical form is what is stored: whatever converts must have one.
            if let Ok(user) = user.into_domain() {
                Body::of("user", &user.person).expect("a person has a canonical form");
            }
        }
    });
    model::<User>(&mut said, "user", bytes, |user| drop(user.into_domain()));
    model::<Collection<Group>>(&mut said, "groups", bytes, |list| {
        list.items.into_iter().flatten().for_each(|group| drop(group.into_domain()));
    });
    model::<Collection<Share>>(&mut said, "shares", bytes, |list| {
        list.items.into_iter().flatten().for_each(|share| drop(share.into_domain("g".into())));
    });
    model::<Collection<Resource>>(&mut said, "resources", bytes, |list| {
        list.items.into_iter().flatten().for_each(|resource| drop(resource.into_domain()));
    });
    model::<Collection<Key>>(&mut said, "keys", bytes, |list| {
        list.items.into_iter().flatten().for_each(|key| drop(key.into_domain("u".into())));
    });
    model::<Contracts>(&mut said, "contracts", bytes, drop);
    model::<Request>(&mut said, "request", bytes, drop);
    model::<Service>(&mut said, "service", bytes, drop);
    model::<SignOn>(&mut said, "sign-on", bytes, drop);
    model::<Failure>(&mut said, "failure", bytes, drop);
    said
}

fn model<T: Record>(said: &mut String, name: &str, bytes: &[u8], then: impl FnOnce(T)) {
    let outcome = match decode::<T>(bytes) {
        Ok(Decoded { value, notes, .. }) => {
            then(value);
            format!("read, {} kinds of notes", notes.counts.len())
        }
        // Where it breaks depends on the bytes; that it does is what counts.
        Err(DecodeError::Syntax { .. }) => "broken".to_owned(),
        Err(DecodeError::Refused(refusal)) => refusal.to_string(),
    };
    write!(said, "{name}: {outcome}; ").expect("a String takes all text");
}
