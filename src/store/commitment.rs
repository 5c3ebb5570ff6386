//! Keyed commitments: what stands in a fact for names and e-mail addresses, so that erasing a person breaks no digest.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::error::StoreError;
use crate::domain::body::Body;
use crate::domain::user::Person;

/// HMAC-SHA-256 of the canonical JSON of the person, under the subject's own random key.
pub(super) fn commit(key: &[u8; 32], person: &Person) -> Result<[u8; 32], StoreError> {
    let canonical = Body::of("person", person)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do for HMAC");
    mac.update(canonical.as_str().as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Person {
        Person { email: Some("ann@example.org".into()), firstname: Some("Ann".into()), lastname: None }
    }

    #[test]
    fn the_same_person_under_the_same_key_gives_the_same_commitment() {
        assert_eq!(commit(&[7; 32], &ann()).unwrap(), commit(&[7; 32], &ann()).unwrap());
    }

    #[test]
    fn another_key_or_another_name_gives_another_commitment() {
        let base = commit(&[7; 32], &ann()).unwrap();
        assert_ne!(base, commit(&[8; 32], &ann()).unwrap());
        assert_ne!(base, commit(&[7; 32], &Person { lastname: Some("Lee".into()), ..ann() }).unwrap());
    }
}
