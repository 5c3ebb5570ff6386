//! What the service makes of a configuration.

use std::sync::{Arc, Mutex};

use keyholder::config::{Flags, load};
use keyholder::seams::Environment;
use keyholder::service::setup;
use keyholder::sinks::stdout::Output;

#[test]
fn every_kind_of_job_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keyholder.toml");
    let job =
        |kind: &str, more: &str| format!("[[job]]\nname = '{kind}'\nkind = '{kind}'\nschedule = '@daily'\n{more}\n");
    let text = job("collect", "")
        + &job("report", "reports = ['changes']\nfolder = 'reports'")
        + &job("deliver", "")
        + &job("verify", "")
        + &job("backup", "folder = 'backups'");
    std::fs::write(&file, text).unwrap();
    let environment = Environment::default();
    let loaded = Arc::new(load(&Flags::new(Some(file)), &environment).unwrap());
    let output: Output = Arc::new(Mutex::new(std::io::sink()));
    let jobs = setup::jobs(&loaded, &environment, &output).unwrap();
    let limits: Vec<_> = jobs.iter().map(|job| (job.work.kind(), job.timeout.as_secs() / 60)).collect();
    assert_eq!(limits, [("collect", 45), ("report", 120), ("deliver", 15), ("verify", 120), ("backup", 120)]);
}
