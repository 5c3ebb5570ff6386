//! HTML: templates, their escaping, and the policy that lets a page fetch nothing and run nothing but its own script.
//!
//! Everything printed by a template is escaped here, whatever the template says: there is no `safe` filter, and switching
//! auto-escape off in a template changes nothing. Markup comes only from the templates and from the functions below.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::chart::{self, Amount};
use super::text::visible;
use crate::files::{self, FileError, Purpose};

/// The style sheet's name among the templates.
const STYLE: &str = "style.css";
/// The print style sheet's name among the templates.
const PRINT: &str = "print.css";
/// The script's name among the templates.
const SCRIPT: &str = "table.js";

/// Embeds files of `reports/` under their names.
macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/reports/", $name)))),+]
    };
}

/// Every template that the program carries.
const EMBEDDED: &[(&str, &str)] = embedded![
    "access-review.html.j2",
    "access-review/appendix.html.j2",
    "access-review/groups.html.j2",
    "access-review/keys.html.j2",
    "access-review/privileged.html.j2",
    "access-review/resources.html.j2",
    "access-review/shares.html.j2",
    "access-review/summary.html.j2",
    "access-review/users.html.j2",
    "base.html.j2",
    "change-list.html.j2",
    "changes.html.j2",
    "macros.html.j2",
    "population-report.html.j2",
    "population.html.j2",
    "print.css",
    "style.css",
    "table.js",
];

/// The templates of a page: those that the program carries, with replacements by name.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    replaced: BTreeMap<String, String>,
}

/// A folder of templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// A file in the folder is no template of ours: most likely a misspelt name.
    #[error("find a template to replace with {name:?}: there is none of that name")]
    Unknown {
        /// The file's name below the folder.
        name: String,
    },
    /// A file that is there cannot be read, or may not be believed.
    #[error("read template {name:?}")]
    File {
        /// The file's name below the folder.
        name: String,
        /// The reason.
        #[source]
        source: FileError,
    },
    /// The folder cannot be listed.
    #[error("list the templates in {name:?}")]
    Read {
        /// The file's name below the folder.
        name: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

/// What to do about a template that cannot be used.
pub const TEMPLATES_HINT: &str = "look at the templates in the folder that report.templates names";

impl TemplatesError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let of_file = match self {
            Self::File { source, .. } => source.hint(),
            Self::Unknown { .. } | Self::Read { .. } => None,
        };
        of_file.unwrap_or_else(|| TEMPLATES_HINT.to_owned())
    }
}

impl Templates {
    /// The templates that the program carries.
    pub fn embedded() -> Self {
        Self::default()
    }

    /// The names of all templates, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// The text that the program carries under that name, as a beginning for an own one.
    pub fn original(name: &str) -> Option<&'static str> {
        EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Replaces one template.
    pub fn replace(mut self, name: &str, text: impl Into<String>) -> Result<Self, TemplatesError> {
        if Self::original(name).is_none() {
            return Err(TemplatesError::Unknown { name: name.to_owned() });
        }
        self.replaced.insert(name.to_owned(), text.into());
        Ok(self)
    }

    /// Replaces every template that the folder has a file for. Only our own names are opened.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, TemplatesError> {
        for name in Self::names() {
            match files::read_text(&folder.join(name), Purpose::Template) {
                Ok(text) => self = self.replace(name, text.as_str())?,
                Err(error) if error.is_missing() => {}
                Err(source) => return Err(TemplatesError::File { name: name.to_owned(), source }),
            }
        }
        Self::refuse_strangers(folder, "")?;
        Ok(self)
    }

    /// A template that nothing asks for would be ignored in silence.
    fn refuse_strangers(folder: &Path, below: &str) -> Result<(), TemplatesError> {
        let unreadable = |source| TemplatesError::Read { name: below.to_owned(), source };
        let mut entries = std::fs::read_dir(folder.join(below))
            .map_err(unreadable)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                if EMBEDDED.iter().any(|(known, _)| known.starts_with(&format!("{name}/"))) {
                    Self::refuse_strangers(folder, &format!("{name}/"))?;
                }
            } else if Self::original(&name).is_none() && looks_like_ours(&name) {
                return Err(TemplatesError::Unknown { name });
            }
        }
        Ok(())
    }

    fn text<'a>(&'a self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.replaced.get(name).map(String::as_str).or_else(|| Self::original(name))?;
        // Browsers hash what they parsed, and parsing turns CR LF into LF.
        Some(if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) })
    }
}

fn looks_like_ours(name: &str) -> bool {
    [".j2", ".css", ".js"].iter().any(|ending| name.ends_with(ending))
}

