//! The readers of answers as fuzzers call them; see the module of the same name at the top.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::Depth;
use super::pages::Users;
use super::read::Client;
use super::settings::{Credentials, Settings, Version};
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
use crate::seams::Seams;

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

/// Between two pages.
const BREAK: &[u8] = b"\n---\n";

/// Reads bytes as pages of users, as far as the walk over them goes.
pub(crate) fn users_pages(bytes: &[u8]) -> String {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(|| {
        let base = "https://api.example/cloudapi/v6".parse().expect("an address");
        let settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
        Client::new(&settings, Seams::system()).expect("settings that make a client")
    });
    let mut users: Users = client.all_users(Depth::One);
    let (mut steps, mut seen) = (Vec::new(), BTreeSet::new());
    let mut rest = Some(bytes);
    while let Some(bytes) = rest {
        let cut = bytes.windows(BREAK.len()).position(|window| window == BREAK);
        let page = &bytes[..cut.unwrap_or(bytes.len())];
        rest = cut.map(|cut| &bytes[cut + BREAK.len()..]);
        let Ok(Decoded { value, .. }) = decode::<Collection<User>>(page) else { return "a page is broken".to_owned() };
        let page = match users.feed(value) {
            None => return format!("{} pages, the end, and more behind it", steps.len()),
            Some(Err(fault)) => return format!("{} pages, then {fault}", steps.len()),
            Some(Ok(page)) => page,
        };
        for user in page.users {
            let id = user.id.expect("whoever has no id is only counted");
            assert!(seen.insert(id), "a user is new twice");
        }
        let (last, moved) = (page.last, page.moved);
        steps.push(page.step);
        assert!(last || users.goes_on_from(&steps), "a walk that goes on asks for something else");
        if last {
            return format!("{} pages, the end, {}", steps.len(), if moved { "moved" } else { "stood still" });
        }
    }
    format!("{} pages, more to come", steps.len())
}
