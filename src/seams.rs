//! The seams to the world: the only clock, the only randomness, the only environment.
//!
//! Everything else takes one of these as an argument, so that a test can hold time still and repeat a run.

mod environment;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use environment::{Cleaned, Environment, SecretKind, arguments, clean};

/// Tells the wall-clock time. Durations are measured with `tokio::time::Instant` instead.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// Gives bytes nobody can guess.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("get randomness from the system: {0}")]
pub struct RandomError(String);

/// Clock and randomness together, cheap to clone.
#[derive(Clone)]
pub struct Seams {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Seams {
    /// The real ones.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }

    /// Given ones.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// The same randomness under another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: Arc::clone(&self.random) }
    }

    /// Now, in UTC.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Thirty-two bytes nobody can guess.
    pub fn secret_bytes(&self) -> Result<[u8; 32], RandomError> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn unit(&self) -> Result<f64, RandomError> {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes)?;
        Ok(f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0))
    }
}

impl fmt::Debug for Seams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seams").finish_non_exhaustive()
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system for randomness")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|error| RandomError(error.to_string()))
    }
}

/// Where files belong that are gone with the process: `TMPDIR`; where that is no absolute path, `/tmp`.
pub fn temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.is_absolute() { folder } else { PathBuf::from("/tmp") }
}

/// A clock that stands still until it is set; for tests and for the demonstration's simulated month.
#[derive(Debug)]
pub struct SetClock(std::sync::Mutex<DateTime<Utc>>);

impl SetClock {
    /// A clock that shows that instant.
    pub fn at(now: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::new(now)))
    }

    /// Moves it.
    pub fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Randomness that repeats itself: a counter through SHA-256. Only for tests; never for keys of real data.
#[derive(Debug)]
pub struct SeededRandom(std::sync::Mutex<(u64, u64)>);

impl SeededRandom {
    /// The sequence that belongs to that seed.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::new((seed, 0))))
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        use sha2::{Digest as _, Sha256};
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in buffer.chunks_mut(32) {
            state.1 += 1;
            let mut hash = Sha256::new();
            hash.update(state.0.to_le_bytes());
            hash.update(state.1.to_le_bytes());
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A clock that runs on from whatever instant it was last set to; for the demonstration's simulated month.
#[derive(Debug)]
pub struct ShiftedClock(std::sync::Mutex<(DateTime<Utc>, std::time::Instant)>);

impl ShiftedClock {
    /// A clock that shows that instant now.
    pub fn at(instant: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::new((instant, std::time::Instant::now()))))
    }

    /// Moves it.
    pub fn set(&self, instant: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (instant, std::time::Instant::now());
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        let (instant, set_at) = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        instant + set_at.elapsed()
    }
}
