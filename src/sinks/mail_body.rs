//! The two bodies of a mail: text of at most 78 columns, and HTML that fits a phone and a desk. A digest begins with its list,
//! the worst first; what identifies a message comes last.
//!
//! Every value is visible text; in HTML it is escaped. Nothing here loads anything or has a script.

use std::fmt::Write as _;

use super::message::Message;
use super::rows::{MAX_VALUE_CHARS, rows};
use crate::domain::severity::Severity;
use crate::domain::untrusted::visible_within;

/// Columns of a line of text.
const MAX_COLUMNS: usize = 78;

/// Items of a digest in one mail.
pub(super) const MAX_ITEMS: usize = 200;

const BODY: &str = "margin: 0; padding: 16px; background: #ffffff; color: #1b1f24; \
                    font: 15px/1.45 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const SHEET: &str = "max-width: 680px; margin: 0 auto";
const HEADLINE: &str = "margin: 8px 0 16px; font-size: 20px; line-height: 1.3; overflow-wrap: anywhere";
const GROUP: &str = "margin: 24px 0 8px; font-size: 15px";
const ITEM: &str = "margin: 0 0 8px; padding: 8px 12px; border-left: 4px solid ";
const ITEM_GROUND: &str = "; background: #f6f7f9; overflow-wrap: anywhere";
const FACTS: &str = "width: 100%; margin: 24px 0 0; border-top: 1px solid #d5d9de; border-collapse: collapse; \
                     font-size: 13px; table-layout: fixed";
const LABEL: &str = "width: 96px; padding: 6px 12px 0 0; text-align: left; vertical-align: top; font-weight: normal; \
                     color: #57606a";
const VALUE: &str = "padding: 6px 0 0; vertical-align: top; overflow-wrap: anywhere";

/// The colour of a severity: dark enough for white text on it.
const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#8e1519",
        Severity::High => "#b3450b",
        Severity::Medium => "#7a5900",
        Severity::Low => "#2f6f44",
        Severity::Info => "#57606a",
    }
}

/// The text body.
pub(super) fn text(message: &Message, notes: &[String]) -> String {
    let mut text = String::new();
    push_wrapped(&mut text, "", &message.headline());
    let mut last = None;
    for item in message.items.iter().take(MAX_ITEMS) {
        if last.replace(item.severity) != Some(item.severity) {
            write!(text, "\n{}\n", group_title(message, item.severity)).expect("a String takes all text");
        }
        push_wrapped(&mut text, "- ", &item_line(item));
    }
    let remarks = remarks(message, notes);
    if !remarks.is_empty() {
        text.push('\n');
    }
    for line in remarks {
        push_wrapped(&mut text, "- ", &line);
    }
    text.push('\n');
    for row in rows(message, MAX_VALUE_CHARS) {
        let line = format!("{}: {}", row.label, row.value);
        if line.chars().count() <= MAX_COLUMNS {
            writeln!(text, "{line}").expect("a String takes all text");
        } else {
            writeln!(text, "{}:", row.label).expect("a String takes all text");
            push_wrapped(&mut text, "  ", &row.value);
        }
    }
    text
}

/// The HTML body.
pub(super) fn html(message: &Message, notes: &[String]) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n\
         <body style=\"{BODY}\">\n<div style=\"{SHEET}\">\n{badge}\n<h1 style=\"{HEADLINE}\"><bdi>{title}</bdi></h1>\n",
        title = escaped(&message.headline()),
        badge = badge(message.severity),
    );
    let mut last = None;
    for item in message.items.iter().take(MAX_ITEMS) {
        if last.replace(item.severity) != Some(item.severity) {
            let title = escaped(&group_title(message, item.severity));
            writeln!(html, "<h2 style=\"{GROUP}\">{title}</h2>").expect("a String takes all text");
        }
        let (colour, line) = (colour(item.severity), item_line(item));
        let (title, rest) = line.split_once(": ").unwrap_or((line.as_str(), ""));
        let (title, rest) = (escaped(title), escaped(rest));
        writeln!(html, "<p style=\"{ITEM}{colour}{ITEM_GROUND}\"><strong>{title}</strong><br><bdi>{rest}</bdi></p>")
            .expect("a String takes all text");
    }
    for line in remarks(message, notes) {
        writeln!(html, "<p><bdi>{}</bdi></p>", escaped(&line)).expect("a String takes all text");
    }
    writeln!(html, "<table style=\"{FACTS}\">").expect("a String takes all text");
    for row in rows(message, MAX_VALUE_CHARS) {
        let (label, value) = (escaped(&row.label), escaped(&row.value));
        writeln!(
            html,
            "<tr><th style=\"{LABEL}\"><bdi>{label}</bdi></th><td style=\"{VALUE}\"><bdi>{value}</bdi></td></tr>"
        )
        .expect("a String takes all text");
    }
    html.push_str("</table>\n</div>\n</body></html>\n");
    html
}

