//! Fault files: TOML with one `[[fault]]` per rule. Every key is taken exactly once; what is left over is an error.

mod effect;
mod section;

use toml::de::DeTable;

use super::random::Intensity;
use super::{Effect, Phase, Rule, Schedule};
pub use section::FileError;
use section::{Section, line, number, share, text, word};

const INTENSITIES: [(&str, Intensity); 3] =
    [("calm", Intensity::Calm), ("rough", Intensity::Rough), ("storm", Intensity::Storm)];

const PHASES: [(&str, Phase); 3] = [("before", Phase::Before), ("after", Phase::After), ("during", Phase::During)];

pub(super) fn read(file: &str) -> Result<Schedule, FileError> {
    let table = DeTable::parse(file).map_err(|error| FileError::Syntax {
        line: line(file, error.span().map_or(0, |span| span.start)),
        problem: error.message().to_owned(),
    })?;
    let mut top = Section::new(file, table.get_ref(), 1);
    let mut schedule = Schedule::new(top.take("seed", number)?.unwrap_or(0));
    let begins = top.line_of("fault");
    let faults =
        top.take("fault", |value| value.as_array().ok_or_else(|| "faults are written as [[fault]]".to_owned()))?;
    for fault in faults.into_iter().flatten() {
        let at = line(file, fault.span().start);
        let table = fault.get_ref().as_table().ok_or_else(|| FileError::Key {
            line: begins,
            key: "fault".to_owned(),
            problem: "faults are written as [[fault]]".to_owned(),
        })?;
        schedule.rules.push(rule(Section::new(file, table, at))?);
    }
    let seed = schedule.seed;
    let intensity = |value| word(value, &INTENSITIES);
    if let Some(intensity) = top.take("random", intensity)? {
        schedule = schedule.and(Schedule::random(seed, intensity));
    }
    if let Some(intensity) = top.take("lies", intensity)? {
        schedule = schedule.and(Schedule::lies(seed, intensity));
    }
    if let Some(edits) = top.take("churn", number)? {
        schedule = schedule.and(Schedule::churn(seed, edits));
    }
    top.finish()?;
    Ok(schedule)
}

fn rule(mut fault: Section<'_>) -> Result<Rule, FileError> {
    let Some((method, path)) = fault.take("on", |value| endpoint(&text(value)?))? else {
        return Err(fault.fault("the key `on` is missing"));
    };
    let rule = Rule {
        name: fault.take("name", text)?,
        query: fault.take("query", text)?,
        skip: fault.take("after", number)?.unwrap_or(0),
        every: fault.take("every", positive)?.unwrap_or(1),
        times: fault.take("times", positive)?,
        attempts: fault.take("attempts", positive)?,
        chance: fault.take("chance", share)?,
        ..Rule::on(&method, &path)
    };
    let phase = fault.take("phase", |value| word(value, &PHASES))?;
    let effect = effect::read(&mut fault)?;
    if let Some(phase) = phase {
        let known: &[Phase] = match effect {
            Effect::Break(_) => &[Phase::Before, Phase::After, Phase::During],
            Effect::Answer(_) | Effect::Redirect(_) | Effect::Edit(_) => &[Phase::Before, Phase::After],
            _ => &[],
        };
        if !known.contains(&phase) {
            return Err(fault.fault("its effect knows no such `phase`"));
        }
    }
    fault.finish()?;
    Ok(Rule { phase: phase.unwrap_or_default(), effect, ..rule })
}

/// `GET /um/users`
fn endpoint(text: &str) -> Result<(String, String), String> {
    let (method, path) = text.split_once(' ').unwrap_or_default();
    let known = ["*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
    if known && (path == "*" || path.starts_with('/')) {
        Ok((method.to_owned(), path.to_owned()))
    } else {
        Err(format!("a method and a path are expected, as in \"GET /um/users\", not \"{text}\""))
    }
}

fn positive(value: &toml::de::DeValue<'_>) -> Result<u32, String> {
    number(value).and_then(|number| if number == 0 { Err("0 is out of range".to_owned()) } else { Ok(number) })
}
