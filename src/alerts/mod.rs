//! What is worth an alert, where it goes, when many become one, and how long a delivery is tried. Pure: values in, values out.
//!
//! Nothing here reads the store, sends anything, or knows a name of the contract's people.

pub mod digest;
pub mod retry;
pub mod route;
pub mod rules;

pub use digest::gather;
pub use route::{Route, Router};
