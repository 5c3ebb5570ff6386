//! Backups of every schema version, and that the comparison with the database can fail.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sqlx::sqlite::SqliteJournalMode;
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;
use crate::store::open::{APPLICATION_ID, migrate, migrator, options, schema_version};

/// A database of that schema version, as a program of that time left it.
async fn database_of(version: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
    let path = folder.path().join("test.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut db = options(&path).journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    migrate(&mut db, &migrator(version), &path).await.unwrap();
    let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}");
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut db).await.unwrap();
    sqlx::raw_sql("INSERT INTO contract (number) VALUES (7)").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    (folder, path)
}

#[tokio::test]
async fn databases_of_every_older_schema_are_backed_up() {
    for version in 1..=schema_version() {
        let (folder, path) = database_of(version).await;
        let target = folder.path().join("backup.db");
        let backup = back_up(&path, &target, &CancellationToken::new()).await.unwrap();
        assert_eq!(backup.contents, Contents { schema: version, contracts: Vec::new() });
        assert_eq!(fs::metadata(&target).unwrap().len(), backup.bytes);
    }
}

#[tokio::test]
async fn a_cancelled_backup_leaves_nothing() {
    let (folder, path) = database_of(schema_version()).await;
    let stop = CancellationToken::new();
    stop.cancel();
    // A body that takes longer than the steps between two looks at the token.
    let mut db = options(&path).connect().await.unwrap();
    let many = "INSERT INTO entity (contract, kind, ref) WITH RECURSIVE n(i) AS \
                (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT 1, 2, 'user ' || i FROM n";
    sqlx::raw_sql(many).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let error = back_up(&path, &folder.path().join("backup.db"), &stop).await.unwrap_err();
    assert!(matches!(error, BackupError::Stopped), "{error:?}");
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("backup")));
}

/// Changes a copy and expects the comparison with its database to say so.
async fn check_difference(change: &'static str, expected: &str) {
    let (_folder, path) = database_of(schema_version()).await;
    let mut db = options(&path).connect().await.unwrap();
    let sealed = "INSERT INTO run (id, contract, schedule, nominal, started, state, requests, api, tool) \
                  VALUES (1, 1, 's', 'n', '2026-01-01T00:00:00.000Z', 'complete', 0, 'a', 't'); \
                  INSERT INTO snapshot VALUES (1, 1, 1, NULL, zeroblob(32), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)";
    sqlx::raw_sql(sealed).execute(&mut db).await.unwrap();
    let original = Inventory::of(&mut db).await.unwrap();
    assert_eq!(original.difference(&original, &original), None);
    sqlx::raw_sql(change).execute(&mut db).await.unwrap();
    let copied = Inventory::of(&mut db).await.unwrap();
    assert_eq!(copied.difference(&original, &original).as_deref(), Some(expected));
    // A copy may have what was committed while it was made.
    let is_growth = change.starts_with("INSERT");
    assert_eq!(copied.difference(&original, &copied).is_none(), is_growth);
}

#[tokio::test]
async fn a_copy_that_differs_from_its_database_is_noticed() {
    check_difference(
        "INSERT INTO entity (contract, kind, ref) VALUES (1, 2, 'x')",
        "table entity has 1 rows, that of the database 0 to 0",
    )
    .await;
    check_difference(
        "INSERT INTO run (id, contract, schedule, nominal, started, state, requests, api, tool) \
         VALUES (2, 1, 's', 'o', '2026-01-02T00:00:00.000Z', 'complete', 0, 'a', 't'); \
         INSERT INTO snapshot VALUES (1, 2, 2, NULL, zeroblob(32), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        "snapshot 2 of contract 7 is not in the database",
    )
    .await;
    check_difference("DROP TRIGGER snapshot_kept; DELETE FROM snapshot", "its schema is not that of the database")
        .await;
}

#[tokio::test]
async fn rows_that_are_never_deleted_are_counted() {
    let (_folder, path) = database_of(schema_version()).await;
    let mut db = options(&path).connect().await.unwrap();
    let inventory = Inventory::of(&mut db).await.unwrap();
    let growing = inventory.counted();
    for table in
        ["body", "change", "coverage", "entity", "fact", "gap", "notice", "origin", "principal", "run", "snapshot"]
    {
        assert!(growing.contains(&table), "{table} is not counted: {growing:?}");
    }
    assert!(!growing.contains(&"staging"), "what is deleted after a run is not compared");
}
