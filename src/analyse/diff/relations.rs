//! What a changed membership, share or S3 key means; ended with its parent, it is a consequence and weighs less.

use super::AnalyseError;
use super::properties::{extras, fixed, power};
use super::scene::{Draft, Frame, Scene, Shift, Side, actor, named_key, object, shift};
use super::weight::{self, Weight};
use crate::domain::change::{Change, Class, Meaning, Op};
use crate::domain::fact::Kind;
use crate::domain::id::{KeyId, UserId};
use crate::domain::key::KeyBody;
use crate::domain::severity::Severity;
use crate::domain::share::{Access, ShareBody};

/// The lines of a membership: it has no body, so it begins or ends.
pub(super) fn member(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let (group, user) = (&*change.key.subject, object(change)?);
    let frame =
        Frame { subject: scene.named_group(side, group), object: Some(scene.named_user(side, user)), actor: None };
    let draft = match change.op {
        Op::Began | Op::FirstSeen => {
            Draft::began(Class::MemberAdded, weight::member_added(scene.power(group)), "member")
        }
        Op::Ended => {
            let weight = consequence(scene, change, &[(Kind::Group, group), (Kind::User, user)])
                .unwrap_or_else(|| Weight::usual(Class::MemberRemoved));
            Draft::ended(Class::MemberRemoved, weight, "member")
        }
        Op::Changed => return Ok(()),
    };
    out.push(scene.line(change, &frame, draft));
    Ok(())
}

/// The lines of a share.
pub(super) fn share(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let (group, resource) = (&*change.key.subject, object(change)?);
    let frame = Frame {
        subject: scene.named_group(side, group),
        object: Some(scene.named_resource(side, resource)),
        actor: None,
    };
    let drafts = match shift::<ShareBody>(change)? {
        Shift::Began(body) => {
            let access = access(&body);
            vec![Draft::began(Class::ShareAdded, weight::share_added(access), access.as_str())]
        }
        Shift::Ended(body) => {
            let weight = consequence(scene, change, &[(Kind::Group, group), (Kind::Resource, resource)])
                .unwrap_or_else(|| Weight::usual(Class::ShareRemoved));
            vec![Draft::ended(Class::ShareRemoved, weight, access(&body).as_str())]
        }
        Shift::Changed(before, after) => share_flags(&before, &after),
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

fn share_flags(before: &ShareBody, after: &ShareBody) -> Vec<Draft> {
    let narrowed = || (Class::ShareNarrowed, Weight::usual(Class::ShareNarrowed));
    let edit = power("editPrivilege", before.edit_privilege, after.edit_privilege, |on| {
        if on { (Class::ShareWidened, Weight::usual(Class::ShareWidened)) } else { narrowed() }
    });
    let share = power("sharePrivilege", before.share_privilege, after.share_privilege, |on| {
        if on { (Class::ShareWidened, Weight::of(Severity::High, "members may share it on")) } else { narrowed() }
    });
    edit.into_iter().chain(share).chain(extras(&before.extra, &after.extra)).collect()
}

fn access(body: &ShareBody) -> Access {
    Access { edit: body.edit_privilege == Some(true), share: body.share_privilege == Some(true) }
}

/// The lines of an S3 key: the key is the subject, its holder the object.
pub(super) fn key(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let (user, id) = (&*change.key.subject, object(change)?);
    let known = scene.state(side).keys.get(&(UserId::from(user), KeyId::from(id)));
    let frame = Frame {
        subject: named_key(id),
        object: Some(scene.named_user(side, user)),
        actor: actor(change.op, known.map(|key| &key.attribution), known.and_then(|key| key.created)),
    };
    let holder = scene.standing(side, user);
    let drafts = match shift::<KeyBody>(change)? {
        Shift::Began(body) if body.active == Some(false) => {
            let weight = Weight::of(Severity::Low, "the key is inactive");
            vec![Draft::began(Class::KeyAdded, weight, describe(&body))]
        }
        Shift::Began(body) => {
            vec![Draft::began(Class::KeyAdded, weight::key_usable(Class::KeyAdded, holder), describe(&body))]
        }
        Shift::Ended(body) => {
            let weight =
                consequence(scene, change, &[(Kind::User, user)]).unwrap_or_else(|| Weight::usual(Class::KeyRemoved));
            vec![Draft::ended(Class::KeyRemoved, weight, describe(&body))]
        }
        Shift::Changed(before, after) => {
            let active = power("active", before.active, after.active, |on| {
                if on {
                    (Class::KeyEnabled, weight::key_usable(Class::KeyEnabled, holder))
                } else {
                    (Class::KeyDisabled, Weight::usual(Class::KeyDisabled))
                }
            });
            let created = fixed("createdDate", before.created_date.as_deref(), after.created_date.as_deref());
            active.into_iter().chain(created).chain(extras(&before.extra, &after.extra)).collect()
        }
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

fn describe(body: &KeyBody) -> &'static str {
    if body.active == Some(false) { "inactive" } else { "active" }
}

/// The weight of what ended only because something it needs ended; `None` if nothing of that did.
pub(super) fn consequence(scene: &Scene<'_>, change: &Change, parents: &[(Kind, &str)]) -> Option<Weight> {
    parents.iter().find(|(kind, id)| scene.went(change, *kind, id)).map(|(kind, _)| {
        let because = match kind {
            Kind::Resource => "the resource vanished".to_owned(),
            kind => format!("the {kind} was removed"),
        };
        Weight::of(Severity::Info, because)
    })
}
