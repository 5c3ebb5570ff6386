//! The `keyholder` binary: arguments in, exit code out; everything else is in the library.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use keyholder::cli::{self, Cli, Context};
use keyholder::config::{self, Flags};
use keyholder::seams::{self, Environment, Seams};
use keyholder::telemetry;

fn main() -> ExitCode {
    let protected = cli::protect_process();
    let cli = match cli::parse(seams::arguments()) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let runtime = cli.command.runtime().enable_all().build().expect("the system gives a process one event queue");
    let exit = runtime.block_on(run(cli, protected));
    // What was given up must not hold the process: a name that does not resolve, a file system that hangs.
    runtime.shutdown_background();
    exit
}

async fn run(Cli { global, command }: Cli, protected: io::Result<()>) -> ExitCode {
    #[cfg(feature = "unredacted")]
    cli::say_unredacted();
    cli::prepare_process();
    let environment = Environment::of_process();
    let database = global.db.as_ref().map(|path| path.display().to_string());
    let flags = Flags::new(global.config).set("--db", "store.path", database);
    let loaded = config::load(&flags, &environment);
    let log = loaded.as_ref().map(|loaded| loaded.config.log.clone()).unwrap_or_default();
    let options = telemetry::Options::new(&log, global.quiet, global.verbose, &environment, io::stderr().is_terminal());
    telemetry::start(options, Seams::system()).expect("logging is started here and nowhere else");
    cli::log_unprotected(protected);
    let mut context = Context::of_process(loaded, flags, environment, Seams::system(), global.quiet > 0);
    let outcome = cli::run(command, &mut context).await;
    let outcome = outcome.and_then(|exit| context.out.flush().map(|()| exit).map_err(cli::Failure::from));
    let exit = outcome.unwrap_or_else(|failure| {
        // When standard error is gone as well, the exit code is all that is left to say it.
        drop(failure.tell(&mut io::stderr().lock()));
        failure.exit()
    });
    exit.into()
}
