//! What a changed contract, group or resource means.

use std::collections::BTreeSet;

use super::AnalyseError;
use super::properties::{extras, fixed, flip, list, other, text};
use super::scene::{Draft, Frame, Scene, Shift, Side, actor, named_contract, shift};
use super::users::flag;
use super::weight::{self, Weight};
use crate::domain::change::{Change, Class, Meaning};
use crate::domain::contract::ContractBody;
use crate::domain::group::{Group, GroupBody};
use crate::domain::id::{GroupId, ResourceId};
use crate::domain::resource::ResourceBody;
use crate::domain::severity::Severity;

/// The lines of a contract fact.
pub(super) fn contract(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let frame = Frame { subject: named_contract(&change.key.subject), object: None, actor: None };
    let owner = |side| {
        let contract = scene.state(side).contract.as_ref();
        contract.and_then(|contract| contract.owner.email.clone()).unwrap_or_default()
    };
    let drafts = match shift::<ContractBody>(change)? {
        Shift::Began(_) => vec![Draft::began(
            Class::Other,
            Weight::usual(Class::Other).noting("the contract was read for the first time"),
            owner(Side::After),
        )],
        Shift::Ended(_) => vec![Draft::ended(
            Class::Other,
            Weight::of(Severity::High, "the contract is not listed any more"),
            owner(Side::Before),
        )],
        Shift::Changed(before, after) => {
            let changed = (before.owner != after.owner).then(|| Draft {
                class: Class::ContractOwnerChanged,
                weight: Weight::usual(Class::ContractOwnerChanged),
                field: "owner".to_owned(),
                before: owner(Side::Before),
                after: owner(Side::After),
            });
            let low = || Weight::of(Severity::Low, "the contract itself changed");
            changed
                .into_iter()
                .chain(other("status", text(before.status.as_ref()), text(after.status.as_ref()), low()))
                .chain(other("regDomain", text(before.reg_domain.as_ref()), text(after.reg_domain.as_ref()), low()))
                .collect()
        }
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

/// The lines of a group fact. The API says of no group who made or changed it.
pub(super) fn group(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let id = GroupId::from(&*change.key.subject);
    let frame = Frame { subject: scene.named_group(side, id.as_str()), object: None, actor: None };
    let drafts = match shift::<GroupBody>(change)? {
        Shift::Began(body) => {
            let group = Group::from_parts(id, body);
            vec![Draft::began(Class::GroupAdded, weight::group_added(&group), describe(&group))]
        }
        Shift::Ended(body) => {
            let group = Group::from_parts(id, body);
            vec![Draft::ended(Class::GroupRemoved, Weight::usual(Class::GroupRemoved), describe(&group))]
        }
        Shift::Changed(before, after) => {
            let has_members = scene.state(side).members_of(&id).next().is_some();
            group_properties(&before, &after, has_members)
        }
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

/// What a group grants, in a few words.
fn describe(group: &Group) -> String {
    let granted = list(group.granted());
    if granted.is_empty() { "no privileges".to_owned() } else { granted }
}

fn group_properties(before: &GroupBody, after: &GroupBody, has_members: bool) -> Vec<Draft> {
    let weight = Weight::of(Severity::Low, "a group is judged by its name");
    let mut drafts: Vec<Draft> = other("name", text(before.name.as_ref()), text(after.name.as_ref()), weight)
        .map(|draft| Draft { class: Class::Renamed, ..draft })
        .into_iter()
        .collect();
    let names: BTreeSet<&String> = before.privileges.keys().chain(after.privileges.keys()).collect();
    for name in names {
        let (before, after) = (before.privileges.get(name).copied(), after.privileges.get(name).copied());
        drafts.extend(flag(name, before, after, flip, |on| {
            if on {
                (Class::PrivilegeGained, weight::privilege_gained(name, has_members))
            } else {
                (Class::PrivilegeLost, Weight::usual(Class::PrivilegeLost))
            }
        }));
    }
    drafts.extend(extras(&before.extra, &after.extra));
    drafts
}

/// The lines of a resource fact.
pub(super) fn resource(scene: &Scene<'_>, change: &Change, out: &mut Vec<Meaning>) -> Result<(), AnalyseError> {
    let side = Side::of(change.op);
    let id = ResourceId::from(&*change.key.subject);
    let known = scene.state(side).resources.get(&id);
    let frame = Frame {
        subject: scene.named_resource(side, id.as_str()),
        object: None,
        actor: actor(change.op, known.map(|it| &it.attribution), known.and_then(|it| it.created)),
    };
    let drafts = match shift::<ResourceBody>(change)? {
        Shift::Began(body) => {
            let weight = Weight::usual(Class::ResourceAppeared);
            vec![Draft::began(Class::ResourceAppeared, weight, text(body.kind.as_ref()))]
        }
        Shift::Ended(body) => {
            let weight = Weight::usual(Class::ResourceVanished);
            vec![Draft::ended(Class::ResourceVanished, weight, text(body.kind.as_ref()))]
        }
        Shift::Changed(before, after) => resource_properties(&before, &after),
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

fn resource_properties(before: &ResourceBody, after: &ResourceBody) -> Vec<Draft> {
    let renamed = other("name", text(before.name.as_ref()), text(after.name.as_ref()), Weight::usual(Class::Renamed))
        .map(|draft| Draft { class: Class::Renamed, ..draft });
    let protected = flag("secAuthProtection", before.sec_auth_protection, after.sec_auth_protection, flip, |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            (Class::TwoFactorWeakened, Weight::of(Severity::Medium, "it concerns one resource, not a sign-in"))
        }
    });
    renamed
        .into_iter()
        .chain(protected)
        .chain(fixed("type", text(before.kind.as_ref()), text(after.kind.as_ref())))
        .chain(fixed("createdDate", text(before.created_date.as_ref()), text(after.created_date.as_ref())))
        .chain(extras(&before.extra, &after.extra))
        .collect()
}
