//! The IONOS user management API: 30 typed operations on three types (read, write, sign-on), and how to be a decent client.
//!
//! Only this module speaks HTTP to IONOS. It knows nothing of the store and never logs a body or a header value.

pub mod settings;
