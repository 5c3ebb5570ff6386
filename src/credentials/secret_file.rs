//! Reads a file that holds one secret, if nobody else can read it.
//!
//! The rights are those of the opened file, not of its name, so that it cannot be exchanged in between.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// No secret is longer; a longer file is the wrong file.
const LONGEST: u64 = 64 * 1024;

/// Who keeps the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A person: ours or root's, and nobody else may read it.
    Private,
    /// systemd: it lets one service user in by an access list, which shows as a right of the group.
    Service,
}

/// Why a secret file is not used. None of these holds anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be opened or read.
    #[error("read {path}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("{path} is not a file", path = .0.display())]
    NotAFile(PathBuf),
    /// Others may read or change it.
    #[error("{path} has mode {mode:04o}: others can get at it; run: chmod 600 {path}", path = .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("{path} belongs to user {owner}, not to user {us} who runs this or to root", path = .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user who runs this.
        us: u32,
    },
    /// It is far too long for a secret.
    #[error("{path} is longer than {LONGEST} bytes: it is not one secret", path = .0.display())]
    TooLong(PathBuf),
    /// Nothing, or something that is not text.
    #[error("{path} does not hold exactly one line of text", path = .0.display())]
    NotOneLine(PathBuf),
}

/// The one line of the file, without what surrounds it.
pub fn read(path: &Path, keeper: Keeper) -> Result<SecretString, SecretFileError> {
    let io = |source| SecretFileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(SecretFileError::NotAFile(path.to_owned()));
    }
    check(path, meta.mode() & 0o7777, meta.uid(), rustix::process::geteuid().as_raw(), keeper)?;
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(meta.len().min(LONGEST)).unwrap_or(0) + 1));
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    if text.len() as u64 > LONGEST {
        return Err(SecretFileError::TooLong(path.to_owned()));
    }
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(SecretFileError::NotOneLine(path.to_owned()));
        }
        Err(error) => return Err(io(error)),
    }
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

fn check(path: &Path, mode: u32, owner: u32, us: u32, keeper: Keeper) -> Result<(), SecretFileError> {
    let forbidden = match keeper {
        Keeper::Private => 0o077,
        Keeper::Service => 0o037,
    };
    if mode & forbidden != 0 {
        return Err(SecretFileError::Mode { path: path.to_owned(), mode });
    }
    if owner != us && owner != 0 {
        return Err(SecretFileError::Owner { path: path.to_owned(), owner, us });
    }
    Ok(())
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
    fn a_file_that_others_can_get_at_is_refused_with_the_remedy() {
        for mode in [0o640, 0o644, 0o604, 0o620, 0o601, 0o666] {
            let expected = format!("token has mode {mode:04o}: others can get at it; run: chmod 600 token");
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
    fn a_file_of_somebody_else_is_refused() {
        let path = Path::new("token");
        assert!(check(path, 0o600, 1000, 1000, Keeper::Private).is_ok());
        assert!(check(path, 0o400, 0, 1000, Keeper::Private).is_ok());
        let error = check(path, 0o600, 1001, 1000, Keeper::Private).unwrap_err();
        assert_eq!(error.to_string(), "token belongs to user 1001, not to user 1000 who runs this or to root");
        assert!(check(path, 0o600, 1001, 0, Keeper::Private).is_err(), "root does not trust the file of a user either");
    }

    #[test]
    fn anything_but_one_line_is_refused() {
        for content in [&b""[..], b"\n", b"one\ntwo\n", b"\xff\xfe"] {
            assert_eq!(
                outcome(content, 0o600, Keeper::Private),
                Err("token does not hold exactly one line of text".to_owned())
            );
        }
        let long = vec![b'x'; 64 * 1024 + 1];
        assert_eq!(
            outcome(&long, 0o600, Keeper::Private),
            Err("token is longer than 65536 bytes: it is not one secret".to_owned())
        );
    }

    #[test]
    fn folders_and_missing_files_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(read(folder.path(), Keeper::Private), Err(SecretFileError::NotAFile(_))));
        assert!(matches!(read(&folder.path().join("x"), Keeper::Private), Err(SecretFileError::Io { .. })));
    }
}
