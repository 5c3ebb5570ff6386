//! The pages as a browser sees them: what a name can do to them, what they fetch, and what they say without being asked.

use std::fmt::Write as _;

use keyholder::report::csv::Dialect;
use keyholder::report::html::{Templates, source_hash};
use keyholder::report::input::Input;
use keyholder::report::text::is_hidden;
use keyholder::report::{ALL, Format, named as report, render};
use scraper::{ElementRef, Html, Node, Selector};

use crate::report_fixture::{crowd, gappy_month, month, named, nothing};

fn page(name: &str, input: &Input) -> String {
    let rendered = render(report(name).unwrap(), input, Format::Html, Dialect::default(), &Templates::embedded());
    String::from_utf8(rendered.unwrap().bytes).unwrap()
}

fn pages(input: &Input) -> Vec<String> {
    ALL.iter().map(|report| page(report.name, input)).collect()
}

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn words(html: &Html, selector: &str) -> String {
    select(html, selector).iter().flat_map(ElementRef::text).collect::<Vec<_>>().join("")
}

/// Every element with its attributes, in order, without any text.
fn skeleton(html: &Html) -> String {
    let mut found = String::new();
    for node in html.tree.root().descendants() {
        if let Node::Element(element) = node.value() {
            let mut attributes: Vec<_> = element.attrs().map(|(name, value)| format!(" {name}={value:?}")).collect();
            attributes.sort();
            let indent = node.ancestors().count();
            writeln!(found, "{:indent$}<{}{}>", "", element.name(), attributes.join("")).unwrap();
        }
    }
    found
}

const HOSTILE: [&str; 44] = [
    "<script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "</bdi></td></tr></table><h1>owned</h1>",
    "<!-- ",
    "-->",
    "<![CDATA[x]]>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "<form action=//evil.example><input name=x>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "{% include 'base.html.j2' %}",
    "{# comment #}",
    "${alert(1)}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&quot; onmouseover=alert(1) x=&quot;",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "` onclick=alert(1) `",
    "=HYPERLINK(\"http://evil.example\";\"x\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "C:\\Windows\\..\\x",
    "a\u{202E}gnp.exe",
    "\u{2066}x\u{2069}\u{200F}",
    "zero\u{200B}width\u{FEFF}joined\u{200D}",
    "line\nbreak\r\nand\ttab",
    "nul\u{0}bell\u{7}escape\u{1B}[31mred",
    "para\u{2029}line\u{2028}sep",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "שלום עולם",
    "مرحبا",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "%3Cscript%3E %00 %0d%0a",
    "'; DROP TABLE users; --",
];

#[test]
fn no_name_changes_the_skeleton_of_a_page_or_hides_in_its_text() {
    let ordinary: Vec<_> = pages(&named("alice")).iter().map(|page| skeleton(&Html::parse_document(page))).collect();
    for name in HOSTILE {
        for (page, ordinary) in pages(&named(name)).iter().zip(&ordinary) {
            let html = Html::parse_document(page);
            let skeleton = skeleton(&html);
            let difference = skeleton.lines().zip(ordinary.lines()).find(|(one, other)| one != other);
            assert!(skeleton == *ordinary, "{name:?}: {difference:?}");
            let mut shown = html.root_element().text().flat_map(str::chars);
            assert_eq!(shown.find(|character| *character != '\n' && is_hidden(*character)), None, "{name:?}");
        }
    }
}

#[test]
fn every_name_is_isolated_from_the_text_around_it() {
    for page in pages(&named("zzyzx")) {
        let html = Html::parse_document(&page);
        let mut isolated = 0;
        for node in html.tree.root().descendants() {
            let Node::Text(text) = node.value() else { continue };
            if !text.contains("zzyzx") {
                continue;
            }
            isolated += 1;
            let mut around = node.ancestors().filter_map(|node| node.value().as_element());
            assert!(around.any(|element| element.name() == "bdi"), "{text:?} is not in a bdi");
        }
        assert!(isolated > 10, "only {isolated} names on the page");
    }
}

#[test]
fn a_look_alike_name_is_remarked_on() {
    let html = Html::parse_document(&page("access-review", &named("p\u{430}ypal")));
    assert!(words(&html, "#users .tag").contains("name mixes alphabets"));
}

#[test]
fn a_page_fetches_nothing_and_runs_nothing_but_its_own_script() {
    for input in [month(), gappy_month(), nothing()] {
        for page in pages(&input) {
            let html = Html::parse_document(&page);
            for element in select(&html, "*") {
                for (name, value) in element.value().attrs() {
                    assert!(!name.starts_with("on") && name != "style" && name != "src", "{name}={value:?}");
                    assert!(name != "href" || value.starts_with('#'), "{name}={value:?}");
                }
            }
            assert_eq!(select(&html, "link, img, iframe, object, embed, form, base").len(), 0);
            assert!(!words(&html, "style").contains("url(") && !words(&html, "style").contains("@import"));
        }
    }
}

#[test]
fn the_policy_comes_first_and_its_hashes_are_those_of_the_page() {
    for page in pages(&gappy_month()) {
        let html = Html::parse_document(&page);
        let first = select(&html, "head > :first-child")[0];
        assert_eq!(first.value().attr("http-equiv"), Some("Content-Security-Policy"));
        let policy = first.value().attr("content").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
            let [element] = select(&html, element)[..] else { panic!("one {element}") };
            let hash = source_hash(&element.text().collect::<String>());
            assert!(policy.contains(&format!("{directive} {hash};")), "{policy} has no {hash}");
        }
    }
}

