//! Reports: typed values built from the state and its changes, then bytes as CSV, HTML or JSON.
//!
//! Values in, bytes out: nothing here opens the database, asks the API, reads the clock or writes a file. The same input
//! gives the same bytes. A new report is one file that implements [`Document`] and one line in [`ALL`].

pub mod access_review;
pub mod changes;
pub mod chart;
mod context;
pub mod cover;
pub mod csv;
pub mod html;
pub mod input;
pub mod joined;
mod json;
pub mod marks;
pub mod population;
pub mod recency;
pub mod text;
pub mod unknown;

use std::fmt;
use std::io;

use serde::{Serialize, Serializer};

use self::access_review::AccessReview;
use self::changes::ChangeReport;
use self::cover::Cover;
use self::csv::{Dialect, Row};
use self::html::Templates;
use self::input::Input;
use self::population::PopulationReport;

/// Every report, in the order they are listed.
pub const ALL: [Report; 3] =
    [Report::of::<AccessReview>(), Report::of::<ChangeReport>(), Report::of::<PopulationReport>()];

/// The report with that name.
pub fn named(name: &str) -> Option<Report> {
    ALL.into_iter().find(|report| report.name == name)
}

/// What a kind of report has to give: a value, and rows.
pub trait Document: Serialize + Sized {
    /// The word on the command line and in file names: `[a-z-]+`.
    const NAME: &'static str;
    /// What it is called above the page.
    const TITLE: &'static str;
    /// What it is for, in one sentence.
    const ABOUT: &'static str;
    /// The template of the page.
    const TEMPLATE: &'static str;
    /// One row of the CSV and one line of the JSON Lines.
    type Row<'a>: Row + Serialize;

    /// Everything the page shows.
    fn build(input: &Input) -> Self;

    /// The rows, in the order of the file.
    fn rows(input: &Input) -> impl Iterator<Item = Self::Row<'_>> + '_;

    /// The cover of the value.
    fn cover(&self) -> &Cover;
}

/// Builds and writes one kind of report.
type Write = fn(&Input, Format, Dialect, &Templates, &mut dyn io::Write) -> Result<u64, Fault>;

/// One entry of the list of reports.
#[derive(Clone, Copy)]
pub struct Report {
    /// The word on the command line and in file names.
    pub name: &'static str,
    /// What it is called above the page.
    pub title: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// The columns of its CSV, in order.
    pub columns: &'static [&'static str],
    write: Write,
}

impl Report {
    const fn of<D: Document>() -> Self {
        Self {
            name: D::NAME,
            title: D::TITLE,
            about: D::ABOUT,
            columns: <D::Row<'static> as Row>::COLUMNS,
            write: write_document::<D>,
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Report").field(&self.name).finish()
    }
}

/// The formats a report comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// One row per line of the report, guarded against formulas.
    Csv,
    /// The whole value with its rows, as one document.
    Json,
    /// The rows as JSON Lines: lossless, nothing guarded.
    Jsonl,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Html, Self::Csv, Self::Json, Self::Jsonl];

    /// The word on the command line, which is also the ending of the file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The media type of the bytes.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Jsonl => "application/jsonl",
        }
    }
}

/// A report as bytes.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// A name of `[a-z0-9.-]`, made of report, contract, sequence and UTC time only.
    pub file_name: String,
    /// The media type of the bytes.
    pub media_type: &'static str,
    /// The report.
    pub bytes: Vec<u8>,
    /// Lines of a file for spreadsheets; 0 for other formats.
    pub lines: u64,
}

impl Rendered {
    /// A warning about the file for the program that opens it, as a sentence.
    pub fn warning(&self) -> Option<String> {
        (self.lines > csv::MAX_SPREADSHEET_LINES).then(|| {
            format!(
                "{} has {} lines, and a spreadsheet shows the first {}: use --format jsonl, or a program without that limit",
                self.file_name,
                self.lines,
                csv::MAX_SPREADSHEET_LINES
            )
        })
    }
}

