//! Alerts: composed in the transaction that seals a snapshot, rendered and delivered afterwards.

pub mod announce;

pub use announce::Announcer;
