//! The `keyholder` binary.
fn main() {}
