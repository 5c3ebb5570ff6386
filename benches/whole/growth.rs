//! How cost grows with the contract: ten times as many users each time, a first collection and an unchanged day.

use std::fmt::Write as _;
use std::path::Path;

use crate::desk::Desk;
use crate::plot::{Line, plot};
use crate::support::Outcome;
use crate::support::site::serve;
use crate::{MIB, say, tell, whole};

/// Where the plot goes.
const PLOT: &str = "docs/performance-growth.svg";

/// Measures contracts of 100 users and more, draws the plot, prints the figures.
pub(crate) async fn growth(most: usize) -> Outcome<()> {
    let sizes: Vec<usize> =
        std::iter::successors(Some(100), |users| Some(users * 10)).take_while(|users| *users <= most).collect();
    let mut lines = [
        Line::new("CPU of a first collection", "s"),
        Line::new("CPU of an unchanged day", "s"),
        Line::new("peak memory of a first collection", "MiB"),
        Line::new("peak memory of an unchanged day", "MiB"),
        Line::new("the file", "MiB"),
    ];
    let mut text = "| users | first, CPU s | unchanged, CPU s | first, MiB | unchanged, MiB | file, MiB |\n".to_owned();
    text.push_str("| ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for users in sizes {
        say(&format!("… {users} users"));
        let emulator = serve(users, None).await?;
        let desk = Desk::new(&emulator, "growth")?;
        let (first, again) = match (desk.collect(), desk.collect()) {
            (Ok(first), Ok(again)) => (first, again),
            (Err(error), _) | (_, Err(error)) => {
                // Beyond a limit of the program there is nothing to draw; that there is one has to be seen.
                _ = writeln!(text, "| {users} | not collected completely | | | | |");
                say(&error.to_string());
                break;
            }
        };
        desk.same("keyholder", &desk.held().await?)?;
        let figures = [
            first.cpu.as_secs_f64(),
            again.cpu.as_secs_f64(),
            whole(first.peak) / MIB,
            whole(again.peak) / MIB,
            whole(std::fs::metadata(desk.database())?.len()) / MIB,
        ];
        let row: Vec<String> = figures.iter().map(|figure| format!("{figure:.2}")).collect();
        _ = writeln!(text, "| {users} | {} |", row.join(" | "));
        for (line, figure) in lines.iter_mut().zip(figures) {
            line.points.push((whole(users as u64), figure));
        }
    }
    tell(&text)?;
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLOT);
    Ok(std::fs::write(place, plot("Cost of a contract by its users", "users", &lines))?)
}
