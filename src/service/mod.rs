//! The service: runs jobs on their schedules, for months, beside nothing but a configuration file.

pub mod planner;
