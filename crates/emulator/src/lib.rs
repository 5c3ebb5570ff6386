//! The IONOS user management API as a local server, for tests and demonstrations.
//!
//! It serves the thirty operations of `/um` in the manner of v5 and v6, with the neighbours that a client needs, from a
//! contract that a seed decides. It binds loopback only, shares no type with any client, and never looks at the wall
//! clock: the caller sets its time.

mod api;
mod clock;
mod counters;
mod elsewhere;
mod emulator;
pub mod faults;
mod gate;
mod generate;
mod identity;
mod inbox;
mod json;
mod quota;
pub mod replay;
pub mod script;
mod server;
mod shared;
mod sight;
pub mod world;

pub use api::{Deep, Version};
pub use counters::Counters;
pub use elsewhere::Elsewhere;
pub use emulator::{Builder, Emulator, StartError};
pub use faults::{Body, Fault, Rule, Schedule};
pub use generate::{Cast, Size};
pub use inbox::Inbox;
pub use quota::RateLimit;
pub use replay::{Recording, RecordingError, Replay};
pub use shared::Restricted;
pub use world::World;
