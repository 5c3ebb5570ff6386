//! The answer of the base address itself: which API this is.

use super::lenient::Text;
use super::record::record;

record! {
    /// Name and version of the service.
    Service in "service" {
        /// `href`.
        href: String as Text = "href",
        /// `name`, `CLOUD API`.
        name: String as Text = "name",
        /// `version`, for example `6.0`.
        version: String as Text = "version",
    }
}
