//! The service: runs jobs on their schedules, for months, beside nothing but a configuration file.
//!
//! One loop ticks; the planner decides what is due from the record in the database; one job runs at a time. The listener
//! only reads. Nothing here prints, knows the command line or decides what a job does.

pub mod engine;
mod events;
mod guard;
pub mod heartbeat;
pub mod http;
pub mod job;
pub mod jobs;
mod lane;
pub mod metrics;
mod notify;
pub mod planner;
pub mod running;
pub mod setup;
