//! Takes the body of an answer in: not too large, not too slow, and wiped afterwards because it may hold a secret.
//!
//! What is wiped is our copy; the buffers of the HTTP and TLS libraries are theirs.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::error::{Fault, Phase};
use super::fault::of_transport;

/// Bytes of a body that are read at most, after decompression.
pub const LARGEST: usize = 32 << 20;

/// Bytes per second that a body must bring, over [`WINDOW`].
pub const SLOWEST: usize = 1024;

/// The time over which the speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// The first buffer if the server does not say how much comes.
const FIRST_BUFFER: usize = 16 << 10;

/// Reads the whole body.
pub(super) async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let announced = response.content_length().map_or(FIRST_BUFFER, |length| usize::try_from(length).unwrap_or(LARGEST));
    let mut body = Zeroizing::new(Vec::with_capacity(announced.clamp(1, 1 << 20)));
    let mut window = Instant::now() + WINDOW;
    let mut in_window = 0;
    loop {
        let Ok(chunk) = timeout_at(window, response.chunk()).await else {
            if in_window < SLOWEST * WINDOW.as_secs() as usize {
                return Err(Fault::Timeout(Phase::Trickle));
            }
            window += WINDOW;
            in_window = 0;
            continue;
        };
        let Some(chunk) = chunk.map_err(|error| of_transport(error, of_broken_body))? else {
            return Ok(body);
        };
        in_window += chunk.len();
        if body.len() + chunk.len() > LARGEST {
            return Err(Fault::TooLarge);
        }
        append(&mut body, &chunk);
    }
}

fn of_broken_body(source: reqwest::Error) -> Fault {
    Fault::Truncated { source }
}

/// Appends; a buffer that becomes too small is wiped when it is left behind.
fn append(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let needed = body.len() + chunk.len();
    if needed > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(body.capacity() * 2)));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}
