//! Log lines: to standard error, as text or JSON, without colour where nobody sees it.
//!
//! Data never goes this way. What may be logged is an allow-list (identifiers, counts, durations, status codes); secrets,
//! bodies, header values and names of persons are never logged, at no level. Whatever is in an event, it is one line in which
//! nothing hides: see `LineWriter`.

use std::fmt;
use std::io::{self, Write};

use chrono::SecondsFormat;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::{Level, Log, LogFormat};
use crate::domain::untrusted::{push_escaped, without_secrets};
use crate::seams::{Environment, Seams};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The least important line that is written.
    pub level: Level,
    /// Text or JSON.
    pub format: LogFormat,
    /// Colours of a terminal; JSON has none.
    pub colour: bool,
    /// Whose lines.
    pub scope: Scope,
}

/// Whose lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Ours at the level asked for. Those of libraries only from warnings up, and from debug up when the level is trace:
    /// no library may show more of a request than we do.
    Program,
    /// Those of every library at the same level: for the test that looks for secrets in all of them.
    Everything,
}

impl Options {
    /// The options of a run: `log` from the configuration, `quiet` and `verbose` as often as `-q` and `-v` were given,
    /// `terminal` when standard error is one.
    pub fn new(log: &Log, quiet: u8, verbose: u8, environment: &Environment, terminal: bool) -> Self {
        Self {
            level: level(log.level, quiet, verbose),
            format: log.format,
            colour: terminal && environment.get("NO_COLOR").is_none(),
            scope: Scope::Program,
        }
    }
}

/// `-q` shows errors only and `-qq` nothing; `-v` shows debug and `-vv` trace. They win over the configuration, and when
/// both are given the louder one wins: whoever asks for more is looking for something.
fn level(configured: Level, quiet: u8, verbose: u8) -> Level {
    match (verbose, quiet) {
        (0, 0) => configured,
        (0, 1) => Level::Error,
        (0, _) => Level::Off,
        (1, _) => Level::Debug.max(configured),
        _ => Level::Trace,
    }
}

/// What takes the lines and writes them to `writer`, with the time of the given clock.
pub fn dispatch<W>(options: Options, seams: Seams, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let writer = LineWriters { inner: writer, colour: options.colour };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_timer(ClockTime(seams));
    let filter = filter(options);
    match options.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(options.colour).with_target(false);
            Dispatch::new(Registry::default().with(lines.with_filter(filter)))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false);
            Dispatch::new(Registry::default().with(lines.with_filter(filter)))
        }
    }
}

/// Sends the lines of the whole process to standard error. Once per process.
pub fn start(options: Options, seams: Seams) -> Result<(), AlreadyStarted> {
    tracing::dispatcher::set_global_default(dispatch(options, seams, io::stderr)).map_err(|_| AlreadyStarted)
}

/// Somebody else takes the lines of this process already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("start logging: it was started before")]
pub struct AlreadyStarted;

fn filter(options: Options) -> Targets {
    let ours = level_filter(options.level);
    let theirs = match (options.scope, options.level) {
        (Scope::Everything, level) => level_filter(level),
        (Scope::Program, Level::Trace) => LevelFilter::DEBUG,
        (Scope::Program, level) => level_filter(level.min(Level::Warn)),
    };
    Targets::new().with_default(theirs).with_target("keyholder", ours)
}

