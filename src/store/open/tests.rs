//! Every setting is read back from the connections themselves, and where one can see a difference, that is shown.

use sqlx::Row as _;

use super::*;

struct Bench {
    store: Store,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
        let store = Store::open(&folder.path().join("test.db"), Access::Write).await.unwrap();
        Self { store, folder }
    }

    /// Every byte of the database and its log.
    fn bytes(&self) -> Vec<u8> {
        let files = ["test.db", "test.db-wal"].map(|name| fs::read(self.folder.path().join(name)).unwrap_or_default());
        files.concat()
    }
}

async fn setting(pool: &SqlitePool, name: &str) -> String {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA {name}"))).fetch_one(pool).await.unwrap();
    row.try_get::<String, _>(0).unwrap_or_else(|_| row.try_get::<i64, _>(0).unwrap().to_string())
}

/// Expects the value on the writing connection and on one of the readers.
async fn check(name: &str, writing: &str, reading: &str) {
    let bench = Bench::new().await;
    assert_eq!(setting(&bench.store.writer, name).await, writing, "{name} of the writer");
    assert_eq!(setting(&bench.store.readers, name).await, reading, "{name} of the readers");
}

#[tokio::test]
async fn a_commit_is_on_the_disk_when_it_returns() {
    check("journal_mode", "wal", "wal").await;
    let bench = Bench::new().await;
    assert_eq!(setting(&bench.store.writer, "synchronous").await, "2", "FULL");
}

#[tokio::test]
async fn readers_cannot_write() {
    check("query_only", "0", "1").await;
    let bench = Bench::new().await;
    let refused = sqlx::query("INSERT INTO contract (number) VALUES (1)").execute(&bench.store.readers).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"), "a reader has written");
}

#[tokio::test]
async fn a_lock_is_waited_for_and_not_for_ever() {
    check("busy_timeout", "5000", "5000").await;
}

#[tokio::test]
async fn the_schema_of_a_file_is_not_trusted_and_its_cells_are_checked() {
    check("trusted_schema", "0", "0").await;
    check("cell_size_check", "1", "1").await;
}

#[tokio::test]
async fn the_header_says_whose_file_it_is_and_which_version() {
    check("application_id", "1263029316", "1263029316").await;
    let version = schema_version().to_string();
    check("user_version", &version, &version).await;
}

#[tokio::test]
async fn a_row_cannot_refer_to_one_that_is_not_there() {
    check("foreign_keys", "1", "1").await;
    let bench = Bench::new().await;
    let orphan = "INSERT INTO entity (contract, kind, ref) VALUES (999, 2, 'nobody')";
    let refused = sqlx::query(orphan).execute(&bench.store.writer).await.unwrap_err();
    assert!(refused.to_string().contains("FOREIGN KEY"), "{refused}");
}

/// Writes a marker through a connection, folds it into the file, removes it, folds again; whether it is still in the bytes.
async fn is_left_after_deletion(bench: &Bench, secure_delete: bool) -> bool {
    let db = &bench.store.writer;
    let run = async |sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await.unwrap();
    };
    run(format!("PRAGMA secure_delete = {secure_delete}")).await;
    run("CREATE TABLE IF NOT EXISTS scratch (x TEXT); INSERT INTO scratch VALUES ('MARKER-4711')".to_owned()).await;
    run("PRAGMA wal_checkpoint(TRUNCATE)".to_owned()).await;
    assert!(bench.bytes().windows(11).any(|window| window == b"MARKER-4711"), "the marker was never there");
    run("DELETE FROM scratch; PRAGMA wal_checkpoint(TRUNCATE)".to_owned()).await;
    bench.bytes().windows(11).any(|window| window == b"MARKER-4711")
}

#[tokio::test]
async fn what_is_deleted_is_not_in_the_file_any_more() {
    check("secure_delete", "1", "1").await;
    assert!(!is_left_after_deletion(&Bench::new().await, true).await, "the deleted row is still in the file");
    // The control: without the setting the same search finds it.
    assert!(is_left_after_deletion(&Bench::new().await, false).await, "the search finds nothing at all");
}

#[tokio::test]
async fn closing_folds_the_log_into_the_file() {
    let Bench { store, folder } = Bench::new().await;
    sqlx::query("INSERT INTO contract (number) VALUES (1)").execute(&store.writer).await.unwrap();
    assert!(fs::metadata(folder.path().join("test.db-wal")).unwrap().len() > 0);
    store.close().await;
    assert!(!folder.path().join("test.db-wal").exists());
}

#[tokio::test]
async fn files_beside_the_database_are_as_closed_as_the_database() {
    let Bench { store, folder } = Bench::new().await;
    sqlx::query("INSERT INTO contract (number) VALUES (1)").execute(&store.writer).await.unwrap();
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let modes: std::collections::BTreeMap<String, u32> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777))
        .collect();
    let expected = ["test.db", "test.db-shm", "test.db-wal", "test.db.lock"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes, std::collections::BTreeMap::from(expected));
}

#[test]
fn every_migration_of_the_folder_is_listed_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let listed: Vec<&str> = MIGRATIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, listed);
    for (name, number) in listed.iter().zip(1..) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name} is not number {number}");
    }
}
