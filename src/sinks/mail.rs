//! The mail that an alert becomes: headers, a text part, an HTML part, and reports where they are attached.
//!
//! Every value is visible text: no name can end a header or a line.

use std::error::Error;
use std::path::Path;

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use sha2::{Digest as _, Sha256};

use super::failure::{DeliveryError, DeliveryFailure};
use super::mail_body::{html, text};
use super::message::{Message, ReportFile};
use crate::domain::untrusted::visible_within;
use crate::files::{self, FileError, Purpose};

/// Characters of a subject.
const MAX_SUBJECT_CHARS: usize = 150;

/// Sender and recipients.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
}

/// Builds the mail; attaches reports up to so many bytes.
pub(super) async fn build(
    addresses: &Addresses,
    message: &Message,
    max_attachment_bytes: u64,
    now: DateTime<Utc>,
) -> Result<lettre::Message, DeliveryError> {
    let files = message.files.clone();
    let attachments = tokio::task::spawn_blocking(move || read(&files, max_attachment_bytes)).await;
    let (attachments, notes) = attachments.map_err(|error| not_built(addresses, error.into()))?;
    assemble(addresses, message, attachments, &notes, now).map_err(|error| not_built(addresses, error))
}

fn not_built(addresses: &Addresses, source: Box<dyn Error + Send + Sync>) -> DeliveryError {
    let target = format!("the recipients of {}", addresses.from.email);
    DeliveryError::rejected(DeliveryFailure::Encode { target, source })
}

/// A report as it is attached.
struct Attached {
    name: String,
    bytes: Vec<u8>,
}

/// Reads the reports that may be attached, and says why each of the others is not.
fn read(files: &[ReportFile], max_bytes: u64) -> (Vec<Attached>, Vec<String>) {
    let (mut attached, mut notes, mut left) = (Vec::new(), Vec::new(), max_bytes);
    if max_bytes == 0 {
        return (attached, notes);
    }
    for file in files {
        let name = file_name(&file.path);
        if file.bytes > left {
            notes.push(format!("{name} is not attached: it is larger than what attachments may take"));
            continue;
        }
        match files::read(&file.path, Purpose::Attachment) {
            Ok(bytes) if hex::encode(Sha256::digest(&*bytes)) == file.sha256 => {
                left = left.saturating_sub(bytes.len() as u64);
                attached.push(Attached { name, bytes: bytes.to_vec() });
            }
            Ok(_) => notes.push(format!("{name} is not attached: it has changed since it was written")),
            Err(FileError::Io { source, .. }) => notes.push(format!("{name} is not attached: {source}")),
            Err(_) => notes.push(format!("{name} is not attached: others could have changed it")),
        }
    }
    (attached, notes)
}

fn file_name(path: &Path) -> String {
    visible_within(&path.file_name().unwrap_or_default().to_string_lossy(), 120)
}

