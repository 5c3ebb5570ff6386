//! Standard output: one JSON line per message.
//!
//! The output is given, so that nothing here prints by itself.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::failure::{DeliveryError, DeliveryFailure};
use super::message::Message;
use super::{Receipt, blocking, json_line};

/// Where lines go: standard output, or a buffer in a test.
pub type Output = Arc<Mutex<dyn Write + Send>>;

/// Where to write.
#[derive(Clone)]
pub struct Settings {
    /// The output.
    pub output: Output,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

/// Writes the message as one line and flushes.
pub(super) async fn deliver(settings: &Settings, message: &Message) -> Result<Receipt, DeliveryError> {
    let line = json_line("standard output", message)?;
    let output = Arc::clone(&settings.output);
    blocking("standard output", move || {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&line).and_then(|()| output.flush()).map_err(|source| DeliveryFailure::Output { source })?;
        Ok(Receipt { detail: format!("{} bytes written to standard output", line.len()) })
    })
    .await
}
