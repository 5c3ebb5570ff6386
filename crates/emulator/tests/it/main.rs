//! The emulator over HTTP, asked with a client of a few lines that shares nothing with any real one.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail tests, as the tests themselves do")]

mod gate;
mod peer;
mod reads;
mod shapes;
mod writes;
