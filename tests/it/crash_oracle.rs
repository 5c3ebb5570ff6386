//! What has to hold of a database after anything at all has happened to the process or the machine. Shared by the
//! instruments that make things happen; each finding is a sentence, no finding is an empty list.

use std::path::Path;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// The tables of facts, with the columns that say what is so (and not since when).
const VIEWS: [(&str, &str); 7] = [
    (
        "v_users",
        "user_id, email, firstname, lastname, active, administrator, force_sec_auth, sec_auth_active, s3_canonical_user_id, created_date",
    ),
    ("v_groups", "group_id, name, privileges"),
    ("v_resources", "resource_id, type, name, sec_auth_protection, created_date"),
    ("v_members", "group_id, user_id"),
    ("v_shares", "group_id, resource_id, edit_privilege, share_privilege"),
    ("v_owns", "user_id, resource_id"),
    ("v_keys", "user_id, key_id, active, created_date"),
];

/// What is in a database, as far as it is of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Every complaint of `integrity_check` and `foreign_key_check`.
    pub(crate) complaints: Vec<String>,
    /// The sequence numbers of what is sealed.
    pub(crate) sealed: Vec<i64>,
    /// Runs that count as sealed without a snapshot, or the other way round.
    pub(crate) half_sealed: i64,
    /// Everything about the first snapshot: its row, its coverage, every fact in it.
    pub(crate) first: Vec<String>,
    /// Every fact that is so now.
    pub(crate) current: Vec<String>,
}

/// What is in a database that is not there.
pub(crate) const NOTHING: Contents =
    Contents { complaints: Vec::new(), sealed: Vec::new(), half_sealed: 0, first: Vec::new(), current: Vec::new() };

/// Opens the file as any program would, recovery included, and reads it.
pub(crate) async fn contents(database: &Path) -> Result<Contents, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(database);
    let db = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let read = read(&db).await;
    db.close().await;
    read
}

async fn read(db: &SqlitePool) -> Result<Contents, sqlx::Error> {
    let mut complaints =
        strings(db, "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'").await?;
    complaints.extend(strings(db, "SELECT 'orphan in ' || \"table\" FROM pragma_foreign_key_check").await?);
    let half_sealed = sqlx::query_scalar(
        "SELECT count(*) FROM run r LEFT JOIN snapshot s ON s.run = r.id \
         WHERE (r.state IN ('complete', 'partial')) <> (s.run IS NOT NULL)",
    );
    let mut first = strings(
        db,
        "SELECT json_array(seq, state, started, finished, requests, began, users, root) FROM v_snapshots WHERE seq = 1",
    )
    .await?;
    first.extend(strings(db, "SELECT json_array(c.kind, c.scopes, c.complete, c.items) FROM coverage c JOIN snapshot s ON s.run = c.run WHERE s.seq = 1").await?);
    let mut current = Vec::new();
    for (view, columns) in VIEWS {
        let rows =
            |condition| format!("SELECT json_array('{view}', {columns}) FROM {view} WHERE {condition} ORDER BY 1");
        first.extend(strings(db, &rows("since <= 1 AND (until IS NULL OR until > 1)")).await?);
        current.extend(strings(db, &rows("until IS NULL")).await?);
    }
    Ok(Contents {
        complaints,
        sealed: sqlx::query_scalar("SELECT seq FROM snapshot ORDER BY seq").fetch_all(db).await?,
        half_sealed: half_sealed.fetch_one(db).await?,
        first,
        current,
    })
}

async fn strings(db: &SqlitePool, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(db).await
}

/// How many snapshots the process has acknowledged: whole lines of its standard output that say so, nothing else. A line
/// without its end was cut off; a line that only mentions a snapshot is not one of ours.
pub(crate) fn acknowledged(out: &str) -> usize {
    let whole = out.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let is_summary =
        |line: &str| line.starts_with("contract ") && line.ends_with(" requests\n") && line.contains(" snapshot ");
    whole.filter(|line| is_summary(line)).count()
}

/// What is wrong with a database that held `before` and after which so many more snapshots were acknowledged, while at
/// most `most` may be there.
pub(crate) fn violations(found: &Contents, before: &Contents, acknowledged: usize, most: usize) -> Vec<String> {
    let mut wrong: Vec<String> = found.complaints.iter().map(|complaint| format!("damaged: {complaint}")).collect();
    let (least, count) = (before.sealed.len() + acknowledged, found.sealed.len());
    if count < least {
        wrong.push(format!("lost: {count} snapshots, {least} were acknowledged"));
    }
    if count > before.sealed.len() + most {
        wrong.push(format!("{count} snapshots, at most {} can be", before.sealed.len() + most));
    }
    if found.half_sealed > 0 {
        wrong.push(format!("{} runs are half sealed", found.half_sealed));
    }
    if !before.first.is_empty() && found.first != before.first {
        wrong.push("what was sealed before is not what it was".to_owned());
    }
    wrong
}

mod tests {
    use super::*;
    use crate::support::model::{Bench, Model};

    /// Changes a sealed database behind the program's back; what the oracle says.
    async fn judged(tampering: &str) -> Vec<String> {
        let bench = Bench::new().await;
        bench.seal(Model::small().sightings()).await;
        bench.store.clone().close().await;
        let database = bench.folder().join("test.db");
        let before = contents(&database).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&database).foreign_keys(false);
        let db = SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(tampering.to_owned())).execute(&db).await.unwrap();
        db.close().await;
        violations(&contents(&database).await.unwrap(), &before, 0, 1)
    }

    #[tokio::test]
    async fn a_healthy_database_is_not_complained_of() {
        assert_eq!(judged("SELECT 1").await, [""; 0]);
    }

    #[tokio::test]
    async fn a_planted_change_of_what_was_sealed_is_found() {
        let changed = ["what was sealed before is not what it was"];
        assert_eq!(
            judged(
                "DROP TRIGGER fact_sealed; UPDATE fact SET body = (SELECT body FROM fact WHERE kind = 3) WHERE kind = 2"
            )
            .await,
            changed
        );
        assert_eq!(judged("DROP TRIGGER snapshot_sealed; UPDATE snapshot SET users = 9").await, changed);
        assert_eq!(judged("UPDATE personal SET email = 'eve@example.org'").await, changed);
    }

    #[tokio::test]
    async fn a_planted_loss_is_found() {
        let lost = judged("DROP TRIGGER snapshot_kept; DELETE FROM snapshot").await;
        assert!(lost.contains(&"lost: 0 snapshots, 1 were acknowledged".to_owned()), "{lost:?}");
        assert!(lost.contains(&"1 runs are half sealed".to_owned()), "{lost:?}");
        let orphan = judged("PRAGMA foreign_keys = OFF; INSERT INTO entity VALUES (77, 999, 2, 'nobody')").await;
        assert_eq!(orphan, ["damaged: orphan in entity"]);
    }

    #[test]
    fn only_a_whole_line_of_standard_output_acknowledges() {
        let line = "contract 1 snapshot 2 complete: 24 users; 66 requests\n";
        assert_eq!(acknowledged(line), 1);
        assert_eq!(acknowledged(&line.repeat(2)), 2);
        assert_eq!(acknowledged(line.trim_end()), 0, "cut off before its end");
        assert_eq!(acknowledged(&format!("Killed: {line}")), 0, "somebody else's line");
    }
}
