//! The part of a fault that says what happens: exactly one of the keys that name an effect, and those that belong to it.

use std::time::Duration;

use toml::de::DeValue;

use super::section::{FileError, Section, json, number, text, word, yes};
use crate::faults::{
    Answer, Body, Distortion, Edit, Effect, Ending, Flood, Gzip, Items, Link, Pages, Place, Restated, RetryAfter,
    Spelling,
};

const ENDINGS: [(&str, Ending); 3] = [("close", Ending::Close), ("reset", Ending::Reset), ("silence", Ending::HANG)];

const FLOODS: [(&str, Flood); 3] = [("headers", Flood::Headers), ("body", Flood::Body), ("items", Flood::Items)];

const GZIPS: [(&str, Gzip); 3] = [("plain", Gzip::Plain), ("checksum", Gzip::Checksum), ("cut", Gzip::Cut)];

const ITEMS: [(&str, Items); 6] = [
    ("missing", Items::Missing),
    ("null", Items::Null),
    ("empty", Items::Empty),
    ("twice", Items::Twice),
    ("twice different", Items::TwiceDifferent),
    ("dangling", Items::Dangling),
];

const SPELLINGS: [(&str, Spelling); 3] =
    [("upper", Spelling::Upper), ("braces", Spelling::Braces), ("blanks", Spelling::Blanks)];

const PAGES: [(&str, Pages); 3] = [("fresh", Pages::Fresh), ("same", Pages::Same), ("empty", Pages::Empty)];

/// Takes the one effect out of a fault.
pub(super) fn read(fault: &mut Section<'_>) -> Result<Effect, FileError> {
    let found = [
        answer(fault)?,
        fault.take("redirect", status)?.map(Effect::Redirect),
        fault.take("items", items)?.map(|items| Effect::Distort(Distortion::Items(items))),
        fault.take("pages", |it| word(it, &PAGES))?.map(|pages| Effect::Distort(Distortion::Pages(pages))),
        fault.take("pages_of", number)?.map(|size| Effect::Distort(Distortion::PagesOf(size))),
        fault.take("next", link)?.map(|link| Effect::Distort(Distortion::Next(link))),
        fault.take("set", set)?.map(Effect::Distort),
        fault.take("remove", text)?.map(|at| Effect::Distort(Distortion::Remove { at })),
        fault.take("spell", |it| word(it, &SPELLINGS))?.map(|it| Effect::Distort(Distortion::Spell(it))),
        fault.take("frame", frame)?.map(Effect::Distort),
        fault.take("cut_short", yes)?.map(|()| Effect::Distort(Distortion::CutShort)),
        fault.take("connection", |it| word(it, &ENDINGS))?.map(Effect::Break),
        fault.take("silence_ms", millis)?.map(|time| Effect::Break(Ending::Silence(time))),
        fault.take("abandon", |it| word(it, &ENDINGS))?.map(Effect::Abandon),
        fault.take("length", number)?.map(Effect::MisstateLength),
        fault.take("drip", drip)?,
        fault.take("flood", |it| word(it, &FLOODS))?.map(Effect::Flood),
        fault.take("gzip", |it| word(it, &GZIPS))?.map(Effect::Gzip),
        fault.take("gzip_bomb_mib", bomb)?.map(Effect::Gzip),
        fault.take("delay_ms", millis)?.map(Effect::Delay),
        fault.take("edit", edit)?.map(Effect::Edit),
    ];
    let restated = restated(fault)?;
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (effect, None) if restated.is_some() => restate(fault, restated.unwrap_or_default(), effect),
        (Some(effect), None) => Ok(effect),
        (None, _) => Err(fault.fault("no key says what happens")),
        (Some(_), Some(_)) => Err(fault.fault("more than one key says what happens")),
    }
}

/// The operation's answer under another head: `as_status`, `as_headers`.
fn restated(fault: &mut Section<'_>) -> Result<Option<Restated>, FileError> {
    let (status, headers) = (fault.take("as_status", status)?, fault.take("as_headers", headers)?);
    let is_there = status.is_some() || headers.is_some();
    Ok(is_there.then(|| Restated { status, headers: headers.unwrap_or_default(), distortion: None }))
}

/// The same with what else happens to it.
fn restate(fault: &Section<'_>, restated: Restated, effect: Option<Effect>) -> Result<Effect, FileError> {
    match effect {
        None => Ok(Effect::Restate(restated)),
        Some(Effect::Distort(distortion)) => Ok(Effect::Restate(restated.and(distortion))),
        Some(_) => Err(fault.fault("`as_status` and `as_headers` go with what changes the operation's own answer")),
    }
}

