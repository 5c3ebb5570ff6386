//! What systemd is to know: ready, reloading, stopping, and alive. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The service can do its work.
pub(super) fn ready() {
    send(&[NotifyState::Ready]);
}

/// The configuration is read again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "The monotonic clock cannot be read"),
    }
}

/// The service ends.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// The loop is alive.
pub(super) fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// How often the loop has to say that it is alive: twice as often as systemd asks for, if it does.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|interval| interval / 2)
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = &error as &dyn std::error::Error, "systemd could not be notified");
    }
}
