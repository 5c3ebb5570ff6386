//! The columns of `access-review.csv`, in order.

use super::line::Line;
use crate::report::csv::{Cells, Row};

impl Row for Line<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "period",
        "snapshot_id",
        "snapshot_time_utc",
        "contract_number",
        "population",
        "scope_complete",
        "line_id",
        "user_id",
        "user_email",
        "user_firstname",
        "user_lastname",
        "user_active",
        "administrator",
        "force_sec_auth",
        "sec_auth_active",
        "created_utc",
        "created_by",
        "last_login_utc",
        "last_login_days",
        "never_logged_in",
        "entitlement_type",
        "entitlement_id",
        "entitlement_name",
        "entitlement_detail",
        "access_path",
        "granted_by_groups",
        "path_count",
        "resource_type",
        "resource_id",
        "resource_name",
        "sec_auth_protection",
        "key_active",
        "key_created_utc",
        "key_age_days",
        "risk_rating",
        "first_seen_utc",
        "last_proved_utc",
        "changed_since_last_review",
        "not_reported",
    ];

    fn cells(&self, cells: &mut Cells) {
        cells
            .text(&self.period)
            .number(self.snapshot_id)
            .time(&self.snapshot_time_utc)
            .number(self.contract_number)
            .text(self.population)
            .flag(Some(self.scope_complete))
            .text(&self.line_id)
            .text(self.user_id)
            .text(self.user_email)
            .text(self.user_firstname)
            .text(self.user_lastname)
            .flag(self.user_active)
            .flag(self.administrator)
            .flag(self.force_sec_auth)
            .flag(self.sec_auth_active)
            .optional_time(self.created_utc.as_deref())
            .optional(self.created_by)
            .optional_time(self.last_login_utc.as_deref())
            .optional_number(self.last_login_days)
            .flag(self.never_logged_in)
            .text(self.entitlement_type)
            .text(self.entitlement_id)
            .text(self.entitlement_name)
            .text(self.entitlement_detail)
            .joined(&self.access_path)
            .joined(&self.granted_by_groups)
            .number(self.path_count as u64)
            .optional(self.resource_type)
            .optional(self.resource_id)
            .optional(self.resource_name)
            .flag(self.sec_auth_protection)
            .flag(self.key_active)
            .optional_time(self.key_created_utc.as_deref())
            .optional_number(self.key_age_days)
            .text(self.risk_rating)
            .time(&self.first_seen_utc)
            .time(&self.last_proved_utc)
            .text(self.changed_since_last_review)
            .joined(&self.not_reported);
    }
}
