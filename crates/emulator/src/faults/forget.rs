//! Answers that leave properties out by chance: always the same ones for the same seed, whatever else is asked.

use serde_json::{Map, Value};

use super::rule::Exchange;
use crate::api::mixed;

/// Properties whose null says something.
const NULLABLE: [&str; 3] = ["lastLogin", "secAuthProtection", "s3CanonicalUserId"];

/// Without these an answer stands for nothing.
const KEPT: [&str; 2] = ["contractNumber", "secretKey"];

/// Which properties are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgetting {
    /// Decides which.
    pub seed: u64,
    /// How many of 256.
    pub share: u8,
}

impl Forgetting {
    /// Whether the answer at a path leaves out a property of the thing with that id. A contract has no id.
    pub fn leaves_out(self, path: &str, id: &str, name: &str) -> bool {
        !KEPT.contains(&name) && self.draw(path, id, name) % 256 < u64::from(self.share)
    }

    fn draw(self, path: &str, id: &str, name: &str) -> u64 {
        // The low bits of a single round say little about the end of the text.
        mixed(mixed(self.seed, &format!("{path} {id} {name}")), "drawn") >> 8
    }

    pub(super) fn apply(self, exchange: &Exchange, answer: &mut Value) {
        match answer.get_mut("items").and_then(Value::as_array_mut) {
            Some(items) => items.iter_mut().for_each(|item| self.forget(exchange, item)),
            None => self.forget(exchange, answer),
        }
    }

    fn forget(self, exchange: &Exchange, thing: &mut Value) {
        let path = exchange.path.as_str();
        let id = thing["id"].as_str().unwrap_or_default().to_owned();
        if let Some(properties) = thing.get_mut("properties").and_then(Value::as_object_mut) {
            let names: Vec<String> = properties.keys().cloned().collect();
            for name in &names {
                self.drop_one(path, &id, name, properties);
            }
        }
        if let Some(metadata) = thing.get_mut("metadata").and_then(Value::as_object_mut) {
            self.drop_one(path, &id, "createdDate", metadata);
        }
        // Of a resource the type is a property like any other.
        if path == "/um/resources"
            && let Some(resource) = thing.as_object_mut()
        {
            self.drop_one(path, &id, "type", resource);
        }
    }

    fn drop_one(self, path: &str, id: &str, name: &str, properties: &mut Map<String, Value>) {
        if !properties.contains_key(name) || !self.leaves_out(path, id, name) {
            return;
        }
        let is_null = self.draw(path, id, name) % 512 >= 256 && !NULLABLE.contains(&name);
        if is_null {
            properties.insert(name.to_owned(), Value::Null);
        } else {
            properties.remove(name);
        }
    }
}
