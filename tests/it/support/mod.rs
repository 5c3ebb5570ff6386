//! What several tests need.

pub(crate) mod alert;
pub(crate) mod api;
pub(crate) mod cli;
pub(crate) mod config;
pub(crate) mod cut;
pub(crate) mod model;
pub(crate) mod raw;
pub(crate) mod receiver;
pub(crate) mod running;
pub(crate) mod service;
pub(crate) mod site;
pub(crate) mod smtp;
pub(crate) mod terminal;
pub(crate) mod traces;
pub(crate) mod truth;
pub(crate) mod virtual_time;

/// A folder that others cannot list: nothing is collected into any other, and what a plain one is depends on the umask.
pub(crate) fn private_folder() -> tempfile::TempDir {
    private_folder_in(&std::env::temp_dir()).unwrap()
}

/// The same below another folder.
pub(crate) fn private_folder_in(folder: &std::path::Path) -> std::io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir_in(folder)
}

/// How often a long test repeats: what the variable says, `in_full` where `KEYHOLDER_TEST_FULL=1`, else a tenth of it.
pub(crate) fn repeats(variable: &str, in_full: u64) -> u64 {
    let environment = keyholder::seams::Environment::of_process();
    let number = |name: &str| environment.get(name).map(|text| text.parse::<u64>().expect("a number"));
    number(variable).unwrap_or(if is_full() { in_full } else { in_full.div_ceil(10) })
}

/// Whether all long tests repeat as often as the CI has them repeat.
pub(crate) fn is_full() -> bool {
    keyholder::seams::Environment::of_process().get("KEYHOLDER_TEST_FULL").is_some_and(|value| value == "1")
}

/// The present, in UTC.
pub(crate) fn utc_calendar() -> keyholder::domain::period::Calendar {
    keyholder::domain::period::Calendar::utc(keyholder::seams::Seams::system().now())
}

/// Says what a test did or why it did not; `--nocapture` shows it.
#[expect(clippy::print_stdout, reason = "what was not tried must not look like what was")]
pub(crate) fn tell(line: &str) {
    println!("{line}");
}

/// Says that a test did not run, and why.
pub(crate) fn skipped(why: &str) {
    tell(&format!("skipped: {why}"));
}
