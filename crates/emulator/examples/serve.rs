//! Serves a small contract until standard input closes. Prints one JSON line with everything that a client needs.

use std::io::Write as _;
use std::process::ExitCode;

use keyholder_emulator::{Emulator, Version};
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> ExitCode {
    let emulator = match Emulator::builder().users(250).seed(20).start().await {
        Ok(emulator) => emulator,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "serve: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Somebody who may not have S3 keys made.
    let powerless = emulator
        .read(|world| world.users().find(|user| !world.has_s3_privilege(&user.id)).map(|user| user.id.to_string()));
    let line = serde_json::json!({
        "v5": emulator.base_url(Version::V5),
        "v6": emulator.base_url(Version::V6),
        "token": emulator.token(),
        "restricted_token": emulator.restricted_token(),
        "username": emulator.username(),
        "password": emulator.password(),
        "canary": emulator.canary(),
        "contract_number": emulator.contract_number(),
        "restricted": &*emulator.cast().restricted,
        "powerless": powerless,
        "users": emulator.read(keyholder_emulator::World::user_count),
    });
    if writeln!(std::io::stdout(), "{line}").and_then(|()| std::io::stdout().flush()).is_err() {
        return ExitCode::FAILURE;
    }
    let mut rest = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    ExitCode::SUCCESS
}
