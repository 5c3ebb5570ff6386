//! The one integration binary.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod analyse_diff;
mod analyse_grants;
mod analyse_in_between;
mod analyse_laws;
mod analyse_relations;
mod analyse_world;
mod api_faults;
mod api_pace;
mod api_pages;
mod api_quiet;
mod api_read;
mod api_surface;
mod api_thirty;
mod api_tls;
mod architecture;
mod canary;
mod cli_demo;
mod cli_exit;
mod cli_looks;
mod cli_month;
mod cli_record;
mod cli_refusals;
mod cli_shuffle;
mod collect_absence;
mod collect_faults;
mod collect_walk;
mod config_canary;
mod config_credentials;
mod config_doctor;
mod config_files;
mod config_precedence;
mod fault_matrix;
mod fault_schedules;
mod report_files;
mod report_fixture;
mod report_page;
mod report_people;
mod report_rows;
mod report_templates;
mod store_diff;
mod store_open;
mod store_seal;
mod support;
