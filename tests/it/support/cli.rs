//! The real binary in an environment of its own, servers that go on serving while it runs, and a month of snapshots that
//! tests share for reading.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::Duration;

use emulator::Emulator;
use emulator::world::NewUser;
use keyholder::seams::Seams;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::runtime::Runtime;

/// Serves while tests wait for the binary; one for all tests, so that a server outlives the test that started it.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The smallest contract, served.
pub(crate) fn served() -> Emulator {
    let emulator = RUNTIME.block_on(Emulator::builder().seed(7).users(24).start()).unwrap();
    in_step(&emulator);
    emulator
}

/// Sets a server's clock to that of the binary, which has something to say about others.
pub(crate) fn in_step(emulator: &Emulator) {
    emulator.set_now(Seams::system().now());
}

/// What the binary did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
        Self {
            code: output.status.code().expect("the binary ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Ran {
    /// Expects that exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

/// A home folder and environment variables.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Desk {
    /// Nothing is configured.
    pub(crate) fn bare() -> Self {
        // An emulator that lost something did lose it: there is no need to wait before it is asked again.
        let variables = [("KEYHOLDER_API_ATTEMPTS", "1"), ("KEYHOLDER_COLLECT_REREAD_AFTER", "0s")];
        let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { folder: crate::support::private_folder(), variables }
    }

    /// Pointed at a server with a token; a failed request is not sent again.
    pub(crate) fn at(url: &str, token: &str) -> Self {
        Self::bare().with("IONOS_API_URL", url).with("IONOS_TOKEN", token)
    }

    /// Pointed at that emulator as its administrator.
    pub(crate) fn of(emulator: &Emulator) -> Self {
        Self::at(&emulator.base_url(emulator::Version::V6), emulator.token())
    }

    /// With a copy of the shared month's database, and nothing that answers.
    pub(crate) fn with_month() -> Self {
        let desk = Self::at("http://127.0.0.1:9", "token");
        desk.put_database(&MONTH.database);
        desk
    }

    /// Puts a database where it is looked for.
    pub(crate) fn put_database(&self, database: &[u8]) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.database().parent().unwrap()).unwrap();
        fs::write(self.database(), database).unwrap();
        fs::set_permissions(self.database(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// With another variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Changes the database beside the program.
    pub(crate) fn execute(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.database());
        RUNTIME.block_on(async {
            let db = sqlx::SqlitePool::connect_with(options).await.unwrap();
            sqlx::query(statement).execute(&db).await.unwrap();
            db.close().await;
        });
    }

    /// A place in the home folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the database is when nobody says otherwise.
    pub(crate) fn database(&self) -> PathBuf {
        self.path(".local/state/keyholder/keyholder.db")
    }

    /// The binary, about to run in the home folder with these variables and no other.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyholder"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary; its output is not a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let command = self.command(arguments);
        assert_cmd::Command::from_std(command).timeout(Duration::from_mins(2)).output().unwrap().into()
    }
}

/// Five snapshots, each with one change of another severity.
pub(crate) struct Month {
    pub(crate) contract: String,
    /// The address of who becomes an administrator in snapshot 2.
    pub(crate) promoted: String,
    /// The database, closed.
    pub(crate) database: Vec<u8>,
}

/// A name that would clear the screen and turn the reading direction.
pub(crate) const HOSTILE: &str = "=cmd\u{1b}[2J\u{202e}";

/// Snapshot 2: a critical change, and a stranger with a hostile name. 3: informational. 4: low. 5: high.
pub(crate) static MONTH: LazyLock<Month> = LazyLock::new(|| {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let cast = emulator.cast().clone();
    let ordinary = emulator.read(|world| {
        let mut ordinary = world.users().filter(|user| {
            let parts = [&cast.owner, &cast.auditor, &cast.restricted];
            !parts.contains(&&user.id) && !user.administrator && user.active && user.sec_auth_active
        });
        std::array::from_fn::<_, 3, _>(|_| ordinary.next().expect("enough ordinary users").clone())
    });
    let [promoted, disabled, weakened] = ordinary;
    let collect = |label: &str| drop(desk.run(&["collect", "--label", label]).ends(0));
    collect("baseline");
    emulator.edit(|world| {
        world.set_administrator(&promoted.id, true).unwrap();
        let stranger = NewUser {
            firstname: HOSTILE.to_owned(),
            lastname: HOSTILE.to_owned(),
            email: "stranger@example.org".to_owned(),
            administrator: false,
            force_sec_auth: false,
            inactive: false,
        };
        world.add_user(stranger).unwrap();
        let group = world.add_group(HOSTILE, &[]);
        world.add_member(&group, &disabled.id).unwrap();
    });
    collect("critical");
    emulator.edit(|world| {
        let resource = world.owns(&cast.owner).next().expect("the owner owns something").clone();
        world.rename_resource(&resource, "another name").unwrap();
    });
    collect("info");
    emulator.edit(|world| world.set_active(&disabled.id, false).unwrap());
    collect("low");
    emulator.edit(|world| world.set_sec_auth_active(&weakened.id, false).unwrap());
    collect("high");
    Month {
        contract: emulator.contract_number().to_string(),
        promoted: promoted.email.clone(),
        database: fs::read(desk.database()).unwrap(),
    }
});

/// The bytes of a file, if it is there.
pub(crate) fn bytes(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}
