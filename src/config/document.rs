//! Walks a configuration file against the known keys and reports everything that is wrong, line by line.
//!
//! It does not decide what a value may be, and never repeats a value: an unknown key may hold a secret.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Spec};
use super::problem::{Origin, Problems};
use super::sections::{Config, KEYS, find_key};
use super::tables::{RawElement, TABLES, TableSpec};
use super::value::Given;

/// A value of the file under a known key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: &'static Key<Config>,
    pub(super) given: Given,
    pub(super) origin: Origin,
}

/// Names that ask for a secret in the file, and what to do instead.
const SECRETS: [(&str, &str); 9] = [
    ("token", "put the token into a file of mode 0600 and name it in credentials.token_file, or set IONOS_TOKEN"),
    ("bearer", "put the token into a file of mode 0600 and name it in credentials.token_file, or set IONOS_TOKEN"),
    ("api_key", "put the token into a file of mode 0600 and name it in credentials.token_file, or set IONOS_TOKEN"),
    (
        "password",
        "put the password into a file of mode 0600 and name it in credentials.password_file, or set IONOS_PASSWORD",
    ),
    ("secret", "secrets come from files of mode 0600 and from IONOS_TOKEN or IONOS_PASSWORD"),
    ("secret_key", "keyholder never needs the secret of an S3 key"),
    ("key", "secrets come from files of mode 0600 and from IONOS_TOKEN or IONOS_PASSWORD"),
    ("keys", "secrets come from files of mode 0600 and from IONOS_TOKEN or IONOS_PASSWORD"),
    ("signing_key", "secrets come from files of mode 0600 and from IONOS_TOKEN or IONOS_PASSWORD"),
];

/// What a file says under names that are known.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Scalar keys, in the order of lines.
    pub(super) entries: Vec<Entry>,
    /// Elements of arrays of tables, in the order of lines.
    pub(super) elements: Vec<RawElement>,
}

/// Reads a file.
pub(super) fn read(text: &str, path: &Path, problems: &mut Problems) -> Document {
    let at = |offset: usize| Origin::File(path.to_owned(), line(text, offset));
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        problems.add(&at(offset), "", format!("not TOML: {}", error.message()));
    }
    let mut read = Document::default();
    for (name, value) in by_position(document.get_ref()) {
        let origin = at(name.span().start);
        let section = name.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(table) if is_section(section) => {
                for (name, value) in by_position(table) {
                    let origin = at(name.span().start);
                    match entry(section, name.get_ref(), value.get_ref(), origin.clone()) {
                        Ok(entry) => read.entries.push(entry),
                        Err(message) => problems.add(&origin, &format!("{section}.{}", name.get_ref()), message),
                    }
                }
            }
            value if let Some(table) = TABLES.iter().find(|table| table.name == section) => {
                let items: Vec<_> = value.as_array().into_iter().flat_map(|items| items.iter()).collect();
                if items.is_empty() || !items.iter().all(|item| item.get_ref().is_table()) {
                    problems.add(&origin, section, format!("must be tables: [[{section}]]"));
                }
                for item in items {
                    if let DeValue::Table(values) = item.get_ref() {
                        read.elements.push(element(table, values, at(item.span().start), &at, problems));
                    }
                }
            }
            _ if is_section(section) => problems.add(&origin, section, format!("must be a section: [{section}]")),
            _ => problems.add(&origin, section, unknown_at_top(section)),
        }
    }
    read
}

/// One element of an array of tables.
fn element(
    table: &'static TableSpec,
    values: &DeTable<'_>,
    header: Origin,
    at: &impl Fn(usize) -> Origin,
    problems: &mut Problems,
) -> RawElement {
    let mut element = RawElement { table: table.name, header, values: Vec::new() };
    for (name, value) in by_position(values) {
        let origin = at(name.span().start);
        let name = name.get_ref().as_ref();
        match table.keys.iter().find(|spec| spec.name() == name) {
            Some(spec) => element.values.push((spec, given(value.get_ref()), origin)),
            None => problems.add(&origin, &format!("{}.{name}", table.name), unknown_in(table, name)),
        }
    }
    element
}

