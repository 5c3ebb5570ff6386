//! Reads a file that holds one secret, if nobody else can read it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::files::{self, FileError, Purpose};

/// Who keeps the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A person: ours or root's, and nobody else may read it.
    Private,
    /// systemd: it lets one service user in by an access list, which shows as a right of the group.
    Service,
}

impl Keeper {
    fn purpose(self) -> Purpose {
        match self {
            Self::Private => Purpose::Secret,
            Self::Service => Purpose::Credential,
        }
    }
}

/// Why a secret file is not used. None of these holds anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read, or may not be believed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing, or more than one line.
    #[error("{path} does not hold exactly one line of text", path = .0.display())]
    NotOneLine(PathBuf),
}

impl SecretFileError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let general =
            "the file must belong to you or to root, have mode 0600 or 0400, and hold the secret and nothing else";
        match self {
            Self::File(error) => error.hint().unwrap_or_else(|| general.to_owned()),
            Self::NotOneLine(_) => general.to_owned(),
        }
    }
}

/// The one line of the file, without what surrounds it.
pub fn read(path: &Path, keeper: Keeper) -> Result<SecretString, SecretFileError> {
    let text = files::read_text(path, keeper.purpose())?;
    let secret = text.trim_start_matches('\u{feff}').trim();
    if secret.is_empty() || secret.contains(['\n', '\r']) {
        return Err(SecretFileError::NotOneLine(path.to_owned()));
    }
    Ok(SecretString::from(secret))
}

/// The permission bits of a file, if it can be looked at.
pub fn mode_of(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|meta| meta.mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    /// What comes of a file with that content and mode: its secret, or the error with the folder left out.
    fn outcome(content: &[u8], mode: u32, keeper: Keeper) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("rights");
        let named = format!("{}/", folder.path().display());
        read(&path, keeper)
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string().replace(&named, ""))
    }

    #[test]
    fn a_private_file_gives_its_line() {
        for mode in [0o600, 0o400] {
            assert_eq!(outcome(b"  secret\r\n", mode, Keeper::Private), Ok("secret".to_owned()), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_can_get_at_is_refused() {
        for (mode, can) in [(0o640, "read"), (0o644, "read"), (0o604, "read"), (0o620, "change"), (0o666, "change")] {
            let expected = format!("token has mode {mode:04o}: others can {can} it");
            assert_eq!(outcome(b"CANARY", mode, Keeper::Private), Err(expected));
        }
    }

    #[test]
    fn systemd_lets_its_service_user_in_by_the_group_and_nobody_else() {
        assert_eq!(outcome(b"secret", 0o440, Keeper::Service), Ok("secret".to_owned()));
        assert!(outcome(b"secret", 0o444, Keeper::Service).is_err());
        assert!(outcome(b"secret", 0o460, Keeper::Service).is_err());
    }

    #[test]
    fn anything_but_one_line_is_refused() {
        for content in [&b""[..], b"\n", b"one\ntwo\n"] {
            assert_eq!(
                outcome(content, 0o600, Keeper::Private),
                Err("token does not hold exactly one line of text".to_owned())
            );
        }
        let long = vec![b'x'; 64 * 1024 + 1];
        assert_eq!(outcome(&long, 0o600, Keeper::Private), Err("token is longer than 65536 bytes".to_owned()));
        assert_eq!(outcome(b"\xff\xfe", 0o600, Keeper::Private), Err("token is not text in UTF-8".to_owned()));
    }

    #[test]
    fn folders_and_missing_files_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |path: &Path| match read(path, Keeper::Private) {
            Err(SecretFileError::File(error)) => error,
            other => panic!("{other:?}"),
        };
        assert!(matches!(refused(folder.path()), FileError::Kind { .. }));
        assert!(refused(&folder.path().join("x")).is_missing());
    }
}
