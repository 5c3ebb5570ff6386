//! Every command of the real program on a contract full of canaries, as talkative as it gets; what it says is kept.

use std::fs;
use std::path::Path;
use std::process::Command;

use emulator::script::Change;
use emulator::{Body, Emulator, Rule};

use crate::support::cli::in_step;

/// How the program is called: as whom, and with which log lines.
struct Program<'f> {
    folder: &'f Path,
    emulator: &'f Emulator,
    calls: u32,
}

/// With which credentials.
#[derive(Clone, Copy)]
enum As {
    Token,
    Password,
}

/// Runs every command and leaves its traces in the folder: `program.db`, `reports-of-program/`, `demo/`, and for every
/// call `NN.stdout` and `NN.stderr`. The credentials stand in the environment and nowhere else.
pub(super) fn run(folder: &Path, emulator: &Emulator) {
    let mut program = Program { folder, emulator, calls: 0 };
    in_step(emulator);
    program.expect(0, As::Token, &["collect", "--label", "baseline"]);
    emulator.advance_to_day(30);
    fail_some(emulator);
    let recording = |name: &str| folder.join(name).display().to_string();
    program.expect(9, As::Token, &["collect", "--record", &recording("recorded-with-faults")]);
    emulator.clear_faults();
    program.expect(0, As::Password, &["collect", "--record", &recording("recorded")]);
    for (status, path, code) in [(401, "/um/users", 4), (500, "/contracts", 5)] {
        let body = Body::Html(format!("<html>{}</html>", emulator.canary()));
        emulator.fail(Rule::on("GET", path).status(status).body(body));
        program.expect(code, As::Token, &["collect"]);
        program.run(As::Password, &["doctor"]);
        emulator.clear_faults();
    }
    program.read();
}

fn fail_some(emulator: &Emulator) {
    let canary = emulator.canary();
    let envelope = serde_json::json!({"messages": [{"errorCode": canary, "message": canary}]});
    emulator.fail(Rule::on("GET", "/um/groups/{groupId}/shares").body(Body::Json(envelope)).after(1).times(2));
    emulator
        .fail(Rule::on("GET", "/um/users/{userId}/s3keys").status(403).body(Body::Text(canary.to_owned())).times(1));
    emulator.fail(Rule::on("GET", "/um/resources").status(422).body(Body::Html(canary.to_owned())));
}

impl Program<'_> {
    /// Everything that only looks.
    fn read(&mut self) {
        let promoted = self.emulator.script().iter().find_map(|step| match &step.change {
            Change::Administrator { user, on: true } => Some(user.to_string()),
            _ => None,
        });
        let promoted = promoted.expect("somebody becomes an administrator in every month");
        let reports = self.folder.join("reports-of-program").display().to_string();
        let demo = self.folder.join("demo").display().to_string();
        let seed = super::SEED.to_string();
        let formats = ["--format", "html,csv,json,jsonl", "--out", &reports];
        for command in [
            &["doctor"][..],
            &["doctor", "--json"],
            &["snapshots", "list"],
            &["snapshots", "show"],
            &["snapshots", "show", "2", "--format", "json"],
            &["diff", "1", "3", "--in-between"],
            &["diff", "1", "3", "--format", "json"],
            &["history", &promoted],
            &["config", "check"],
            &["config", "show", "--origin"],
            &["config", "default"],
            &["config", "schema"],
        ] {
            let out = self.expect(0, As::Token, command);
            assert!(!out.is_empty(), "{command:?}");
        }
        self.expect(0, As::Password, &["doctor"]);
        self.expect(0, As::Password, &["config", "show", "--origin"]);
        for report in keyholder::report::ALL {
            self.expect(0, As::Token, &[&["report", report.name, "--since", "1"][..], &formats].concat());
            self.expect(9, As::Token, &["report", report.name, "--as-of", "2", "--format", "json", "--out", "-"]);
        }
        // The same seed, so the same canary.
        self.expect(0, As::Token, &["demo", "--seed", &seed, "--users", "24", "--dir", &demo]);
        self.expect(2, As::Token, &["history", "nobody of that name"]);
        self.expect(2, As::Token, &["report", "no-such-report"]);
    }

    /// Runs a command, expects its exit code and gives what it said on standard output.
    fn expect(&mut self, code: i32, who: As, arguments: &[&str]) -> Vec<u8> {
        let (exit, out) = self.run(who, arguments);
        let stderr = fs::read_to_string(self.folder.join(format!("{:02}.stderr", self.calls))).unwrap();
        assert_eq!(exit, Some(code), "{arguments:?}\n{stderr}");
        out
    }

    fn run(&mut self, who: As, arguments: &[&str]) -> (Option<i32>, Vec<u8>) {
        self.calls += 1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyholder"));
        command.env_clear().arg("-vv").args(arguments).current_dir(self.folder);
        let temporary = self.folder.join("tmp");
        for (name, place) in
            [("HOME", self.folder), ("TMPDIR", &temporary), ("KEYHOLDER_DB", &self.folder.join("program.db"))]
        {
            command.env(name, place);
        }
        let format = if self.calls.is_multiple_of(2) { "json" } else { "text" };
        command.envs([("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1"), ("KEYHOLDER_LOG_LEVEL", "trace")]);
        command.envs([("KEYHOLDER_LOG_FORMAT", format), ("KEYHOLDER_API_ATTEMPTS", "2")]);
        command.env("KEYHOLDER_COLLECT_REREAD_AFTER", "0s").env("IONOS_API_URL", self.emulator.origin());
        match who {
            As::Token => command.env("IONOS_TOKEN", self.emulator.token()),
            As::Password => {
                command.env("IONOS_USERNAME", self.emulator.username()).env("IONOS_PASSWORD", self.emulator.password())
            }
        };
        let output = command.output().unwrap();
        for (what, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            fs::write(self.folder.join(format!("{:02}.{what}", self.calls)), bytes).unwrap();
        }
        (output.status.code(), output.stdout)
    }
}
