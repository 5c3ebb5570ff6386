//! What a run is collected under, as it is written beside what it has read: only under the same terms does it go on.
//!
//! Other credentials may see other things, so they are part of it: by a keyed digest, under a random key that is made for
//! the run and deleted with it. Nothing else about a secret is kept.

use serde::{Deserialize, Serialize};

use crate::api::read::Client;
use crate::domain::id::ContractNumber;
use crate::domain::snapshot::Source;

/// Everything that decides what is asked, and who asks.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    api: String,
    contract: Option<ContractNumber>,
    tool: String,
    /// 32 bytes in hexadecimal digits, as the digest is.
    key: String,
    credentials: String,
}

impl Terms {
    /// Those of a run with that key. `contract` is the one that is expected.
    pub(super) fn of(source: &Source, contract: Option<ContractNumber>, client: &Client, key: &[u8; 32]) -> Self {
        let Source { api, tool } = source.clone();
        Self { api, contract, tool, key: hex::encode(key), credentials: hex::encode(client.identity(key)) }
    }

    /// As text that [`Terms::is_kept`] understands.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and a number can be written as JSON")
    }

    /// Whether these are still the terms that were kept as text. What another version kept is not understood, and not the same.
    pub(super) fn is_kept(kept: &str, source: &Source, contract: Option<ContractNumber>, client: &Client) -> bool {
        let Ok(kept) = serde_json::from_str::<Self>(kept) else { return false };
        let mut key = [0; 32];
        hex::decode_to_slice(&kept.key, &mut key).is_ok() && Self::of(source, contract, client, &key) == kept
    }
}
