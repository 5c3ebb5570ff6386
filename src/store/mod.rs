//! The store: years of snapshots of many contracts in one SQLite file.
//!
//! The only module with SQL. Facts are intervals, bodies are content-addressed, and one transaction seals a snapshot:
//! a crash leaves the old state or the new one. Nothing here talks to the API, prints, or reads the clock. What the store
//! does for others is a span each, without values: who listens knows that it is at work.

pub mod backup;
pub mod changes;
mod columns;
mod commitment;
mod create;
mod damage;
pub mod deliveries;
mod digests;
pub mod error;
mod header;
pub mod in_use;
mod intern;
mod merge;
pub mod mutes;
pub mod names;
pub mod notices;
pub mod open;
pub mod origins;
pub mod outbox;
pub mod overview;
pub mod packing;
mod parts;
pub mod place;
pub mod principals;
mod reader;
pub mod reading;
mod recency;
pub mod restore;
pub mod runner;
pub mod runs;
pub mod schedules;
mod schema;
pub mod seal;
pub mod snapshots;
pub mod staging;
pub mod state;
mod vanishing;
mod waiting;
mod wide;

pub use error::StoreError;
pub use open::{Access, Store};
pub use waiting::LockWait;
