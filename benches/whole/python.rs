//! A Python for the contenders, with the vendor's SDK in the version that the conformance test pins.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Outcome;
use crate::support::site::folder;

/// The one asked for, or one that is made below the target folder and kept.
pub(crate) fn interpreter(asked: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(asked) = asked {
        return Ok(std::path::absolute(asked)?);
    }
    let home = folder()?.join("python");
    let python = home.join("bin/python");
    if !works(&python) {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        succeed(install.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/requirements-v6.txt")))?;
    }
    Ok(python)
}

/// Where a contender is.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/contenders").join(name)
}

fn works(python: &Path) -> bool {
    Command::new(python).args(["-c", "import ionoscloud"]).output().is_ok_and(|output| output.status.success())
}

fn succeed(command: &mut Command) -> Outcome<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
