//! The usual places of files: what the XDG base directory rules and the IONOS tools say.
//!
//! Names places only; whether something is there is for others to see.

use std::path::{Path, PathBuf};

use crate::seams::Environment;

/// `$XDG_STATE_HOME/keyholder/keyholder.db`, else `~/.local/state/keyholder/keyholder.db`.
pub(super) fn database(environment: &Environment) -> Option<PathBuf> {
    base(environment, "XDG_STATE_HOME", ".local/state").map(|folder| folder.join("keyholder/keyholder.db"))
}

/// `$XDG_CONFIG_HOME/keyholder/config.toml`, else `~/.config/keyholder/config.toml`.
pub(super) fn config_file(environment: &Environment) -> Option<PathBuf> {
    base(environment, "XDG_CONFIG_HOME", ".config").map(|folder| folder.join("keyholder/config.toml"))
}

/// Where IONOS tools keep their shared file, the first that exists counts. The sources contradict each other: the SDKs
/// say `~/.ionos/config`, the Terraform provider adds `.yaml`, ionosctl has a folder of its own and an older JSON file.
pub(super) fn shared_files(environment: &Environment) -> Vec<PathBuf> {
    let sdk = home(environment).map(|home| home.join(".ionos"));
    let ionosctl = base(environment, "XDG_CONFIG_HOME", ".config").map(|folder| folder.join("ionosctl"));
    let in_folder = |folder: Option<PathBuf>, names: [&str; 2]| {
        folder.map(|folder| names.map(|name| folder.join(name))).into_iter().flatten()
    };
    in_folder(sdk, ["config", "config.yaml"]).chain(in_folder(ionosctl, ["config.yaml", "config.json"])).collect()
}

/// A base folder; relative values of XDG variables are to be ignored, say their rules.
fn base(environment: &Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = environment.get(variable).map(Path::new).filter(|path| path.is_absolute());
    named.map(Path::to_owned).or_else(|| home(environment).map(|home| home.join(below_home)))
}

fn home(environment: &Environment) -> Option<PathBuf> {
    environment.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<const N: usize>(variables: [(&str, &str); N], expected: Option<&str>) {
        assert_eq!(database(&Environment::of(variables)), expected.map(PathBuf::from));
    }

    #[test]
    fn the_database_is_in_the_state_folder() {
        check([("HOME", "/home/ann")], Some("/home/ann/.local/state/keyholder/keyholder.db"));
        check([("HOME", "/home/ann"), ("XDG_STATE_HOME", "/var/lib")], Some("/var/lib/keyholder/keyholder.db"));
        check([("XDG_STATE_HOME", "/var/lib")], Some("/var/lib/keyholder/keyholder.db"));
    }

    #[test]
    fn relative_folders_are_ignored() {
        check(
            [("HOME", "/home/ann"), ("XDG_STATE_HOME", "state")],
            Some("/home/ann/.local/state/keyholder/keyholder.db"),
        );
        check([("HOME", "ann")], None);
    }

    #[test]
    fn without_a_home_there_is_no_default() {
        check([], None);
        assert_eq!(config_file(&Environment::default()), None);
        assert_eq!(shared_files(&Environment::default()), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_shared_file_has_four_usual_places() {
        let environment = Environment::of([("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "/cfg")]);
        assert_eq!(
            shared_files(&environment),
            [
                "/home/ann/.ionos/config",
                "/home/ann/.ionos/config.yaml",
                "/cfg/ionosctl/config.yaml",
                "/cfg/ionosctl/config.json"
            ]
            .map(PathBuf::from)
        );
    }
}
