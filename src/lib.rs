//! keyholder: who holds which keys to an IONOS Cloud contract, what changed since last time, and the proof of it.
//!
//! Data flows one way: API → walk → facts → store → diff, grants → report. `ARCHITECTURE.md` has the map.

#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests make and read files of their own"))]

#[cfg(all(feature = "unredacted", not(debug_assertions)))]
compile_error!("the feature `unredacted` stores secrets: it is for the control of a test and never for a release");

pub mod alerts;
pub mod analyse;
pub mod api;
pub mod app;
pub mod cli;
pub mod collect;
pub mod config;
pub mod credentials;
pub mod domain;
pub mod exit;
#[expect(clippy::disallowed_methods, reason = "the one module that opens files")]
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod report;
pub mod seams;
pub mod service;
pub mod sinks;
pub mod store;
pub mod telemetry;
