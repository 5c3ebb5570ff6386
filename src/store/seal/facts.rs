//! Applies what was seen to the facts: part by part, skipping those whose digest is what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sqlx::{QueryBuilder, Sqlite};

use super::rows::Sighted;
use super::{Parents, Sealer, object_kind, parent_kind, unknown};
use crate::domain::body::Body;
use crate::domain::change::Op;
use crate::domain::coverage::{Effort, Scope, ScopeKind, Status};
use crate::domain::fact::Kind;
use crate::store::columns::Columns;
use crate::store::error::{StoreError, While as _};
use crate::store::intern::BATCH;
use crate::store::merge::{Difference, Merged, Open, merge};
use crate::store::parts::{self, Part, PartKey, Row};

/// A difference with the ids it is written under.
struct Written {
    kind: Kind,
    subject: i64,
    object: i64,
    op: Op,
    before: Option<i64>,
    after: Option<i64>,
    /// When the fact that ends began.
    since: Option<i64>,
}

impl Sealer<'_> {
    /// The users and groups that are there before anything is applied.
    pub(super) async fn open_parents(&mut self) -> Result<Parents, StoreError> {
        Ok(Parents { users: self.open_subjects(Kind::User).await?, groups: self.open_subjects(Kind::Group).await? })
    }

    async fn open_subjects(&mut self, kind: Kind) -> Result<BTreeSet<Arc<str>>, StoreError> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT e.ref FROM fact f JOIN entity e ON e.id = f.subject \
             WHERE f.contract = ? AND f.kind = ? AND f.until IS NULL",
        )
        .bind(self.contract)
        .bind(kind.code())
        .fetch_all(&mut *self.db)
        .await
        .when("list what is there")?;
        Ok(names.into_iter().map(Arc::from).collect())
    }

    /// Applies all parts, lists first; answers with the users and groups that are there afterwards.
    pub(super) async fn apply(
        &mut self,
        mut seen: BTreeMap<PartKey, Vec<Sighted>>,
        scopes: &BTreeMap<Scope, (Status, Effort)>,
        before: &Parents,
    ) -> Result<Parents, StoreError> {
        let proven = proven_parts(scopes);
        // Where the list of the parents was never read to its end, what is below them is seen for the first time with them.
        let never_listed = [Kind::User, Kind::Group].map(|kind| (kind, !self.was_ever_proven(kind)));
        for kind in [Kind::Contract, Kind::User, Kind::Group, Kind::Resource] {
            let key = (kind, Arc::from(""));
            let rows = seen.remove(&key).unwrap_or_default();
            let is_proven = proven.contains(&key);
            self.apply_part(key, rows, is_proven, self.seq > 1).await?;
        }
        let after = self.open_parents().await?;
        for kind in [Kind::Member, Kind::Share, Kind::Own, Kind::Key] {
            let (Some(were), Some(are)) = (before.of(kind), after.of(kind)) else { continue };
            let mut keys: BTreeSet<PartKey> = seen.keys().filter(|(of, _)| *of == kind).cloned().collect();
            keys.extend(proven.iter().filter(|(of, _)| *of == kind).cloned());
            // A parent that is proved to be gone takes everything below it along, whatever became of those scopes.
            let ended: BTreeSet<PartKey> = were.difference(are).map(|parent| (kind, Arc::clone(parent))).collect();
            keys.extend(ended.iter().cloned());
            for key in keys {
                let rows = if ended.contains(&key) { Vec::new() } else { seen.remove(&key).unwrap_or_default() };
                let is_proven = ended.contains(&key) || proven.contains(&key);
                let parent = parent_kind(kind);
                let was_there =
                    were.contains(&key.1) || never_listed.iter().any(|it| (Some(it.0), it.1) == (parent, true));
                self.apply_part(key, rows, is_proven, was_there).await?;
            }
        }
        Ok(after)
    }

    /// Whether a list of the contract was ever read to its end.
    fn was_ever_proven(&self, kind: Kind) -> bool {
        self.parts.get(&(kind, Arc::from(""))).is_some_and(|part| part.proven)
    }

    async fn apply_part(
        &mut self,
        key: PartKey,
        seen: Vec<Sighted>,
        is_proven: bool,
        parent_was_there: bool,
    ) -> Result<(), StoreError> {
        let known = self.parts.get(&key);
        let ever_proven = known.is_some_and(|part| part.proven);
        if !is_proven && seen.is_empty() {
            return Ok(());
        }
        let observed = unknown::observed(&seen);
        if is_proven && known.is_some_and(|part| part.proven && part.observed == Some(observed)) {
            return Ok(());
        }
        let open = if known.is_some_and(|part| part.facts > 0) { self.open_facts(&key).await? } else { Vec::new() };
        let first_look = !ever_proven && parent_was_there && self.seq > 1;
        let (seen, missing) = unknown::complete(key.0, &open, seen)?;
        let sighted: Vec<_> = seen.iter().map(|row| (Arc::clone(&row.subject), Arc::clone(&row.object))).collect();
        let Merged { differences, rows } = merge(open, seen, is_proven, first_look);
        let part = Part {
            digest: parts::digest(&rows),
            facts: rows.len() as u64,
            proven: ever_proven || is_proven,
            observed: is_proven.then_some(observed),
        };
        if self.parts.get(&key) != Some(&part) {
            if let Some(kind) = parent_kind(key.0) {
                self.entities.intern(kind, &key.1);
            }
            self.touched.insert(key.clone());
            self.parts.insert(key.clone(), part);
        }
        self.write_differences(key.0, differences).await?;
        self.take_unknown(&key, &sighted, missing).await
    }

    async fn open_facts(&mut self, key: &PartKey) -> Result<Vec<Open>, StoreError> {
        let subject = parent_kind(key.0).and_then(|kind| self.entities.find(kind, &key.1));
        let rows = sqlx::query(
            "SELECT s.ref, coalesce(o.ref, ''), b.json, f.subject, f.object, f.since, f.body FROM fact f \
             JOIN entity s ON s.id = f.subject LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body \
             WHERE f.contract = ?1 AND f.kind = ?2 AND (?3 IS NULL OR f.subject = ?3) AND f.until IS NULL",
        )
        .bind(self.contract)
        .bind(key.0.code())
        .bind(subject)
        .fetch_all(&mut *self.db)
        .await
        .when("read the facts of a scope")?;
        let mut open = Vec::with_capacity(rows.len());
        for row in &rows {
            let row = Columns::of("fact", row);
            open.push(Open {
                row: Row {
                    subject: row.get::<&str>(0)?.into(),
                    object: row.get::<&str>(1)?.into(),
                    body: row.optional::<&str>(2)?.map(Body::from_canonical),
                },
                subject: row.get(3)?,
                object: row.get(4)?,
                since: row.get(5)?,
                body: row.optional(6)?,
            });
        }
        open.sort_by(|a, b| a.row.key().cmp(&b.row.key()));
        Ok(open)
    }

    async fn write_differences(&mut self, kind: Kind, differences: Vec<Difference>) -> Result<(), StoreError> {
        let mut written = Vec::with_capacity(differences.len());
        for difference in differences {
            written.push(self.intern(kind, difference).await?);
        }
        self.bodies.write(self.db).await?;
        self.entities.write(self.db).await?;
        self.end_facts(&written).await?;
        self.begin_facts(&written).await?;
        if self.seq > 1 {
            self.write_changes(&written).await?;
        }
        for one in &written {
            match one.op {
                Op::Began | Op::FirstSeen => self.counts.began += 1,
                Op::Ended => {
                    self.counts.ended += 1;
                    self.unknown.end(kind, one.subject, one.object);
                }
                Op::Changed => self.counts.changed += 1,
            }
        }
        Ok(())
    }

    async fn intern(&mut self, kind: Kind, difference: Difference) -> Result<Written, StoreError> {
        Ok(match difference {
            Difference::Began { seen, first_look } => Written {
                kind,
                subject: self.entities.intern(parent_kind(kind).unwrap_or(kind), &seen.subject),
                object: object_kind(kind).map_or(0, |kind| self.entities.intern(kind, &seen.object)),
                op: if first_look { Op::FirstSeen } else { Op::Began },
                before: None,
                after: self.intern_body(&seen).await?,
                since: None,
            },
            Difference::Ended(open) => Written {
                kind,
                subject: open.subject,
                object: open.object,
                op: Op::Ended,
                before: open.body,
                after: None,
                since: Some(open.since),
            },
            Difference::Changed { open, seen } => Written {
                kind,
                subject: open.subject,
                object: open.object,
                op: Op::Changed,
                before: open.body,
                after: self.intern_body(&seen).await?,
                since: Some(open.since),
            },
        })
    }

    async fn intern_body(&mut self, row: &Row) -> Result<Option<i64>, StoreError> {
        match &row.body {
            Some(body) => self.bodies.intern(self.db, body).await.map(Some),
            None => Ok(None),
        }
    }

    async fn end_facts(&mut self, written: &[Written]) -> Result<(), StoreError> {
        for one in written {
            let Some(since) = one.since else { continue };
            sqlx::query(
                "UPDATE fact SET until = ? WHERE contract = ? AND kind = ? AND subject = ? AND object = ? AND since = ?",
            )
            .bind(self.seq)
            .bind(self.contract)
            .bind(one.kind.code())
            .bind(one.subject)
            .bind(one.object)
            .bind(since)
            .execute(&mut *self.db)
            .await
            .when("end a fact")?;
        }
        Ok(())
    }

    async fn begin_facts(&mut self, written: &[Written]) -> Result<(), StoreError> {
        let begun: Vec<&Written> = written.iter().filter(|one| one.op != Op::Ended).collect();
        for batch in begun.chunks(BATCH) {
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO fact (contract, kind, subject, object, since, body) ");
            insert.push_values(batch, |mut values, one| {
                values
                    .push_bind(self.contract)
                    .push_bind(one.kind.code())
                    .push_bind(one.subject)
                    .push_bind(one.object)
                    .push_bind(self.seq)
                    .push_bind(one.after);
            });
            insert.build().execute(&mut *self.db).await.when("begin the facts")?;
        }
        Ok(())
    }

    async fn write_changes(&mut self, written: &[Written]) -> Result<(), StoreError> {
        for batch in written.chunks(BATCH) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO change (contract, seq, kind, subject, object, op, before, after) ",
            );
            insert.push_values(batch, |mut values, one| {
                values
                    .push_bind(self.contract)
                    .push_bind(self.seq)
                    .push_bind(one.kind.code())
                    .push_bind(one.subject)
                    .push_bind(one.object)
                    .push_bind(op_code(one.op))
                    .push_bind(one.before)
                    .push_bind(one.after);
            });
            insert.build().execute(&mut *self.db).await.when("write the changes")?;
        }
        Ok(())
    }
}

