//! The store: years of snapshots of many contracts in one SQLite file.
//!
//! The only module with SQL. Facts are intervals, bodies are content-addressed, and one transaction seals a snapshot:
//! a crash leaves the old state or the new one. Nothing here talks to the API, prints, or reads the clock.

pub mod changes;
mod commitment;
pub mod error;
mod intern;
mod merge;
pub mod names;
pub mod notices;
pub mod open;
mod parts;
pub mod runner;
pub mod runs;
pub mod seal;
pub mod snapshots;
pub mod state;

pub use error::StoreError;
pub use open::{Access, Store};
