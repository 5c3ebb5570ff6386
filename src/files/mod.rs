//! Opens files: the one place that decides whether a file that was named may be believed, or written.
//!
//! A file that decides something (settings, credentials, certificate authorities, templates) is opened without waiting, and the
//! opened descriptor is looked at, not the name: it must be a regular file that belongs to the user who runs this or to root,
//! and nobody else may be able to change it or to put another one in its place. `clippy.toml` disallows the other ways of
//! opening a file. An output replaces a file whole or goes into a pipe or a terminal; files that the program appends to must
//! be its own. Nothing here knows what is in a file, prints, or decides an exit code.

mod error;
mod kind;
mod open;
mod output;
mod own;
mod place;
mod policy;
mod user;

pub use error::{FileError, FolderFault};
pub use kind::Kind;
pub use open::{open, read, read_text};
pub use output::{Output, OutputFault, is_stream, is_terminal, output};
pub use own::{Links, OwnFileError, Writing, create_new, look, open_own, owner, sync_folder};
pub use policy::Purpose;
pub use user::User;
