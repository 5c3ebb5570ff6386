//! What several tests need.

pub(crate) mod api;
pub(crate) mod cli;
pub(crate) mod model;
pub(crate) mod raw;
pub(crate) mod truth;
pub(crate) mod virtual_time;
