//! The rules in force: which of them strikes a request, and how often each did. The lock makes deciding and counting one
//! step.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rule::{Exchange, Rule};
use super::strike::{Plan, Strike};
use super::{Effect, Schedule};
use crate::api::mixed;

/// A rule in force: how often it fired, and the way to end it. Dropping this leaves the rule in force.
#[derive(Debug, Clone)]
pub struct Fault(pub(super) Arc<Armed>);

#[derive(Debug)]
pub(super) struct Armed {
    rule: Rule,
    /// What its chances are drawn from.
    seed: u64,
    met: AtomicU32,
    /// Requests it was meant to strike, those under way included.
    taken: AtomicU32,
    fired: AtomicU32,
    withdrawn: AtomicBool,
    /// Attempts by address, kept only where the rule asks for them.
    attempts: Mutex<HashMap<String, u32>>,
}

impl Fault {
    /// How often the rule fired so far: how many requests saw its effect.
    pub fn fired(&self) -> u32 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// The name under which it is counted.
    pub fn name(&self) -> String {
        self.0.rule.name()
    }

    /// Ends the rule.
    pub fn withdraw(&self) {
        self.0.withdrawn.store(true, Ordering::SeqCst);
    }
}

impl Armed {
    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    pub(super) fn effect(&self) -> &Effect {
        &self.rule.effect
    }

    /// The effect was seen.
    pub(super) fn hit(&self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
    }

    /// The effect had nothing to work on: the next request may have it.
    pub(super) fn missed(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether it strikes this request, which it meets.
    fn strikes(&self, exchange: &Exchange) -> bool {
        let rule = &self.rule;
        let met = self.met.fetch_add(1, Ordering::SeqCst);
        let Some(behind) = met.checked_sub(rule.skip) else {
            return false;
        };
        if behind % rule.every != 0 || !self.draws(exchange) {
            return false;
        }
        let left = rule.times.is_none_or(|times| self.taken.load(Ordering::SeqCst) < times);
        if left {
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        left
    }

    /// Whether the attempt is one of those it meets, and chance agrees.
    fn draws(&self, exchange: &Exchange) -> bool {
        if self.rule.attempts.is_none() && self.rule.chance.is_none() {
            return true;
        }
        let address = exchange.address();
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(address.clone()).or_default();
        *attempt += 1;
        self.rule.attempts.is_none_or(|first| *attempt <= first)
            && self.rule.chance.is_none_or(|share| {
                let drawn = mixed(self.seed, &format!("{address} {attempt}"));
                fastrand::Rng::with_seed(drawn).f64() < share
            })
    }
}

/// All rules of a server; the first in force that strikes decides.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>, Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn arm(&self, rule: Rule) -> Fault {
        self.arm_with(rule, 0)
    }

    /// Arms every rule of a schedule; the chances of each are its own.
    pub(crate) fn follow(&self, schedule: Schedule) -> Vec<Fault> {
        let Schedule { seed, rules } = schedule;
        (0_u64..).zip(rules).map(|(place, rule)| self.arm_with(rule, mixed(seed, &place.to_string()))).collect()
    }

    fn arm_with(&self, rule: Rule, seed: u64) -> Fault {
        let fault = Fault(Arc::new(Armed {
            rule,
            seed,
            met: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            fired: AtomicU32::new(0),
            withdrawn: AtomicBool::new(false),
            attempts: Mutex::default(),
        }));
        self.rules().push(fault.clone());
        self.counted().push(fault.clone());
        fault
    }

    /// Ends every rule; what was counted stays.
    pub(crate) fn clear(&self) {
        self.rules().clear();
    }

    /// How often each rule fired, by name: those that never did with 0, those of one name together.
    pub(crate) fn fired(&self) -> BTreeMap<String, u32> {
        let mut fired = BTreeMap::new();
        for fault in self.counted().iter() {
            *fired.entry(fault.name()).or_default() += fault.fired();
        }
        fired
    }

    /// What happens to this request.
    pub(crate) fn plan(&self, exchange: &Exchange) -> Plan {
        let mut rules = self.rules();
        rules.retain(|fault| !fault.0.withdrawn.load(Ordering::SeqCst));
        let mut plan = Plan::default();
        for Fault(armed) in rules.iter().filter(|fault| fault.0.rule.meets(exchange)) {
            if armed.strikes(exchange) {
                let strike = Strike(armed.clone());
                if !armed.rule.effect.is_companion() {
                    plan.decisive = Some(strike);
                    break;
                }
                plan.companions.push(strike);
            }
        }
        plan
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every rule that was ever armed.
    fn counted(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
