//! Walks a contract through the reading client and says what was seen, and of which scope that was all there was.
//!
//! Never writes to the API, never decides what changed, never touches the store. No failed call turns into "absent".

mod confirm;
mod error;
pub mod journal;
mod lists;
mod observed;
mod outcome;
pub mod plan;
pub mod plausibility;
pub mod preview;
pub mod principal;
mod reading;
pub mod recheck;
mod reread;
mod single_read;
pub mod walk;

pub use error::CollectError;
pub use journal::{Checkpoint, Journal, JournalError};
pub use plan::{Call, Plan};
pub use walk::{Limits, Progress, Walk, WalkOptions, walk, walk_on};
