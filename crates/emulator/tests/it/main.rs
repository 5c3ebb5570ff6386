//! The emulator over HTTP, asked with a client of a few lines that shares nothing with any real one.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail tests, as the tests themselves do")]
#![expect(clippy::disallowed_methods, reason = "a test reads the tables of the system")]

mod fault_files;
mod fault_rows;
mod fault_rules;
mod gate;
mod peer;
mod reads;
mod shapes;
mod wire;
mod writes;
