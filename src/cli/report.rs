//! `keyholder report`: reports as files, or on standard output.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::contract::ContractArg;
use super::select::announce;
use super::terminal::shown;
use super::{Context, Failure, recency};
use crate::app::reports::Look;
use crate::app::review::{self, Question};
use crate::app::write::{self, Batch};
use crate::exit::Exit;
use crate::files;
use crate::report::csv::Dialect;
use crate::report::{self, Format};
use crate::store::Access;

/// Writes a report about one snapshot, compared with an earlier one.
#[derive(Args, Debug)]
pub struct Report {
    /// Which report: access-review, changes or population
    #[arg(value_parser = names())]
    name: String,
    /// The snapshot: a number, `latest`, `previous`, a label, a month (its end), a date or an RFC 3339 time; without it and
    /// --since, the end of the month that just ended, or of the running one
    #[arg(long, value_name = "SNAPSHOT")]
    as_of: Option<String>,
    /// Compare with this snapshot; without it, with the end of the month before, or the first complete one
    #[arg(long, value_name = "SNAPSHOT")]
    since: Option<String>,
    /// One or several, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "html,csv")]
    format: Vec<FormatArg>,
    /// A folder; for one format a file, a pipe, or - for standard output
    #[arg(long, value_name = "PLACE", default_value = ".")]
    out: PathBuf,
    /// Replace files with other content
    #[arg(long)]
    force: bool,
    /// How CSV is written
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectArg,
    /// Which contract, if the database has several
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
}

/// [`Format`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// One self-contained page
    Html,
    /// Rows, guarded against formulas
    Csv,
    /// The whole report as one document
    Json,
    /// Rows as JSON Lines, lossless
    Jsonl,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Html => Self::Html,
            FormatArg::Csv => Self::Csv,
            FormatArg::Json => Self::Json,
            FormatArg::Jsonl => Self::Jsonl,
        }
    }
}

/// [`Dialect`] on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DialectArg {
    /// Commas, UTF-8
    #[default]
    Rfc4180,
    /// Commas, a byte order mark and dates that Excel reads
    Excel,
    /// The same with semicolons, for German Excel
    ExcelDe,
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::Rfc4180 => Self::Rfc4180,
            DialectArg::Excel => Self::Excel,
            DialectArg::ExcelDe => Self::ExcelDe,
        }
    }
}

fn names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(
        report::ALL.iter().map(|report| clap::builder::PossibleValue::new(report.name).help(report.about)),
    )
}

pub(super) async fn run(command: Report, context: &mut Context) -> Result<Exit, Failure> {
    let report = report::named(&command.name).ok_or_else(|| Failure::Usage {
        what: format!("write report {:?}: there is none of that name", command.name),
        hint: "`keyholder report --help` lists the reports",
    })?;
    let to_stdout = command.out == Path::new("-");
    if (to_stdout || files::is_stream(&command.out)) && command.format.len() > 1 {
        let place = if to_stdout { "standard output".to_owned() } else { command.out.display().to_string() };
        return Err(Failure::Usage {
            what: format!("write to {place}: {} formats at once", command.format.len()),
            hint: "choose one with --format",
        });
    }
    let Look { cover, templates } = Look::of(&context.config()?.config)?;
    let store = context.store(Access::Read).await?;
    let contract = context.contract(&store, command.contract.as_ref()).await?;
    let question = Question { as_of: command.as_of, since: command.since };
    let taken = review::take(&store, contract, &question, context.calendar()?).await?;
    announce(&taken);
    let input = review::input(&store, taken, &cover).await?;
    let mut batch = Batch::new(command.force);
    for format in &command.format {
        let rendered = report::render(report, &input, (*format).into(), command.dialect.into(), &templates)?;
        if let Some(warning) = rendered.warning() {
            tracing::warn!("{warning}");
        }
        if to_stdout {
            context.document((*format).into(), &rendered.bytes)?;
            continue;
        }
        let path = place(&command.out, &rendered.file_name, command.format.len())?;
        if write::is_database(&path, store.path()) {
            return Err(Failure::Usage {
                what: format!("write report {}: that is the database", path.display()),
                hint: "choose another place with --out",
            });
        }
        let is_terminal = files::is_terminal(&path);
        let bytes = if is_terminal { shown((*format).into(), &rendered.bytes)? } else { rendered.bytes };
        batch.stage_report(&path, &bytes, (*format).into())?;
    }
    for path in batch.commit()? {
        context.line(&path.display().to_string())?;
    }
    let before = input.comparison.as_ref().map(|comparison| &comparison.before.snapshot);
    let mut is_incomplete = false;
    for snapshot in [Some(&input.current.snapshot), before].into_iter().flatten().filter(|one| !one.is_complete()) {
        tracing::warn!("The population of snapshot {} is INCOMPLETE; the report says so", snapshot.seq);
        is_incomplete = true;
    }
    recency::warn(&input.recency, &context.title_of(contract));
    Ok(if is_incomplete || input.recency.is_outdated() { Exit::Incomplete } else { Exit::Done })
}

/// Where a file goes: into the folder under its own name, or exactly where a single file was asked for.
fn place(out: &Path, file_name: &str, formats: usize) -> Result<PathBuf, Failure> {
    let slash = out.as_os_str().as_encoded_bytes().ends_with(b"/");
    let is_folder = slash || out.is_dir() || out.extension().is_none() || formats > 1;
    if !is_folder || files::is_stream(out) {
        return Ok(out.to_owned());
    }
    write::folder(out)?;
    Ok(out.join(file_name))
}
