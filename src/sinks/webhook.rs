//! A webhook: the JSON form of a message, signed by the scheme of Standard Webhooks.
//!
//! The signature is an HMAC-SHA256 over id, time stamp and body under each configured key, so that a receiver can be given a
//! new key while the old one still counts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::failure::{DeliveryError, DeliveryFailure};
use super::http::HttpClient;
use super::message::Message;
use super::target::{Network, TargetPolicy};
use super::tls::Authorities;
use super::{Receipt, SettingsError};

/// Items of a digest in one request; the number of the others is in `items_left_out`.
pub const MAX_ITEMS: usize = 500;

/// Bytes of a key.
pub const MIN_KEY_BYTES: usize = 24;

/// Bytes of a key.
pub const MAX_KEY_BYTES: usize = 64;

/// Keys at once: more than one only while keys are rotated.
pub const MAX_KEYS: usize = 4;

const KEY_PREFIX: &str = "whsec_";

/// Where to send and how to sign.
#[derive(Debug)]
pub struct Settings {
    /// The URL; secret, because many receivers put a credential into it.
    pub url: SecretString,
    /// Keys in base64, with or without the prefix `whsec_`; the newest first.
    pub keys: Vec<SecretString>,
    /// What the target may be.
    pub targets: TargetPolicy,
    /// Certificate authorities beside those of the system.
    pub authorities: Authorities,
}

/// A webhook that is ready to send.
pub(super) struct Webhook {
    client: HttpClient,
    keys: Vec<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("client", &self.client).field("keys", &self.keys.len()).finish()
    }
}

impl Webhook {
    pub(super) fn new(settings: &Settings, network: &Network) -> Result<Self, SettingsError> {
        if settings.keys.is_empty() || settings.keys.len() > MAX_KEYS {
            return Err(SettingsError::KeyCount { found: settings.keys.len() });
        }
        let keys = settings.keys.iter().enumerate().map(|(index, key)| decode_key(index, key));
        Ok(Self {
            client: HttpClient::new(&settings.url, settings.targets, &settings.authorities, network)?,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    pub(super) async fn deliver(&self, message: &Message, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            DeliveryError::rejected(DeliveryFailure::Encode { target: self.client.host().to_owned(), source })
        };
        let body = serde_json::to_vec(&message.v1_within(MAX_ITEMS)).map_err(|error| failed(error.into()))?;
        let headers = self.headers(&message.id, now, &body).map_err(|error| failed(error.into()))?;
        self.client.post_json(headers, body, now).await
    }

    fn headers(
        &self,
        id: &str,
        now: DateTime<Utc>,
        body: &[u8],
    ) -> Result<HeaderMap, reqwest::header::InvalidHeaderValue> {
        let timestamp = now.timestamp();
        let signatures: Vec<String> = self.keys.iter().map(|key| sign(key, id, timestamp, body)).collect();
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", HeaderValue::from_str(id)?);
        headers.insert("webhook-timestamp", HeaderValue::from(timestamp));
        headers.insert("webhook-signature", HeaderValue::from_str(&signatures.join(" "))?);
        Ok(headers)
    }
}

/// `v1,` and the HMAC in base64.
fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn decode_key(index: usize, key: &SecretString) -> Result<Zeroizing<Vec<u8>>, SettingsError> {
    let number = index + 1;
    let text = key.expose_secret().trim();
    let text = text.strip_prefix(KEY_PREFIX).unwrap_or(text);
    let bytes = STANDARD.decode(text).map(Zeroizing::new).map_err(|_| SettingsError::KeyForm { number })?;
    if (MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(SettingsError::KeyLength { number, found: bytes.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(keys: &[&str]) -> Result<Webhook, SettingsError> {
        let settings = Settings {
            url: "https://hooks.example.com/x".into(),
            keys: keys.iter().map(|key| SecretString::from(*key)).collect(),
            targets: TargetPolicy::default(),
            authorities: Vec::new(),
        };
        Webhook::new(&settings, &Network::system())
    }

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        // The example of the Standard Webhooks libraries.
        let key = decode_key(0, &"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_key_signs_while_keys_are_rotated() {
        let (new, old) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
        let now = "2026-11-23T03:00:00Z".parse().unwrap();
        let headers = webhook(&[new, old]).unwrap().headers("id", now, b"{}").unwrap();
        let both = headers["webhook-signature"].to_str().unwrap().to_owned();
        let alone = |key| {
            let headers = webhook(&[key]).unwrap().headers("id", now, b"{}").unwrap();
            headers["webhook-signature"].to_str().unwrap().to_owned()
        };
        assert_eq!(both, format!("{} {}", alone(new), alone(old)));
        assert_eq!(headers["webhook-timestamp"], "1795402800");
    }

    #[track_caller]
    fn check_refused(keys: &[&str], expected: &str) {
        let error = webhook(keys).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn keys_that_cannot_sign_are_refused() {
        let good = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        check_refused(&[], "a webhook has 1 to 4 keys, not 0");
        check_refused(&[good, "whsec_pass word"], "key 2 of the webhook is not base64");
        check_refused(&["c2hvcnQ="], "key 1 of the webhook has 5 bytes; it must have 24 to 64");
    }
}
