//! Small charts as inline SVG: bars, one stacked bar, a line of values over time.
//!
//! Whole numbers in, the same bytes out. No colours and no style attributes: tones are classes that the style sheet
//! knows. Every chart says in words what it shows, and never by colour alone.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::text::visible;
use crate::domain::count::Count;

/// Width of every chart in its own units; the style sheet scales it.
const WIDTH: u64 = 360;

/// One amount with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// What is counted.
    pub label: String,
    /// How many; none if that was not read.
    pub value: Option<u64>,
    /// How it is drawn.
    pub tone: Tone,
}

impl Amount {
    /// An amount of something.
    pub fn of(label: impl Into<String>, value: impl Into<Option<u64>>, tone: Tone) -> Self {
        Self { label: label.into(), value: value.into(), tone }
    }
}

/// How an amount is drawn; each is a class of the style sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Look at it now.
    Critical,
    /// Look at it this week.
    High,
    /// Look at it in the next review.
    Medium,
    /// Housekeeping.
    Low,
    /// Worth a line.
    Info,
    /// As it should be.
    Good,
    /// Nothing to judge.
    #[default]
    Plain,
    /// Not known.
    Unknown,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Unknown => "unknown",
        }
    }
}

impl From<crate::domain::severity::Severity> for Tone {
    fn from(severity: crate::domain::severity::Severity) -> Self {
        use crate::domain::severity::Severity;
        match severity {
            Severity::Critical => Self::Critical,
            Severity::High => Self::High,
            Severity::Medium => Self::Medium,
            Severity::Low => Self::Low,
            Severity::Info => Self::Info,
        }
    }
}

/// Horizontal bars, one per amount, with its name before and its number behind it. `id` must be unique in the page.
pub fn bars(id: &str, title: &str, amounts: &[Amount]) -> String {
    const LABEL: u64 = 118;
    const ROOM: u64 = WIDTH - LABEL - 48;
    const STEP: u64 = 26;
    let most = amounts.iter().filter_map(|amount| amount.value).max().unwrap_or(0).max(1);
    let height = STEP * amounts.len() as u64 + 4;
    let mut svg = open(id, title, &in_words(amounts), height, "bars");
    for (amount, top) in amounts.iter().zip((0u64..).step_by(26)) {
        let length = scaled(amount.value.unwrap_or(0), most, ROOM);
        let class = amount.tone.class();
        let label = escape(&amount.label);
        let value = in_figures(amount.value);
        let (text, bar) = (top + 18, top + 6);
        let end = Tenths(length.0 + (LABEL + 6) * 10);
        _ = write!(
            svg,
            "<text class=\"label\" x=\"{}\" y=\"{text}\">{label}</text>\
             <rect class=\"track\" x=\"{LABEL}\" y=\"{bar}\" width=\"{ROOM}\" height=\"16\" rx=\"2\"/>\
             <rect class=\"{class}\" x=\"{LABEL}\" y=\"{bar}\" width=\"{length}\" height=\"16\" rx=\"2\"/>\
             <text class=\"value\" x=\"{end}\" y=\"{text}\">{value}</text>",
            LABEL - 8,
        );
    }
    svg + "</svg>"
}

/// One bar that is a whole, with a legend of its parts. `id` must be unique in the page.
pub fn stacked(id: &str, title: &str, amounts: &[Amount]) -> String {
    const STEP: u64 = 22;
    let sum = amounts.iter().filter_map(|amount| amount.value).sum::<u64>();
    let height = 40 + STEP * amounts.len() as u64;
    let mut svg = open(id, title, &in_words(amounts), height, "stacked");
    _ = write!(svg, "<rect class=\"track\" x=\"0\" y=\"4\" width=\"{WIDTH}\" height=\"24\" rx=\"2\"/>");
    let mut before = 0;
    for (amount, value) in
        amounts.iter().filter_map(|amount| Some((amount, amount.value?))).filter(|(_, value)| *value > 0)
    {
        let (from, to) = (scaled(before, sum, WIDTH), scaled(before + value, sum, WIDTH));
        before += value;
        let width = Tenths(to.0 - from.0);
        _ = write!(
            svg,
            "<rect class=\"{} part\" x=\"{from}\" y=\"4\" width=\"{width}\" height=\"24\"/>",
            amount.tone.class()
        );
    }
    for (amount, top) in amounts.iter().zip((38u64..).step_by(22)) {
        _ = write!(
            svg,
            "<rect class=\"{}\" x=\"0\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"2\"/>\
             <text class=\"legend\" x=\"20\" y=\"{}\">{}</text><text class=\"value end\" x=\"{WIDTH}\" y=\"{}\">{}</text>",
            amount.tone.class(),
            top + 11,
            escape(&amount.label),
            top + 11,
            share(amount.value, sum),
        );
    }
    svg + "</svg>"
}

