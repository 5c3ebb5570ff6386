//! A report job from its configuration to the files, and to those who hear of them.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use emulator::Emulator;
use keyholder::exit::Exit;
use sha2::{Digest as _, Sha256};

use crate::support::service::VirtualService;
use crate::support::smtp::{Encryption, MailServer};

/// A daily report, for a file and a mailbox; another file hears of everything but reports.
async fn reporting(mail: &MailServer, begin: DateTime<Utc>, collect: &str) -> VirtualService {
    let emulator = Emulator::builder().seed(7).users(24).start().await.unwrap();
    let rest = format!(
        "[[job]]\nname = 'daily-report'\nkind = 'report'\nschedule = '0 1 * * *'\nreports = ['population']\n\
         formats = ['csv', 'html']\nperiod = 'day'\nfolder = 'reports'\ndeliver_to = ['announced', 'mailbox']\n\n\
         [[job]]\nname = 'send'\nkind = 'deliver'\nschedule = '* * * * *'\n\n\
         [[sink]]\nname = 'announced'\nkind = 'file'\npath = 'announced.jsonl'\n\n\
         [[sink]]\nname = 'other'\nkind = 'file'\npath = 'other.jsonl'\n\n\
         [[sink]]\nname = 'mailbox'\nkind = 'email'\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n\
         from = 'keyholder@example.com'\nto = ['security@example.com']\nallow_private_targets = true\n",
        mail.port
    );
    VirtualService::start(begin, vec![emulator], collect, &rest).await
}

#[tokio::test]
async fn a_report_job_writes_files_and_announces_them() {
    let mail = MailServer::replying(Encryption::None, "250 fine").await;
    let begin: DateTime<Utc> = "2026-06-01T12:00:00Z".parse().unwrap();
    let mut service = reporting(&mail, begin, "0 23 * * *").await;
    for hours in [11, 13] {
        let exits = service.tick_at(begin + TimeDelta::hours(hours)).await;
        assert!(exits.iter().all(|exit| *exit == Exit::Done), "{exits:?}");
    }
    service.tick_at(begin + TimeDelta::hours(13) + TimeDelta::minutes(1)).await;
    let announced = service.alerts_in("announced.jsonl");
    let ready: Vec<_> = announced.iter().filter(|alert| alert["class"] == "report-ready").collect();
    let [ready] = ready.as_slice() else { panic!("{announced:#?}") };
    let files = ready["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{ready:#}");
    for file in files {
        let path = file["path"].as_str().unwrap();
        assert!(path.contains("reports"), "{path}");
        let digest = hex::encode(Sha256::digest(fs::read(path).unwrap()));
        assert_eq!(file["sha256"], digest.as_str());
    }
    let mails: Vec<_> = mail.mails().into_iter().filter(|mail| mail.contains("report ready")).collect();
    assert_eq!(mails.len(), 1, "{:#?}", mail.mails());
    assert!(mails[0].contains("population"), "{}", mails[0]);
    assert!(service.alerts_in("other.jsonl").iter().all(|alert| alert["class"] != "report-ready"));
}

#[tokio::test]
async fn a_report_waits_for_the_last_day_of_its_period() {
    let mail = MailServer::replying(Encryption::None, "250 fine").await;
    let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    // Nothing is collected on 1 June: the first snapshot after it, within 36 hours, stands for it.
    let mut service = reporting(&mail, at("2026-05-31T12:00:00Z"), "0 23 31,2 * *").await;
    for (now, expected) in [
        ("2026-05-31T23:00:00Z", 0),
        ("2026-06-01T01:00:00Z", 1),
        ("2026-06-02T01:00:00Z", 1),
        ("2026-06-02T22:00:00Z", 1),
        ("2026-06-02T23:00:00Z", 2),
    ] {
        for minutes in [0, 2, 4] {
            service.tick_at(at(now) + TimeDelta::minutes(minutes)).await;
        }
        let announced = service.alerts_in("announced.jsonl");
        let ready = announced.iter().filter(|alert| alert["class"] == "report-ready").count();
        assert_eq!(ready, expected, "{now}: {announced:#?}");
    }
}

#[tokio::test]
async fn a_contract_that_waits_holds_back_no_report() {
    let mut emulators = Vec::new();
    for seed in [7, 8] {
        emulators.push(Emulator::builder().seed(seed).users(24).start().await.unwrap());
    }
    let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    let rest = "[[job]]\nname = 'daily-report'\nkind = 'report'\nschedule = '0 1 * * *'\nreports = ['population']\n\
                formats = ['csv']\nperiod = 'day'\nfolder = 'reports'\ndeliver_to = ['announced']\n\n\
                [[job]]\nname = 'send'\nkind = 'deliver'\nschedule = '* * * * *'\n\n\
                [[sink]]\nname = 'announced'\nkind = 'file'\npath = 'announced.jsonl'\n";
    let mut service = VirtualService::start(at("2026-05-31T12:00:00Z"), emulators, "0 23 * * *", rest).await;
    let token = service.path("c1");
    let valid = fs::read(&token).unwrap();
    for (now, is_refused, expected) in [
        ("2026-05-31T23:00:00Z", false, 0),
        ("2026-06-01T01:00:00Z", false, 2),
        // The first contract has no snapshot of 1 June, but one of the day after it.
        ("2026-06-01T23:00:00Z", true, 2),
        ("2026-06-02T01:00:00Z", false, 3),
        ("2026-06-02T22:00:00Z", false, 3),
        ("2026-06-02T23:00:00Z", false, 4),
    ] {
        fs::write(&token, if is_refused { b"not-a-token".as_slice() } else { &valid }).unwrap();
        for minutes in [0, 2, 4] {
            service.tick_at(at(now) + TimeDelta::minutes(minutes)).await;
        }
        let announced = service.alerts_in("announced.jsonl");
        let ready: Vec<_> = announced.iter().filter(|alert| alert["class"] == "report-ready").collect();
        assert_eq!(ready.len(), expected, "{now}: {ready:#?}");
    }
}
