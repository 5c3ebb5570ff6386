//! The JSON schema of the configuration file, out of the same rows that read it.

use serde_json::{Map, Value, json};

use super::duration;
use super::keys::{Form, Shown, Spec};
use super::sections::{Config, KEYS};
use super::tables::TABLES;

/// A JSON schema (draft 2020-12) for editors and pipelines: every key with its kind, limits, default and variables.
pub fn schema() -> Value {
    let mut sections = Map::new();
    for key in KEYS.iter() {
        let section = sections.entry(key.spec.section()).or_insert_with(object);
        section["properties"][key.spec.name()] = property(&key.spec, key.shown(&Config::default()));
    }
    for table in TABLES.iter() {
        let mut element = object();
        for spec in &table.keys {
            element["properties"][spec.name()] = property(spec, table.defaults.get(spec.name()).cloned());
        }
        sections
            .insert(table.name.to_owned(), json!({ "type": "array", "description": table.purpose, "items": element }));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "keyholder configuration",
        "description": "Secrets are never part of it: name files of mode 0600, or set IONOS_TOKEN.",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn object() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn property(spec: &Spec, default: Option<Shown>) -> Value {
    let mut property = form(&spec.form);
    property["description"] = Value::String(description(spec));
    if let Some(shown) = default {
        property["default"] = value(shown);
    }
    property
}

fn form(form: &Form) -> Value {
    match form {
        Form::Words(words) => json!({ "enum": words }),
        Form::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Form::Free => json!({ "type": "string" }),
        Form::Special | Form::Path => json!({ "type": "string", "minLength": 1 }),
        Form::Count(limits) => json!({ "type": "integer", "minimum": limits.start(), "maximum": limits.end() }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::Span(_) => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)$" }),
        Form::List(item) => json!({ "type": "array", "minItems": 1, "items": self::form(item) }),
    }
}

fn value(shown: Shown) -> Value {
    match shown {
        Shown::Text(text) => Value::String(text),
        Shown::Number(number) => number.into(),
        Shown::Flag(flag) => flag.into(),
        Shown::List(items) => items.into_iter().map(value).collect(),
    }
}

fn description(spec: &Spec) -> String {
    let mut text = spec.about.to_owned();
    if let Form::Span(limits) = &spec.form {
        text = format!("{text} {} to {}.", duration::show(*limits.start()), duration::show(*limits.end()));
    }
    if !spec.variables.is_empty() {
        text = format!("{text} Environment: {}.", spec.variables.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_with_its_default() {
        let schema = schema();
        for key in KEYS.iter() {
            let property = &schema["properties"][key.spec.section()]["properties"][key.spec.name()];
            assert!(
                property["description"].as_str().is_some_and(|text| text.starts_with(key.spec.about)),
                "{}",
                key.spec.path
            );
            assert_eq!(property.get("default").is_some(), key.shown(&Config::default()).is_some(), "{}", key.spec.path);
        }
    }

    #[test]
    fn limits_and_words_are_those_that_reading_checks() {
        let schema = schema();
        let property = |section: &str, name: &str| schema["properties"][section]["properties"][name].clone();
        assert_eq!(property("api", "concurrency")["maximum"], 256);
        assert_eq!(property("log", "format")["enum"], json!(["text", "json"]));
        assert!(property("api", "connect_timeout")["description"].as_str().unwrap().contains("100ms to 5m."));
    }
}