/// What a page has besides its value.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// Which template.
    pub template: &'a str,
    /// The line at the top of every printed page; only letters, digits and plain punctuation reach the page.
    pub running: &'a str,
    /// Whether every printed page has to say that the population is incomplete.
    pub incomplete: bool,
    /// How many rows there are, for the limit on what a template may do.
    pub rows: usize,
}

/// Renders a value with its template into one self-contained page.
pub fn render<T: Serialize>(templates: &Templates, page: &Page<'_>, value: &T) -> Result<String, Error> {
    let environment = environment(templates, page.rows)?;
    let shell = shell(templates, page)?;
    let context = BTreeMap::from([("page", Value::from(shell)), ("report", Value::from(Serde(value)))]);
    environment.get_template(page.template)?.render(Value::from(context))
}

fn environment(templates: &Templates, rows: usize) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A page needs a few thousand units per row; a template that loops for ever runs dry.
    environment.set_fuel(Some(4_000_000 + 20_000 * rows as u64));
    environment.set_formatter(escaping);
    for escape_hatch in ["safe", "escape", "e", "tojson"] {
        environment.remove_filter(escape_hatch);
    }
    environment.add_function("bars", |id: &str, title: &str, amounts: Serde<Vec<Amount>>| {
        Value::from_safe_string(chart::bars(id, title, &amounts.0))
    });
    environment.add_function("stacked", |id: &str, title: &str, amounts: Serde<Vec<Amount>>| {
        Value::from_safe_string(chart::stacked(id, title, &amounts.0))
    });
    environment.add_function("sparkline", |id: &str, title: &str, values: Serde<Vec<Option<u64>>>| {
        Value::from_safe_string(chart::sparkline(id, title, &values.0))
    });
    environment.add_filter("instant", |text: &str| for_people(text).into_owned());
    environment.add_filter("thousands", thousands);
    for name in Templates::names().filter(|name| ![STYLE, PRINT, SCRIPT].contains(name)) {
        let text = templates.text(name).unwrap_or_default().into_owned();
        environment.add_template_owned(name, text)?;
    }
    Ok(environment)
}

/// Writes a value into the page. Text is escaped and made visible even where a template switched escaping off.
fn escaping(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_safe() {
        return Ok(out.write_str(value.as_str().unwrap_or_default())?);
    }
    match value.kind() {
        // A name that is not there was refused before; what is undefined here is an `if` without an `else`.
        ValueKind::Undefined | ValueKind::None => Ok(()),
        _ => match value.as_str() {
            Some(text) => escape(out, text),
            None => escape(out, &value.to_string()),
        },
    }
}

fn escape(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    let text = visible(text);
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            _ => continue,
        };
        out.write_str(&text[plain..place])?;
        out.write_str(escaped)?;
        plain = place + character.len_utf8();
    }
    Ok(out.write_str(&text[plain..])?)
}

/// The parts of the page that belong together by their hashes: policy, styles and script.
fn shell(templates: &Templates, page: &Page<'_>) -> Result<BTreeMap<&'static str, Value>, Error> {
    let part = |name| templates.text(name).unwrap_or_default();
    let style = format!("{}{}{}", part(STYLE), part(PRINT), running(page));
    let script = part(SCRIPT);
    for (name, text, end) in [("style", style.as_str(), "</style"), ("script", &*script, "</script")] {
        let lower = text.to_ascii_lowercase();
        if lower.contains(end) || lower.contains("<!--") {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("embed a {name} that ends its own element")));
        }
    }
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        source_hash(&style),
        source_hash(&script),
    );
    let element = |text: String| Value::from_safe_string(text);
    Ok(BTreeMap::from([
        ("policy", element(format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"))),
        ("style", element(format!("<style>{style}</style>"))),
        ("script", element(format!("<script>{script}</script>"))),
    ]))
}

/// The running header of printed pages: in CSS, because only there a page of paper is known.
fn running(page: &Page<'_>) -> String {
    let line: String = page
        .running
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || " .,:-·".contains(*character))
        .collect();
    let warning = if page.incomplete { "INCOMPLETE POPULATION" } else { "" };
    format!("@page{{@top-left{{content:\"{line}\"}}@top-right{{content:\"{warning}\"}}}}\n")
}

/// A source expression of a content security policy: the hash of an inline style or script.
pub fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// `2026-11-23T09:30:00Z` as `2026-11-23 09:30 UTC`; anything else stays as it is.
fn for_people(text: &str) -> Cow<'_, str> {
    match (text.get(..10), text.get(10..11), text.get(11..16), text.ends_with('Z')) {
        (Some(date), Some("T"), Some(time), true) => Cow::Owned(format!("{date} {time} UTC")),
        _ => Cow::Borrowed(text),
    }
}

/// `12345` as `12,345`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
