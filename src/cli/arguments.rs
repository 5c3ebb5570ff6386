//! Reads the arguments of the process. What is wrong with them is said about their visible form.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use super::Cli;
use crate::domain::untrusted::message;

/// The command line, or the code to end with after help was printed or an argument was refused.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let arguments: Vec<_> = arguments.collect();
    Cli::try_parse_from(&arguments).map_err(|error| {
        let error = if error.use_stderr() { shown(&arguments, &error) } else { error };
        // When the stream is gone, the exit code is all that is left to say it.
        drop(error.print());
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// The same refusal of the arguments as they may be shown: the parser repeats them.
fn shown(arguments: &[OsString], error: &clap::Error) -> clap::Error {
    let visible = arguments.iter().map(|argument| message(&argument.to_string_lossy()));
    match Cli::try_parse_from(visible) {
        Err(refusal) if refusal.use_stderr() => refusal,
        _ => Cli::command().error(error.kind(), error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&[u8]], expected: &str) {
        use std::os::unix::ffi::OsStringExt as _;
        let arguments: Vec<_> = arguments.iter().map(|argument| OsString::from_vec(argument.to_vec())).collect();
        let error = Cli::try_parse_from(&arguments).unwrap_err();
        let text = shown(&arguments, &error).render().to_string();
        assert_eq!(text.lines().next(), Some(expected));
    }

    #[test]
    fn refused_arguments_are_shown_and_not_repeated() {
        let hostile = "a\u{1b}[2J\nerror: ok".as_bytes();
        check(&[b"keyholder", hostile], "error: unrecognized subcommand 'a⟨U+001B⟩[2J⟨U+000A⟩error: ok'");
        let token = b"eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2ln";
        let length = "(39 characters that look like a secret)";
        check(&[b"keyholder", token], &format!("error: unrecognized subcommand '{length}'"));
        check(
            &[b"keyholder", b"demo", b"--users", b"\xff"],
            "error: invalid value '\u{fffd}' for '--users <USERS>': invalid digit found in string",
        );
    }
}
