//! Microsoft Teams: an Adaptive Card in a message, for a webhook of the Workflows app.
//!
//! Values are text runs, which know no Markdown, so that a name can neither link nor format. Teams accepts at most 28 KB.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::failure::{DeliveryError, DeliveryFailure};
use super::http::HttpClient;
use super::message::Message;
use super::rows::{Extent, fitting, items, rows};
use super::target::{Network, TargetPolicy};
use super::tls::Authorities;
use super::{Receipt, SettingsError};
use crate::domain::severity::Severity;
use crate::domain::untrusted::visible_within;

/// Items of a digest in one message.
const MAX_ITEMS: usize = 20;

/// Bytes of a whole message; Teams refuses more than 28 KB.
const MAX_BYTES: usize = 27_000;

/// Where to send.
#[derive(Debug)]
pub struct Settings {
    /// The URL of the workflow, which is the credential.
    pub url: SecretString,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A Teams webhook that is ready to send.
#[derive(Debug)]
pub(super) struct Teams(HttpClient);

impl Teams {
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

fn payload(message: &Message, extent: Extent) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card(message, extent),
        }],
    })
}

fn card(message: &Message, extent: Extent) -> Value {
    let title = visible_within(&format!("{}: {}", message.severity, message.title), 200);
    let mut body = vec![json!({
        "type": "RichTextBlock",
        "inlines": [{
            "type": "TextRun",
            "text": title,
            "size": "Large",
            "weight": "Bolder",
            "color": colour(message.severity),
        }],
    })];
    body.extend(rows(message, extent.value_chars).iter().map(|row| {
        json!({
            "type": "RichTextBlock",
            "spacing": "Small",
            "inlines": [
                {"type": "TextRun", "text": format!("{}: ", row.label), "weight": "Bolder"},
                {"type": "TextRun", "text": row.value},
            ],
        })
    }));
    let (mut lines, left_out) = items(message, extent.items);
    if left_out > 0 {
        lines.push(format!("and {left_out} more"));
    }
    body.extend(
        lines.iter().map(|line| json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]})),
    );
    json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": message.headline(),
        "body": body,
    })
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "Attention",
        Severity::Medium => "Warning",
        Severity::Low | Severity::Info => "Default",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    fn json_of(message: &Message) -> Value {
        serde_json::from_slice(&body(message).unwrap()).unwrap()
    }

    /// The text of each block of the card.
    fn texts(payload: &Value) -> Vec<String> {
        let blocks = payload["attachments"][0]["content"]["body"].as_array().unwrap();
        let runs = |block: &Value| block["inlines"].as_array().unwrap().clone();
        let text = |run: &Value| run["text"].as_str().unwrap().to_owned();
        blocks.iter().map(|block| runs(block).iter().map(text).collect()).collect()
    }

    #[test]
    fn an_alert_is_a_card_in_a_message() {
        let payload = json_of(&key_added("Alice Miller"));
        assert_eq!(payload["type"], "message");
        assert_eq!(payload["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
        let texts = texts(&payload);
        assert_eq!(texts[0], "high: S3 key added");
        assert!(
            texts.contains(&"Subject: user Alice Miller (a3f0c1de-0001-4000-8000-000000000001)".to_owned()),
            "{texts:?}"
        );
    }

    #[test]
    fn no_block_of_a_card_knows_markdown() {
        let payload = json_of(&key_added(&format!("[x](https://example.com) {HOSTILE}")));
        let blocks = payload["attachments"][0]["content"]["body"].as_array().unwrap();
        assert!(blocks.iter().all(|block| block["type"] == "RichTextBlock"), "{payload}");
        let all = texts(&payload).concat();
        assert!(all.contains("[x](https://example.com)") && !all.contains(['\u{202e}', '\u{1b}', '\n']), "{all}");
    }

    #[test]
    fn a_digest_stays_below_the_limit() {
        for (count, name) in [(21, "x".to_owned()), (5000, HOSTILE.repeat(20)), (5000, "\u{202e}".repeat(500))] {
            let message = digest(count, &name);
            let bytes = body(&message).unwrap().len();
            assert!(bytes <= MAX_BYTES, "{bytes} bytes");
            let texts = texts(&json_of(&message));
            assert!(texts.last().unwrap().ends_with(" more"), "{texts:?}");
        }
    }

    #[test]
    fn many_long_counts_stay_within_the_limit() {
        let mut message = digest(100, &"&".repeat(1000));
        message.counts = (0..100).map(|index| (format!("{index}{}", "<".repeat(500)), "&".repeat(500))).collect();
        let bytes = body(&message).unwrap().len();
        assert!(bytes <= MAX_BYTES, "{bytes} bytes");
    }
}
