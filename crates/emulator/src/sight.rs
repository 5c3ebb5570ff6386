//! What a request may see of the world: all of it, or what one user sees of it. It decides nothing about rights.

use crate::world::{Id, World};

tokio::task_local! {
    /// The user whose view answers the request; none if it is answered with everything.
    static EYES: Option<Id>;
}

/// Answers a request as that user sees the world.
pub(crate) async fn through<T>(user: Option<Id>, answer: impl Future<Output = T>) -> T {
    EYES.scope(user, answer).await
}

/// The world as the request that is being answered sees it; `None` if it sees everything.
pub(crate) fn of(world: &World) -> Option<World> {
    let user = EYES.try_with(Clone::clone).ok().flatten()?;
    Some(world.as_seen_by(&user))
}
