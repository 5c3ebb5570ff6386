//! An emulator and the clients that speak to it.

use std::sync::Arc;

use chrono::DateTime;
use emulator::Emulator;
use keyholder::api::settings::{Credentials, Settings, Version};
use keyholder::api::{read, sign_on, write};
use keyholder::seams::{Random, RandomError, Seams, SetClock};

/// Randomness that always says nothing: a client whose waits are random does not wait at all.
struct NoWaiting;

impl Random for NoWaiting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        buffer.fill(0);
        Ok(())
    }
}

/// A clock that stands still, and no waiting.
pub(crate) fn seams() -> Seams {
    let now = DateTime::parse_from_rfc3339("2026-06-01T06:00:00Z").unwrap();
    Seams::new(SetClock::at(now.to_utc()), Arc::new(NoWaiting))
}

/// A small contract.
pub(crate) async fn emulator() -> Emulator {
    Emulator::builder().seed(7).users(30).start().await.unwrap()
}

/// Settings for that emulator in that dialect, with the administrator's token.
pub(crate) fn settings(emulator: &Emulator, version: Version) -> Settings {
    let dialect = match version {
        Version::V5 => emulator::Version::V5,
        Version::V6 => emulator::Version::V6,
    };
    let base = emulator.base_url(dialect).parse().unwrap();
    Settings::new(base, version, Credentials::Bearer(emulator.token().into()))
}

/// A reading client of v6.
pub(crate) fn reader(emulator: &Emulator) -> read::Client {
    read::Client::new(&settings(emulator, Version::V6), seams()).unwrap()
}

/// A writing client of v6.
pub(crate) fn writer(emulator: &Emulator) -> write::Client {
    write::Client::new(&settings(emulator, Version::V6), seams()).unwrap()
}

/// A sign-on client of v6.
pub(crate) fn sign_on(emulator: &Emulator) -> sign_on::Client {
    sign_on::Client::new(&settings(emulator, Version::V6), seams()).unwrap()
}
