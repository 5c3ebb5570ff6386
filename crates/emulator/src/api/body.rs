//! Bodies of writes: read leniently, with the API's complaints where something is missing or of the wrong type.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::Problem;

/// The object that a write carries.
#[derive(Debug)]
pub(super) struct Given(Map<String, Value>);

/// The `properties` of that object.
#[derive(Debug)]
pub(super) struct Properties(Map<String, Value>);

impl Given {
    /// Reads a JSON body. Creating a share is documented as `*/*`; everywhere else the type must be JSON.
    pub(super) fn read(headers: &HeaderMap, bytes: &[u8], any_type: bool) -> Result<Self, Problem> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !any_type && !kind.to_lowercase().starts_with("application/json") {
            return Err(Problem::usual(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Problem::unreadable(format!("the request body cannot be parsed: {error}")))?;
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(Problem::unreadable("the request body is not an object")),
        }
    }

    /// The id, required where a member is added.
    pub(super) fn id(&self) -> Result<&str, Problem> {
        self.0.get("id").and_then(Value::as_str).ok_or_else(|| Problem::constraint("id", "Attribute 'id' is required"))
    }

    /// The properties, which every other body must have.
    pub(super) fn properties(mut self) -> Result<Properties, Problem> {
        match self.0.remove("properties") {
            Some(Value::Object(members)) => Ok(Properties(members)),
            _ => Err(Problem::constraint("properties", "Attribute 'properties' is required")),
        }
    }
}

impl Properties {
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(name, "a string")),
        }
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String, Problem> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
            Problem::constraint(&format!("properties.{name}"), &format!("Attribute '{name}' is required"))
        })
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(held)) => Ok(Some(*held)),
            Some(_) => Err(wrong(name, "a boolean")),
        }
    }

    /// The names of all properties that were given, null ones left out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str())
    }
}

fn wrong(name: &str, expected: &str) -> Problem {
    Problem::constraint(&format!("properties.{name}"), &format!("Attribute '{name}' must be {expected}"))
}
