//! Every report in every format, from ordinary, empty and gappy contracts; the files stay behind for eyes.

use std::path::Path;

use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::input::Input;
use keyholder::report::{ALL, Format, render};

use crate::report_fixture::{crowd, gappy_month, month, named, nothing};

/// Renders everything twice, compares, and leaves it in the target folder.
#[track_caller]
fn check_renders(folder: &str, input: &Input) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports").join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for report in ALL {
        for format in Format::ALL {
            let render = || render(report, input, format, Dialect::default(), &Templates::embedded());
            let rendered = render().unwrap_or_else(|error| panic!("{error:#?}"));
            assert_eq!(rendered.bytes, render().unwrap().bytes, "{} {format:?}", report.name);
            let plain = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '.' | '-');
            assert!(rendered.file_name.chars().all(plain), "{}", rendered.file_name);
            std::fs::write(folder.join(rendered.file_name), rendered.bytes).unwrap();
        }
    }
}

#[test]
fn a_month_renders_in_every_format_and_always_the_same() {
    check_renders("month", &month());
}

#[test]
fn an_incomplete_month_renders_in_every_format_and_always_the_same() {
    check_renders("gappy", &gappy_month());
}

#[test]
fn a_contract_with_nobody_in_it_renders_in_every_format() {
    check_renders("nothing", &nothing());
}

#[test]
fn a_hostile_contract_renders_in_every_format() {
    check_renders("hostile", &named("=HYPERLINK(\"x\")\"><script>alert(1)</script>\u{202E}\n"));
}

#[test]
fn a_crowd_renders_in_every_format() {
    check_renders("crowd", &crowd(230));
}
