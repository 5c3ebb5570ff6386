//! `--contract NAME or NUMBER`: which contract is meant, and how contracts are called in output.

use std::fmt;
use std::str::FromStr;

use super::{Context, Failure};
use crate::config::{Config, ContractConfig};
use crate::domain::id::ContractNumber;
use crate::store::Store;

/// A contract as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ContractArg {
    /// By its number.
    Number(ContractNumber),
    /// By its name in the configuration.
    Name(String),
}

impl FromStr for ContractArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err("expected the name of a [[contract]] or the number of a contract");
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| "the number is too large to be that of a contract")?;
            return Ok(Self::Number(ContractNumber(number)));
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for ContractArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.pad(name),
        }
    }
}

/// What `collect` is to collect: a contract of the configuration, or the one that the credentials see.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// The contract of the configuration; `None` for that of `[api]` and `[credentials]`.
    pub(super) config: Option<ContractConfig>,
    /// The number that was asked for, where the configuration has none.
    pub(super) number: Option<ContractNumber>,
}

impl Context {
    /// The contract that is meant, of those in the database: the one asked for, else the configured one, else the only one.
    pub(super) async fn contract(&self, store: &Store, asked: Option<&ContractArg>) -> Result<ContractNumber, Failure> {
        let asked = match asked {
            Some(asked) => Some(self.number(asked)?),
            None => self.config()?.config.api.contract_number.map(ContractNumber),
        };
        Ok(store.choose_contract(asked).await?)
    }

    /// The number of a contract that the command line names.
    pub(super) fn number(&self, asked: &ContractArg) -> Result<ContractNumber, Failure> {
        match asked {
            ContractArg::Number(number) => Ok(*number),
            ContractArg::Name(name) => named(&self.config()?.config, name)?.number.ok_or_else(|| Failure::Usage {
                what: format!("find contract {name}: the configuration does not say its number"),
                hint: "set number in its [[contract]], or give the number instead of the name",
            }),
        }
    }

    /// The number of a contract of the configuration or of the database.
    pub(super) async fn known_contract(&self, store: &Store, asked: &ContractArg) -> Result<ContractNumber, Failure> {
        let number = self.number(asked)?;
        let is_configured = self.config()?.config.contracts.iter().any(|one| one.number == Some(number));
        if is_configured { Ok(number) } else { Ok(store.choose_contract(Some(number)).await?) }
    }

    /// The name that the configuration has for a contract; empty if it has none.
    pub(super) fn name_of(&self, number: ContractNumber) -> &str {
        let contracts = self.loaded.as_ref().map(|loaded| loaded.config.contracts.as_slice()).unwrap_or_default();
        let found = contracts.iter().find(|contract| contract.number == Some(number));
        found.map(|contract| contract.name.as_str()).unwrap_or_default()
    }

    /// A contract for people: its number, with its name if it has one.
    pub(super) fn title_of(&self, number: ContractNumber) -> String {
        match self.name_of(number) {
            "" => number.to_string(),
            name => format!("{number} ({name})"),
        }
    }

    /// What `collect` is to collect when one contract is meant.
    pub(super) fn chosen(&self, asked: Option<&ContractArg>) -> Result<Chosen, Failure> {
        Chosen::of(&self.config()?.config, asked)
    }

    /// Everything there is to collect.
    pub(super) fn all(&self) -> Result<Vec<Chosen>, Failure> {
        Chosen::all(&self.config()?.config)
    }
}

impl Chosen {
    /// The contract asked for, else that of `api.contract_number`, else the only one of the configuration, else the one that
    /// the credentials see.
    pub(super) fn of(config: &Config, asked: Option<&ContractArg>) -> Result<Self, Failure> {
        let number = match asked {
            Some(ContractArg::Name(name)) => {
                return Ok(Self { config: Some(named(config, name)?.clone()), number: None });
            }
            Some(ContractArg::Number(number)) => Some(*number),
            None => config.api.contract_number.map(ContractNumber),
        };
        match (number, config.contracts.as_slice()) {
            (None, []) => Ok(Self { config: None, number: None }),
            (None, [only]) => Ok(Self { config: Some(only.clone()), number: None }),
            (None, several) => Err(Failure::Usage {
                what: format!("collect: the configuration has {}", listed(several)),
                hint: "choose one with --contract, or collect all with --all",
            }),
            (Some(number), contracts) => {
                let config = contracts.iter().find(|contract| contract.number == Some(number)).cloned();
                Ok(Self { config, number: Some(number) })
            }
        }
    }

    /// The contracts of the configuration, else the one that the credentials see.
    pub(super) fn all(config: &Config) -> Result<Vec<Self>, Failure> {
        if config.contracts.is_empty() {
            return Ok(vec![Self::of(config, None)?]);
        }
        Ok(config.contracts.iter().map(|contract| Self { config: Some(contract.clone()), number: None }).collect())
    }
}

/// The contract of the configuration with that name.
fn named<'a>(config: &'a Config, name: &str) -> Result<&'a ContractConfig, Failure> {
    let contracts = &config.contracts;
    contracts.iter().find(|contract| contract.name == name).ok_or_else(|| Failure::Usage {
        what: format!("find contract {name:?}: the configuration has {}", listed(contracts)),
        hint: "give the name of a [[contract]] of the configuration, or the number of a contract",
    })
}

/// `the contracts production, staging`.
fn listed(contracts: &[ContractConfig]) -> String {
    let names: Vec<_> = contracts.iter().map(|contract| contract.name.as_str()).collect();
    if names.is_empty() { "no [[contract]]".to_owned() } else { format!("the contracts {}", names.join(", ")) }
}
