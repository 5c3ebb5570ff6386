//! Reading one user, group or resource by itself, because a list leaves it out or says nothing but its id.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reading::{Reading, Unauthorised, effort};
use crate::api::read::Client;
use crate::api::wire::Notes;
use crate::api::{Answer, Depth, Error, Fault};
use crate::domain::coverage::Effort;
use crate::domain::group::Group;
use crate::domain::id::{GroupId, ResourceId, UserId};
use crate::domain::resource::Resource;
use crate::domain::user::User;
use crate::seams::Seams;

/// Things of one list that are read by themselves for the same reason, at most.
pub(super) const MAX_SINGLE_READS: usize = 100;

/// What became of a thing that was read by itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SingleRead<T> {
    pub(super) id: Arc<str>,
    /// The thing, which is there.
    pub(super) item: Option<T>,
    /// Whether it is known to be gone.
    pub(super) gone: bool,
    pub(super) notes: Notes,
    pub(super) effort: Effort,
}

impl<T> SingleRead<T> {
    fn of<W>(
        id: Arc<str>,
        answer: Result<Answer<W>, Error>,
        seams: &Seams,
        convert: impl FnOnce(W) -> Option<T>,
    ) -> Result<Self, Unauthorised> {
        Ok(match answer {
            Ok(Answer { value, notes, receipt }) => {
                let effort = Effort { pages: 0, ..effort(&receipt, 0) };
                Self { id, item: convert(value), gone: false, notes, effort }
            }
            Err(error) => {
                let gone = matches!(error.fault, Fault::NotFound);
                let Reading { effort, notes, .. } = Reading::<()>::failed(error, seams)?;
                Self { id, item: None, gone, notes, effort }
            }
        })
    }
}

/// Reads one user.
pub(super) async fn user(client: &Client, seams: &Seams, id: UserId) -> Result<SingleRead<User>, Unauthorised> {
    let answer = client.user(&id, Depth::One).await;
    SingleRead::of(id.shared(), answer, seams, |user| user.into_domain().ok().filter(|user| user.id == id))
}

/// Reads one group.
pub(super) async fn group(client: &Client, seams: &Seams, id: GroupId) -> Result<SingleRead<Group>, Unauthorised> {
    let answer = client.group(&id, Depth::One).await;
    SingleRead::of(id.shared(), answer, seams, |group| group.into_domain().ok().filter(|group| group.id == id))
}

/// Reads one resource of that type.
pub(super) async fn resource(
    client: &Client,
    seams: &Seams,
    kind: String,
    id: ResourceId,
) -> Result<SingleRead<Resource>, Unauthorised> {
    let answer = client.resource(&kind, &id, Depth::One).await;
    SingleRead::of(id.shared(), answer, seams, |found| found.into_domain().ok().filter(|found| found.id == id))
}
