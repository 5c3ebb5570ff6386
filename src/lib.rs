//! keyholder: who holds which keys to an IONOS Cloud contract, what changed since last time, and the proof of it.
//!
//! Data flows one way: API → walk → facts → store → diff, grants → report. `ARCHITECTURE.md` has the map.

pub mod analyse;
pub mod api;
pub mod cli;
pub mod collect;
pub mod config;
pub mod credentials;
pub mod domain;
pub mod exit;
pub mod report;
pub mod seams;
pub mod store;
pub mod telemetry;
