//! The principal of a run: who it is, from its credentials, the list of users and the store, and whether it is the accepted
//! principal of the contract.

use crate::collect::{Walk, principal};
use crate::domain::principal::{Acceptance, Claims, Collector, Principal, PrincipalId, PrincipalStatus};
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
        self.collector.standing == PrincipalStatus::HeldBack
    }
}

/// Compares the principal of a walk with the accepted one of the contract, once there is one. `person` is who accepts another
/// one, if it is accepted.
pub(super) async fn compare(
    store: &Store,
    claims: &Claims,
    person: Option<&str>,
    walk: &Walk,
    seams: &Seams,
) -> Result<Compared, StoreError> {
    let principal = principal_of(store, claims, walk, seams).await?;
    let accepted = store.accepted_principal(walk.contract).await?;
    let is_another = accepted.as_ref().is_some_and(|accepted| principal.differs_from(accepted));
    let acceptance = person.filter(|_| is_another).map(|person| Acceptance { by: person.to_owned(), at: seams.now() });
    let standing = match acceptance {
        None if is_another => PrincipalStatus::HeldBack,
        None if accepted.is_none() && principal.id.is_none() => PrincipalStatus::Unknown,
        _ => PrincipalStatus::Accepted,
    };
    let collector = Collector { principal, standing, held_back: 0, acceptance };
    Ok(Compared { collector, accepted: accepted.filter(|_| is_another) })
}

/// The principal of a walk. A user name that the walk does not list is looked up among the known users.
async fn principal_of(store: &Store, claims: &Claims, walk: &Walk, seams: &Seams) -> Result<Principal, StoreError> {
    let id = match (principal::user(claims, &walk.sightings), &claims.address) {
        (Some(user), _) => Some(PrincipalId::User(user)),
        (None, Some(address)) => Some(store.bearer_of(walk.contract, address, seams).await?),
        (None, None) => None,
    };
    let user = match &id {
        Some(PrincipalId::User(user)) => Some(user),
        Some(PrincipalId::Unlisted { .. }) | None => None,
    };
    let role = principal::role(claims, user, &walk.sightings);
    let last_known_role = match (&role, &id) {
        (None, Some(id)) => store.last_known_role(walk.contract, id).await?,
        _ => None,
    };
    Ok(Principal { id, role, last_known_role, contract: claims.contract, expires: claims.expires })
}
