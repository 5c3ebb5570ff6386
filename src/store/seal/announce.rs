//! What a snapshot has to announce, composed and written in the transaction that seals it.
//!
//! The store knows what changed; what that means and where it goes is said by [`Announce`], which others implement. Nothing
//! is read of a snapshot without changes but its numbers.

use std::error::Error;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;

use super::number_of;
use crate::domain::change::Change;
use crate::domain::count::Count;
use crate::domain::coverage::Coverage;
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::Notice;
use crate::domain::state::{Around, State};
use crate::domain::time::to_millis;
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::mutes::{self, Mute};
use crate::store::origins::Origin;
use crate::store::outbox::{self, Outgoing};
use crate::store::reader::Reader;
use crate::store::runs::RunId;

/// Why nothing could be composed.
pub type ComposeError = Box<dyn Error + Send + Sync>;

/// Composes the alerts of a snapshot.
pub trait Announce: Send + Sync {
    /// Which parts of the earlier and of the later state are needed to compose the alerts of these changes.
    fn around(&self, changes: &[Change]) -> (Around, Around);

    /// The alerts of a snapshot that is about to be sealed, and where each goes.
    fn compose(&self, sealed: &Sealed) -> Result<Vec<Outgoing>, ComposeError>;
}

/// Current numbers of a contract: what the baseline tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Users.
    pub users: Count,
    /// Users with the administrator flag.
    pub administrators: Count,
    /// Groups.
    pub groups: Count,
    /// Shares.
    pub shares: Count,
    /// S3 keys.
    pub keys: Count,
}

/// A snapshot that is about to be sealed, as far as its alerts need it.
#[derive(Debug)]
pub struct Sealed {
    /// The contract.
    pub contract: ContractNumber,
    /// The snapshot.
    pub seq: Seq,
    /// When its walk ended.
    pub at: DateTime<Utc>,
    /// The history that its alerts belong to.
    pub origin: Origin,
    /// State root of the snapshot before, in hex; empty for the first.
    pub root_before: String,
    /// Its own.
    pub root_after: String,
    /// What differs from the snapshot before.
    pub changes: Vec<Change>,
    /// The state before, around the changes.
    pub before: State,
    /// The state after, around the changes.
    pub after: State,
    /// Numbers of the contract; counted for a first or restored snapshot only.
    pub totals: Option<Totals>,
    /// What the run noticed.
    pub notices: Vec<Notice>,
    /// How many scopes could not be read.
    pub gaps: u64,
    /// How many of them could be read in the snapshot before.
    pub new_gaps: u64,
    /// Mutes in force.
    pub mutes: Vec<Mute>,
    /// The first snapshot of the last [`SHORT_LIVED`].
    pub recent: Seq,
}

/// What began and ended within this time was short-lived.
pub const SHORT_LIVED: TimeDelta = TimeDelta::days(31);

/// Announces nothing: for histories that nobody listens to.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Announce for Silent {
    fn around(&self, _: &[Change]) -> (Around, Around) {
        (Around::default(), Around::default())
    }

    fn compose(&self, _: &Sealed) -> Result<Vec<Outgoing>, ComposeError> {
        Ok(Vec::new())
    }
}

/// The run that is being sealed.
pub(super) struct Subject<'a> {
    pub(super) contract: ContractNumber,
    /// The contract's row number.
    pub(super) row: i64,
    pub(super) run: RunId,
    pub(super) seq: Seq,
    pub(super) finished: DateTime<Utc>,
    pub(super) origin: Origin,
    pub(super) notices: &'a [Notice],
    pub(super) coverage: &'a Coverage,
}

/// Composes the alerts of a snapshot and writes them, inside its transaction.
pub(super) async fn announce(
    db: &mut SqliteConnection,
    subject: Subject<'_>,
    announcer: &dyn Announce,
) -> Result<(), StoreError> {
    let origin = subject.origin;
    let (root_before, root_after) = roots(db, subject.row, subject.seq).await?;
    let (changes, before, after) = differences(&Reader::inside(db), &subject, announcer).await?;
    let (gaps, new_gaps) = gaps(db, &subject).await?;
    let is_beginning = origin.after + 1 == subject.seq.0;
    let totals = if is_beginning { Some(totals(db, &subject).await?) } else { None };
    let sealed = Sealed {
        contract: subject.contract,
        seq: subject.seq,
        at: subject.finished,
        origin,
        root_before,
        root_after,
        changes,
        before,
        after,
        totals,
        notices: subject.notices.to_vec(),
        gaps,
        new_gaps,
        mutes: mutes::in_force(db, subject.finished).await?,
        recent: recent(db, &subject).await?,
    };
    let outgoing = announcer.compose(&sealed).map_err(StoreError::Compose)?;
    outbox::write(db, &outgoing).await?;
    Ok(())
}