/// A report that could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("render report {report} as {}", format.as_str())]
pub struct RenderError {
    /// Which report.
    pub report: &'static str,
    /// In which format.
    pub format: Format,
    /// The reason.
    #[source]
    pub source: Fault,
}

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A template, most likely a replaced one, does not work.
    #[error("fill in the template")]
    Template(#[from] minijinja::Error),
    /// A row could not be written.
    #[error("write the rows")]
    Csv(#[from] ::csv::Error),
    /// A value could not be written.
    #[error("write the value")]
    Json(#[from] serde_json::Error),
    /// The bytes could not be handed on.
    #[error("hand on the bytes")]
    Write(#[from] io::Error),
}

/// Renders a report into memory.
pub fn render(
    report: Report,
    input: &Input,
    format: Format,
    dialect: Dialect,
    templates: &Templates,
) -> Result<Rendered, RenderError> {
    let mut bytes = Vec::new();
    let lines = render_to(report, input, format, dialect, templates, &mut bytes)?;
    Ok(Rendered { file_name: file_name(report, input, format), media_type: format.media_type(), bytes, lines })
}

/// Renders a report into a writer: CSV and JSON Lines row by row, whatever their length. Says how many lines of a spreadsheet
/// that makes; 0 for other formats than CSV.
pub fn render_to(
    report: Report,
    input: &Input,
    format: Format,
    dialect: Dialect,
    templates: &Templates,
    out: &mut dyn io::Write,
) -> Result<u64, RenderError> {
    (report.write)(input, format, dialect, templates, out).map_err(|source| RenderError {
        report: report.name,
        format,
        source,
    })
}

/// The name a rendered report should have: `changes-31884391-0004-0012-20261123t093000z.csv` for snapshot 12 compared with
/// 4; without the earlier one where nothing is compared.
pub fn file_name(report: Report, input: &Input, format: Format) -> String {
    let snapshot = &input.current.snapshot;
    let since = input.comparison.as_ref().map(|comparison| format!("{:04}-", comparison.before.snapshot.seq.0));
    format!(
        "{}-{}-{}{:04}-{}.{}",
        report.name,
        snapshot.contract,
        since.unwrap_or_default(),
        snapshot.seq.0,
        snapshot.finished.format("%Y%m%dt%H%M%Sz"),
        format.as_str()
    )
}

fn write_document<D: Document>(
    input: &Input,
    format: Format,
    dialect: Dialect,
    templates: &Templates,
    out: &mut dyn io::Write,
) -> Result<u64, Fault> {
    match format {
        Format::Csv => return Ok(csv::write(D::rows(input), dialect, out)?),
        Format::Jsonl => {
            for row in D::rows(input) {
                json::write_line(&row, &mut *out)?;
                out.write_all(b"\n")?;
            }
        }
        Format::Json => {
            let whole = Whole { document: D::build(input), rows: Rows::<D>(input, std::marker::PhantomData) };
            json::write_pretty(&whole, &mut *out)?;
            out.write_all(b"\n")?;
        }
        Format::Html => {
            let document = D::build(input);
            let cover = document.cover();
            let running = format!("{} - contract {} - {}", D::TITLE, cover.contract_number, cover.current.date);
            let page =
                html::Page { template: D::TEMPLATE, running: &running, incomplete: !cover.complete, rows: size(input) };
            out.write_all(html::render(templates, &page, &document)?.as_bytes())?;
        }
    }
    Ok(0)
}

/// How much there is to show.
fn size(input: &Input) -> usize {
    let state = &input.current.state;
    let changes = input.comparison.as_ref().map_or(0, |comparison| comparison.net.len() + comparison.in_between.len());
    [state.users.len(), state.groups.len(), state.members.len(), state.shares.len(), state.keys.len()]
        .into_iter()
        .chain([state.resources.len(), input.current.coverage.gaps.len(), input.snapshots.len(), changes])
        .sum()
}

/// The JSON document: the value, and behind it the rows.
#[derive(Serialize)]
struct Whole<'a, D: Document> {
    #[serde(flatten)]
    document: D,
    rows: Rows<'a, D>,
}

struct Rows<'a, D>(&'a Input, std::marker::PhantomData<fn() -> D>);

impl<D: Document> Serialize for Rows<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(D::rows(self.0))
    }
}
