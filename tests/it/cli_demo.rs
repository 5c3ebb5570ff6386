//! The demonstration: exactly the promised files, for their owner only, complete in themselves, and again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use scraper::{Html, Selector};

use crate::support::cli::{Desk, served};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Name and mode of each file.
fn files(folder: &Path) -> BTreeMap<String, u32> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path()))).collect()
}

/// Expects a page that fetches nothing: every address in it is a place in the page itself or holds its own data.
#[track_caller]
fn check_self_contained(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let page = Html::parse_document(&text);
    let mut seen = 0;
    for element in page.select(&Selector::parse("*").unwrap()) {
        seen += 1;
        assert!(!["iframe", "object", "embed", "base"].contains(&element.value().name()), "{}", element.value().name());
        for name in ["src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"] {
            if let Some(address) = element.value().attr(name) {
                assert!(address.starts_with('#') || address.starts_with("data:"), "{name}={address}");
            }
        }
    }
    assert!(seen > 100, "{} has something in it", path.display());
    for style in page.select(&Selector::parse("style").unwrap()) {
        let style = style.text().collect::<String>();
        assert!(!style.contains("@import") && !style.contains("url("), "a style sheet that fetches");
    }
    let policy = page.select(&Selector::parse("meta[http-equiv='Content-Security-Policy']").unwrap()).next();
    let policy = policy.and_then(|meta| meta.value().attr("content")).expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

#[test]
fn a_demonstration_leaves_what_it_promises_and_can_be_repeated() {
    let desk = Desk::bare();
    let folder = desk.path("demo");
    let expected = [
        "access-review.csv",
        "access-review.html",
        "alerts.eml",
        "changes.csv",
        "changes.html",
        "keyholder.db",
        "population.csv",
        "population.html",
    ];
    for users in ["60", "24"] {
        let ran = desk.run(&["demo", "--users", users, "--dir", "demo"]).ends(0);
        // A machine that is busy sees how far the collections are.
        assert!(ran.err.lines().all(|line| line.contains("Reading: ")), "nothing to remark: {}", ran.err);
        let marked = expected.into_iter().chain([".keyholder-demo"]).map(|name| (name.to_owned(), 0o600));
        assert_eq!(files(&folder), marked.collect());
        assert_eq!(mode(&folder), 0o700);
        for name in expected {
            assert!(ran.out.contains(&format!("\n  demo/{name}\n")), "{name} is not named: {}", ran.out);
        }
        assert!(ran.out.contains("What arrived at a webhook meanwhile: "), "{}", ran.out);
        assert!(ran.out.contains("baseline established"), "{}", ran.out);
        assert!(ran.out.starts_with("Collected 5 snapshots over a simulated month:\n"), "{}", ran.out);
        desk.run(&["--db", "demo/keyholder.db", "diff", "1", "latest"]).ends(0);
    }
    let mail = fs::read_to_string(folder.join("alerts.eml")).unwrap();
    assert!(mail.contains("Subject: ") && mail.contains("multipart/alternative"), "{mail}");
    check_self_contained(&folder.join("access-review.html"));
    check_self_contained(&folder.join("changes.html"));
    check_self_contained(&folder.join("population.html"));
}

#[test]
fn s3_a_real_contract_in_a_demonstration_is_not_replaced() {
    let desk = Desk::bare();
    desk.run(&["demo", "--users", "24", "--dir", "demo"]).ends(0);
    let real = served();
    let collecting = Desk::of(&real).with("KEYHOLDER_DB", &desk.path("demo/keyholder.db").display().to_string());
    collecting.run(&["collect"]).ends(0);
    let before = fs::read(desk.path("demo/keyholder.db")).unwrap();
    let refused = desk.run(&["demo", "--users", "24", "--dir", "demo"]).ends(2);
    assert!(refused.err.contains(&real.contract_number().to_string()), "{}", refused.err);
    assert!(fs::read(desk.path("demo/keyholder.db")).unwrap() == before, "the database is as it was");
}

#[test]
fn s3_a_folder_of_others_keeps_its_mode() {
    let desk = Desk::bare();
    fs::create_dir(desk.path("open")).unwrap();
    fs::set_permissions(desk.path("open"), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = desk.run(&["demo", "--users", "24", "--dir", "open"]).ends(2);
    assert!(refused.err.contains("others can get at the folder"), "{}", refused.err);
    assert_eq!((mode(&desk.path("open")), files(&desk.path("open")).len()), (0o755, 0));
}
