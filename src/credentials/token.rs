//! What a token says of itself: when it ends, whose it is, and in which role.
//!
//! The signature is not verified: the API does that. This only warns in time, and decides nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::api::settings::Credentials;
use crate::domain::id::{ContractNumber, UserId, normal};
use crate::domain::principal::{Claims, Role};

/// How long before its end a token is worth a warning.
pub const WARN_BEFORE: TimeDelta = TimeDelta::days(14);

/// What a token's end means now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It does not say when it ends.
    Unknown,
    /// It ends later than [`WARN_BEFORE`] from now.
    Fine(DateTime<Utc>),
    /// It ends soon: time to get a new one.
    EndsSoon(DateTime<Utc>),
    /// It ended.
    Over(DateTime<Utc>),
}

/// The claim `exp` of a JSON web token: seconds since 1970. `None` for anything else.
pub fn expiry(token: &SecretString) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Payload {
        exp: f64,
    }
    let Payload { exp } = serde_json::from_slice(&payload(token)?).ok()?;
    // The claim may have a fraction; whole seconds are enough, and a float that is no date is no date.
    if !(0.0..=253_402_300_799.0).contains(&exp) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within the years 1970 to 9999")]
    DateTime::from_timestamp(exp as i64, 0)
}

/// Whose credentials these are, as far as they say so themselves.
pub fn claims(credentials: &Credentials) -> Claims {
    match credentials {
        Credentials::Basic { username, .. } => Claims { address: Some(username.clone()), ..Claims::default() },
        Credentials::Bearer(token) => Claims { expires: expiry(token), ..identity(token).unwrap_or_default() },
    }
}

/// The claim `identity`, in which anything may be missing or of another type.
fn identity(token: &SecretString) -> Option<Claims> {
    #[derive(Deserialize)]
    struct Payload {
        identity: Identity,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        #[serde(default)]
        uuid: Value,
        #[serde(default)]
        role: Value,
        #[serde(default)]
        contract_number: Value,
    }
    let Payload { identity } = serde_json::from_slice(&payload(token)?).ok()?;
    let user = identity.uuid.as_str().map(normal).filter(|id| !id.is_empty());
    let contract = identity.contract_number;
    let number = contract.as_u64().or_else(|| contract.as_str()?.trim().parse().ok());
    Some(Claims {
        user: user.map(|id| UserId::from(&*id)),
        role: identity.role.as_str().and_then(Role::from_word),
        contract: number.map(ContractNumber),
        ..Claims::default()
    })
}

/// The second part of a JSON web token.
fn payload(token: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let payload = token.expose_secret().split('.').nth(1)?.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(payload).ok().map(Zeroizing::new)
}

/// Judges the end of a token.
pub fn lifetime(expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Lifetime {
    match expires {
        None => Lifetime::Unknown,
        Some(end) if end <= now => Lifetime::Over(end),
        Some(end) if end - now <= WARN_BEFORE => Lifetime::EndsSoon(end),
        Some(end) => Lifetime::Fine(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretString {
        SecretString::from(format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims)))
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[track_caller]
    fn check(claims: &str, expected: Option<&str>) {
        assert_eq!(expiry(&token(claims)), expected.map(at));
    }

    #[test]
    fn the_end_is_read_from_the_claims() {
        check(r#"{"identity":{"contractNumber":1},"exp":1800000000}"#, Some("2027-01-15T08:00:00Z"));
        check(r#"{"exp":1800000000.9}"#, Some("2027-01-15T08:00:00Z"));
    }

    #[test]
    fn a_token_that_does_not_say_has_no_end() {
        for claims in
            ["{}", r#"{"exp":"soon"}"#, r#"{"exp":-1}"#, r#"{"exp":1e300}"#, r#"{"exp":null}"#, "[]", "no json"]
        {
            check(claims, None);
        }
        for text in ["", "opaque", "a.b", "..", "a.!!!.c"] {
            assert_eq!(expiry(&SecretString::from(text)), None, "{text}");
        }
    }

    #[track_caller]
    fn check_claims(json: &str, expected: (Option<&str>, Option<&Role>, Option<u64>)) {
        let found = claims(&Credentials::Bearer(token(json)));
        let contract = found.contract.map(|number| number.0);
        assert_eq!((found.user.as_ref().map(UserId::as_str), found.role.as_ref(), contract), expected, "{json}");
    }

    #[test]
    fn the_principal_is_read_from_the_claims() {
        let user = "15f67991-0f51-4efc-a8ad-ef1fb31a480c";
        let json = format!(r#"{{"identity":{{"uuid":"{}","role":"owner","contractNumber":31}}}}"#, user.to_uppercase());
        check_claims(&json, (Some(user), Some(&Role::Owner), Some(31)));
        check_claims(
            r#"{"identity":{"uuid":7,"role":"admin","contractNumber":"31"}}"#,
            (None, Some(&Role::Administrator), Some(31)),
        );
        for json in ["{}", r#"{"identity":{}}"#, r#"{"identity":"me"}"#, "no json"] {
            check_claims(json, (None, None, None));
        }
        let password = Credentials::Basic { username: "ann@example.org".to_owned(), password: "x".into() };
        assert_eq!(claims(&password).address.as_deref(), Some("ann@example.org"));
    }

    #[test]
    fn padding_does_not_matter() {
        let padded = SecretString::from("x.eyJleHAiOjE4MDAwMDAwMDB9==.y");
        assert_eq!(expiry(&padded), Some(at("2027-01-15T08:00:00Z")));
    }

    #[test]
    fn fourteen_days_before_the_end_it_ends_soon() {
        let end = at("2026-12-15T08:00:00Z");
        let judge = |now: &str| lifetime(Some(end), at(now));
        assert_eq!(judge("2026-12-01T07:59:59Z"), Lifetime::Fine(end));
        assert_eq!(judge("2026-12-01T08:00:00Z"), Lifetime::EndsSoon(end));
        assert_eq!(judge("2026-12-15T07:59:59Z"), Lifetime::EndsSoon(end));
        assert_eq!(judge("2026-12-15T08:00:00Z"), Lifetime::Over(end));
        assert_eq!(lifetime(None, at("2026-12-15T08:00:00Z")), Lifetime::Unknown);
    }
}
