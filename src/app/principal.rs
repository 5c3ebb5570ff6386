//! Whose credentials collected a run, from what they say of themselves, what was seen, and what is known of the contract; and
//! whether that is another principal than before.

use chrono::{DateTime, Utc};

use crate::collect::{Walk, principal};
use crate::domain::principal::{Acceptance, Claims, Collector, Principal, PrincipalId, Standing};
use crate::seams::Seams;
use crate::store::{Store, StoreError};

/// The principal of a walk, compared with the accepted one.
pub(super) struct Compared {
    /// As it is sealed with the snapshot, before it is known what it did not see.
    pub(super) collector: Collector,
    /// The accepted one, if it is another one.
    pub(super) accepted: Option<Principal>,
}

impl Compared {
    /// Whether nothing may end.
    pub(super) fn holds_back(&self) -> bool {
        self.collector.standing == Standing::HeldBack
    }
}

/// Compares the principal of a walk with the accepted one of the contract. `person` is who accepts another one, if it is
/// accepted.
pub(super) async fn compare(
    store: &Store,
    claims: &Claims,
    person: Option<&str>,
    walk: &Walk,
    seams: &Seams,
) -> Result<Compared, StoreError> {
    let principal = principal_of(store, claims, walk, seams).await?;
    let accepted = store.accepted_principal(walk.contract).await?;
    let accepted = accepted.filter(|accepted| principal.differs_from(accepted));
    let acceptance = person.filter(|_| accepted.is_some()).map(|person| accepted_by(person, seams.now()));
    let standing = match (&principal.id, &accepted, &acceptance) {
        (_, Some(_), None) => Standing::HeldBack,
        (Some(_), ..) => Standing::Accepted,
        (None, ..) => Standing::Unknown,
    };
    Ok(Compared { collector: Collector { principal, standing, held_back: 0, acceptance }, accepted })
}

fn accepted_by(person: &str, at: DateTime<Utc>) -> Acceptance {
    Acceptance { by: person.to_owned(), at }
}

/// Whose credentials walked. A user name that the walk does not list is looked up among the known users.
async fn principal_of(store: &Store, claims: &Claims, walk: &Walk, seams: &Seams) -> Result<Principal, StoreError> {
    let user = principal::user(claims, &walk.sightings);
    let role = principal::role(claims, user.as_ref(), &walk.sightings);
    let id = match (user, &claims.address) {
        (Some(user), _) => Some(PrincipalId::User(user)),
        (None, Some(address)) => Some(store.bearer_of(walk.contract, address, seams).await?),
        (None, None) => None,
    };
    Ok(Principal { id, role, contract: claims.contract, expires: claims.expires })
}
