//! `keyholder config`: whether the configuration is in order, what it amounts to, and what it may say.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::config::keys::Shown;
use crate::config::{ConfigError, DEFAULT_FILE, KEYS, Loaded, Origin, schema};
use crate::domain::untrusted::{Untrusted, message};

/// Arguments of `keyholder config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands below `keyholder config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read every layer and report everything that is wrong with it
    Check,
    /// Print the effective values as a configuration file
    Show {
        /// Add where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print every key with its default and what it does, to begin a file with
    Default,
    /// Print the JSON schema of the file, for editors and pipelines
    Schema,
}

/// Why `keyholder config` failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is not in order: exit code 3.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The output cannot be written.
    #[error("write the output")]
    Output(#[from] io::Error),
}

/// Runs it. `loaded` is what reading the configuration gave: `default` and `schema` work with a broken one as well. Data
/// goes to `out`, remarks to `remarks`.
pub fn run(
    args: &Args,
    loaded: &Result<Loaded, ConfigError>,
    out: &mut dyn Write,
    remarks: &mut dyn Write,
) -> Result<(), Error> {
    match args.command {
        Command::Check => {
            let loaded = loaded.as_ref().map_err(Clone::clone)?;
            for warning in &loaded.warnings {
                writeln!(remarks, "warning: {}", message(warning))?;
            }
            let file =
                loaded.file.as_ref().map_or("no file".to_owned(), |path| Untrusted::from(path.as_path()).visible());
            writeln!(out, "the configuration is in order ({file}, {})", hash(loaded))?;
        }
        Command::Show { origin } => out.write_all(show(loaded.as_ref().map_err(Clone::clone)?, origin).as_bytes())?,
        Command::Default => out.write_all(DEFAULT_FILE.as_bytes())?,
        Command::Schema => writeln!(out, "{:#}", schema())?,
    }
    Ok(())
}

/// The effective values as a configuration file that means the same; unset keys as comments. There is nothing secret
/// to leave out: no key holds a secret.
fn show(loaded: &Loaded, origin: bool) -> String {
    let mut text = format!("# effective configuration, {}\n", hash(loaded));
    let mut section = "";
    for key in KEYS.iter() {
        let spec = &key.spec;
        if spec.section() != section {
            section = spec.section();
            write!(text, "\n[{section}]\n").expect("a String takes every write");
        }
        let from = origin.then(|| loaded.origin(spec.path));
        text.push_str(&line(spec.name(), key.shown(&loaded.config), from));
    }
    for (table, rows) in loaded.config.tables() {
        for (index, row) in rows.into_iter().enumerate() {
            let path = format!("{table}[{index}]");
            let header = format!("[[{table}]]");
            let from = if origin { format!("{header:<56} # {}", loaded.origin(&path)) } else { header };
            write!(text, "\n{from}\n").expect("a String takes every write");
            for (spec, shown) in row {
                // What is not given depends on the kind of the element; see its schema.
                let given = loaded.origin(&format!("{path}.{}", spec.name()));
                if *given != Origin::Default {
                    text.push_str(&line(spec.name(), shown, origin.then_some(given)));
                }
            }
        }
    }
    text
}

/// One key with its value and, if wanted, where that comes from.
fn line(name: &str, shown: Option<Shown>, origin: Option<&Origin>) -> String {
    let line = match shown {
        Some(shown) => format!("{name} = {}", literal(shown)),
        None => format!("# {name} is not set"),
    };
    match origin {
        Some(origin) => format!("{line:<56} # {origin}\n"),
        None => format!("{line}\n"),
    }
}

/// A value in TOML.
fn literal(shown: Shown) -> String {
    match shown {
        // A JSON string without control characters, which no value can hold, is a TOML string.
        Shown::Text(value) => serde_json::Value::String(value).to_string(),
        Shown::Number(value) => value.to_string(),
        Shown::Flag(value) => value.to_string(),
        Shown::List(items) => format!("[{}]", items.into_iter().map(literal).collect::<Vec<_>>().join(", ")),
    }
}

fn hash(loaded: &Loaded) -> String {
    format!("sha256 {}", loaded.config.hash())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_command_line_is_understood() {
        let command = |line: &[&str]| Line::try_parse_from(line).map(|line| line.args.command).ok();
        assert!(matches!(command(&["config", "show", "--origin"]), Some(Command::Show { origin: true })));
        assert!(matches!(command(&["config", "schema"]), Some(Command::Schema)));
        assert!(command(&["config"]).is_none());
    }

    #[test]
    fn a_broken_configuration_still_gets_the_defaults_and_the_schema() {
        let broken = || {
            crate::config::load(
                &crate::config::Flags::default(),
                &crate::seams::Environment::of([("KEYHOLDER_API_ATTEMPTS", "0")]),
            )
        };
        let run = |command| run(&Args { command }, &broken(), &mut Vec::new(), &mut Vec::new());
        assert!(run(Command::Default).is_ok() && run(Command::Schema).is_ok());
        assert!(matches!(run(Command::Check), Err(Error::Config(_))));
        assert!(matches!(run(Command::Show { origin: false }), Err(Error::Config(_))));
    }
}
