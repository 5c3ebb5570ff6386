//! The command line: one file per command. It prints; what is below it does not.

pub mod completions;
pub mod config;
pub mod doctor;