/// A line through values in order of time, with the first and the last in figures; it passes over what was not read. `id` must be
/// unique in the page.
pub fn sparkline(id: &str, title: &str, values: &[Option<u64>]) -> String {
    const HEIGHT: u64 = 56;
    const LEFT: u64 = 44;
    const ROOM: u64 = WIDTH - 2 * LEFT;
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return String::new() };
    let (first, last) = (in_figures(*first), in_figures(*last));
    let lowest = values.iter().flatten().min().copied().unwrap_or(0);
    let highest = values.iter().flatten().max().copied().unwrap_or(0);
    let description =
        format!("From {first} to {last} over {} snapshots, between {lowest} and {highest}.", values.len());
    let mut svg = open(id, title, &description, HEIGHT, "sparkline");
    let steps = (values.len() as u64 - 1).max(1);
    let mut points = String::new();
    let mut end = None;
    for (place, value) in (0u64..).zip(values).filter_map(|(place, value)| Some((place, (*value)?))) {
        let x = Tenths(scaled(place, steps, ROOM).0 + LEFT * 10);
        // A line that never moves runs through the middle.
        let rise = if highest == lowest { Tenths(200) } else { scaled(value - lowest, highest - lowest, 40) };
        let y = Tenths(480 - rise.0);
        _ = write!(points, "{}{x},{y}", if points.is_empty() { "" } else { " " });
        end = Some((x, y));
    }
    if let Some((x, y)) = end {
        _ = write!(
            svg,
            "<polyline class=\"line\" points=\"{points}\"/><circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>"
        );
    }
    _ = write!(
        svg,
        "<text class=\"label\" x=\"{}\" y=\"32\">{first}</text><text class=\"value\" x=\"{}\" y=\"32\">{last}</text>",
        LEFT - 8,
        WIDTH - LEFT + 10,
    );
    svg + "</svg>"
}

/// The opening of a chart, named and described for those who do not see it.
fn open(id: &str, title: &str, description: &str, height: u64, class: &str) -> String {
    let (id, title, description) = (escape(id), escape(title), escape(description));
    format!(
        "<svg class=\"chart {class}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\" xmlns=\"http://www.w3.org/2000/svg\">\
         <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{description}</desc>"
    )
}

/// All amounts as a sentence.
fn in_words(amounts: &[Amount]) -> String {
    let parts: Vec<_> =
        amounts.iter().map(|amount| format!("{}: {}", amount.label, in_figures(amount.value))).collect();
    if parts.is_empty() { "Nothing to show.".to_owned() } else { format!("{}.", parts.join(", ")) }
}

/// `12`, or `not read`.
fn in_figures(value: Option<u64>) -> String {
    value.map_or_else(|| Count::NotRead.to_string(), |value| value.to_string())
}

/// An amount and how much of the whole it is: `12 (30 %)`.
fn share(value: Option<u64>, sum: u64) -> String {
    let Some(value) = value else { return in_figures(value) };
    match (value * 200 + sum).checked_div(sum * 2) {
        None => value.to_string(),
        Some(0) if value > 0 => format!("{value} (< 1 %)"),
        Some(percent) => format!("{value} ({percent} %)"),
    }
}

/// A length in tenths of a unit: no floats, so no platform rounds differently.
#[derive(Clone, Copy)]
struct Tenths(u64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// How long a value is when the whole has that much room.
fn scaled(value: u64, whole: u64, room: u64) -> Tenths {
    Tenths((value * room * 10).checked_div(whole).unwrap_or(0))
}

fn escape(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_room_and_none_is_nothing() {
        let svg = bars("x", "Keys", &[Amount::of("old", 10, Tone::High), Amount::of("new", 0, Tone::Good)]);
        assert!(svg.contains("class=\"high\" x=\"118\" y=\"6\" width=\"194.0\""), "{svg}");
        assert!(svg.contains("class=\"good\" x=\"118\" y=\"32\" width=\"0.0\""), "{svg}");
        assert!(svg.contains("<desc id=\"x-desc\">old: 10, new: 0.</desc>"), "{svg}");
    }

    #[test]
    fn the_parts_of_a_stacked_bar_meet() {
        let svg = stacked("x", "2FA", &[Amount::of("on", 1, Tone::Good), Amount::of("off", 2, Tone::High)]);
        assert!(svg.contains("x=\"0.0\" y=\"4\" width=\"120.0\""), "{svg}");
        assert!(svg.contains("x=\"120.0\" y=\"4\" width=\"240.0\""), "{svg}");
        assert!(svg.contains("2 (67 %)"), "{svg}");
    }

    #[test]
    fn nothing_at_all_is_drawn_without_a_division_by_zero() {
        assert!(stacked("x", "2FA", &[Amount::of("on", 0, Tone::Good)]).contains("<svg"));
        assert!(bars("x", "Keys", &[]).contains("Nothing to show."));
        assert_eq!(sparkline("x", "Users", &[]), "");
        assert!(sparkline("x", "Users", &[Some(7)]).contains("From 7 to 7 over 1 snapshots"));
    }

    #[test]
    fn what_was_not_read_is_said_and_not_drawn() {
        let amounts = [Amount::of("old", Count::NotRead, Tone::High), Amount::of("new", 3, Tone::Good)];
        for svg in [bars("x", "Keys", &amounts), stacked("x", "Keys", &amounts)] {
            assert!(svg.contains("old: not read, new: 3.") && svg.contains(">not read</text>"), "{svg}");
        }
        let svg = sparkline("x", "Keys", &[Some(3), None, Some(5)]);
        assert!(svg.contains("points=\"44.0,48.0 316.0,8.0\"") && svg.contains("From 3 to 5 over 3"), "{svg}");
        let svg = sparkline("x", "Keys", &[None, None]);
        assert!(!svg.contains("polyline") && svg.contains(">not read</text>"), "{svg}");
    }

    #[test]
    fn hostile_labels_stay_text() {
        let svg = bars("x", "<b>", &[Amount::of("\"><script>\u{202E}", 1, Tone::Plain)]);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && !svg.contains('\u{202E}'), "{svg}");
    }
}
