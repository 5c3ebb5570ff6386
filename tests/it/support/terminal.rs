//! A terminal of our own, to see what the program really sends to one, and the texts that it must not act on.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use keyholder::domain::untrusted::is_hidden;
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

/// More than 300 texts that do something to a terminal, a page, a spreadsheet, a shell or a reader. Whatever would be a line of
/// its own begins with [`FORGED`].
pub(crate) fn hostile() -> Vec<String> {
    let texts: Vec<String> = serde_json::from_str(include_str!("../fixtures/hostile.json")).unwrap();
    assert!(texts.len() > 400, "{}", texts.len());
    texts
}

/// What no line of the program begins with.
pub(crate) const FORGED: &str = "FORGED";

/// What a command sent to its terminal, standard output and standard error together.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

/// Runs a command whose output and errors are a terminal that changes nothing of what it gets.
pub(crate) fn on_terminal(mut command: Command) -> Sent {
    let size = Winsize { ws_row: 50, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let mut modes = tcgetattr(&pty.slave).unwrap();
    cfmakeraw(&mut modes);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
    command.env("TERM", "xterm").env("NO_COLOR", "1").stdin(Stdio::null());
    command.stdout(pty.slave.try_clone().unwrap()).stderr(pty.slave);
    let mut child = command.spawn().unwrap();
    // The last end of the terminal but that of the child.
    drop(command);
    let mut bytes = Vec::new();
    // The end is an error where the terminal has no other end any more.
    File::from(pty.master).read_to_end(&mut bytes).err();
    let code = child.wait().unwrap().code();
    Sent { code, text: String::from_utf8(bytes).expect("a terminal gets UTF-8") }
}

/// The sequences with which a line of progress is drawn and taken off again.
const PROGRESS: [&str; 5] = ["\u{1b}[2K", "\u{1b}[1A", "\u{1b}[1B", "\u{1b}[K", "\r"];

impl Sent {
    /// Expects that nothing acted on the terminal and that no line was forged; gives what was sent.
    #[track_caller]
    pub(crate) fn harmless(self) -> String {
        self.check(&[])
    }

    /// The same of a command that draws progress.
    #[track_caller]
    pub(crate) fn harmless_beside_progress(self) -> String {
        self.check(&PROGRESS)
    }

    #[track_caller]
    fn check(self, allowed: &[&str]) -> String {
        let text = allowed.iter().fold(self.text, |text, sequence| text.replace(sequence, "\n"));
        for line in text.split('\n') {
            let acting: Vec<_> = line.chars().filter(|character| is_hidden(*character)).collect();
            assert!(acting.is_empty(), "{acting:x?} in {line:?}");
            assert!(!line.trim_start_matches(['"', ' ']).starts_with(FORGED), "a forged line: {line:?}");
        }
        text
    }
}