/// An answer in the place of the operation's: `status` with what belongs to it.
fn answer(fault: &mut Section<'_>) -> Result<Option<Effect>, FileError> {
    let status = fault.take("status", status)?;
    let bodies = [
        fault.take("html", text)?.map(Body::Html),
        fault.take("text", text)?.map(Body::Text),
        fault.take("verbatim", text)?.map(Body::Verbatim),
        fault.take("json", json)?.map(Body::Json),
        fault.take("empty", yes)?.map(|()| Body::Empty),
        fault.take("long_string", number)?.map(Body::LongString),
        fault.take("nested", number)?.map(Body::Nested),
    ];
    let headers = fault.take("headers", headers)?;
    let waits = [
        fault.take("retry_after", number)?.map(RetryAfter::Seconds),
        fault.take("retry_after_date", number)?.map(|ahead| RetryAfter::Date(Duration::from_secs(ahead))),
    ];
    let mut bodies = bodies.into_iter().flatten();
    let mut waits = waits.into_iter().flatten();
    let (body, wait) = (bodies.next(), waits.next());
    if bodies.next().is_some() || waits.next().is_some() {
        return Err(fault.fault("an answer has one body and one time to come back"));
    }
    match status {
        Some(status) => Ok(Some(Effect::Answer(Answer {
            status,
            body: body.unwrap_or(Body::Usual),
            headers: headers.unwrap_or_default(),
            retry_after: wait,
        }))),
        None if body.is_some() || wait.is_some() || headers.is_some() => {
            Err(fault.fault("an answer of its own needs a `status`"))
        }
        None => Ok(None),
    }
}

fn status(value: &DeValue<'_>) -> Result<u16, String> {
    let status = number(value)?;
    if (200..=599).contains(&status) { Ok(status) } else { Err(format!("{status} is no status between 200 and 599")) }
}

fn headers(value: &DeValue<'_>) -> Result<Vec<(String, String)>, String> {
    let table = value.as_table().ok_or("a table of header names and values is expected")?;
    table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), text(value.get_ref())?))).collect()
}

fn millis(value: &DeValue<'_>) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

/// A word, or how many are kept.
fn items(value: &DeValue<'_>) -> Result<Items, String> {
    if value.is_integer() { number(value).map(Items::Keep) } else { word(value, &ITEMS) }
}

fn link(value: &DeValue<'_>) -> Result<Link, String> {
    Ok(match text(value)?.as_str() {
        "elsewhere" => Link::Elsewhere,
        "back" => Link::Back,
        "standstill" => Link::Standstill,
        "path" => Link::PathOnly,
        "unreadable" => Link::Unreadable,
        "untold" => Link::Untold,
        address if address.contains("://") => Link::To(address.to_owned()),
        other => {
            let words = r#""elsewhere", "back", "standstill", "path", "unreadable", "untold""#;
            return Err(format!("{words} or an address is expected, not \"{other}\""));
        }
    })
}

/// `{ at = "properties.x", value = true }`
fn set(value: &DeValue<'_>) -> Result<Distortion, String> {
    let [at, new] = pair(value, ["at", "value"])?;
    Ok(Distortion::Set { at: text(at)?, value: json(new)? })
}

/// `{ at = "total", value = 4 }`
fn frame(value: &DeValue<'_>) -> Result<Distortion, String> {
    let [at, new] = pair(value, ["at", "value"])?;
    Ok(Distortion::Frame { at: text(at)?, value: json(new)? })
}

/// `{ bytes = 1, every_ms = 5000 }`
fn drip(value: &DeValue<'_>) -> Result<Effect, String> {
    let [bytes, every] = pair(value, ["bytes", "every_ms"])?;
    Ok(Effect::Drip { bytes: number(bytes)?, every: millis(every)? })
}

fn bomb(value: &DeValue<'_>) -> Result<Gzip, String> {
    // More than any client should survive counting.
    let mebibytes: u64 = number(value)?;
    if mebibytes > 1 << 20 { Err("more than a TiB".to_owned()) } else { Ok(Gzip::Bomb { bytes: mebibytes << 20 }) }
}

fn edit(value: &DeValue<'_>) -> Result<Edit, String> {
    word(
        value,
        &[
            ("add user", Edit::add_user()),
            ("remove first user", Edit::remove_user(Place::First)),
            ("remove last user", Edit::remove_user(Place::Last)),
        ],
    )
}

/// The values of a table that has exactly these two keys.
fn pair<'v>(value: &'v DeValue<'v>, names: [&str; 2]) -> Result<[&'v DeValue<'v>; 2], String> {
    let table = value.as_table().filter(|table| table.len() == names.len());
    let found = table.and_then(|table| {
        let of = |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value.get_ref());
        Some([of(names[0])?, of(names[1])?])
    });
    found.ok_or_else(|| format!("{{ {} = …, {} = … }} is expected", names[0], names[1]))
}
