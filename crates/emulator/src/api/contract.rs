//! `GET /` and `GET /contracts`: one object in v5, a collection in v6.

use axum::extract::State;
use axum::http::{StatusCode, Uri};

use super::{Answered, Api, Version, json};
use crate::json::Writer;
use crate::world::World;

/// Limits of the contract with their values: the seventeen of v5 first, then what v6 added.
const LIMITS: [(&str, u64); 25] = [
    ("coresPerServer", 62),
    ("coresPerContract", 4_000),
    ("coresProvisioned", 812),
    ("ramPerServer", 245_760),
    ("ramPerContract", 16_384_000),
    ("ramProvisioned", 3_276_800),
    ("hddLimitPerVolume", 4_194_304),
    ("hddLimitPerContract", 1_048_576_000),
    ("hddVolumeProvisioned", 92_160_000),
    ("ssdLimitPerVolume", 4_194_304),
    ("ssdLimitPerContract", 524_288_000),
    ("ssdVolumeProvisioned", 61_440_000),
    ("reservableIps", 400),
    ("reservedIpsOnContract", 181),
    ("reservedIpsInUse", 140),
    ("k8sClusterLimitTotal", 100),
    ("k8sClustersProvisioned", 17),
    ("dasVolumeProvisioned", 0),
    ("nlbLimitTotal", 50),
    ("nlbProvisioned", 4),
    ("natGatewayLimitTotal", 50),
    ("natGatewayProvisioned", 6),
    ("securityGroupsPerVdc", 50),
    ("securityGroupsPerResource", 10),
    ("rulesPerSecurityGroup", 100),
];

/// `GET /`: name and version, without credentials.
pub(super) async fn root(State(api): State<Api>) -> Answered {
    let mut writer = Writer::new(true);
    writer.object(|w| {
        w.text("href", &api.base());
        w.text("name", "CLOUD API");
        w.text("version", if api.version == Version::V5 { "5.0" } else { "6.0" });
    });
    Ok(json(StatusCode::OK, writer.finish()))
}

/// `GET /contracts`
pub(super) async fn contracts(State(api): State<Api>, uri: Uri) -> Answered {
    let asked = api.asked(&uri)?;
    let world = api.shared.world();
    let mut writer = Writer::new(asked.pretty);
    writer.object(|w| match api.version {
        Version::V5 => contract(w, &world, &LIMITS[..17], true),
        Version::V6 => {
            w.text("id", "contracts");
            w.text("type", "collection");
            w.text("href", &format!("{}/contracts", api.base()));
            w.array("items", |w| {
                w.object(|w| contract(w, &world, &LIMITS, asked.depth > 0));
            });
        }
    });
    Ok(json(StatusCode::OK, writer.finish()))
}

/// A contract has neither id nor href.
fn contract(w: &mut Writer, world: &World, limits: &[(&str, u64)], whole: bool) {
    w.text("type", "contract");
    if !whole {
        return;
    }
    w.member("properties", |w| {
        w.number("contractNumber", world.contract_number());
        w.text("owner", &world.actor_of(world.owner()).name);
        w.text("status", "BILLABLE");
        w.text("regDomain", "ionos.de");
        w.member("resourceLimits", |w| {
            for (name, value) in limits {
                w.number(name, *value);
            }
        });
    });
}
