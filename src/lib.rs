//! keyholder: who holds which keys to an IONOS Cloud contract, what changed since last time, and the proof of it.

pub mod domain;
