//! The one integration binary.

mod store_diff;
mod store_open;
mod store_seal;
mod support;
