//! `keyholder completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap_complete::Shell;

/// Arguments of `keyholder completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to write for
    pub shell: Shell,
}

/// Writes the completions of the whole command line, `command`, to `out`.
pub fn run(args: &Args, mut command: clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // Into memory first: the generator panics when its writer fails, and a closed pipe is no reason for that.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    out.write_all(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_names_the_commands() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let command = clap::Command::new("keyholder").subcommand(clap::Command::new("doctor").about("See why"));
            let mut script = Vec::new();
            run(&Args { shell }, command, &mut script).expect("a script");
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("keyholder") && script.contains("doctor"), "{shell}: {script}");
        }
    }
}
