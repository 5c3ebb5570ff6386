//! Delivers through real sinks to the receivers of `tests/sinks/run.sh`, which have what arrives judged by libraries of
//! others. Without them there is nothing to deliver to, and the test says so.

use base64::Engine as _;
use keyholder::domain::severity::Severity;
use keyholder::seams::{Environment, Seams};
use keyholder::sinks::email::{self, Login, Security};
use keyholder::sinks::message::{Message, ReportFile};
use keyholder::sinks::target::{Network, TargetPolicy};
use keyholder::sinks::{Settings, Sink, slack, teams, webhook};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::alert::{HOSTILE, digest, key_added};
use crate::support::skipped;

const RECEIVERS: &str = "KEYHOLDER_TEST_RECEIVERS";

const LOOPBACK: TargetPolicy = TargetPolicy { allow_loopback: true, allow_link_local: false };

/// Where the receivers are, as they say themselves.
struct Receivers(Value);

impl Receivers {
    fn of_environment() -> Option<Self> {
        let path = Environment::of_process().get(RECEIVERS)?.to_owned();
        Some(Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()))
    }

    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap().to_owned()
    }

    fn port(&self, name: &str) -> u16 {
        self.0[name].as_u64().unwrap().try_into().unwrap()
    }

    fn url(&self, path: &str) -> secrecy::SecretString {
        format!("https://localhost:{}/{path}", self.port("https")).into()
    }

    fn authorities(&self) -> Vec<Vec<u8>> {
        vec![base64::engine::general_purpose::STANDARD.decode(self.text("authority")).unwrap()]
    }

    fn webhook(&self) -> Settings {
        let keys = self.0["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().into()).collect();
        let authorities = self.authorities();
        Settings::Webhook(webhook::Settings { url: self.url("webhook"), keys, targets: LOOPBACK, authorities })
    }

    fn email(&self, name: &str, security: Security, attachments: bool) -> Settings {
        let login = Login { username: self.text("username"), password: self.text("password").into() };
        Settings::Email(email::Settings {
            host: "localhost".to_owned(),
            port: self.port(name),
            security,
            login: (security == Security::StartTls).then_some(login),
            from: "keyholder <audit@example.com>".to_owned(),
            to: vec!["soc@example.com".to_owned(), "ciso@example.com".to_owned()],
            attachments,
            max_attachment_bytes: email::DEFAULT_MAX_ATTACHMENT_BYTES,
            targets: LOOPBACK,
            authorities: self.authorities(),
        })
    }
}

async fn deliver(settings: Settings, messages: &[&Message]) {
    let sink = Sink::new("judged", settings, &Network::system()).unwrap();
    for message in messages {
        // The real time: receivers refuse a time stamp that is more than five minutes off.
        let outcome = sink.deliver(message, Seams::system().now()).await;
        outcome.unwrap_or_else(|error| panic!("{}: {}", sink.kind(), error.summary()));
    }
}

#[tokio::test]
async fn every_sink_delivers() {
    let Some(receivers) = Receivers::of_environment() else {
        skipped("tests/sinks/run.sh starts the receivers");
        return;
    };
    let alert = key_added(HOSTILE);
    let mut small = digest(25, HOSTILE);
    small.severity = Severity::Critical;
    let large = digest(3000, &HOSTILE.repeat(30));
    deliver(receivers.webhook(), &[&alert, &digest(3, HOSTILE)]).await;
    let (targets, authorities) = (LOOPBACK, receivers.authorities());
    let slack = slack::Settings { url: receivers.url("slack"), targets, authorities: authorities.clone() };
    deliver(Settings::Slack(slack), &[&alert, &small, &large]).await;
    let teams = teams::Settings { url: receivers.url("teams"), targets, authorities };
    deliver(Settings::Teams(teams), &[&alert, &small, &large]).await;

    let contents = b"user_id,user_email\r\n";
    let path = std::path::Path::new(&receivers.text("folder")).join("access-review.csv");
    std::fs::write(&path, contents).unwrap();
    let mut with_report = key_added(HOSTILE);
    let sha256 = hex::encode(Sha256::digest(contents));
    with_report.files.push(ReportFile { path, sha256, bytes: contents.len() as u64 });
    deliver(receivers.email("starttls", Security::StartTls, false), &[&with_report]).await;
    deliver(receivers.email("tls", Security::Tls, true), &[&with_report]).await;
}