/// The stored number of an op.
pub(in crate::store) fn op_code(op: Op) -> u8 {
    match op {
        Op::Began => 1,
        Op::Ended => 2,
        Op::Changed => 3,
        Op::FirstSeen => 4,
    }
}

/// The parts that were read to their end. What belongs to a parent that is gone ends with the parent, and only if the list
/// of such parents proves that it is.
fn proven_parts(scopes: &BTreeMap<Scope, (Status, Effort)>) -> BTreeSet<PartKey> {
    scopes
        .iter()
        .filter(|(_, (status, _))| *status == Status::Complete)
        .filter_map(|(scope, _)| part_key(scope))
        .collect()
}

/// The part that a scope is about, if it holds facts.
pub(in crate::store) fn part_key(scope: &Scope) -> Option<PartKey> {
    Some((fact_kind(scope.kind())?, Arc::from(scope.parent().unwrap_or_default())))
}

/// The kind of fact that a kind of scope holds, if it holds any.
pub(in crate::store) fn fact_kind(scope: ScopeKind) -> Option<Kind> {
    Some(match scope {
        ScopeKind::Contract => Kind::Contract,
        ScopeKind::Users => Kind::User,
        ScopeKind::Groups => Kind::Group,
        ScopeKind::Resources => Kind::Resource,
        ScopeKind::Members => Kind::Member,
        ScopeKind::Shares => Kind::Share,
        ScopeKind::Owns => Kind::Own,
        ScopeKind::Keys => Kind::Key,
        ScopeKind::UserGroups => return None,
    })
}
