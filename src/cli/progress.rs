//! Progress of a collection in words and whole numbers: on a terminal one line that is kept up to date, elsewhere a line of the
//! log every few seconds.
//!
//! Nothing is estimated: a total is named once it is known, and no number ever goes back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::collect::Progress;

/// The shortest time between two lines where there is no terminal; a collection that is shorter has none.
const MIN_BETWEEN_LINES: Duration = Duration::from_secs(2);

/// Shows where a collection stands.
pub(super) struct ProgressDisplay {
    /// The line of a terminal.
    bar: Option<ProgressBar>,
    begun: Instant,
    state: Mutex<State>,
}

/// What was shown last.
#[derive(Debug, Default)]
struct State {
    progress: Progress,
    line_at: Duration,
}

impl ProgressDisplay {
    /// On a terminal, or as lines of the log.
    pub(super) fn new(is_terminal: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("a constant template that parses");
        let bar = is_terminal.then(|| ProgressBar::new_spinner().with_style(style).with_message("collecting"));
        Self { bar, begun: Instant::now(), state: Mutex::default() }
    }

    /// Takes the line off the terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Shows where a walk stands.
    pub(super) fn show(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.advance(progress);
        match &self.bar {
            Some(bar) => {
                bar.set_message(words(&state.progress));
                bar.tick();
            }
            None if state.is_line_due(self.begun.elapsed()) => tracing::info!("Reading: {}", words(&state.progress)),
            None => {}
        }
    }
}

impl State {
    /// Takes in where the walk stands now. Only another walk, which has ended less, begins anew.
    fn advance(&mut self, now: Progress) {
        let before = if now.ended < self.progress.ended { Progress::default() } else { self.progress };
        self.progress = Progress {
            users: now.users.max(before.users),
            has_all_users: now.has_all_users || before.has_all_users,
            users_read: now.users_read.max(before.users_read),
            groups: now.groups.max(before.groups),
            groups_read: now.groups_read.max(before.groups_read),
            ..now
        };
    }

    /// Whether another line is due after so much time.
    fn is_line_due(&mut self, elapsed: Duration) -> bool {
        let is_due = elapsed.saturating_sub(self.line_at) >= MIN_BETWEEN_LINES;
        if is_due {
            self.line_at = elapsed;
        }
        is_due
    }
}

/// `users 250 · groups 4 of 12 · keys 80 of 250`.
fn words(progress: &Progress) -> String {
    let groups = progress.groups.map(|groups| format!(" of {groups}")).unwrap_or_default();
    let users = if progress.has_all_users { format!(" of {}", progress.users) } else { String::new() };
    format!("users {} · groups {}{groups} · keys {}{users}", progress.users, progress.groups_read, progress.users_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(users: u64, users_read: u64, groups: Option<u64>, groups_read: u64) -> Progress {
        Progress { users, users_read, groups, groups_read, ..Progress::default() }
    }

    #[test]
    fn a_total_is_named_when_it_is_known() {
        assert_eq!(words(&at(0, 0, None, 0)), "users 0 · groups 0 · keys 0");
        assert_eq!(words(&at(100, 7, None, 0)), "users 100 · groups 0 · keys 7");
        assert_eq!(words(&at(100, 7, Some(12), 4)), "users 100 · groups 4 of 12 · keys 7");
        let all = Progress { has_all_users: true, ..at(250, 80, Some(12), 4) };
        assert_eq!(words(&all), "users 250 · groups 4 of 12 · keys 80 of 250");
    }

    #[test]
    fn no_number_goes_back() {
        let mut state = State::default();
        state.advance(Progress { has_all_users: true, ..at(250, 80, Some(12), 4) });
        state.advance(at(100, 0, None, 0));
        assert_eq!(words(&state.progress), "users 250 · groups 4 of 12 · keys 80 of 250");
        state.advance(Progress { ended: 9, ..at(251, 81, Some(12), 5) });
        assert_eq!(words(&state.progress), "users 251 · groups 5 of 12 · keys 81 of 251");
        state.advance(Progress { ended: 1, ..at(100, 0, None, 0) });
        assert_eq!(words(&state.progress), "users 100 · groups 0 · keys 0", "another walk");
    }

    #[test]
    fn lines_keep_their_distance() {
        let mut state = State::default();
        let due: Vec<_> = [0, 1_999, 2_000, 3_999, 4_100, 9_000, 9_001]
            .into_iter()
            .filter(|at| state.is_line_due(Duration::from_millis(*at)))
            .collect();
        assert_eq!(due, [2_000, 4_100, 9_000]);
    }
}
