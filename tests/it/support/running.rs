//! The service as a process: its configuration, its log and its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use emulator::Emulator;
use rustix::process::{Pid, Signal, kill_process};

use super::cli::Desk;

/// The longest that a stopped service may take to end.
pub(crate) const MAX_STOPPING: Duration = Duration::from_secs(15);

/// So long something is waited for that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A secret in a file that only its owner can read.
pub(crate) fn put_secret(desk: &Desk, name: &str, secret: &str) -> String {
    let path = desk.path(name);
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
    path.display().to_string()
}

/// What a service sends to its supervisor, as systemd would receive it.
pub(crate) struct Supervisor {
    socket: UnixDatagram,
    path: String,
}

impl Supervisor {
    /// Listens in the home folder.
    pub(crate) fn of(desk: &Desk) -> Self {
        let path = desk.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path: path.to_str().unwrap().to_owned() }
    }

    /// The environment of a service that is to send a sign of life every tenth of a second.
    pub(crate) fn variables(&self) -> [(&str, &str); 2] {
        [("NOTIFY_SOCKET", &self.path), ("WATCHDOG_USEC", "200000")]
    }

    /// The next message.
    pub(crate) fn next(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    }
}

/// Writes the configuration file.
pub(crate) fn configure(desk: &Desk, text: &str) {
    let path = desk.path(".config/keyholder/config.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A contract that is collected daily, and a free port for the listener.
pub(crate) fn daily(desk: &Desk, emulator: &Emulator) -> String {
    let token = put_secret(desk, "token", emulator.token());
    format!(
        "[service]\nlisten = \"127.0.0.1:0\"\ntick = \"1s\"\n\n\
         [[contract]]\nname = \"main\"\ntoken_file = \"{token}\"\ncollect = \"@daily\"\n"
    )
}

/// Lets every job be known, and known for two days.
pub(crate) fn make_due(desk: &Desk) {
    desk.run(&["service", "--once"]).ends(0);
    desk.execute("UPDATE job SET since = strftime('%Y-%m-%dT00:00:01.000Z', 'now', '-2 days')");
}

/// A service that runs, with its log.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &[])
    }

    pub(crate) fn start_with(desk: &Desk, variables: &[(&str, &str)]) -> Self {
        let mut command = desk.command(&["service"]);
        let mut child = command.envs(variables.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The first line that contains that.
    #[track_caller]
    pub(crate) fn line(&self, part: &str) -> String {
        self.lines_until(part).pop().expect("the line itself")
    }

    /// All lines up to the first that contains that.
    #[track_caller]
    pub(crate) fn lines_until(&self, part: &str) -> Vec<String> {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            let is_last = line.contains(part);
            seen.push(line);
            if is_last {
                return seen;
            }
        }
        panic!("no line with {part:?}: {seen:#?}");
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it with a signal, and expects that code soon.
    #[track_caller]
    pub(crate) fn stop(mut self, signal: Signal, code: i32) {
        let begun = Instant::now();
        self.send(signal);
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{:#?}", self.lines.iter().collect::<Vec<_>>());
        assert!(begun.elapsed() <= MAX_STOPPING, "{:?}", begun.elapsed());
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        let line = self.line("Listening on http://");
        line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
