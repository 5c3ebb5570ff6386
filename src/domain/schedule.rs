//! Schedules: a cron expression of five fields in an IANA time zone, and the UTC instants that it names.
//!
//! Pure arithmetic: nothing here reads a clock, waits, or knows what runs. An instant is named by the expression alone
//! (its nominal instant); a delay is added to the start only, so that several contracts do not start in the same second.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use sha2::{Digest as _, Sha256};

/// A delay of the start is at most that.
pub const MAX_JITTER: Duration = Duration::from_hours(1);

/// [`Schedule::instants_in`] names at most so many: those of every minute for more than a year.
pub const MAX_INSTANTS: usize = 600_000;

/// The words that stand for an expression.
const SHORTHANDS: [(&str, &str); 4] =
    [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@weekly", "0 0 * * 0"), ("@monthly", "0 0 1 * *")];

/// When something is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    expression: String,
    zone: Tz,
    jitter: Duration,
}

/// Why a text is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// It has more or fewer than five fields.
    #[error(
        "read schedule {expression:?}: {found} fields, expected 5 (minute, hour, day of month, month, day of week)"
    )]
    Fields {
        /// The expression.
        expression: String,
        /// How many fields it has.
        found: usize,
    },
    /// A word with `@` that stands for nothing.
    #[error("read schedule {expression:?}: expected @hourly, @daily, @weekly, @monthly or five fields")]
    Shorthand {
        /// The expression.
        expression: String,
    },
    /// A field cannot be read.
    #[error("read schedule {expression:?}")]
    Expression {
        /// The expression.
        expression: String,
        /// The reason.
        #[source]
        source: CronError,
    },
    /// It names no instant, as the 30th of February.
    #[error("read schedule {expression:?}: no date matches it")]
    Never {
        /// The expression.
        expression: String,
    },
    /// The time zone does not exist.
    #[error("read time zone {zone:?}: not the name of an IANA time zone")]
    Zone {
        /// The name.
        zone: String,
        /// The zone of that name in other capitals.
        similar: Option<&'static str>,
    },
    /// The delay is too long.
    #[error("read jitter of {} s: at most {} s", jitter.as_secs(), MAX_JITTER.as_secs())]
    Jitter {
        /// The delay.
        jitter: Duration,
    },
}

impl ScheduleError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Fields { found: 6 | 7, .. } => {
                "schedules have no field for seconds or years: remove it, as in `30 2 * * *` for 02:30 every day"
                    .to_owned()
            }
            Self::Fields { .. } | Self::Shorthand { .. } | Self::Expression { .. } => {
                "`30 2 * * *` is 02:30 every day, `0 6 * * MON-FRI` is 06:00 on working days, `@hourly` is every full hour"
                    .to_owned()
            }
            Self::Never { .. } => "choose a day that the month has; `L` is the last day of any month".to_owned(),
            Self::Zone { similar: Some(name), .. } => format!("the zone is called {name}"),
            Self::Zone { similar: None, .. } => "use UTC, or a name such as Europe/Berlin".to_owned(),
            Self::Jitter { .. } => "give a shorter jitter, or set the schedule itself to another time".to_owned(),
        }
    }
}

impl Schedule {
    /// Reads an expression of five fields or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, in a zone such as `UTC` or
    /// `Europe/Berlin`. The start is delayed by up to `jitter`.
    pub fn parse(expression: &str, zone: &str, jitter: Duration) -> Result<Self, ScheduleError> {
        let expression = canonical(expression)?;
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&expression)
            .map_err(|source| ScheduleError::Expression { expression: expression.clone(), source })?;
        let zone = zone_named(zone)?;
        if jitter > MAX_JITTER {
            return Err(ScheduleError::Jitter { jitter });
        }
        let schedule = Self { cron, expression, zone, jitter };
        if schedule.next_after(DateTime::UNIX_EPOCH).is_none() {
            return Err(ScheduleError::Never { expression: schedule.expression });
        }
        Ok(schedule)
    }

    /// The zone in which the fields are read.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first nominal instant after that one, if there is another before the calendar ends.
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = instant.trunc_subsecs(0).with_timezone(&self.zone);
        self.cron.find_next_occurrence(&from, false).ok().map(|next| next.to_utc())
    }

    /// The last nominal instant up to and including that one.
    pub fn newest_until(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = instant.trunc_subsecs(0).with_timezone(&self.zone);
        self.cron.find_previous_occurrence(&from, true).ok().map(|newest| newest.to_utc())
    }

    /// The nominal instants after `from` up to and including `to`, in order; no more than [`MAX_INSTANTS`].
    pub fn instants_in(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_after(from), |instant| self.next_after(*instant))
            .take_while(move |instant| *instant <= to)
            .take(MAX_INSTANTS)
    }

    /// When the run of a nominal instant is to start: the same delay after it in every process, different for other jobs
    /// and other instants, and always before the next nominal instant.
    pub fn start_of(&self, job: &str, nominal: DateTime<Utc>) -> DateTime<Utc> {
        let jitter = u64::try_from(self.jitter.as_millis()).unwrap_or(u64::MAX);
        if jitter == 0 {
            return nominal;
        }
        let gap = self.next_after(nominal).map_or(TimeDelta::MAX, |next| next - nominal);
        let span = jitter.min(gap.num_milliseconds().unsigned_abs());
        let mut hash = Sha256::new();
        hash.update(nominal.timestamp().to_be_bytes());
        hash.update(job.as_bytes());
        let number = hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let delay = number % span.max(1);
        nominal + TimeDelta::milliseconds(i64::try_from(delay).unwrap_or(0))
    }
}

impl fmt::Display for Schedule {
    /// The canonical text: equal schedules have equal texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.expression, self.zone.name())?;
        if self.jitter.is_zero() { Ok(()) } else { write!(f, " +{}s", self.jitter.as_secs_f64()) }
    }
}

/// Five fields in capitals with one blank between them.
fn canonical(expression: &str) -> Result<String, ScheduleError> {
    let text = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.contains('@') {
        let shorthand = SHORTHANDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        return match shorthand {
            Some((_, fields)) => Ok((*fields).to_owned()),
            None => Err(ScheduleError::Shorthand { expression: text }),
        };
    }
    match text.split(' ').filter(|field| !field.is_empty()).count() {
        5 => Ok(text.to_uppercase()),
        found => Err(ScheduleError::Fields { expression: text, found }),
    }
}

fn zone_named(name: &str) -> Result<Tz, ScheduleError> {
    name.parse().map_err(|_| ScheduleError::Zone {
        zone: name.to_owned(),
        similar: chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| zone.name())
            .find(|known| known.eq_ignore_ascii_case(name.trim())),
    })
}

#[cfg(test)]
mod tests;
