//! Configurations out of their text.

use keyholder::config::{Config, Flags, load};
use keyholder::seams::Environment;

/// What a configuration file with that text comes to.
#[track_caller]
pub(crate) fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keyholder.toml");
    std::fs::write(&path, text).expect("a file");
    load(&Flags::new(Some(path)), &Environment::default()).expect("a configuration in order").config
}
