//! What files are for, and the rule of each purpose.

/// What a file is read for. Every purpose has one rule: a new kind of file is a new line here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The configuration file.
    Settings,
    /// The file that IONOS tools share. It may hold a secret, but its mode is for the tool to set that writes it: to be readable
    /// by others is only a warning, of `doctor`.
    SharedFile,
    /// One secret, kept by a person: nobody else may read it.
    Secret,
    /// One secret, provided by systemd or Kubernetes: they let one service in by the group.
    Credential,
    /// Certificate authorities.
    Authorities,
    /// A template of a report.
    Template,
    /// A report that is sent with an alert.
    Attachment,
    /// Faults for the emulator.
    Faults,
    /// The file that marks a folder as a demonstration's.
    Marker,
}

/// Nobody but the owner changes it.
const OTHERS_WRITE: u32 = 0o022;

/// What a file has to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Bits of the mode that it must not have.
    pub(super) forbidden: u32,
    /// It is not longer.
    pub(super) max_bytes: u64,
    /// Whether `/dev/null` may stand for an empty file.
    pub(super) allows_null: bool,
}

impl Purpose {
    pub(super) const fn rule(self) -> Rule {
        let settings = Rule { forbidden: OTHERS_WRITE, max_bytes: 16 << 20, allows_null: true };
        match self {
            Self::Settings | Self::SharedFile | Self::Authorities | Self::Template | Self::Faults => settings,
            Self::Marker => Rule { max_bytes: 64 << 10, allows_null: false, ..settings },
            Self::Attachment => Rule { max_bytes: 1 << 30, allows_null: false, ..settings },
            Self::Secret => Rule { forbidden: 0o077, max_bytes: 64 << 10, allows_null: false },
            Self::Credential => Rule { forbidden: 0o037, max_bytes: 64 << 10, allows_null: false },
        }
    }
}
