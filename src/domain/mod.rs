//! The words of the field as types: what a contract holds, what was seen of it and what changed.
//!
//! Pure: no clock, no I/O, no SQL, no HTTP, and nothing here knows how the API spells its answers.

pub mod agreement;
pub mod alert;
pub mod body;
pub mod change;
pub mod contract;
pub mod count;
pub mod coverage;
pub mod fact;
pub mod grant;
pub mod group;
pub mod id;
pub mod job;
pub mod key;
pub mod notice;
pub mod period;
pub mod principal;
pub mod privilege;
pub mod recency;
pub mod resource;
pub mod schedule;
pub mod severity;
pub mod share;
pub mod sighting;
pub mod snapshot;
pub mod state;
pub mod time;
pub mod unknown;
pub mod untrusted;
pub mod user;
pub mod vanishing;
