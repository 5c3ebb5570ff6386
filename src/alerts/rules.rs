//! What is alerted when nobody says otherwise, and how much each event matters.

use crate::domain::alert::Event;
use crate::domain::change::{Class, Meaning};
use crate::domain::fact::Kind;
use crate::domain::severity::Severity;

/// Whether a change is alerted by default: every high or critical one; shares and S3 keys that give access, whatever their
/// severity; joining a group that gives more than reading; another owner, a weaker second factor.
pub fn is_alerted(meaning: &Meaning) -> bool {
    if meaning.severity >= Severity::High {
        return true;
    }
    match meaning.class {
        Class::ShareAdded
        | Class::ShareWidened
        | Class::KeyAdded
        | Class::KeyEnabled
        | Class::OwnerChanged
        | Class::ContractOwnerChanged
        | Class::TwoFactorWeakened => true,
        // A property that was never reported and gives power weighs as something new.
        Class::FirstSeen => {
            matches!(meaning.key.kind, Kind::Share | Kind::Key)
                || (!meaning.field.is_empty() && meaning.severity >= Severity::Medium)
        }
        // A group that only reads makes it low: see the table of severities.
        Class::MemberAdded => meaning.severity >= Severity::Medium,
        _ => false,
    }
}

/// How much an event matters.
pub fn severity_of(event: Event) -> Severity {
    match event {
        Event::BaselineEstablished | Event::ReportReady => Severity::Info,
        Event::RunPartial | Event::RunMissed | Event::AttributeUnknown | Event::Digest => Severity::Medium,
        Event::DatabaseRestored
        | Event::RunFailed
        | Event::JobFailed
        | Event::MassRemoval
        | Event::SuspiciousAnswer
        | Event::CollectingPrincipalChanged
        | Event::CredentialsExpire
        | Event::CollectionOverdue
        | Event::AlertsMuted => Severity::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Named;
    use crate::domain::fact::FactKey;
    use crate::domain::id::Seq;

    #[track_caller]
    fn check(class: Class, kind: Kind, severity: Severity, expected: bool) {
        let meaning = Meaning {
            from: Seq(1),
            to: Seq(2),
            key: FactKey { kind, subject: "s".into(), object: None },
            class,
            severity,
            subject: Named { what: "user", id: "s".to_owned(), label: "s".to_owned() },
            object: None,
            field: String::new(),
            before: String::new(),
            after: String::new(),
            because: String::new(),
            actor: None,
        };
        assert_eq!(is_alerted(&meaning), expected, "{class} {severity}");
    }

    #[test]
    fn severe_changes_are_alerted_whatever_they_are() {
        for class in Class::ALL {
            check(class, Kind::User, Severity::High, true);
            check(class, Kind::User, Severity::Critical, true);
        }
    }

    #[test]
    fn new_shares_and_keys_are_alerted_at_any_severity() {
        for class in [Class::ShareAdded, Class::ShareWidened, Class::KeyAdded, Class::KeyEnabled] {
            check(class, Kind::Share, Severity::Info, true);
        }
        check(Class::FirstSeen, Kind::Key, Severity::Info, true);
        check(Class::FirstSeen, Kind::Member, Severity::Low, false);
        check(Class::KeyRemoved, Kind::Key, Severity::Info, false);
    }

    #[test]
    fn joining_a_group_is_alerted_when_it_gives_power() {
        check(Class::MemberAdded, Kind::Member, Severity::Low, false);
        check(Class::MemberAdded, Kind::Member, Severity::Medium, true);
        check(Class::Renamed, Kind::User, Severity::Medium, false);
    }
}
