//! What both benches build on: contracts of a size, served; and histories of many days, made through the real store.
//!
//! Measures nothing and prints nothing.

pub(crate) mod history;
pub(crate) mod site;

/// What a bench can fail with: it is told and ends the bench.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
