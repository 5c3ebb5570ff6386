//! `keyholder emulate --faults FILE`: what the file says happens, a mistake in it is named, and the end tells what fired.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::cli::{Desk, Ran};

/// A served contract, and the first lines it printed.
struct Served {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    url: String,
    token: String,
}

/// Serves with these faults.
fn serve(desk: &Desk, faults: &str) -> Served {
    fs::write(desk.path("faults.toml"), faults).unwrap();
    let mut command = desk.command(&["emulate", "--users", "24", "--faults", "faults.toml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut exported = |name: &str| loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "no {name} was printed");
        if let Some(value) = line.trim().strip_prefix(&format!("export {name}=")) {
            return value.to_owned();
        }
    };
    let (url, token) = (exported("IONOS_API_URL"), exported("IONOS_TOKEN"));
    Served { child, out, url, token }
}

impl Served {
    /// Ends it as Ctrl-C does.
    fn stop(self) -> Ran {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::INT).unwrap();
        drop(self.out);
        self.child.wait_with_output().unwrap().into()
    }
}

#[test]
fn faults_of_a_file_happen_and_the_end_tells_how_often() {
    let desk = Desk::bare();
    let faults = "[[fault]]\nname = \"no shares\"\non = \"GET /um/groups/{groupId}/shares\"\nstatus = 403\n\n\
                  [[fault]]\nname = \"never met\"\non = \"DELETE /um/*\"\nstatus = 500\n";
    let served = serve(&desk, faults);
    let collector = Desk::at(&served.url, &served.token);
    let collected = collector.run(&["collect"]).ends(9);
    assert!(collected.err.contains("forbidden"), "{collected:#?}");
    let ended = served.stop().ends(0);
    let fired = ended.err.lines().filter(|line| line.contains("Fault ")).collect::<Vec<_>>();
    assert!(fired.iter().any(|line| line.contains("\"no shares\" fired 6 times")), "{fired:?}");
    assert!(fired.iter().any(|line| line.contains("\"never met\" fired 0 times")), "{fired:?}");
}

/// Expects that nothing is served, and that the message says all of this.
#[track_caller]
fn check_refused(faults: Option<&str>, says: &[&str]) {
    let desk = Desk::bare();
    if let Some(faults) = faults {
        fs::write(desk.path("faults.toml"), faults).unwrap();
    }
    let ran = desk.run(&["emulate", "--faults", "faults.toml"]).ends(2);
    assert_eq!(ran.out, "", "{ran:#?}");
    for part in ["error: read the faults in faults.toml", "hint: "].iter().chain(says) {
        assert!(ran.err.contains(part), "does not say {part:?}: {}", ran.err);
    }
}

#[test]
fn a_mistake_in_a_file_is_named_with_its_line_and_key() {
    check_refused(Some("[[fault]]\non = \"GET /um/users\"\nstatus = 99\n"), &["line 3", "`status`", "99"]);
    check_refused(Some("\n[[fault]]\non = \"GET /um/users\"\nstatus = 500\ncolour = 1\n"), &["line 5", "`colour`"]);
    check_refused(Some("[[fault]\n"), &["line 1"]);
    check_refused(None, &["No such file"]);
}
