//! The one integration binary.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod api_faults;
mod api_pages;
mod api_quiet;
mod api_read;
mod api_thirty;
mod api_tls;
mod store_diff;
mod store_open;
mod store_seal;
mod support;
