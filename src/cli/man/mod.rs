//! `keyholder man`: one manual page for each command, out of the same definitions as the command line itself.
//!
//! Exit codes come from their one table, variables from the rows of the configuration; only examples and files are written
//! down here.

mod examples;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::Failure;
use crate::app::write;
use crate::config::KEYS;
use crate::exit::Exit;

pub use examples::{Example, of as examples_of};

/// Arguments of `keyholder man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command whose page is printed; without one that of keyholder itself
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder, as keyholder-COMMAND.1
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Variables that are no keys of the configuration.
const VARIABLES: [(&str, &str); 10] = [
    ("IONOS_TOKEN", "A bearer token. It beats user name and password."),
    ("IONOS_PASSWORD", "The password that belongs to IONOS_USERNAME."),
    ("KEYHOLDER_CONFIG", "The configuration file, if --config does not name one."),
    ("CREDENTIALS_DIRECTORY", "Set by systemd: ionos-token and ionos-password are read from there."),
    ("XDG_CONFIG_HOME", "Where keyholder/config.toml is, instead of ~/.config."),
    ("XDG_STATE_HOME", "Where keyholder/keyholder.db is, instead of ~/.local/state."),
    ("HTTPS_PROXY, NO_PROXY", "The proxy on the way to the API, and hosts that are asked without it."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
    ("COLUMNS", "The width of tables on a terminal."),
    ("TMPDIR", "Where a large database of an older version is copied to be read, instead of /tmp."),
];

/// Files that are read or written where nothing else is configured.
const FILES: [(&str, &str); 5] = [
    (
        "~/.config/keyholder/config.toml",
        "The configuration. `keyholder config default` prints every key with its meaning.",
    ),
    ("~/.local/state/keyholder/keyholder.db", "The database, with -wal and -shm beside it while it is in use."),
    ("~/.local/state/keyholder/keyholder.db.lock", "Who collects holds this file locked."),
    ("~/.local/state/keyholder/keyholder.db.service.lock", "The service holds this file locked."),
    (
        "~/.ionos/config",
        "The file that IONOS tools share, also as config.yaml or ~/.config/ionosctl/config.yaml: credentials of the profile in use.",
    ),
];

/// A page.
#[derive(Debug)]
pub struct Page {
    /// `keyholder-snapshots-list.1`.
    pub file_name: String,
    /// The words of the command, without `keyholder`: `snapshots list`.
    pub path: String,
    /// The page in roff.
    pub text: Vec<u8>,
}

/// Writes one page to `out`, or all of them into a folder.
pub fn run(args: &Args, command: Command, out: &mut dyn Write) -> Result<Exit, Failure> {
    let pages = pages(command)?;
    let Some(folder) = &args.out else {
        let wanted = args.command.join(" ");
        let page = pages.into_iter().find(|page| page.path == wanted).ok_or_else(|| Failure::Usage {
            what: format!("find the manual page of {wanted:?}: there is no such command"),
            hint: "keyholder --help lists the commands",
        })?;
        out.write_all(&page.text)?;
        return Ok(Exit::Done);
    };
    write::folder(folder)?;
    for page in pages {
        write::file(&folder.join(page.file_name), &page.text)?;
    }
    Ok(Exit::Done)
}

/// The pages of a command and of all below it, in order.
pub fn pages(command: Command) -> io::Result<Vec<Page>> {
    // The page of a command says what it takes; a command that repeats that has no page.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "", &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, path: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("keyholder").source(concat!("keyholder ", env!("CARGO_PKG_VERSION")));
    let file_name = man.get_filename();
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    for section in [exit_status(), files(), environment(path.is_empty()), examples(path)] {
        section.to_writer(&mut text)?;
    }
    pages.push(Page { file_name, path: path.to_owned(), text });
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let path = format!("{path} {}", below.get_name());
        add(below, path.trim_start(), pages)?;
    }
    Ok(())
}

fn exit_status() -> Roff {
    let codes = Exit::ALL.map(|exit| (exit.code().to_string(), exit.meaning().to_owned()));
    list("EXIT STATUS", codes)
}

fn files() -> Roff {
    list("FILES", FILES.map(|(file, what)| (file.to_owned(), what.to_owned())))
}

/// Every variable, or those that are not keys of the configuration and where the others are.
fn environment(is_whole: bool) -> Roff {
    let own = VARIABLES.map(|(name, what)| (name.to_owned(), what.to_owned()));
    let keys = KEYS.iter().filter(|_| is_whole);
    let keys = keys.map(|key| (key.spec.variables.join(", "), format!("{}: {}", key.spec.path, key.spec.about)));
    let others = (!is_whole).then(|| {
        (
            "KEYHOLDER_*, IONOS_*".to_owned(),
            "Every key of the configuration has a variable; see keyholder(1).".to_owned(),
        )
    });
    list("ENVIRONMENT", own.into_iter().chain(keys).chain(others))
}

fn examples(path: &str) -> Roff {
    list("EXAMPLES", examples_of(path).iter().map(|example| (example.line.to_owned(), example.what.to_owned())))
}

/// A section of terms, each with what it means.
fn list(title: &str, rows: impl IntoIterator<Item = (String, String)>) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (term, meaning) in rows {
        section.control("TP", []);
        section.text([bold(term)]);
        section.text(inlines(&meaning));
    }
    section
}

/// Text with what stands in backticks in bold.
fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { roman(part) }).collect()
}
