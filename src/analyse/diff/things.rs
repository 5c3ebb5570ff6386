//! What a changed contract, group or resource means.

use super::AnalyseError;
use super::properties::{Flip, extras, fixed, flag, flip, learned, list, other, text, truth};
use super::scene::{Draft, Frame, Scene, Shift, Side, actor, named_contract, shift};
use super::weight::{self, Weight};
use crate::domain::change::{Change, Class, Meaning};
use crate::domain::contract::ContractBody;
use crate::domain::fact::Kind;
use crate::domain::group::{Group, GroupBody};
use crate::domain::id::{GroupId, ResourceId};
use crate::domain::resource::ResourceBody;
use crate::domain::severity::Severity;
use crate::domain::unknown::Nullable;

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
            let changed = (before.owner != after.owner).then(|| owner_changed(scene, &change.key.subject)).flatten();
            let low = || Weight::of(Severity::Low, "the contract itself changed");
            changed
                .into_iter()
                .chain(other("status", before.status.as_deref(), after.status.as_deref(), low()))
                .chain(other("regDomain", before.reg_domain.as_deref(), after.reg_domain.as_deref(), low()))
                .collect()
        }
    };
    out.extend(drafts.into_iter().map(|draft| scene.line(change, &frame, draft)));
    Ok(())
}

/// The line of another owner. One whose address is not kept any more was still another one.
fn owner_changed(scene: &Scene<'_>, number: &str) -> Option<Draft> {
    let is_unknown = |side| scene.is_unknown(side, Kind::Contract, number, "owner");
    let owner = |side| scene.state(side).contract.as_ref().and_then(|contract| contract.owner.email.clone());
    let weight = Weight::usual(Class::ContractOwnerChanged);
    let after = owner(Side::After).unwrap_or_default();
    match owner(Side::Before) {
        None if is_unknown(Side::Before) => (!after.is_empty()).then(|| learned("owner", weight, after)),
        before => Some(Draft {
            class: Class::ContractOwnerChanged,
            weight,
            field: "owner".to_owned(),
            before: before.unwrap_or_default(),
            after,
        }),
    }
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
            let was_unknown = |name: &str| scene.is_unknown(Side::Before, Kind::Group, id.as_str(), name);
            group_properties(&before, &after, has_members, was_unknown)
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

fn group_properties(
    before: &GroupBody,
    after: &GroupBody,
    has_members: bool,
    was_unknown: impl Fn(&str) -> bool,
) -> Vec<Draft> {
    let weight = Weight::of(Severity::Low, "a group is judged by its name");
    let mut drafts: Vec<Draft> = other("name", before.name.as_deref(), after.name.as_deref(), weight)
        .map(|draft| Draft { class: Class::Renamed, ..draft })
        .into_iter()
        .collect();
    for (name, granted) in &after.privileges {
        let (before, after) = (before.privileges.get(name).copied(), Some(*granted));
        let gained = || weight::privilege_gained(name, has_members);
        drafts.extend(match flip(before, after) {
            Flip::Learned if was_unknown(name) => Some(learned(name, gained(), truth(after))),
            // No group of this contract was ever said to have it or not.
            Flip::Learned => Some(Draft {
                class: Class::PrivilegeGained,
                weight: gained(),
                field: name.clone(),
                before: String::new(),
                after: truth(after),
            }),
            Flip::On | Flip::Off | Flip::Same => flag(name, before, after, |on| {
                if on {
                    (Class::PrivilegeGained, gained())
                } else {
                    (Class::PrivilegeLost, Weight::usual(Class::PrivilegeLost))
                }
            }),
        });
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
    let renamed = other("name", before.name.as_deref(), after.name.as_deref(), Weight::usual(Class::Renamed))
        .map(|draft| Draft { class: Class::Renamed, ..draft });
    renamed
        .into_iter()
        .chain(protection(before.sec_auth_protection, after.sec_auth_protection))
        .chain(fixed("type", before.kind.as_deref(), after.kind.as_deref()))
        .chain(fixed("createdDate", before.created_date.as_deref(), after.created_date.as_deref()))
        .chain(extras(&before.extra, &after.extra))
        .collect()
}

/// A resource that cannot be protected is not protected; that it can be now, or cannot any more, is worth a line.
fn protection(before: Nullable<bool>, after: Nullable<bool>) -> Option<Draft> {
    const FIELD: &str = "secAuthProtection";
    if before.is_not_reported() || after.is_not_reported() {
        return None;
    }
    let (before, after) = (before.value().copied(), after.value().copied());
    let is_on = |value| Some(value == Some(true));
    let flipped = flag(FIELD, is_on(before), is_on(after), |on| {
        if on {
            (Class::TwoFactorStrengthened, Weight::usual(Class::TwoFactorStrengthened))
        } else {
            (Class::TwoFactorWeakened, Weight::of(Severity::Medium, "it concerns one resource, not a sign-in"))
        }
    });
    let (before, after) = (truth(before), truth(after));
    match flipped {
        Some(draft) => Some(Draft { before, after, ..draft }),
        None => other(FIELD, Some(&before), Some(&after), Weight::usual(Class::Other)),
    }
}
