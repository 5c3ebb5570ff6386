//! Progress of long work, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

use crate::collect::Progress;

/// A bar on standard error, or nothing.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Visible only if asked for.
    pub(super) fn new(visible: bool) -> Self {
        if !visible {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg:11} {wide_bar} {pos}/{len} scopes, {per_sec}, {eta} left")
            .expect("a constant template that parses");
        Self(ProgressBar::new(1).with_style(style).with_message("collecting"))
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }

    /// Shows where a walk stands.
    pub(super) fn show(&self, progress: Progress) {
        self.0.set_length(progress.scopes);
        self.0.set_position(progress.ended);
    }
}
