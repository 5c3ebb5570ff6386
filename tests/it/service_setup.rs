//! What the service makes of a configuration.

use std::sync::{Arc, Mutex};

use keyholder::config::{Flags, load};
use keyholder::seams::Environment;
use keyholder::service::engine::ServiceJob;
use keyholder::service::setup;
use keyholder::sinks::stdout::Output;

/// The jobs of a configuration.
fn jobs_of(text: &str) -> Vec<ServiceJob> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keyholder.toml");
    std::fs::write(&file, text).unwrap();
    let environment = Environment::default();
    let loaded = Arc::new(load(&Flags::new(Some(file)), &environment).unwrap());
    let output: Output = Arc::new(Mutex::new(std::io::sink()));
    setup::jobs(&loaded, &environment, &output).unwrap()
}

#[test]
fn every_kind_of_job_has_a_limit() {
    let job =
        |kind: &str, more: &str| format!("[[job]]\nname = '{kind}'\nkind = '{kind}'\nschedule = '@daily'\n{more}\n");
    let text = job("collect", "")
        + &job("report", "reports = ['changes']\nfolder = 'reports'")
        + &job("deliver", "")
        + &job("verify", "")
        + &job("backup", "folder = 'backups'");
    let limits: Vec<_> = jobs_of(&text).iter().map(|job| (job.work.kind(), job.timeout.as_secs() / 60)).collect();
    assert_eq!(limits, [("collect", 45), ("report", 120), ("deliver", 15), ("verify", 120), ("backup", 120)]);
}

#[track_caller]
fn check_deliveries(text: &str, expected: &[(&str, &str)]) {
    let jobs = jobs_of(text);
    let found = jobs.iter().filter(|job| job.work.kind() == "deliver");
    let found: Vec<_> = found.map(|job| (job.planned.id.name.as_str(), job.planned.schedule.to_string())).collect();
    let found: Vec<_> = found.iter().map(|(name, schedule)| (*name, schedule.as_str())).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn sinks_without_a_deliver_job_get_one() {
    let sink = "[[sink]]\nname = 'log'\nkind = 'stdout'\n";
    let send = "[[job]]\nname = 'send'\nkind = 'deliver'\nschedule = '0 * * * *'\n";
    check_deliveries("", &[]);
    check_deliveries(sink, &[("deliver", "* * * * * UTC")]);
    check_deliveries(&format!("{sink}{send}"), &[("send", "0 * * * * UTC")]);
}
