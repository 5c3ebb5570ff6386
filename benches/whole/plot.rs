//! A plot of lines on logarithmic axes, as SVG that stands alone.
//!
//! The charts of the reports are whole numbers on straight axes in the reports' own style sheet; cost over four orders of
//! magnitude needs other axes.

use std::fmt::Write as _;

/// One line with what it is and in which unit.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    what: &'static str,
    unit: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    pub(crate) fn new(what: &'static str, unit: &'static str) -> Self {
        Self { what, unit, points: Vec::new() }
    }
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 330.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;

/// Colours that stay apart for the colour-blind, and dashes for those who see none.
const LOOKS: [(&str, &str); 5] =
    [("#0072b2", ""), ("#0072b2", "6 4"), ("#d55e00", ""), ("#d55e00", "6 4"), ("#009e73", "2 3")];

/// Whole powers of ten around what is to be shown.
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let smallest = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        let largest = values.fold(0.0, f64::max);
        #[expect(clippy::cast_possible_truncation, reason = "powers of ten of figures that were measured")]
        let (low, high) = (smallest.log10().floor() as i32, largest.log10().ceil() as i32);
        Self { low, high: high.max(low + 1) }
    }

    /// Where a value is, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.max(f64::MIN_POSITIVE).log10() - f64::from(self.low)) / f64::from(self.high - self.low)
    }
}

/// Draws the lines.
pub(crate) fn plot(title: &str, across: &str, lines: &[Line]) -> String {
    let x = Axis::around(lines.iter().flat_map(|line| &line.points).map(|point| point.0));
    let y = Axis::around(lines.iter().flat_map(|line| &line.points).map(|point| point.1));
    let across_at = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
    let up_at = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"17\" font-weight=\"600\">{title}</text>\n"
    );
    for power in x.low..=x.high {
        let at = across_at(10f64.powi(power));
        _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{:.1}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 20.0,
            tick(power),
        );
    }
    for power in y.low..=y.high {
        let at = up_at(10f64.powi(power));
        _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.5,
            tick(power),
        );
    }
    let middle = LEFT.midpoint(WIDTH - RIGHT);
    _ = writeln!(svg, "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>", HEIGHT - 8.0);
    for ((number, line), (colour, dashes)) in lines.iter().enumerate().zip(LOOKS.iter().cycle()) {
        let points: Vec<String> =
            line.points.iter().map(|(a, b)| format!("{:.1},{:.1}", across_at(*a), up_at(*b))).collect();
        let look = format!("stroke=\"{colour}\" stroke-dasharray=\"{dashes}\" stroke-width=\"2.2\" fill=\"none\"");
        _ = writeln!(svg, "<polyline points=\"{}\" {look}/>", points.join(" "));
        for point in &line.points {
            let (a, b) = (across_at(point.0), up_at(point.1));
            _ = writeln!(svg, "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3.2\" fill=\"{colour}\"/>");
        }
        let (from, at) = (WIDTH - RIGHT + 20.0, TOP + 14.0 + 46.0 * f64::from(u8::try_from(number).unwrap_or(u8::MAX)));
        let last = line.points.last().map_or(0.0, |point| point.1);
        _ = writeln!(
            svg,
            "<path d=\"M{from:.1} {:.1}h26\" {look}/><text x=\"{:.1}\" y=\"{at:.1}\">{}, {}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555\">at the right end: {last:.1} {}</text>",
            at - 4.5,
            from + 34.0,
            line.what,
            line.unit,
            from + 34.0,
            at + 17.0,
            line.unit,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A power of ten as people write it.
fn tick(power: i32) -> String {
    let value = 10f64.powi(power);
    match power {
        ..0 => format!("{value:.*}", usize::try_from(-power).unwrap_or_default()),
        0..3 => format!("{value:.0}"),
        _ => format!("{:.0},000", value / 1_000.0),
    }
}
