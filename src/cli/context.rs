//! What a command works with: configuration, environment, clock and randomness, and where its output goes.

use std::io::{self, IsTerminal as _, Write};

use super::Failure;
use super::table::visible;
use crate::config::{self, ConfigError, Flags, Loaded};
use crate::seams::{Environment, Seams};
use crate::store::{Access, LockWait, Store};

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
    /// The terminal's width, where data goes to one.
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
        let width = stdout.is_terminal().then(|| terminal_width(&environment)).flatten();
        let progress = !quiet && io::stderr().is_terminal();
        let out = Box::new(io::BufWriter::new(Patient(stdout)));
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
    /// Control characters in it are shown, not sent.
    pub(super) fn remark(&self, text: &str) -> Result<(), Failure> {
        if !self.quiet {
            writeln!(io::stderr().lock(), "{}", visible(text))?;
        }
        Ok(())
    }

    /// Writes one line of data.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}")?;
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
    let told = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    told.or_else(|| terminal_size::terminal_size().map(|(width, _)| width.0))
}