/// What to say about a key that an element cannot have.
fn unknown_in(table: &TableSpec, name: &str) -> String {
    if secret(name).is_some() {
        return format!("a secret does not belong into this file; {}", table.secrets);
    }
    let similar = table.keys.iter().map(|spec| spec.name()).filter(|known| is_similar(name, known));
    advise("unknown key", &similar.take(3).collect::<Vec<_>>())
}

/// The pairs of a table as the file has them; the parser sorts by name.
fn by_position<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(name, _)| name.span().start);
    pairs
}

fn entry(section: &str, name: &str, value: &DeValue<'_>, origin: Origin) -> Result<Entry, String> {
    let key = find_key(&format!("{section}.{name}")).ok_or_else(|| unknown(section, name))?;
    Ok(Entry { key, given: given(value), origin })
}

fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Given::Other("a number out of range"), Given::Integer)
        }
        DeValue::Float(_) => Given::Other("a fraction"),
        DeValue::Boolean(given) => Given::Flag(*given),
        DeValue::Datetime(_) => Given::Other("a date"),
        DeValue::Array(items) => Given::List(items.iter().map(|item| given(item.get_ref())).collect()),
        DeValue::Table(_) => Given::Other("a table"),
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.spec.section() == name)
}

/// What to say about a key that does not exist.
fn unknown(section: &str, name: &str) -> String {
    if let Some(advice) = secret(name) {
        return format!("a secret does not belong into this file; {advice}");
    }
    let spelled = |spec: &'static Spec| if spec.section() == section { spec.name() } else { spec.path };
    advise("unknown key", &near(section, name).into_iter().map(spelled).collect::<Vec<_>>())
}

fn unknown_at_top(name: &str) -> String {
    if let Some(advice) = secret(name) {
        return format!("a secret does not belong into this file; {advice}");
    }
    let mut candidates: Vec<_> = KEYS.iter().filter(|key| key.spec.name() == name).map(|key| key.spec.path).collect();
    candidates.extend(KEYS.iter().map(|key| key.spec.section()).filter(|section| is_similar(name, section)));
    candidates.extend(TABLES.iter().map(|table| table.name).filter(|table| is_similar(name, table)));
    candidates.dedup();
    advise("unknown section", &candidates)
}

/// What to do instead when a name asks for a secret.
pub(super) fn secret(name: &str) -> Option<&'static str> {
    let plain = name.replace('-', "_");
    SECRETS.into_iter().find(|(secret, _)| plain.eq_ignore_ascii_case(secret)).map(|(_, advice)| advice)
}

/// What is meant by a key that does not exist: one of that name elsewhere, or similar names of the section.
pub(super) fn near(section: &str, name: &str) -> Vec<&'static Spec> {
    let mut specs = KEYS.iter().map(|key| &key.spec);
    let elsewhere = specs.clone().find(|spec| spec.name() == name && spec.section() != section);
    let here = specs.by_ref().filter(|spec| spec.section() == section && is_similar(name, spec.name())).take(3);
    elsewhere.into_iter().chain(here).collect()
}

/// `what; did you mean a, b or c?`
pub(super) fn advise(what: &str, candidates: &[&str]) -> String {
    match candidates {
        [] => what.to_owned(),
        [only] => format!("{what}; did you mean {only}?"),
        [first @ .., last] => format!("{what}; did you mean {} or {last}?", first.join(", ")),
    }
}

/// Whether one name holds the other as a part, or is a few letters away from it.
pub(super) fn is_similar(name: &str, known: &str) -> bool {
    let plain = name.replace('-', "_").to_lowercase();
    let part = plain.len() >= 4 && (known.contains(&plain) || plain.contains(known));
    part || strsim::damerau_levenshtein(known, &plain) <= 1 + known.len() / 5
}

