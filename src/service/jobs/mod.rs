//! The kinds of jobs, one file each. A new kind is a file here and a line in this list.

pub mod backup;
pub mod collect;
pub mod deliver;
pub mod report;
pub mod verify;