fn level_filter(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// Makes a [`LineWriter`] for each event.
struct LineWriters<W> {
    inner: W,
    colour: bool,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for LineWriters<W> {
    type Writer = LineWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        LineWriter { inner: self.inner.make_writer(), colour: self.colour }
    }
}

/// Writes an event, which comes in one piece, as one line: what is in it can neither act on a terminal nor begin a line, and
/// what looks like a secret is its length. The escapes are those of JSON, so that they are right in both formats.
struct LineWriter<W> {
    inner: W,
    colour: bool,
}

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = without_secrets(text.strip_suffix('\n').unwrap_or(&text));
        let mut shown = String::with_capacity(line.len() + 1);
        let mut rest = &*line;
        while let Some(character) = rest.chars().next() {
            let own = if self.colour { COLOURS.iter().find(|colour| rest.starts_with(**colour)) } else { None };
            if let Some(colour) = own {
                shown.push_str(colour);
                rest = &rest[colour.len()..];
            } else {
                push_escaped(&mut shown, character);
                rest = &rest[character.len_utf8()..];
            }
        }
        shown.push('\n');
        self.inner.write_all(shown.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The sequences with which lines are coloured; no other reaches the terminal.
const COLOURS: [&str; 9] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2m",
    "\u{1b}[3m",
    "\u{1b}[31m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[34m",
    "\u{1b}[35m",
];

/// RFC 3339 in UTC, with milliseconds, from the one clock.
struct ClockTime(Seams);

impl FormatTime for ClockTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(&self.0.now().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::seams::{SeededRandom, SetClock};

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn options(level: Level) -> Options {
        Options { level, format: LogFormat::Text, colour: false, scope: Scope::Program }
    }

    /// The lines that come of an info and a trace of ours, and of a warning, a debug and a trace of a library.
    fn lines(options: Options) -> Vec<String> {
        let kept = Kept::default();
        let seams = Seams::new(SetClock::at("2026-11-23T14:09:00.5Z".parse().unwrap()), SeededRandom::new(1));
        let writer = kept.clone();
        tracing::dispatcher::with_default(&dispatch(options, seams, move || writer.clone()), || {
            tracing::info!(run.id = 7, "Collected {} users", 3);
            tracing::trace!("step");
            tracing::warn!(target: "hyper", "library warning");
            tracing::debug!(target: "hyper", "library debug");
            tracing::trace!(target: "hyper", "library trace");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_text_line_reads_alone() {
        assert_eq!(
            lines(options(Level::Info)),
            [
                "2026-11-23T14:09:00.500Z  INFO Collected 3 users run.id=7",
                "2026-11-23T14:09:00.500Z  WARN library warning"
            ]
        );
    }

    #[test]
    fn a_json_line_is_one_flat_object() {
        let lines = lines(Options { format: LogFormat::Json, colour: true, ..options(Level::Info) });
        let line: serde_json::Value = serde_json::from_str(&lines[0]).expect("JSON");
        assert_eq!(
            line,
            serde_json::json!({ "timestamp": "2026-11-23T14:09:00.500Z", "level": "INFO", "target": "keyholder::telemetry::tests",
                "message": "Collected 3 users", "run.id": 7 })
        );
    }

    #[test]
    fn libraries_never_say_more_than_debug_unless_a_test_asks() {
        let last = |options| lines(options).pop();
        assert!(last(options(Level::Debug)).is_some_and(|line| line.ends_with("library warning")));
        assert!(last(options(Level::Trace)).is_some_and(|line| line.ends_with("library debug")));
        let everything = Options { scope: Scope::Everything, ..options(Level::Trace) };
        assert!(last(everything).is_some_and(|line| line.ends_with("library trace")));
    }

    /// What an event with these texts becomes.
    fn line_of(options: Options, text: &str) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        tracing::dispatcher::with_default(&dispatch(options, Seams::system(), move || writer.clone()), || {
            tracing::warn!(given = %text, "Read {text}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn an_event_is_one_line_in_which_nothing_acts() {
        let text = "a\n2026-11-23  INFO ok\r\u{1b}[8m\u{9b}2J\u{202e}";
        for format in [LogFormat::Text, LogFormat::Json] {
            for colour in [true, false] {
                let line = line_of(Options { format, colour, ..options(Level::Info) }, text);
                let line = line.strip_suffix('\n').expect("a line");
                let plain = COLOURS.iter().fold(line.to_owned(), |line, colour| line.replace(colour, ""));
                assert!(!plain.contains(crate::domain::untrusted::is_hidden), "{line:?}");
                if format == LogFormat::Json {
                    let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
                    assert_eq!(event["given"], text);
                }
            }
        }
    }

    #[test]
    fn a_secret_in_an_event_is_its_length() {
        let line = line_of(options(Level::Info), "/tmp/eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2ln");
        assert!(!line.contains("eyJ") && line.contains("Read /tmp/(39 characters"), "{line}");
    }

    #[test]
    fn errors_only_and_nothing_are_levels_too() {
        assert_eq!(lines(options(Level::Error)), [""; 0]);
        assert_eq!(lines(options(Level::Off)), [""; 0]);
    }

    #[test]
    fn colour_is_for_terminals_without_no_color() {
        let colour =
            |environment: &Environment, terminal| Options::new(&Log::default(), 0, 0, environment, terminal).colour;
        assert!(colour(&Environment::default(), true));
        assert!(!colour(&Environment::default(), false));
        assert!(!colour(&Environment::of([("NO_COLOR", "1")]), true));
        assert!(lines(Options { colour: true, ..options(Level::Info) })[0].contains('\u{1b}'));
    }

    #[test]
    fn options_win_over_the_configured_level() {
        for (quiet, verbose, expected) in [
            (0, 0, Level::Warn),
            (1, 0, Level::Error),
            (2, 0, Level::Off),
            (0, 1, Level::Debug),
            (0, 2, Level::Trace),
            (1, 1, Level::Debug),
        ] {
            assert_eq!(level(Level::Warn, quiet, verbose), expected, "-q {quiet} -v {verbose}");
        }
        assert_eq!(level(Level::Trace, 0, 1), Level::Trace);
    }
}
