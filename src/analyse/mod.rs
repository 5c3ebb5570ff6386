//! What states and changes mean for access: changes in the words of a reviewer, and lines of effective access.
//!
//! Pure: values in, values out. Nothing here reads the store, the API, the clock or the environment.

pub mod compare;
pub mod diff;
pub mod grants;
pub mod in_between;

pub use compare::{GrantComparison, LineChange, compare};
pub use diff::{AnalyseError, meanings};
pub use grants::{Derivation, grants};
pub use in_between::in_between;