fn badge(severity: Severity) -> String {
    let colour = colour(severity);
    format!(
        "<span style=\"display: inline-block; padding: 2px 10px; border-radius: 3px; background: {colour}; \
         color: #ffffff; font-size: 13px\">{severity}</span>"
    )
}

/// `High: 3 changes`
fn group_title(message: &Message, severity: Severity) -> String {
    let count = message.items.iter().filter(|item| item.severity == severity).count();
    let word = severity.as_str();
    let (first, rest) = word.split_at(1);
    format!("{}{rest}: {count} {}", first.to_uppercase(), if count == 1 { "change" } else { "changes" })
}

/// What an item is about; the contract stands above.
fn item_line(item: &Message) -> String {
    visible_within(&Message { contract: None, ..item.clone() }.headline(), MAX_VALUE_CHARS)
}

/// How many items are left out, and what is to be said about attachments.
fn remarks(message: &Message, notes: &[String]) -> Vec<String> {
    let left_out = message.items.len().saturating_sub(MAX_ITEMS);
    let more = (left_out > 0).then(|| format!("and {left_out} more"));
    more.into_iter().chain(notes.iter().cloned()).collect()
}

/// Lines of words behind a mark, and below it as far in. A word that is longer than a line is broken.
fn push_wrapped(out: &mut String, mark: &str, text: &str) {
    let indent = " ".repeat(mark.chars().count());
    let room = MAX_COLUMNS - indent.len();
    let mut line = String::new();
    let mut lines = Vec::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > room {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > room {
            lines.push(word.drain(..room).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    for (number, line) in lines.iter().enumerate() {
        let before = if number == 0 { mark } else { indent.as_str() };
        writeln!(out, "{}", format!("{before}{line}").trim_end()).expect("a String takes all text");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, digest, key_added};
    use super::*;

    #[test]
    fn a_hostile_name_is_text_in_html() {
        let skeleton = |name: &str| {
            let page = scraper::Html::parse_document(&html(&key_added(name), &[]));
            let elements = page.root_element().descendants().filter_map(scraper::ElementRef::wrap);
            elements.map(|element| element.value().name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(skeleton(HOSTILE), skeleton("alice"));
        let page = html(&key_added(HOSTILE), &[]);
        assert!(page.contains("&lt;script&gt;") && !page.contains(['\u{1b}', '\u{202e}', '\r']), "{page}");
    }

    #[test]
    fn a_digest_lists_its_items_by_severity() {
        let mut message = digest(MAX_ITEMS + 3, "x");
        message.items[MAX_ITEMS - 1].severity = Severity::Low;
        let text = text(&message, &[]);
        assert_eq!(text.matches("\n- S3 key added").count(), MAX_ITEMS);
        assert!(text.contains("\nHigh: 202 changes\n") && text.contains("\nLow: 1 change\n"), "{text}");
        assert!(text.contains("\n- and 3 more\n"), "{text}");
        assert!(!text.contains("production"), "the contract stands above, not in each item");
    }

    #[test]
    fn lines_of_text_have_at_most_78_columns() {
        for name in [HOSTILE, "alice", &"long".repeat(50)] {
            for message in [key_added(name), digest(3, name)] {
                let text = text(&message, &["a note ".repeat(20)]);
                let longest = text.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(MAX_COLUMNS), "{longest:?} in {text}");
            }
        }
    }
}