#[test]
fn every_anchor_leads_somewhere_and_every_id_is_there_once() {
    for input in [month(), gappy_month(), nothing(), crowd(150)] {
        for page in pages(&input) {
            let html = Html::parse_document(&page);
            let ids: Vec<_> = select(&html, "[id]").iter().filter_map(|element| element.value().id()).collect();
            let mut once = ids.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), ids.len());
            for link in select(&html, "a[href]") {
                let target = &link.value().attr("href").unwrap()[1..];
                assert!(once.binary_search(&target).is_ok(), "{target:?} is nowhere");
            }
        }
    }
}

#[test]
fn a_screen_reader_finds_its_way() {
    for page in pages(&month()) {
        let html = Html::parse_document(&page);
        assert_eq!(select(&html, "html[lang]").len(), 1);
        for landmark in ["header", "nav[aria-label]", "main#content", "footer", "a.skip[href='#content']", "h1"] {
            assert_eq!(select(&html, landmark).len(), 1, "{landmark}");
        }
        let tables = select(&html, "table").len();
        assert_eq!(select(&html, "table > caption").len(), tables);
        assert_eq!(select(&html, "thead th").len(), select(&html, "thead th[scope=col]").len());
        assert_eq!(select(&html, "tbody tr").len(), select(&html, "tbody tr > th[scope=row]:first-child").len());
        assert_eq!(select(&html, "svg").len(), select(&html, "svg[role=img] > title + desc").len());
        for section in select(&html, "section") {
            let title = section.value().attr("aria-labelledby").unwrap();
            assert_eq!(select(&html, &format!("#{title}")).len(), 1);
        }
        // On a narrow screen a cell says its column's name by itself.
        assert_eq!(select(&html, "tbody td").len(), select(&html, "tbody td[data-l]").len());
    }
}

#[test]
fn an_incomplete_population_is_on_the_cover_and_on_every_printed_page() {
    for page in pages(&gappy_month()) {
        let html = Html::parse_document(&page);
        assert!(words(&html, "title").contains("INCOMPLETE"));
        assert!(words(&html, ".verdict").contains("Population INCOMPLETE"));
        assert!(words(&html, ".verdict").contains("102 of 105 scopes"));
        assert!(words(&html, "style").contains("@top-right{content:\"INCOMPLETE POPULATION\"}"));
        assert_eq!(select(&html, ".watermark").len(), 1);
        let missing = words(&html, "#gaps");
        for expected in ["External contractors", "server error 500 after 5 attempts", "forbidden", "unstable", "gone"] {
            assert!(missing.contains(expected), "{expected} is not in {missing}");
        }
        assert!(missing.contains("last proved by snapshot 30"), "{missing}");
    }
}

#[test]
fn a_complete_population_cries_no_wolf() {
    for page in pages(&month()) {
        let html = Html::parse_document(&page);
        assert!(words(&html, ".verdict").contains("Population COMPLETE"));
        assert!(!page.contains("INCOMPLETE POPULATION") && select(&html, ".watermark").is_empty());
        assert!(select(&html, "#gaps").is_empty() && select(&html, "tr.missing").is_empty());
    }
}

#[test]
fn an_empty_contract_says_so_in_every_section() {
    let html = Html::parse_document(&page("access-review", &nothing()));
    let empty = words(&html, ".empty");
    for expected in ["No users were seen", "No groups were seen", "Nothing is shared", "Nobody holds an S3 key"] {
        assert!(empty.contains(expected), "{expected} is not in {empty}");
    }
    assert!(words(&html, "#changes").contains("this review is the baseline"));
}

#[test]
fn long_tables_come_in_blocks_of_a_hundred() {
    let html = Html::parse_document(&page("access-review", &crowd(450)));
    let blocks: Vec<_> = select(&html, "#user-table .block")
        .iter()
        .map(|block| block.select(&Selector::parse("tbody tr").unwrap()).count())
        .collect();
    assert_eq!(blocks, [100, 100, 100, 100, 50]);
    assert_eq!(select(&html, "#user-table .block.far").len(), 3);
    assert!(words(&html, "#user-table caption").contains("401 to 450 of 450"));
}

#[test]
fn what_follows_from_a_removal_is_folded_below_it() {
    let html = Html::parse_document(&page("changes", &month()));
    let folded = words(&html, "#net details");
    assert!(folded.contains("3 endings follow from it") && folded.contains("Migration 2025"), "{folded}");
    let heads = words(&html, "#net tbody th");
    assert!(!heads.contains("member removed") && !heads.contains("share removed"), "{heads}");
    assert!(words(&html, "#in-between tbody th").contains("share added"));
}

#[test]
fn the_first_page_of_every_report_says_how_complete_it_is_and_what_was_odd() {
    for page in pages(&gappy_month()) {
        let html = Html::parse_document(&page);
        let cover = words(&html, "header.cover");
        assert!(cover.contains("Population INCOMPLETE") && cover.contains("scopes were read to their end"), "{cover}");
        let odd = words(&html, "header.cover .noticed li");
        for expected in [
            "keys of ",
            "suspicious answer: 4 of 4 were missing; re-read, 4 of them one by one: 2 are still there",
            "the API's clock is 400 s ahead of the clock of this machine",
            "users: mass removal, confirmed: 14 of 61 are gone",
        ] {
            assert!(odd.contains(expected), "{expected} is not in {odd}");
        }
        assert!(!odd.contains("references"), "what is only worth a line stands in the certificate: {odd}");
        assert!(words(&html, "#notices").contains("3 references under shares to resources that are in no list"));
    }
    for page in pages(&month()) {
        let html = Html::parse_document(&page);
        assert!(words(&html, "header.cover").contains("Population COMPLETE"));
        assert!(select(&html, ".noticed").is_empty() && select(&html, "#notices").is_empty());
    }
}
