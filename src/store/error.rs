//! What can go wrong with the file, and what to do about it.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use super::damage;
use super::schema::{self, SchemaDifference};
use crate::domain::body::BodyError;
use crate::domain::id::Seq;
use crate::domain::period::NoSnapshot;
use crate::files::{OwnFileError, User};
use crate::seams::RandomError;

/// Any failure of the store. The database is as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not there and was not to be created.
    #[error("open database {}: no such file", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The file cannot be created or opened.
    #[error("open database {}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is no SQLite database, or one of another program.
    #[error("open database {}: not a keyholder database", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program.
    #[error("open database {}: its schema has version {found}, this program knows versions up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// The file has an older schema, and there is no room for the copy in which it is read.
    #[error("read database {}: its schema has version {found}, and it is read in a copy: {free} MiB free in {}, {needed} MiB needed", path.display(), folder.display())]
    NoRoomForCopy {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The folder for temporary files.
        folder: PathBuf,
        /// MiB that can still be written, rounded down.
        free: u64,
        /// MiB that have to be there.
        needed: u64,
    },
    /// The file has an older schema, and the copy in which it is read cannot be made.
    #[error("read database {}: its schema has version {found}, and no copy of it can be made in {}", path.display(), folder.display())]
    Copy {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The folder for temporary files.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file has a second name.
    #[error("open database {}: it has {links} names (hard links), and a lock of each", path.display())]
    Linked {
        /// The database.
        path: PathBuf,
        /// How many.
        links: u64,
    },
    /// Something that is no file has the name of one that belongs to the database.
    #[error("open the database: {} is not a regular file", path.display())]
    NotAFile {
        /// What has the name.
        path: PathBuf,
    },
    /// The file of a lock is not one that this program made.
    #[error("lock the database: {} is {refused}", path.display())]
    LockFile {
        /// The file of the lock.
        path: PathBuf,
        /// What it is instead of a file of ours.
        refused: OwnFileError,
    },
    /// The database or its folder belongs to another user, and is not written to.
    #[error("collect into the database: {} belongs to {owner}, not to {us} who runs this", place.display())]
    NotOurs {
        /// The database or its folder.
        place: PathBuf,
        /// Whose it is.
        owner: User,
        /// Who runs this.
        us: User,
    },
    /// Others read the database as a file that does not change.
    #[error("open database {} for writing: another program reads it", path.display())]
    BeingRead {
        /// The database.
        path: PathBuf,
    },
    /// Another program writes to the database, or keeps it for itself.
    #[error("open database {} for writing: another program holds the file", path.display())]
    WriteLocked {
        /// The database.
        path: PathBuf,
    },
    /// Somebody else can read or write the file.
    #[error("open database {}: others can access it (mode {mode:04o})", path.display())]
    Exposed {
        /// The database.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can list the folder of the database, or write to it.
    #[error("collect into folder {}: others can get at it (mode {mode:04o})", path.display())]
    ExposedFolder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What to do, by whose folder it is.
        hint: String,
    },
    /// The file system is on another machine.
    #[error("collect into database {}: it is on a network file system ({kind}), whose locks cannot be relied on", path.display())]
    Network {
        /// The database.
        path: PathBuf,
        /// The kind of file system, as `mount` prints it.
        kind: &'static str,
    },
    /// The database or its folder cannot be written.
    #[error("collect into the database: {} cannot be written", place.display())]
    ReadOnly {
        /// The database or its folder.
        place: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// There is too little room for a run.
    #[error("collect into the database: {free} MiB free in {}, {needed} MiB needed", folder.display())]
    Cramped {
        /// The folder of the database.
        folder: PathBuf,
        /// MiB that can still be written, rounded down.
        free: u64,
        /// MiB that have to be there before a run.
        needed: u64,
    },
    /// The file is damaged.
    #[error("check database {}: it is damaged: {what}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first things that SQLite complains of.
        what: String,
    },
    /// The schema is not what the migrations of its version make.
    #[error("open database {}: {}", path.display(), schema::listed(differences))]
    Schema {
        /// The database.
        path: PathBuf,
        /// What is not ours, missing or changed.
        differences: Vec<SchemaDifference>,
    },
    /// There is no database, but the log of one.
    #[error("create database {}: {} is there, with what another database of that name has not folded in", path.display(), log.display())]
    Orphan {
        /// The database.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The caller did not want to wait until the file was looked through.
    #[error("check the database: stopped before its end")]
    Stopped,
    /// There is a log beside the file, and it cannot be read where nothing can be written.
    #[error("read database {}: its newest part is in {}, which cannot be read because nothing can be written beside it", path.display(), log.display())]
    Unfolded {
        /// The database.
        path: PathBuf,
        /// The write-ahead log.
        log: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("upgrade the schema of database {}", path.display())]
    Migrate {
        /// The database.
        path: PathBuf,
        /// The reason.
        #[source]
        source: MigrateError,
    },
    /// A statement failed.
    #[error("{action}")]
    Sql {
        /// What was being done, for example `seal the snapshot`.
        action: &'static str,
        /// SQLite's reason.
        #[source]
        source: sqlx::Error,
    },
    /// Another program held the file for as long as the limit allows.
    #[error("{action}: another program holds the file {}", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// SQLite's reason.
        #[source]
        source: sqlx::Error,
    },
    /// A column holds another type of value, or one that is out of range.
    #[error("read table {table}: column {column}")]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// What it holds, and what it should.
        #[source]
        source: sqlx::Error,
    },
    /// A row does not make sense.
    #[error("read table {table}: {what}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// What is wrong, and with which row.
        what: String,
    },
    /// A body could not be written.
    #[error("keep the body of a fact")]
    Body(#[from] BodyError),
    /// A body that is stored cannot be read.
    #[error("read table body")]
    StoredBody(#[source] BodyError),
    /// What a run has read could not be packed.
    #[error("keep what the run has read")]
    Packing(#[source] std::io::Error),
    /// What an interrupted run has read cannot be unpacked.
    #[error("read table staged: what run {run} has read")]
    Unpacking {
        /// Its number.
        run: i64,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The alerts of a snapshot could not be composed: it is not sealed without them.
    #[error("compose the alerts of the snapshot")]
    Compose(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no randomness for a key.
    #[error("make a random key")]
    Random(#[from] RandomError),
    /// There is no such snapshot.
    #[error(transparent)]
    NoSnapshot(#[from] NoSnapshot),
    /// The run was ended by somebody else while it walked: what it saw is not sealed.
    #[error("seal the snapshot: its run is not under way any more")]
    RunOver,
    /// Another process collects into this database.
    #[error("collect into the database: another runner holds {} ({holder})", path.display())]
    Locked {
        /// The lock's file.
        path: PathBuf,
        /// Which process, since when.
        holder: String,
    },
    /// Another process is the service of this database.
    #[error("run the service: another service holds {} ({holder})", path.display())]
    ServiceRunning {
        /// The lock's file.
        path: PathBuf,
        /// Which process, since when.
        holder: String,
    },
    /// A label names one snapshot only.
    #[error("label the snapshot {label:?}: snapshot {seq} has that label")]
    LabelTaken {
        /// The label.
        label: String,
        /// Who has it.
        seq: Seq,
    },
    /// Nothing was ever sealed in the file.
    #[error("the database has no snapshot yet")]
    NothingCollected,
    /// The file holds no such contract, or several and none was chosen.
    #[error("choose a contract: {0}")]
    NoContract(String),
    /// This instant of this schedule has been collected before.
    #[error("begin a run of schedule {schedule:?} for {nominal}: that instant has run before")]
    RanBefore {
        /// The schedule.
        schedule: String,
        /// The instant.
        nominal: String,
    },
}

impl StoreError {
    /// Whether the caller asked for something that is not there, rather than the file being at fault.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoSnapshot(_) | Self::NoContract(_) | Self::LabelTaken { .. })
    }

    /// Whether another program held the file: nothing is wrong with it, and a later try may succeed.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::WriteLocked { .. } | Self::BeingRead { .. } => true,
            Self::Sql { source, .. } => damage::is_busy(source),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "run `keyholder collect` first, or name another file with --db or KEYHOLDER_DB".to_owned()
            }
            Self::Open { path, .. } => {
                format!("check that the folder of {} exists and that you may write to it", path.display())
            }
            Self::Foreign { .. } => "name a keyholder database with --db or KEYHOLDER_DB".to_owned(),
            Self::Newer { .. } => {
                "use the newer keyholder that wrote it, or a backup from before; the file was not changed".to_owned()
            }
            Self::LockFile { path, .. } => {
                format!("nothing was written; look where {} comes from, then remove it", path.display())
            }
            Self::BeingRead { .. } => "wait until the report or list has ended, then try again".to_owned(),
            Self::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
            Self::ExposedFolder { hint, .. } => hint.clone(),
            Self::Network { .. } => {
                "keep the database on a disk of this machine (--db, KEYHOLDER_DB or store.path) and copy it from there"
                    .to_owned()
            }
            Self::ReadOnly { .. } => {
                "collect as the user whose database it is, where it can be written; reports work without that"
                    .to_owned()
            }
            Self::Cramped { needed, .. } => {
                format!(
                    "make room: {needed} MiB is the larger of store.min_free_mib and twice the database (store.min_free_mib = 0 switches this off)"
                )
            }
            Self::Sql { source, .. }
            | Self::Migrate {
                source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _), ..
            } => damage::hint(source),
            Self::Damaged { .. }
            | Self::Column { .. }
            | Self::Inconsistent { .. }
            | Self::StoredBody(_)
            | Self::Unpacking { .. }
            | Self::Body(BodyError::Read { .. })
            | Self::Migrate { .. } => damage::RESTORE.to_owned(),
            Self::Linked { .. }
            | Self::Orphan { .. }
            | Self::Unfolded { .. }
            | Self::NoRoomForCopy { .. }
            | Self::Copy { .. }
            | Self::NotAFile { .. }
            | Self::NotOurs { .. }
            | Self::Schema { .. } => return self.hint_about_files(),
            Self::Busy { path, .. } | Self::WriteLocked { path } => {
                format!("nothing is damaged: `fuser {}` names the program; end it, or try again later", path.display())
            }
            Self::NoSnapshot(_) => "`keyholder snapshots list` shows what there is".to_owned(),
            Self::Locked { .. } => "wait until it is done, then try again".to_owned(),
            Self::ServiceRunning { .. } => {
                "there is one service for a database: stop the other one first, or give this one a database of its own"
                    .to_owned()
            }
            Self::LabelTaken { .. } => "choose another label".to_owned(),
            Self::NoContract(_) => "name one with --contract".to_owned(),
            Self::NothingCollected => "`keyholder collect` makes the first".to_owned(),
            Self::RunOver => "another process took the lock; let one collect at a time, then collect again".to_owned(),
            Self::Body(_)
            | Self::Compose(_)
            | Self::Packing(_)
            | Self::Random(_)
            | Self::RanBefore { .. }
            | Self::Stopped => return None,
        })
    }

    /// What to do about files beside the database, and about its other names.
    fn hint_about_files(&self) -> Option<String> {
        Some(match self {
            Self::Linked { path, .. } => format!(
                "find the other name with `find / -xdev -samefile {0}` and remove one of both, or use a copy: cp {0} NEW.db",
                path.display()
            ),
            Self::Orphan { path, log } => format!(
                "if the database was moved, move {1} after it; if it was deleted, delete {1} too; or name another file than {0}",
                path.display(),
                log.display()
            ),
            Self::Unfolded { path, log } => format!(
                "run `keyholder --db {0} snapshots list` once as a user who may write there, or copy {0} and {1} together to a folder of your own",
                path.display(),
                log.display()
            ),
            Self::NoRoomForCopy { path, .. } | Self::Copy { path, .. } => format!(
                "name a folder with more room in TMPDIR, or make a copy with the schema of today: keyholder --db NEW.db restore {}",
                path.display()
            ),
            Self::NotOurs { place, owner, us } => format!(
                "collect as {owner}; reports work without that. If it is to be yours: chown {} {}",
                us.name(),
                place.display()
            ),
            Self::NotAFile { path } => format!("look where {} comes from, then move it away", path.display()),
            Self::Schema { path, differences } => schema::hint(path, differences),
            _ => return None,
        })
    }
}

/// Names what was being done when a statement failed.
pub(super) trait While<T> {
    /// Turns the failure into a [`StoreError::Sql`] that says so.
    fn when(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T> While<T> for Result<T, sqlx::Error> {
    fn when(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { action, source })
    }
}
