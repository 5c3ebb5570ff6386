//! The HTTP client of the sinks and of the heartbeat: one URL, no redirects, no proxy, only addresses that were checked.
//!
//! Logs and reports the host and the status; never a path, a query, a header or a body.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::failure::{DeliveryError, DeliveryFailure};
use super::target::{Lookup, Network, Rules, TargetError, TargetPolicy, check_url, host_of};
use super::tls::{self, Authorities};
use super::{Receipt, SettingsError};

/// The longest time that a receiver may ask for by `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// A client for one URL.
#[derive(Clone)]
pub(super) struct HttpClient {
    client: reqwest::Client,
    url: Url,
    host: String,
}

impl fmt::Debug for HttpClient {
    /// The host only: the path of a webhook is often a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("host", &self.host).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Checks the URL and prepares the client; sends nothing.
    pub(super) fn new(
        url: &SecretString,
        policy: TargetPolicy,
        authorities: &Authorities,
        network: &Network,
    ) -> Result<Self, SettingsError> {
        let url: Url = url.expose_secret().parse().map_err(SettingsError::Url)?;
        let rules = check_url(&url, policy)?;
        let host = host_of(&url).ok_or(TargetError::NoHost)?;
        let config = tls::client_config(authorities, &[b"h2", b"http/1.1"]).map_err(SettingsError::Tls)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .user_agent(concat!("keyholder/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // A proxy would resolve the name itself, and the rules for addresses could not be kept.
            .no_proxy()
            .https_only(!rules.is_plain)
            .connect_timeout(network.connect_timeout)
            .dns_resolver(Arc::new(CheckedResolver { lookup: Arc::clone(&network.lookup), rules }))
            .build()
            .map_err(|error| SettingsError::Http(error.without_url()))?;
        Ok(Self { client, url, host })
    }

    /// The host of the URL.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Posts JSON once.
    pub(super) async fn post_json(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Receipt, DeliveryError> {
        let request = self.client.request(Method::POST, self.url.clone()).headers(headers);
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        self.send(request, now).await
    }

    /// Gets the URL once; the body of the answer is not read.
    pub(super) async fn get(&self, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        self.send(self.client.request(Method::GET, self.url.clone()), now).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        outcome(&self.host, response.status(), response.headers(), now)
    }

    fn failed(&self, error: reqwest::Error) -> DeliveryError {
        let host = self.host.clone();
        if let Some(error) = tls::tls_error(&error) {
            return DeliveryError::retry(tls::failure(&host, error));
        }
        let error = error.without_url();
        let is_connect = error.is_connect();
        let source = Box::new(error);
        DeliveryError::retry(if is_connect {
            DeliveryFailure::Connect { host, source }
        } else {
            DeliveryFailure::Send { host, source }
        })
    }
}

/// What an answer means for the delivery.
fn outcome(host: &str, status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Receipt, DeliveryError> {
    let (host, code) = (host.to_owned(), status.as_u16());
    let reason = || Box::new(DeliveryFailure::Status { host: host.clone(), status: code });
    match code {
        200..=299 => Ok(Receipt { detail: format!("{host} answers HTTP {code}") }),
        300..=399 => Err(DeliveryError::rejected(DeliveryFailure::Redirected { host, status: code })),
        410 => Err(DeliveryError::Gone { reason: reason() }),
        400..=499 if ![408, 425, 429].contains(&code) => Err(DeliveryError::Rejected { reason: reason() }),
        _ => Err(DeliveryError::Retry { reason: reason(), after: retry_after(headers, now) }),
    }
}

/// The time to wait that an answer asks for: seconds or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Resolves names for the HTTP library to addresses that the rules allow.
struct CheckedResolver {
    lookup: Arc<dyn Lookup>,
    rules: Rules,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, rules) = (Arc::clone(&self.lookup), self.rules);
        Box::pin(async move {
            // Port 0 stands for that of the URL.
            let addresses = rules.resolve(&*lookup, name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::at;
    use super::*;

    #[track_caller]
    fn check_retry_after(value: &str, seconds: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        let found = retry_after(&headers, at("2026-11-23T03:00:00Z"));
        assert_eq!(found, seconds.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check_retry_after("120", Some(120));
        check_retry_after("Mon, 23 Nov 2026 03:01:00 GMT", Some(60));
        check_retry_after("Mon, 23 Nov 2026 02:00:00 GMT", Some(0));
        check_retry_after("99999999", Some(24 * 60 * 60));
        check_retry_after("soon", None);
        check_retry_after("-1", None);
    }

    #[test]
    fn a_client_prints_its_host_only() {
        let url = SecretString::from("https://hooks.example.com/services/SECRET?sig=SECRET");
        let client = HttpClient::new(&url, TargetPolicy::default(), &Vec::new(), &Network::system()).unwrap();
        assert_eq!(format!("{client:?}"), "HttpClient { host: \"hooks.example.com\", .. }");
    }
}
