//! Templates of one's own: what they may replace, and what they cannot break.

use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::{Format, named as report, render};

use crate::report_fixture::named;

/// Renders the change report with one template replaced.
fn with(name: &str, text: &str, who: &str) -> Result<String, String> {
    let templates = Templates::embedded().replace(name, text).map_err(|error| error.to_string())?;
    render(report("changes").unwrap(), &named(who), Format::Html, Dialect::default(), &templates)
        .map(|rendered| String::from_utf8(rendered.bytes).unwrap())
        .map_err(|error| format!("{:?}", error.source))
}

#[track_caller]
fn check_fails(text: &str, expected: &str) {
    let error = with("changes.html.j2", text, "alice").unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_template_can_be_replaced() {
    let page = with("changes.html.j2", "{{ report.schema }} {{ report.net.total }}", "alice").unwrap();
    assert!(page.starts_with("keyholder.changes.v1 "), "{page}");
}

#[test]
fn a_template_of_a_strange_name_is_refused() {
    assert!(with("change.html.j2", "", "alice").unwrap_err().contains("change.html.j2"));
}

#[test]
fn a_folder_replaces_what_it_has_and_refuses_what_nobody_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("access-review")).unwrap();
    std::fs::write(folder.path().join("style.css"), "body{color:teal}").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let templates = Templates::embedded().with_folder(folder.path()).unwrap();
    let rendered =
        render(report("changes").unwrap(), &named("alice"), Format::Html, Dialect::default(), &templates).unwrap();
    assert!(String::from_utf8(rendered.bytes).unwrap().contains("<style>body{color:teal}"));
    std::fs::write(folder.path().join("access-review/user.html.j2"), "misspelt").unwrap();
    let error = Templates::embedded().with_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("access-review/user.html.j2"), "{error}");
}

#[test]
fn a_name_that_is_not_there_is_an_error() {
    check_fails("{{ report.nonsense }}", "UndefinedError");
}

#[test]
fn a_template_without_end_is_stopped() {
    check_fails("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", "OutOfFuel");
}

#[test]
fn no_template_gets_around_the_escaping() {
    check_fails("{{ report.cover.organisation|safe }}", "UnknownFilter");
    for text in [
        "{% autoescape false %}{{ report.cover.organisation }}{% endautoescape %}",
        "{% autoescape 'none' %}{{ report.cover.organisation }}{% endautoescape %}",
        "{{ report.cover.organisation ~ '' }}",
        "{{ [report.cover.organisation]|join(' ') }}",
        "{% set copy %}{{ report.cover.organisation }}{% endset %}{{ copy }}",
        "{% macro say(x) %}{{ x }}{% endmacro %}{{ say(report.cover.organisation) }}",
        "{{ [report.cover.organisation] }}",
    ] {
        let page = with("changes.html.j2", text, "<b>\u{202E}x").unwrap_or_else(|error| {
            assert!(error.contains("InvalidOperation"), "{text}: {error}");
            String::new()
        });
        assert!(!page.contains("<b>") && !page.contains('\u{202E}'), "{text}: {page}");
    }
}

#[test]
fn a_style_that_would_end_its_element_is_refused() {
    let error = with("style.css", "body{}</STYLE><script>alert(1)</script>", "alice").unwrap_err();
    assert!(error.contains("ends its own element"), "{error}");
}

#[test]
fn line_ends_of_another_system_do_not_break_the_policy() {
    let page = with("style.css", "body{color:teal}\r\np{color:navy}", "alice").unwrap();
    assert!(page.contains("body{color:teal}\np{color:navy}"), "a browser would hash the page without CR");
}