/// The line of a byte, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a file, one problem a line.
    fn problems_of(text: &str) -> String {
        let mut problems = Problems::default();
        read(text, Path::new("k.toml"), &mut problems);
        let problems = problems.or(()).err().map(|error| error.problems().to_vec()).unwrap_or_default();
        problems.iter().flat_map(|problem| [problem.to_string(), "\n".to_owned()]).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(problems_of(text), expected);
    }

    #[test]
    fn known_keys_are_read_with_their_lines() {
        let mut problems = Problems::default();
        let document = read("[api]\nurl = \"x\"\n\nattempts = 0x0_3 # three\n", Path::new("k.toml"), &mut problems);
        let read: Vec<_> = document
            .entries
            .iter()
            .map(|entry| format!("{} {:?} {}", entry.key.spec.path, entry.given, entry.origin))
            .collect();
        assert_eq!(read, ["api.url Text(\"x\") file k.toml:2", "api.attempts Integer(3) file k.toml:4"]);
        assert_eq!(problems.or(()), Ok(()));
    }

    #[test]
    fn dotted_keys_and_inline_tables_are_the_same_thing() {
        check("api.attempts = 3\n", "");
        check("api = { attempts = 3 }\n", "");
        check("api.attempt = 3\n", "file k.toml:1: api.attempt: unknown key; did you mean attempts?\n");
    }

    #[test]
    fn everything_is_reported_at_once_in_the_order_of_lines() {
        check(
            "[store]\npaht = 1\n[api]\ntimeout = \"5s\"\nurll = 1\npath = 1\n[reports]\nx = 1\n[qqq]\n",
            "file k.toml:2: store.paht: unknown key; did you mean path?\n\
             file k.toml:4: api.timeout: unknown key; did you mean connect_timeout, first_byte_timeout or request_timeout?\n\
             file k.toml:5: api.urll: unknown key; did you mean url?\n\
             file k.toml:6: api.path: unknown key; did you mean store.path?\n\
             file k.toml:7: reports: unknown section; did you mean report?\n\
             file k.toml:9: qqq: unknown section\n",
        );
    }

    #[test]
    fn text_that_is_no_toml_is_reported_with_the_rest() {
        let problems = problems_of("[api]\nurl = \nattempt = 1\n");
        assert!(problems.starts_with("file k.toml:2: not TOML: "), "{problems}");
        assert!(problems.contains("k.toml:3: api.attempt: unknown key"), "{problems}");
    }

    #[test]
    fn a_section_must_be_a_section() {
        check("api = 5\n", "file k.toml:1: api: must be a section: [api]\n");
        check("concurrency = 5\n", "file k.toml:1: concurrency: unknown section; did you mean api.concurrency?\n");
        check("[[store]]\npath = \"x\"\n", "file k.toml:1: store: must be a section: [store]\n");
    }

    #[test]
    fn secrets_in_the_file_are_refused_by_name_and_never_repeated() {
        for text in [
            "token = \"CANARY\"",
            "[credentials]\ntoken = \"CANARY\"\n",
            "[credentials]\npassword = \"CANARY\"\n",
            "[api]\nPassword = \"CANARY\"\n",
            "[api]\nsecret-key = \"CANARY\"\n",
        ] {
            let problems = problems_of(text);
            assert!(problems.contains("a secret does not belong into this file"), "{problems}");
            assert!(!problems.contains("CANARY"), "{problems}");
        }
    }

    #[test]
    fn broken_text_around_a_secret_does_not_repeat_it() {
        for text in [
            "token = \"CANARY",
            "token = CANARY\n",
            "token = \"\"\"CANARY",
            "[credentials]\ntoken_file = \"x\"CANARY\n",
            "CANARY\n",
            "a = '\\CANARY'CANARY",
            "a = \"\\CANARY\"",
            "a = { CANARY",
        ] {
            let problems = problems_of(text);
            assert!(problems.contains("not TOML"), "{problems}");
            assert!(!problems.contains("CANARY"), "{text}: {problems}");
        }
    }

    #[test]
    fn the_same_key_twice_is_an_error() {
        assert!(problems_of("[api]\nattempts = 1\nattempts = 2\n").contains("k.toml:3: not TOML: duplicate key"));
    }
}
