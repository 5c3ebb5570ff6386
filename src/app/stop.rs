//! Stopping a collection from outside: who is asked to stop learns why, and says so in the record of the run.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// A way to stop a collection. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    why: Arc<OnceLock<String>>,
}

impl Stop {
    /// Stops it; the first reason counts.
    pub fn stop(&self, why: &str) {
        // Whoever was first has said it already.
        drop(self.why.set(why.to_owned()));
        self.token.cancel();
    }

    /// Why it was stopped.
    pub fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Cancelled when it is stopped: for everything that waits.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
