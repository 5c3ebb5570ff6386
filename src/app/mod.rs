//! The use cases: what a command does once its arguments are understood. Puts walk, store, analysis and reports together;
//! knows neither the command line nor the terminal.

pub mod alerts;
pub mod backup;
pub mod collect;
pub mod demo;
pub mod freshness;
pub mod heartbeat;
pub mod preconditions;
pub mod prepare;
mod principal;
pub mod recency;
pub mod recording;
pub mod reports;
pub mod restore;
pub mod review;
pub mod search;
pub mod status;
pub mod stop;
mod terms;
pub mod write;
