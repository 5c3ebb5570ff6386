//! The table of security rules in docs/testing.md names tests that exist, and the rules that concern the whole command line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use keyholder::cli::Cli;
use keyholder::config::KEYS;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::support::cli::{Desk, RUNTIME};

/// The rules of the table, in order: number, and the tests that are named in backticks.
fn table(text: &str) -> Vec<(u32, Vec<String>)> {
    let section = text.split("\n## Security rules\n").nth(1).expect("docs/testing.md has the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.split('.').next()?.parse().ok()?;
        let tests = cells.last()?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((number, tests))
    });
    rows.collect()
}

/// The Rust files of a folder and of those below.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// What the table names and no file has: test functions by their last name, scripts by their path.
fn missing(rows: &[(u32, Vec<String>)], sources: &[String]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exists = |test: &str| {
        let name = test.rsplit("::").next().unwrap_or(test);
        let function = format!("fn {name}(");
        if test.contains('/') { root.join(test).exists() } else { sources.iter().any(|text| text.contains(&function)) }
    };
    rows.iter().flat_map(|(_, tests)| tests).filter(|test| !exists(test)).cloned().collect()
}

#[test]
fn every_security_rule_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = table(&fs::read_to_string(root.join("docs/testing.md")).unwrap());
    let numbers: BTreeSet<_> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=15).collect(), "a rule has no row");
    let mut found = Vec::new();
    for folder in ["src", "tests/it", "crates/emulator"] {
        sources(&root.join(folder), &mut found);
    }
    for (number, tests) in &rows {
        assert!(!tests.is_empty(), "a row of rule {number} names no test");
    }
    assert_eq!(missing(&rows, &found), Vec::<String>::new());
    let invented = [(1, vec!["security_rules::a_test_that_nobody_wrote".replace("nobody", "no_one")])];
    assert_eq!(missing(&invented, &found).len(), 1, "a test that does not exist is noticed");
}

/// Every long option of a command and of those below it, with the command it belongs to.
fn options(command: &clap::Command, found: &mut Vec<(String, String)>) {
    let named = command.get_arguments().filter_map(|argument| argument.get_long());
    found.extend(named.map(|long| (command.get_name().to_owned(), long.to_owned())));
    for below in command.get_subcommands() {
        options(below, found);
    }
}

#[test]
fn no_option_or_key_takes_a_secret_or_skips_verification() {
    let mut found = Vec::new();
    options(&Cli::command(), &mut found);
    let keys = KEYS.iter().map(|key| ("configuration".to_owned(), key.spec.path.to_owned()));
    for (place, name) in found.into_iter().chain(keys) {
        // The name of a file, a credential or a variable that holds it is no secret.
        let parts: Vec<_> = name.split(['-', '_', '.']).collect();
        let last = parts.last().copied().unwrap_or_default();
        for word in ["token", "password", "secret", "key"] {
            assert!(last != word, "{place}: {name} takes a {word} itself");
        }
        for word in ["insecure", "verify", "noverify", "skip", "trust"] {
            assert!(!parts.contains(&word), "{place}: {name} looks as if it switches verification off");
        }
    }
}

/// The versions of TLS that the first message of a client offers, and what else it was if it was none.
async fn offered(listener: TcpListener) -> Vec<u16> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 22, "the first message is no handshake: {head:?}");
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut hello).await.unwrap();
    versions(&hello)
}

/// Takes big-endian lengths off the front of a message.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn number(&mut self, bytes: usize) -> usize {
        self.take(bytes).iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn block(&mut self, bytes: usize) -> Rest<'a> {
        let count = self.number(bytes);
        Rest(self.take(count))
    }
}

/// The list in the extension `supported_versions` (RFC 8446, 4.2.1); without it, the version of the message itself.
fn versions(hello: &[u8]) -> Vec<u16> {
    let mut rest = Rest(hello);
    assert_eq!(rest.number(1), 1, "no ClientHello");
    let mut body = rest.block(3);
    let legacy = body.number(2);
    body.take(32);
    for bytes in [1, 2, 1] {
        body.block(bytes);
    }
    let mut extensions = body.block(2);
    while !extensions.0.is_empty() {
        let kind = extensions.number(2);
        let mut content = extensions.block(2);
        if kind == 43 {
            let list = content.block(1);
            return list.0.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        }
    }
    vec![u16::try_from(legacy).unwrap()]
}

/// Every version that is offered on a connection that the program opens with these settings is 1.2 or 1.3.
#[track_caller]
fn check_versions(settings: &str, command: &[&str]) {
    let listener = RUNTIME.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let desk = Desk::bare().with("IONOS_TOKEN", "token").with("HOOK_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    fs::write(desk.path("settings.toml"), settings.replace("PORT", &port)).unwrap();
    let seen = RUNTIME.spawn(offered(listener));
    let ran = desk.run(&[&["--config", "settings.toml"], command].concat());
    assert_ne!(ran.code, 0, "{ran:#?}");
    let mut seen = RUNTIME.block_on(seen).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    seen.sort_unstable();
    assert_eq!(seen, [0x0303, 0x0304], "TLS 1.2 and 1.3 and nothing else: {ran:#?}");
}

#[test]
fn no_connection_offers_less_than_tls_1_2() {
    check_versions("[api]\nurl = \"https://localhost:PORT/cloudapi/v6\"\n", &["collect"]);
    for sink in [
        "kind = \"webhook\"\nurl = \"https://localhost:PORT/\"\nkey_env = [\"HOOK_KEY\"]\nallow_private_targets = true",
        "kind = \"syslog\"\nhost = \"localhost\"\nport = PORT\nprotocol = \"tls\"\nallow_private_targets = true",
        "kind = \"email\"\nhost = \"localhost\"\nport = PORT\nsecurity = \"tls\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\nallow_private_targets = true",
    ] {
        check_versions(&format!("[[sink]]\nname = \"one\"\n{sink}\n"), &["sinks", "test", "one"]);
    }
}
