//! Routes: which alert goes to which sinks.

use std::collections::BTreeSet;

use crate::domain::alert::AlertClass;
use crate::domain::severity::Severity;

/// Sends the alerts that match all of its conditions to its sinks. A condition that names nothing always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Where they go.
    pub sinks: Vec<String>,
    /// Only these classes.
    pub classes: Vec<AlertClass>,
    /// Only from this severity on.
    pub severity: Option<Severity>,
    /// Only of the contracts with these names in the configuration; alerts that belong to no contract match as well.
    pub contracts: Vec<String>,
}

impl Route {
    /// Whether an alert takes this route. Without classes and severity it has to be one that is alerted by default.
    fn takes(&self, alert: &Routed<'_>) -> bool {
        let says_what = !self.classes.is_empty() || self.severity.is_some();
        (says_what || alert.is_default)
            && (self.classes.is_empty() || self.classes.contains(&alert.class))
            && self.severity.is_none_or(|least| alert.severity >= least)
            && (self.contracts.is_empty()
                || alert.contract.is_none_or(|name| self.contracts.iter().any(|one| one == name)))
    }
}

/// What decides where an alert goes.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// What it is about.
    pub class: AlertClass,
    /// How much it matters.
    pub severity: Severity,
    /// The name in the configuration of the contract that it belongs to, or the number of one that is not configured; `None`
    /// for what belongs to no contract.
    pub contract: Option<&'a str>,
    /// Whether it is alerted when nobody says otherwise.
    pub is_default: bool,
}

/// All routes and all sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Router {
    routes: Vec<Route>,
    sinks: BTreeSet<String>,
}

impl Router {
    /// Without routes every sink gets what is alerted by default.
    pub fn new(sinks: impl IntoIterator<Item = String>, routes: Vec<Route>) -> Self {
        Self { routes, sinks: sinks.into_iter().collect() }
    }

    /// The sinks that an alert goes to, each once, in order of name.
    pub fn sinks_of(&self, alert: &Routed<'_>) -> BTreeSet<String> {
        if self.routes.is_empty() {
            return if alert.is_default { self.sinks.clone() } else { BTreeSet::new() };
        }
        let taken = self.routes.iter().filter(|route| route.takes(alert));
        taken.flat_map(|route| &route.sinks).filter(|sink| self.sinks.contains(*sink)).cloned().collect()
    }

    /// All sinks, in order of name.
    pub fn sinks(&self) -> &BTreeSet<String> {
        &self.sinks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Class;

    const KEY: Routed<'static> = Routed {
        class: AlertClass::Change(Class::KeyAdded),
        severity: Severity::Medium,
        contract: Some("production"),
        is_default: true,
    };

    fn router(routes: Vec<Route>) -> Router {
        Router::new(["mail", "soc"].map(str::to_owned), routes)
    }

    fn to(sink: &str) -> Route {
        Route { sinks: vec![sink.to_owned()], ..Route::default() }
    }

    #[track_caller]
    fn check(router: &Router, alert: &Routed<'_>, expected: &[&str]) {
        assert_eq!(router.sinks_of(alert).iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_sink_gets_the_default_where_no_route_is_given() {
        check(&router(Vec::new()), &KEY, &["mail", "soc"]);
        check(&router(Vec::new()), &Routed { is_default: false, ..KEY }, &[]);
    }

    #[test]
    fn a_route_narrows_by_class_severity_and_contract() {
        let classes = vec![AlertClass::Change(Class::ShareAdded)];
        check(&router(vec![Route { classes, ..to("soc") }]), &KEY, &[]);
        let severity = Some(Severity::High);
        check(&router(vec![Route { severity, ..to("soc") }]), &KEY, &[]);
        check(
            &router(vec![Route { severity, ..to("soc") }]),
            &Routed { severity: Severity::Critical, ..KEY },
            &["soc"],
        );
        let contracts = vec!["test".to_owned()];
        check(&router(vec![Route { contracts: contracts.clone(), ..to("soc") }]), &KEY, &[]);
        check(&router(vec![Route { contracts, ..to("soc") }]), &Routed { contract: None, ..KEY }, &["soc"]);
    }

    #[test]
    fn a_route_that_names_a_class_takes_it_at_any_severity() {
        let renamed = Routed { class: AlertClass::Change(Class::Renamed), is_default: false, ..KEY };
        check(&router(vec![to("soc")]), &renamed, &[]);
        check(&router(vec![Route { classes: vec![renamed.class], ..to("soc") }]), &renamed, &["soc"]);
    }

    #[test]
    fn two_routes_to_one_sink_deliver_once() {
        check(&router(vec![to("soc"), to("soc"), to("mail")]), &KEY, &["mail", "soc"]);
        check(&router(vec![to("nowhere")]), &KEY, &[]);
    }
}
