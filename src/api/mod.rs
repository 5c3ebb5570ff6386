//! The IONOS user management API: 30 typed operations on three types (read, write, sign-on), and how to be a decent client.
//!
//! Only this module speaks HTTP to IONOS. It knows nothing of the store and never logs a body or a header value.

pub mod answer;
pub mod body;
pub mod error;
mod fault;
pub mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
pub mod operation;
mod pace;
pub mod pages;
pub mod read;
pub mod recording;
pub mod room;
pub mod settings;
pub mod sign_on;
pub mod target;
pub mod tls;
mod transport;
pub mod wire;
pub mod write;

pub use self::answer::{Answer, Depth, Listing, Page, Rate, Receipt};
pub use self::error::{Error, Fault};
pub use self::settings::{Credentials, Pin, Settings, Version};
pub use self::target::Target;
