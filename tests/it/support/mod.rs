//! What several tests need.

pub(crate) mod api;
pub(crate) mod cli;
pub(crate) mod cut;
pub(crate) mod model;
pub(crate) mod raw;
pub(crate) mod site;
