//! What a changed user means: the flag that opens everything, two-factor authentication, sign-in, and names.

use super::AnalyseError;
use super::properties::{extras, fixed, flag, list, nullable, other, power, truth};
use super::scene::{Draft, Frame, Scene, Shift, Side, actor, shift};
use super::weight::{self, Standing, Weight};
use crate::domain::change::{Change, Class, Meaning, Op};
use crate::domain::fact::Kind;
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
                // The owner is known by the address, so one who changes it may be the owner on one side only.
                let standing = scene.standing(Side::Before, id.as_str()).or(scene.standing(side, id.as_str()));
                drafts.extend(names(scene, &id, standing));
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
            (body.sec_auth_active == Some(false), "2FA not set up"),
            (body.sec_auth_active.is_none(), "2FA not reported"),
        ]
        .into_iter()
        .filter_map(|(holds, word)| holds.then_some(word)),
    )
}

/// One line per property that differs, names apart.
fn properties(before: &UserBody, after: &UserBody, standing: Standing) -> Vec<Draft> {
    let standing = Standing { administrator: after.administrator == Some(true), ..standing };
    let mut drafts = Vec::new();
    drafts.extend(power("administrator", before.administrator, after.administrator, |on| {
        let class = if on { Class::AdministratorGained } else { Class::AdministratorLost };
        (class, Weight::usual(class))
    }));
    drafts.extend(flag("active", before.active, after.active, |on| {
        if on {
            (Class::UserEnabled, weight::user_enabled(standing))
        } else {
            (Class::UserDisabled, weight::user_disabled(standing))
        }
    }));
    drafts.extend(flag("secAuthActive", before.sec_auth_active, after.sec_auth_active, |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            (Class::TwoFactorWeakened, weight::second_factor_gone(standing))
        }
    }));
    drafts.extend(flag("forceSecAuth", before.force_sec_auth, after.force_sec_auth, |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            let active = after.sec_auth_active == Some(true);
            (Class::TwoFactorWeakened, weight::second_factor_optional(standing, active))
        }
    }));
    let (old, new) = (nullable(&before.s3_canonical_user_id), nullable(&after.s3_canonical_user_id));
    drafts.extend(fixed("s3CanonicalUserId", old, new));
    drafts.extend(fixed("createdDate", before.created_date.as_deref(), after.created_date.as_deref()));
    drafts.extend(extras(&before.extra, &after.extra));
    drafts
}

/// One line per name that differs, or one that says that the names are not kept any more.
fn names(scene: &Scene<'_>, id: &UserId, standing: Standing) -> Vec<Draft> {
    let nobody = Person::default();
    let person = |side| scene.state(side).users.get(id).map_or(&nobody, |user| &user.person);
    let (before, after) = (person(Side::Before), person(Side::After));
    let renamed = |field: &str, before: &Option<String>, after: &Option<String>, class: Class, weight: Weight| {
        other(field, before.as_deref(), after.as_deref(), weight).map(|draft| Draft { class, ..draft })
    };
    let usual = Weight::usual(Class::Renamed);
    let address = weight::address_changed(standing);
    let drafts: Vec<Draft> = [
        renamed("email", &before.email, &after.email, Class::SignInAddressChanged, address),
        renamed("firstname", &before.firstname, &after.firstname, Class::Renamed, usual.clone()),
        renamed("lastname", &before.lastname, &after.lastname, Class::Renamed, usual),
    ]
    .into_iter()
    .flatten()
    .collect();
    let is_erased = |side| *person(side) == nobody && !scene.is_unknown(side, Kind::User, id.as_str(), "email");
    if !drafts.is_empty() || !(before == after || is_erased(Side::Before) || is_erased(Side::After)) {
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
