//! The integration tests, in one binary.

mod config_canary;
mod config_credentials;
mod config_files;
mod config_precedence;
