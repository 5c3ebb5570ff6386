//! What a seed alone decides: the contract number, the canary, the credentials. No part of the contract's contents.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

/// Numbers and secrets that follow from the seed.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) seed: u64,
    pub(crate) contract_number: u64,
    /// `CANARY-` and 32 hexadecimal characters; part of every secret that is handed out or accepted.
    pub(crate) canary: String,
}

impl Identity {
    pub(crate) fn new(seed: u64, contract_number: Option<u64>) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x6964_656e_7469_7479);
        let derived = rng.u64(31_000_000..36_000_000);
        let canary = format!("CANARY-{:016x}{:016x}", rng.u64(..), rng.u64(..));
        Self { seed, contract_number: contract_number.unwrap_or(derived), canary }
    }

    /// A token in the form of the real ones, a JWT, whose signature is the canary. The key id distinguishes tokens of one user.
    pub(crate) fn token(
        &self,
        key_id: &str,
        user_id: &str,
        role: &str,
        from: DateTime<Utc>,
        lives: TimeDelta,
    ) -> String {
        let header = serde_json::json!({"typ": "JWT", "kid": key_id, "alg": "RS256"});
        let payload = serde_json::json!({
            "iss": "ionoscloud",
            "iat": from.timestamp(),
            "exp": (from + lives).timestamp(),
            "identity": {
                "role": role,
                "contractNumber": self.contract_number,
                "isParent": false,
                "privileges": ["ACCESS_S3_OBJECT_STORAGE", "ACCESS_ACTIVITY_LOG"],
                "uuid": user_id,
            },
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(payload), self.canary)
    }

    pub(crate) fn password(&self) -> String {
        format!("{}-{:04}", self.canary, self.seed % 10_000)
    }

    pub(crate) fn sso_url(&self, user_id: &str) -> String {
        format!("https://object-storage.example/ssosecurelogin.htm?user={user_id}&token={}", self.canary)
    }
}
