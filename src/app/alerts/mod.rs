//! Alerts: composed in the transaction that seals a snapshot, rendered and delivered afterwards.

pub mod announce;
pub mod deliver;
pub mod failure;
pub mod muting;
mod nameless;
pub mod render;
pub mod setup;
pub mod watch;

pub use announce::Announcer;
