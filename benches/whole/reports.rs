//! The access review of a snapshot, written by the real binary; and what starting it costs at all.

use std::path::Path;

use emulator::Emulator;
use serde::Deserialize;

use crate::collecting::churn;
use crate::desk::Desk;
use crate::support::Outcome;
use crate::table::Table;
use crate::{MIB, median, milliseconds, whole};

/// `--help`, as often as its median needs.
pub(crate) fn help(emulator: &Emulator, table: &mut Table) -> Outcome<()> {
    let desk = Desk::new(emulator, "help")?;
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let took = desk.keyholder(&["--help"])?.took;
        walls.push(milliseconds(took.wall));
        cpus.push(milliseconds(took.cpu));
    }
    table.put("help.wall", median(walls))?;
    table.put("help.cpu", median(cpus))
}

/// What the Python contender prints.
#[derive(Debug, Deserialize)]
struct Rows {
    rows: u64,
}

/// CSV and HTML of a snapshot compared with the one before it, as reviews are; rows per second of the processor against Python's.
pub(crate) fn review(emulator: &Emulator, python: Option<&Path>, table: &mut Table) -> Outcome<()> {
    let desk = Desk::new(emulator, "review")?;
    desk.collect()?;
    churn(emulator)?;
    desk.collect()?;
    let csv = desk.keyholder(&["report", "access-review", "--format", "csv", "--out", "review.csv"])?.took;
    table.put("review.csv", csv.cpu.as_secs_f64())?;
    table.put("review.csv-peak", whole(csv.peak) / MIB)?;
    let rows = lines(&desk.path("review.csv"))?.saturating_sub(1);
    table.put("review.rows", whole(rows))?;
    std::fs::remove_file(desk.path("review.csv"))?;
    let html = desk.keyholder(&["report", "access-review", "--format", "html", "--out", "review.html"])?.took;
    table.put("review.html", html.cpu.as_secs_f64())?;
    table.put("review.html-peak", whole(html.peak) / MIB)?;
    table.put("review.html-size", whole(std::fs::metadata(desk.path("review.html"))?.len()) / MIB)?;

    let Some(python) = python else { return table.skip("review.python", "no contender was run") };
    let database = desk.database();
    let ran = desk.python(python, "review_csv.py", &[&*database.to_string_lossy(), "python.csv"])?;
    let written: Rows = serde_json::from_slice(&ran.out)?;
    let members: u64 = emulator.read(|world| world.groups().map(|group| world.members(&group.id).count() as u64).sum());
    if written.rows != members {
        return Err(format!("Python wrote {} rows for {members} memberships", written.rows).into());
    }
    let ours = whole(rows) / csv.cpu.as_secs_f64();
    let theirs = whole(written.rows) / ran.took.cpu.as_secs_f64();
    table.agree(format!("Python's csv over sqlite3: {} memberships, {theirs:.0} rows a second", written.rows));
    table.put("review.python", ours / theirs)
}

/// Lines of a file of any size.
fn lines(file: &Path) -> Outcome<u64> {
    use std::io::BufRead as _;
    let mut file = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file)?);
    let mut lines = 0;
    while file.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    Ok(lines)
}
