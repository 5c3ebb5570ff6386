//! Slack: blocks of an incoming webhook.
//!
//! Values are code spans of text in which `&`, `<` and `>` are escaped, so that a name can neither mention people, nor link,
//! nor format. Slack accepts at most 50 blocks, 150 characters in a header, 3000 in a section and about 11,000 in all.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Serialize;

use super::failure::{DeliveryError, DeliveryFailure};
use super::http::HttpClient;
use super::message::Message;
use super::rows::{Extent, fitting, items, rows};
use super::target::{Network, TargetPolicy};
use super::tls::Authorities;
use super::{Receipt, SettingsError};
use crate::domain::untrusted::visible_within;

/// Items of a digest in one message.
const MAX_ITEMS: usize = 20;

/// Characters of a header block.
const MAX_HEADER_CHARS: usize = 150;

/// Characters of a notification.
const MAX_TEXT_CHARS: usize = 300;

/// Characters of a section.
const MAX_SECTION_CHARS: usize = 3000;

/// Bytes of a whole message; Slack refuses messages somewhat above.
const MAX_BYTES: usize = 10_000;

/// Where to send.
#[derive(Debug)]
pub struct Settings {
    /// The URL of the incoming webhook, which is the credential.
    pub url: SecretString,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A Slack webhook that is ready to send.
#[derive(Debug)]
pub(super) struct Slack(HttpClient);

#[derive(Debug, Serialize)]
struct Payload {
    /// What notifications show.
    text: String,
    /// The text of the notification is not formatted.
    mrkdwn: bool,
    blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Block {
    Header { text: Text },
    Section { text: Text },
    Context { elements: Vec<Text> },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Text {
    PlainText {
        text: String,
        /// Whether `:name:` becomes a picture.
        emoji: bool,
    },
    Mrkdwn {
        text: String,
        /// Whether URLs and names stay text.
        verbatim: bool,
    },
}

impl Slack {
    pub(super) fn new(settings: &Settings, network: &Network) -> Result<Self, SettingsError> {
        HttpClient::new(&settings.url, settings.targets, &settings.authorities, network).map(Self)
    }

    pub(super) async fn deliver(&self, message: &Message, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        let body = body(message).map_err(|source| {
            let source = Box::new(source);
            DeliveryError::rejected(DeliveryFailure::Encode { target: self.0.host().to_owned(), source })
        })?;
        self.0.post_json(reqwest::header::HeaderMap::new(), body, now).await
    }
}

/// The payload with as many items as its size allows.
fn body(message: &Message) -> Result<Vec<u8>, serde_json::Error> {
    fitting(MAX_ITEMS, MAX_BYTES, |extent| serde_json::to_vec(&payload(message, extent)))
}

fn payload(message: &Message, extent: Extent) -> Payload {
    let headline = visible_within(&format!("{}: {}", message.severity, message.headline()), MAX_TEXT_CHARS);
    let mut sections: Vec<String> = rows(message, extent.value_chars)
        .iter()
        .map(|row| format!("*{}:* {}", escaped(&row.label), code(&row.value)))
        .collect();
    let (lines, left_out) = items(message, extent.items);
    sections.extend(lines.iter().map(|line| format!("• {}", code(line))));
    if left_out > 0 {
        sections.push(format!("and {left_out} more"));
    }
    let title = visible_within(&format!("{}: {}", message.severity, message.title), MAX_HEADER_CHARS);
    let mut blocks = vec![Block::Header { text: Text::PlainText { text: title, emoji: false } }];
    blocks.extend(
        joined(&sections).into_iter().map(|text| Block::Section { text: Text::Mrkdwn { text, verbatim: true } }),
    );
    let source = Text::PlainText { text: "keyholder".to_owned(), emoji: false };
    blocks.push(Block::Context { elements: vec![source] });
    Payload { text: escaped(&headline), mrkdwn: false, blocks }
}

/// Lines put together to texts that fit into a section.
fn joined(lines: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in lines {
        match texts.last_mut() {
            Some(text) if text.chars().count() + 1 + line.chars().count() <= MAX_SECTION_CHARS => {
                text.push('\n');
                text.push_str(line);
            }
            _ => texts.push(line.clone()),
        }
    }
    texts
}

/// The three characters that Slack gives a meaning in every text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A code span, in which nothing is formatted; the character that would end it is shown by its number.
fn code(text: &str) -> String {
    format!("`{}`", escaped(text).replace('`', "⟨U+0060⟩"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    fn json(message: &Message) -> Value {
        serde_json::from_slice(&body(message).unwrap()).unwrap()
    }

    /// The texts of all blocks.
    fn texts(payload: &Value) -> Vec<String> {
        let blocks = payload["blocks"].as_array().unwrap();
        blocks.iter().filter_map(|block| block["text"]["text"].as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn an_alert_is_a_header_and_a_section() {
        let payload = json(&key_added("Alice Miller"));
        let texts = texts(&payload);
        assert_eq!(texts[0], "high: S3 key added");
        assert!(
            texts[1].contains("*Subject:* `user Alice Miller (a3f0c1de-0001-4000-8000-000000000001)`\n"),
            "{texts:?}"
        );
        assert!(payload["text"].as_str().unwrap().starts_with("high: S3 key added: user Alice Miller"), "{payload}");
    }

    #[test]
    fn hostile_names_mention_nobody() {
        let payload = json(&key_added(HOSTILE));
        let all = format!("{}{}", payload["text"], texts(&payload).concat());
        assert!(all.contains("&lt;!here&gt; @here") && all.contains("&lt;script&gt;"), "{all}");
        assert!(!all.contains(['<', '>', '\u{202e}', '\u{1b}']), "{all}");
        let section = &texts(&payload)[1];
        for line in section.lines() {
            assert_eq!(line.matches('`').count(), 2, "one code span a line: {line}");
        }
    }

    #[test]
    fn a_digest_stays_within_the_limits() {
        for (count, name) in [(21, "x".to_owned()), (5000, HOSTILE.repeat(20)), (5000, "<&>\u{202e}".repeat(500))] {
            let message = digest(count, &name);
            let body = body(&message).unwrap();
            assert!(body.len() <= MAX_BYTES, "{} bytes", body.len());
            let payload = json(&message);
            let texts = texts(&payload);
            assert!(payload["blocks"].as_array().unwrap().len() <= 50);
            assert!(texts.iter().all(|text| text.chars().count() <= MAX_SECTION_CHARS));
            assert!(texts.last().unwrap().ends_with(" more"), "{texts:?}");
        }
        assert!(texts(&json(&digest(21, "x"))).last().unwrap().ends_with("and 1 more"));
    }

    #[test]
    fn many_long_counts_stay_within_the_limit() {
        let mut message = digest(100, &"&".repeat(1000));
        message.counts = (0..100).map(|index| (format!("{index}{}", "<".repeat(500)), "&".repeat(500))).collect();
        let bytes = body(&message).unwrap().len();
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }
}
