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

/// Bytes that must arrive in every [`WINDOW`]: 1 KiB per second.
const LEAST: usize = 10 << 10;

/// The time over which the speed is measured.
pub const WINDOW: Duration = Duration::from_secs(10);

/// The first buffer if the server does not say how much comes.
const FIRST_BUFFER: usize = 16 << 10;

/// The largest first buffer, whatever the server says.
const LARGEST_FIRST_BUFFER: usize = 1 << 20;

/// Reads the whole body.
pub(super) async fn read(mut response: Response, window: Duration) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let announced = response.content_length().map_or(FIRST_BUFFER, |length| usize::try_from(length).unwrap_or(LARGEST));
    let mut body = Zeroizing::new(Vec::with_capacity(announced.min(LARGEST_FIRST_BUFFER)));
    let mut until = Instant::now() + window;
    let mut arrived = 0;
    loop {
        let Ok(chunk) = timeout_at(until, response.chunk()).await else {
            if arrived < LEAST {
                return Err(Fault::Timeout(Phase::Trickle));
            }
            until += window;
            arrived = 0;
            continue;
        };
        let Some(chunk) = chunk.map_err(|error| of_transport(error, |source| Fault::Truncated { source }))? else {
            return Ok(body);
        };
        arrived += chunk.len();
        if body.len() + chunk.len() > LARGEST {
            return Err(Fault::TooLarge);
        }
        append(&mut body, &chunk);
    }
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

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::stream;

    use super::*;

    /// Reads a body that arrives in those chunks, and then ends or hangs.
    async fn check(chunks: Vec<Vec<u8>>, hangs: bool) -> Result<usize, String> {
        let chunks = stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        let body = if hangs {
            reqwest::Body::wrap_stream(chunks.chain(stream::pending()))
        } else {
            reqwest::Body::wrap_stream(chunks)
        };
        let body = read(http::Response::new(body).into(), Duration::from_millis(20)).await;
        body.map(|body| body.len()).map_err(|fault| fault.to_string())
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit_and_no_further() {
        let mib = || vec![b' '; 1 << 20];
        assert_eq!(check(vec![mib(); 32], false).await, Ok(LARGEST));
        let mut larger = vec![mib(); 32];
        larger.push(vec![b' ']);
        assert_eq!(check(larger, false).await, Err("the answer is larger than 32 MiB".to_owned()));
    }

    #[tokio::test]
    async fn a_trickle_is_abandoned_and_a_short_body_is_not() {
        let slow = Err("the answer trickled too slowly".to_owned());
        assert_eq!(check(vec![vec![b'{']], false).await, Ok(1));
        assert_eq!(check(vec![], false).await, Ok(0));
        assert_eq!(check(vec![vec![b'{']], true).await, slow);
        assert_eq!(check(vec![vec![b'{'; 3 * LEAST]], true).await, slow);
    }
}
