//! What a command works with: configuration, environment, clock and randomness, and where its output goes.

use std::io::{self, IsTerminal as _, Write};

use super::Failure;
use super::terminal::{Terminal, csv_lines};
use crate::config::{self, ConfigError, Flags, Loaded};
use crate::domain::untrusted::visible;
use crate::report::Format;
use crate::seams::{Environment, Seams};
use crate::store::{Access, LockWait, Store};

/// As wide as this is a terminal that does not say how wide it is.
const DEFAULT_WIDTH: u16 = 80;

/// Everything a command may use.
pub struct Context {
    /// The configuration, or what is wrong with it: commands that need none run all the same.
    pub loaded: Result<Loaded, ConfigError>,
    /// What the command line says about the configuration.
    pub flags: Flags,
    /// The environment variables.
    pub environment: Environment,
    /// Clock and randomness.
    pub seams: Seams,
    /// Where data goes.
    pub out: Box<dyn Write>,
    /// The terminal's width, where data goes to one; without it, it goes to a file or a pipe.
    pub width: Option<u16>,
    /// Whether progress may be shown on standard error.
    pub progress: bool,
    /// Whether only errors go to standard error.
    pub quiet: bool,
}

impl Context {
    /// A context that writes to the process's standard output.
    pub fn of_process(
        loaded: Result<Loaded, ConfigError>,
        flags: Flags,
        environment: Environment,
        seams: Seams,
        quiet: bool,
    ) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| terminal_width(&environment).unwrap_or(DEFAULT_WIDTH));
        let progress = !quiet && io::stderr().is_terminal();
        let out = io::BufWriter::new(Patient(stdout));
        let out: Box<dyn Write> = if width.is_some() { Box::new(Terminal::new(out)) } else { Box::new(out) };
        Self { loaded, flags, environment, seams, out, width, progress, quiet }
    }

    /// The configuration, or the failure it is.
    pub fn config(&self) -> Result<&Loaded, Failure> {
        self.loaded.as_ref().map_err(|error| Failure::Config(error.clone()))
    }

    /// Reads the configuration again, from all its layers.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        config::load(&self.flags, &self.environment)
    }

    /// Opens the configured database.
    pub async fn store(&self, access: Access) -> Result<Store, Failure> {
        let loaded = self.config()?;
        Ok(Store::open_with(loaded.database()?, access, LockWait::of(loaded.config.store.lock_wait)).await?)
    }

    /// Writes one line for people to standard error, unless it is to be quiet. Unlike a line of the log it may name persons.
    /// What hides in it is shown.
    pub(super) fn remark(&self, text: &str) -> Result<(), Failure> {
        if !self.quiet {
            writeln!(io::stderr().lock(), "{}", visible(text))?;
        }
        Ok(())
    }

    /// Writes one line of data; on a terminal it is one line whatever is in it.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        match self.width {
            Some(_) => writeln!(self.out, "{}", visible(text))?,
            None => writeln!(self.out, "{text}")?,
        }
        Ok(())
    }

    /// Writes a whole document as data.
    pub(super) fn document(&mut self, format: Format, bytes: &[u8]) -> Result<(), Failure> {
        if self.width.is_some() && format == Format::Csv {
            self.out.write_all(csv_lines(bytes).as_bytes())?;
        } else {
            self.out.write_all(bytes)?;
        }
        Ok(())
    }
}

/// Standard output that takes everything when its reader has gone away: the reader has seen enough, but the command has to
/// come to its end, because its exit code says more than what was read.
struct Patient<W>(W);

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            outcome => outcome,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        }
    }
}

fn terminal_width(environment: &Environment) -> Option<u16> {
    let reported = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    reported.or_else(|| terminal_size::terminal_size().map(|(width, _)| width.0))
}
