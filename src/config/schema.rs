//! The JSON schema of the configuration file, out of the same list of keys that reads it.

use serde_json::{Map, Value, json};

use super::duration;
use super::effective::Config;
use super::keys::{Field, Form, KEYS, Key, Shown};

/// A JSON schema (draft 2020-12) for editors and pipelines: every key with its kind, limits, default and variables.
pub fn schema() -> Value {
    let mut sections = Map::new();
    for key in &KEYS {
        let section = sections
            .entry(key.section())
            .or_insert_with(|| json!({ "type": "object", "additionalProperties": false, "properties": {} }));
        section["properties"][key.name()] = property(key);
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

fn property(key: &Key) -> Value {
    let mut property = match key.field {
        Field::Text { form: Form::Words(words), .. } => json!({ "enum": words }),
        Field::Text { form: Form::Fingerprint, .. } => {
            json!({ "type": "string", "pattern": "^[ :]*([0-9A-Fa-f][ :]*){64}$" })
        }
        Field::Text { form: Form::Free, .. } => json!({ "type": "string" }),
        Field::Text { form: Form::Address, .. } | Field::Path { .. } => json!({ "type": "string", "minLength": 1 }),
        Field::Count { least, most, .. } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Field::Flag { .. } => json!({ "type": "boolean" }),
        Field::Span { .. } => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)$" }),
    };
    property["description"] = Value::String(description(key));
    match key.shown(&Config::default()) {
        None => {}
        Some(Shown::Text(text)) => property["default"] = Value::String(text),
        Some(Shown::Number(number)) => property["default"] = number.into(),
        Some(Shown::Flag(flag)) => property["default"] = flag.into(),
    }
    property
}

fn description(key: &Key) -> String {
    let limits = match key.field {
        Field::Span { least, most, .. } => format!(" {} to {}.", duration::show(least), duration::show(most)),
        Field::Text { .. } | Field::Path { .. } | Field::Count { .. } | Field::Flag { .. } => String::new(),
    };
    format!("{}{limits} Environment: {}.", key.about, key.variables.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_with_its_default() {
        let schema = schema();
        for key in &KEYS {
            let property = &schema["properties"][key.section()]["properties"][key.name()];
            assert!(property["description"].as_str().is_some_and(|text| text.starts_with(key.about)), "{}", key.path);
            assert_eq!(property.get("default").is_some(), key.shown(&Config::default()).is_some(), "{}", key.path);
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