fn assemble(
    addresses: &Addresses,
    message: &Message,
    attachments: Vec<Attached>,
    notes: &[String],
    now: DateTime<Utc>,
) -> Result<lettre::Message, Box<dyn Error + Send + Sync>> {
    let headline = format!("[keyholder] {}: {}", message.severity, message.headline());
    let mut builder = lettre::Message::builder()
        .from(addresses.from.clone())
        .subject(visible_within(&headline, MAX_SUBJECT_CHARS))
        .date(now.into())
        // The same for each attempt, so that mail systems recognise a duplicate.
        .message_id(Some(format!("<{}@{}>", message.id, addresses.from.email.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Keyholder-Id", &message.id))
        .raw_header(header("X-Keyholder-Class", &message.class))
        .raw_header(header("X-Keyholder-Severity", message.severity.as_str()));
    for recipient in &addresses.to {
        builder = builder.to(recipient.clone());
    }
    // Boundaries of the alert's own id: the same message is the same bytes.
    let boundary = |part: &str| format!("keyholder-{part}-{}", message.id.get(..32).unwrap_or_default());
    let both = MultiPart::alternative()
        .boundary(boundary("text"))
        .singlepart(SinglePart::plain(text(message, notes)))
        .singlepart(SinglePart::html(html(message, notes)));
    if attachments.is_empty() {
        return Ok(builder.multipart(both)?);
    }
    let mut mixed = MultiPart::mixed().boundary(boundary("files")).multipart(both);
    for attached in attachments {
        let kind = ContentType::parse("application/octet-stream")?;
        mixed = mixed.singlepart(Attachment::new(attached.name).body(attached.bytes, kind));
    }
    Ok(builder.multipart(mixed)?)
}

/// A header of our own; its value is one line of visible text.
fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), visible_within(value, 200))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, at, key_added};
    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            from: "keyholder <audit@example.com>".parse().unwrap(),
            to: vec!["soc@example.com".parse().unwrap(), "ciso@example.com".parse().unwrap()],
        }
    }

    async fn built(message: &Message, max_attachment_bytes: u64) -> String {
        let built = build(&addresses(), message, max_attachment_bytes, at("2026-11-23T03:00:10Z")).await.unwrap();
        String::from_utf8(built.formatted()).unwrap()
    }

    fn head(mail: &str) -> &str {
        mail.split("\r\n\r\n").next().unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_text_and_html_with_headers_of_its_own() {
        let mail = built(&key_added("Alice Miller"), 0).await;
        let id = "ab".repeat(32);
        for line in [
            "From: keyholder <audit@example.com>".to_owned(),
            "To: soc@example.com, ciso@example.com".to_owned(),
            "Date: Mon, 23 Nov 2026 03:00:10 +0000".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
            format!("Message-ID: <{id}@example.com>"),
            format!("X-Keyholder-Id: {id}"),
            "X-Keyholder-Class: key-added".to_owned(),
        ] {
            assert!(head(&mail).lines().any(|found| found == line), "{line}: {}", head(&mail));
        }
        assert!(mail.contains("Content-Type: multipart/alternative"), "{mail}");
        assert!(mail.contains("Content-Type: text/plain") && mail.contains("Content-Type: text/html"), "{mail}");
        assert_eq!(built(&key_added("Alice Miller"), 0).await, mail, "the same message is the same bytes");
    }

    #[tokio::test]
    async fn a_hostile_name_adds_no_header() {
        let (plain, hostile) = (built(&key_added("x"), 0).await, built(&key_added(HOSTILE), 0).await);
        let names = |mail: &str| -> Vec<String> {
            let lines = head(mail).lines().filter(|line| !line.starts_with([' ', '\t']));
            lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&hostile), names(&plain), "{}", head(&hostile));
    }

    fn with_report(path: &Path, contents: &[u8]) -> Message {
        std::fs::write(path, contents).unwrap();
        let mut message = key_added("x");
        let sha256 = hex::encode(Sha256::digest(contents));
        message.files.push(ReportFile { path: path.to_owned(), sha256, bytes: contents.len() as u64 });
        message
    }

    #[tokio::test]
    async fn a_report_is_named_and_attached_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access-review.csv");
        let message = with_report(&path, b"a,b\r\n");
        let mail = built(&message, 0).await;
        assert!(!mail.contains("Content-Disposition: attachment"), "{mail}");
        assert!(text(&message, &[]).contains(&message.files[0].sha256));
        let mail = built(&message, 100).await;
        assert!(mail.contains("Content-Disposition: attachment; filename=\"access-review.csv\""), "{mail}");
        assert!(mail.contains("Content-Type: multipart/mixed"), "{mail}");
    }

    #[test]
    fn a_report_that_changed_or_is_too_large_is_not_attached() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access-review.csv");
        let message = with_report(&path, b"a,b\r\n");
        let notes = |max| read(&message.files, max).1;
        assert_eq!(notes(4), ["access-review.csv is not attached: it is larger than what attachments may take"]);
        std::fs::write(&path, b"a,c\r\n").unwrap();
        assert_eq!(notes(100), ["access-review.csv is not attached: it has changed since it was written"]);
        std::fs::remove_file(&path).unwrap();
        assert!(notes(100)[0].starts_with("access-review.csv is not attached: No such file"), "{:?}", notes(100));
    }
}
