//! Reading one table of a fault file key by key, so that every error knows its line and its key.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// Why a fault file is not in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is no TOML.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// A key is unknown, or its value is not usable.
    #[error("line {line}, key `{key}`: {problem}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A fault says too little or too much.
    #[error("line {line}, fault: {problem}")]
    Fault {
        /// Where the fault begins, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// The line of a byte, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// A table of which keys are taken one by one.
pub(super) struct Section<'t> {
    /// Where it begins.
    pub(super) line: usize,
    left: BTreeMap<&'t str, (usize, &'t DeValue<'t>)>,
}

impl<'t> Section<'t> {
    pub(super) fn new(text: &str, table: &'t DeTable<'t>, begins: usize) -> Self {
        let keys = table.iter().map(|(key, value)| {
            let at = line(text, key.span().start);
            (key.get_ref().as_ref(), (at, value.get_ref()))
        });
        Self { line: begins, left: keys.collect() }
    }

    /// Takes a key that may be missing.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'t DeValue<'t>) -> Result<T, String>,
    ) -> Result<Option<T>, FileError> {
        let Some((line, value)) = self.left.remove(key) else {
            return Ok(None);
        };
        read(value).map(Some).map_err(|problem| FileError::Key { line, key: key.to_owned(), problem })
    }

    /// The line of a key, or of the table if it has no such key.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.left.get(key).map_or(self.line, |(line, _)| *line)
    }

    /// The whole table is wrong.
    pub(super) fn fault(&self, problem: impl Into<String>) -> FileError {
        FileError::Fault { line: self.line, problem: problem.into() }
    }

    /// Nothing is left, or the first key that nobody knows is an error.
    pub(super) fn finish(self) -> Result<(), FileError> {
        match self.left.into_iter().min_by_key(|(_, (line, _))| *line) {
            None => Ok(()),
            Some((key, (line, _))) => {
                Err(FileError::Key { line, key: key.to_owned(), problem: "there is no such key here".to_owned() })
            }
        }
    }
}

/// A whole number.
pub(super) fn number<N: TryFrom<i128>>(value: &DeValue<'_>) -> Result<N, String> {
    let number = value
        .as_integer()
        .and_then(|number| i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
    let number = number.ok_or_else(|| format!("a whole number is expected, not {}", described(value)))?;
    N::try_from(number).map_err(|_| format!("{number} is out of range"))
}

/// A share between 0 and 1.
pub(super) fn share(value: &DeValue<'_>) -> Result<f64, String> {
    let text = match value {
        DeValue::Float(number) => number.as_str(),
        DeValue::Integer(number) => number.as_str(),
        _ => return Err(format!("a number between 0 and 1 is expected, not {}", described(value))),
    };
    let number = text.replace('_', "").parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("{text} is not between 0 and 1"))
}

pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("a text is expected, not {}", described(value)))
}

/// A key that is there or not: `true` is the only value.
pub(super) fn yes(value: &DeValue<'_>) -> Result<(), String> {
    if value.as_bool() == Some(true) { Ok(()) } else { Err("`true` is the only value".to_owned()) }
}

/// One of these words.
pub(super) fn word<T: Clone>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|(_, meaning)| meaning.clone()).ok_or_else(|| {
        let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("one of {} is expected, not {}", words.join(", "), described(value))
    })
}

/// Any value, as JSON has it.
pub(super) fn json(value: &DeValue<'_>) -> Result<serde_json::Value, String> {
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Integer(_) => number::<i64>(value)?.into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().map_err(|error| error.to_string())?.into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?,
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)));
            serde_json::Value::Object(pairs.collect::<Result<_, String>>()?)
        }
    })
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        other => format!("{} {}", article(other.type_str()), other.type_str()),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'i']) { "an" } else { "a" }
}
