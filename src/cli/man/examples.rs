//! Examples of each command, for its manual page. Each is a command line that is understood; a test tries them.

/// A command line and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The line, as it is typed.
    pub line: &'static str,
    /// What it does, in one sentence.
    pub what: &'static str,
}

const fn example(line: &'static str, what: &'static str) -> Example {
    Example { line, what }
}

/// Commands by their words, with their examples.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            example("keyholder demo", "Shows the whole job on a made-up contract, without an account."),
            example("keyholder doctor", "Says what works, what does not, and what to do about it."),
            example("keyholder collect", "Collects the contract that the credentials see."),
            example("keyholder report access-review --out review", "Writes the review of who has access."),
        ],
    ),
    ("demo", &[example("keyholder demo --users 250 --dir demo", "Writes database and reports of a made-up contract.")]),
    (
        "collect",
        &[
            example("keyholder collect", "Collects once; exit code 9 if something could not be seen."),
            example("keyholder collect --all", "Collects every [[contract]] of the configuration."),
            example("keyholder collect --label before-migration", "Gives the snapshot a name to find it by."),
        ],
    ),
    ("snapshots", &[example("keyholder snapshots list", "Lists all snapshots.")]),
    (
        "snapshots list",
        &[
            example("keyholder snapshots list", "Lists all snapshots, contract by contract."),
            example("keyholder snapshots list --runs", "Lists every attempt, also those that failed."),
        ],
    ),
    (
        "snapshots verify",
        &[example("keyholder snapshots verify", "Computes all digests anew; what does not fit ends with exit code 6.")],
    ),
    ("snapshots show", &[example("keyholder snapshots show latest", "Shows what a snapshot read, and its gaps.")]),
    (
        "diff",
        &[
            example("keyholder diff", "Compares the two latest snapshots."),
            example("keyholder diff 3 latest --fail-on high", "Ends with 12 or 13 if a change is high or critical."),
        ],
    ),
    ("history", &[example("keyholder history ann@example.org", "Shows everything that happened to a user.")]),
    (
        "report",
        &[
            example("keyholder report access-review --out review", "Writes the access review as HTML and CSV."),
            example("keyholder report changes --since 1 --format csv --out -", "Prints all changes as CSV."),
        ],
    ),
    ("alerts", &[example("keyholder alerts list", "Lists alerts and what became of them.")]),
    ("alerts list", &[example("keyholder alerts list", "Lists alerts and what became of them.")]),
    ("alerts show", &[example("keyholder alerts show 3f2a", "Shows one alert and every attempt to deliver it.")]),
    ("alerts retry", &[example("keyholder alerts retry --sink chat", "Tries the dead letters of a sink again.")]),
    (
        "alerts mute",
        &[example(
            "keyholder alerts mute chat --for 2d --by ann@example.org --because migration",
            "Holds back what is not critical for two days.",
        )],
    ),
    ("alerts mutes", &[example("keyholder alerts mutes", "Lists the mutes in force.")]),
    ("alerts unmute", &[example("keyholder alerts unmute 3", "Takes a mute back.")]),
    ("alerts deliver", &[example("keyholder alerts deliver", "Delivers what is due now.")]),
    ("sinks", &[example("keyholder sinks test", "Sends a test message to every sink.")]),
    ("sinks test", &[example("keyholder sinks test", "Sends a test message to every sink.")]),
    (
        "backup",
        &[
            example("keyholder backup", "Copies the database while it is in use, and verifies the copy."),
            example("keyholder backup --out /mnt/backup --keep 30", "Keeps the newest thirty in that folder."),
        ],
    ),
    (
        "restore",
        &[example("keyholder restore keyholder-20261101T020000Z.db --replace", "Puts a verified copy in its place.")],
    ),
    (
        "service",
        &[example("keyholder service", "Runs the jobs of the configuration on their schedules until it is stopped.")],
    ),
    ("status", &[example("keyholder status", "Ends with 0 if nothing needs a person.")]),
    ("emulate", &[example("keyholder emulate --users 250", "Serves a made-up contract on this machine.")]),
    ("config", &[example("keyholder config check", "Says what is wrong with the configuration, all at once.")]),
    ("config check", &[example("keyholder config check", "Says what is wrong with the configuration, all at once.")]),
    ("config default", &[example("keyholder config default", "Prints every key with its default and meaning.")]),
    ("config schema", &[example("keyholder config schema", "Prints the JSON schema of the file, for editors.")]),
    (
        "config show",
        &[example("keyholder config show --origin", "Prints the effective values and where each comes from.")],
    ),
    (
        "doctor",
        &[
            example("keyholder doctor", "Ends with the code that collect would end with."),
            example("keyholder doctor --offline", "Looks at this machine only."),
        ],
    ),
    ("completions", &[example("keyholder completions bash", "Prints the completions for bash.")]),
    (
        "man",
        &[
            example("keyholder man collect", "Prints the page of a command."),
            example("keyholder man --out man", "Writes the pages of all commands into a folder."),
        ],
    ),
];

/// The examples of a command.
pub fn of(path: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(known, _)| *known == path).map(|(_, examples)| *examples).unwrap_or_default()
}
