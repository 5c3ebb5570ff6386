//! What a changed user means: the flag that opens everything, two-factor authentication, sign-in, and names.

use super::AnalyseError;
use super::properties::{Flip, extras, fixed, flip, flip_active, list, other, text, truth, worded};
use super::scene::{Draft, Frame, Scene, Shift, Side, actor, shift};
use super::weight::{self, Standing, Weight};
use crate::domain::change::{Change, Class, Meaning, Op};
use crate::domain::id::UserId;
use crate::domain::severity::Severity;
use crate::domain::user::{Person, UserBody};

/// The lines of a user fact.
pub(super) fn user(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let id = UserId::from(&*change.key.subject);
    let known = scene.state(side).users.get(&id);
    let frame = Frame {
        subject: scene.named_user(side, id.as_str()),
        object: None,
        actor: actor(change.op, known.map(|user| &user.attribution), known.and_then(|user| user.created)),
    };
    let drafts = match shift::<UserBody>(change)? {
        Shift::Began(body) => {
            let mut drafts = added(&body, scene.standing(side, id.as_str()));
            if change.op == Op::FirstSeen {
                // Nobody knows whether the flag was gained.
                drafts.retain(|draft| draft.class == Class::UserAdded);
            }
            drafts
        }
        Shift::Ended(body) => removed(&body, scene.standing(side, id.as_str())),
        Shift::Changed(before, after) => {
            let mut drafts = properties(&before, &after, scene.standing(side, id.as_str()));
            if before.person != after.person {
                let person = |side| scene.state(side).users.get(&id).map(|user| &user.person);
                // The owner is known by the address, so one who changes it may be the owner on one side only.
                let standing = scene.standing(Side::Before, id.as_str()).or(scene.standing(side, id.as_str()));
                drafts.extend(names(person(Side::Before), person(Side::After), standing));
            }
            drafts
        }
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

fn added(body: &UserBody, standing: Standing) -> Vec<Draft> {
    // The body decides, so that the line is right even where the state was read later.
    let standing = Standing { administrator: body.administrator == Some(true), ..standing };
    let mut drafts = vec![Draft::began(Class::UserAdded, weight::user_added(standing), describe(body))];
    if standing.administrator {
        drafts.push(Draft {
            class: Class::AdministratorGained,
            weight: Weight::usual(Class::AdministratorGained),
            field: "administrator".to_owned(),
            before: String::new(),
            after: truth(body.administrator),
        });
    }
    drafts
}

fn removed(body: &UserBody, standing: Standing) -> Vec<Draft> {
    let mut drafts = vec![Draft::ended(Class::UserRemoved, weight::user_removed(standing), describe(body))];
    if body.administrator == Some(true) {
        drafts.push(Draft {
            class: Class::AdministratorLost,
            weight: Weight::usual(Class::AdministratorLost).noting("the user was removed"),
            field: "administrator".to_owned(),
            before: truth(body.administrator),
            after: String::new(),
        });
    }
    drafts
}

/// A user in a few words: what a reviewer wants to know of one who came or went.
fn describe(body: &UserBody) -> String {
    list(
        [
            (body.administrator == Some(true), "administrator"),
            (body.active == Some(false), "inactive"),
            (body.active != Some(false), "may sign in"),
            (body.sec_auth_active == Some(true), "2FA set up"),
            (body.sec_auth_active != Some(true), "2FA not set up"),
        ]
        .into_iter()
        .filter_map(|(holds, word)| holds.then_some(word)),
    )
}

/// One line per property that differs, names apart.
fn properties(before: &UserBody, after: &UserBody, standing: Standing) -> Vec<Draft> {
    let standing = Standing { administrator: after.administrator == Some(true), ..standing };
    let mut drafts = Vec::new();
    drafts.extend(flag("administrator", before.administrator, after.administrator, flip, |on| {
        let class = if on { Class::AdministratorGained } else { Class::AdministratorLost };
        (class, Weight::usual(class))
    }));
    drafts.extend(flag("active", before.active, after.active, flip_active, |on| {
        if on {
            (Class::UserEnabled, weight::user_enabled(standing))
        } else {
            (Class::UserDisabled, weight::user_disabled(standing))
        }
    }));
    drafts.extend(flag("secAuthActive", before.sec_auth_active, after.sec_auth_active, flip, |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            (Class::TwoFactorWeakened, weight::second_factor_gone(standing))
        }
    }));
    drafts.extend(flag("forceSecAuth", before.force_sec_auth, after.force_sec_auth, flip, |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            let active = after.sec_auth_active == Some(true);
            (Class::TwoFactorWeakened, weight::second_factor_optional(standing, active))
        }
    }));
    drafts.extend(fixed(
        "s3CanonicalUserId",
        text(before.s3_canonical_user_id.as_ref()),
        text(after.s3_canonical_user_id.as_ref()),
    ));
    drafts.extend(fixed("createdDate", text(before.created_date.as_ref()), text(after.created_date.as_ref())));
    drafts.extend(extras(&before.extra, &after.extra));
    drafts
}

/// The line of one boolean, if it differs.
pub(super) fn flag(
    field: &str,
    before: Option<bool>,
    after: Option<bool>,
    compare: fn(Option<bool>, Option<bool>) -> Flip,
    meaning: impl FnOnce(bool) -> (Class, Weight),
) -> Option<Draft> {
    let on = match compare(before, after) {
        Flip::On => true,
        Flip::Off => false,
        Flip::Worded => return worded(field, before, after),
        Flip::Same => return None,
    };
    let (class, weight) = meaning(on);
    Some(Draft { class, weight, field: field.to_owned(), before: truth(before), after: truth(after) })
}

/// One line per name that differs, or one that says that the names are not kept any more.
fn names(before: Option<&Person>, after: Option<&Person>, standing: Standing) -> Vec<Draft> {
    let nobody = Person::default();
    let (before, after) = (before.unwrap_or(&nobody), after.unwrap_or(&nobody));
    let renamed = |field: &str, before: &Option<String>, after: &Option<String>, weight: Weight| {
        other(field, text(before.as_ref()), text(after.as_ref()), weight)
            .map(|draft| Draft { class: Class::Renamed, ..draft })
    };
    let usual = Weight::usual(Class::Renamed);
    let drafts: Vec<Draft> = [
        renamed("email", &before.email, &after.email, weight::email_changed(standing)),
        renamed("firstname", &before.firstname, &after.firstname, usual.clone()),
        renamed("lastname", &before.lastname, &after.lastname, usual.clone()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !drafts.is_empty() {
        return drafts;
    }
    let weight = Weight::of(Severity::Info, "the names differ, but are not kept any more");
    vec![Draft {
        class: Class::Renamed,
        weight,
        field: "person".to_owned(),
        before: String::new(),
        after: String::new(),
    }]
}