/// The changes of the snapshot, and both states as far as they are needed to compose its alerts.
async fn differences(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    announcer: &dyn Announce,
) -> Result<(Vec<Change>, State, State), StoreError> {
    let earlier = Seq(subject.seq.0.saturating_sub(1));
    let changes = reader.events(subject.contract, earlier, subject.seq).await?;
    if changes.is_empty() {
        return Ok((changes, State::empty(earlier), State::empty(subject.seq)));
    }
    let (around_before, around_after) = announcer.around(&changes);
    let before = reader.state_around(subject.contract, earlier, &around_before).await?;
    let after = reader.state_around(subject.contract, subject.seq, &around_after).await?;
    Ok((changes, before, after))
}

async fn roots(db: &mut SqliteConnection, contract: i64, seq: Seq) -> Result<(String, String), StoreError> {
    let roots: Vec<(u32, String)> =
        sqlx::query_as("SELECT seq, lower(hex(root)) FROM snapshot WHERE contract = ? AND seq IN (?, ?)")
            .bind(contract)
            .bind(seq.0.saturating_sub(1))
            .bind(seq.0)
            .fetch_all(db)
            .await
            .when("read the roots of two snapshots")?;
    let root_of = |seq: u32| roots.iter().find(|(of, _)| *of == seq).map(|(_, root)| root.clone()).unwrap_or_default();
    Ok((root_of(seq.0.saturating_sub(1)), root_of(seq.0)))
}

async fn recent(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Seq, StoreError> {
    let seq: u32 = sqlx::query_scalar(
        "SELECT coalesce(min(s.seq), ?3) FROM snapshot s JOIN run r ON r.id = s.run WHERE s.contract = ?1 AND r.finished >= ?2",
    )
    .bind(subject.row)
    .bind(to_millis(subject.finished - SHORT_LIVED))
    .bind(subject.seq.0)
    .fetch_one(db)
    .await
    .when("look up the snapshots of the last month")?;
    Ok(Seq(seq))
}

/// How many scopes were not complete, and how many of these were in the snapshot before.
async fn gaps(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<(u64, u64), StoreError> {
    let row = sqlx::query(
        "SELECT count(*), coalesce(sum(NOT EXISTS (SELECT 1 FROM snapshot s JOIN gap p ON p.run = s.run \
         WHERE s.contract = ?2 AND s.seq = ?3 AND p.kind = g.kind AND p.parent = g.parent \
         AND p.status NOT IN ('gone', 'not-applicable'))), 0) \
         FROM gap g WHERE g.run = ?1 AND g.status NOT IN ('gone', 'not-applicable')",
    )
    .bind(subject.run.0)
    .bind(subject.row)
    .bind(number_of(u64::from(subject.seq.0.saturating_sub(1))))
    .fetch_one(db)
    .await
    .when("count the gaps")?;
    let row = Columns::of("gap", &row);
    Ok((row.count(0)?, row.count(1)?))
}

async fn totals(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Totals, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(sum(f.kind = 2), 0), coalesce(sum(f.kind = 2 AND (b.json ->> '$.administrator') = 1), 0), \
         coalesce(sum(f.kind = 3), 0), coalesce(sum(f.kind = 6), 0), coalesce(sum(f.kind = 8), 0) \
         FROM fact f LEFT JOIN body b ON b.id = f.body WHERE f.contract = ? AND f.until IS NULL",
    )
    .bind(subject.row)
    .fetch_one(&mut *db)
    .await
    .when("count what a contract holds")?;
    let row = Columns::of("fact", &row);
    let unknown = Reader::inside(db).unknown_attributes(subject.contract, subject.seq).await?;
    let is_reported = unknown.never_known(Kind::User, |attribute| attribute == "administrator") == 0;
    let count = |kind, known: u64| subject.coverage.count(kind, known);
    let all_users = subject.coverage.unread(Kind::User).is_none();
    Ok(Totals {
        users: count(Kind::User, row.count(0)?),
        administrators: Count::of(row.count(1)?, all_users && is_reported),
        groups: count(Kind::Group, row.count(2)?),
        shares: count(Kind::Share, row.count(3)?),
        keys: count(Kind::Key, row.count(4)?),
    })
}
