//! Takes the body of an answer in: not too large, not too dense, not too slow, and wiped afterwards because it may hold a
//! secret.
//!
//! What is wiped is our copy; the buffers of the HTTP, TLS and gzip libraries are theirs.

mod coding;
mod speed;

use reqwest::Response;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

pub(super) use self::coding::Coding;
use self::coding::Unpacker;
use self::speed::Speed;
use super::error::{Fault, Phase};
use super::fault::of_transport;
use super::room::{Large, Room};

/// Bytes of a body that are read at most, after decompression: ten times the largest list of the largest contract.
pub const MAX_BODY_BYTES: usize = 32 << 20;

/// How much larger a body may become by decompression. Lists of the API grow ten to twenty times, a bomb a thousand.
pub const DENSEST: usize = 100;

/// A body of that many bytes may be as dense as it likes.
const HARMLESS: usize = 64 << 10;

/// Bytes of all headers together, with four for each line's ends. The API sends less than two KiB.
pub const MAX_HEAD_BYTES: u32 = 64 << 10;

/// What a header line takes beyond name and value: a colon, a blank, carriage return and line feed.
const LINE: usize = 4;

/// The first buffer if the server does not say how much comes.
const FIRST_BUFFER: usize = 16 << 10;

/// The largest first buffer, whatever the server says.
const MAX_FIRST_BUFFER_BYTES: usize = 1 << 20;

/// A body that is larger than this is large: of those only one is read at a time.
const SMALL: usize = 1 << 20;

/// Packed bytes that are taken apart between two looks at the size; they become a mebibyte at most.
const MORSEL: usize = 1 << 10;

/// A whole body, and the leave to hold it if it is large.
pub(super) struct Whole<'a> {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) _large: Option<Large<'a>>,
}

/// Refuses headers that are too large. HTTP/2 refuses them by itself; HTTP/1 only when they are several times that.
pub(super) fn check_head(headers: &HeaderMap) -> Result<(), Fault> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE).sum();
    if u32::try_from(size).is_ok_and(|size| size <= MAX_HEAD_BYTES) { Ok(()) } else { Err(Fault::LargeHead) }
}

/// Reads the whole body, packed in that way.
pub(super) async fn read(mut response: Response, coding: Coding, room: &Room) -> Result<Whole<'_>, Fault> {
    let announced =
        response.content_length().map_or(FIRST_BUFFER, |length| usize::try_from(length).unwrap_or(MAX_BODY_BYTES));
    let mut unpacker = Unpacker::new(coding, announced.min(MAX_FIRST_BUFFER_BYTES));
    let mut speed = Speed::new(Instant::now());
    let (mut arrived, mut large) = (0, None);
    loop {
        let piece = match timeout_at(speed.next_look(), response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return unpacker.finish(arrived).map(|bytes| Whole { bytes, _large: large }),
            Ok(Err(error)) => return Err(of_transport(error, |source| Fault::Truncated { source })),
            Err(_) => bytes::Bytes::new(),
        };
        if speed.is_too_slow(Instant::now()) {
            return Err(Fault::Timeout(Phase::Trickle));
        }
        speed.arrived(piece.len());
        for morsel in piece.chunks(MORSEL) {
            if large.is_none() && unpacker.len() > SMALL {
                large = room.large().await;
                // Who waits for others is not slow.
                speed = Speed::new(Instant::now());
            }
            arrived += morsel.len();
            unpacker.push(morsel, arrived)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::stream;
    use reqwest::header::{HeaderName, HeaderValue};
    use tokio::time::sleep;

    use super::*;

    /// Reads a body that arrives in pieces of that size, one after each pause, and answers with its size and the seconds
    /// it took.
    async fn check(size: usize, pause: Duration, pieces: usize) -> (Result<usize, String>, u64) {
        let begun = Instant::now();
        let pieces = stream::unfold(0, move |sent| async move {
            sleep(pause).await;
            (sent < pieces).then(|| (Ok::<_, std::io::Error>(vec![b' '; size]), sent + 1))
        });
        let response = http::Response::new(reqwest::Body::wrap_stream(pieces));
        let room = Room::new(0);
        let body = read(response.into(), Coding::Plain, &room).await;
        (body.map(|body| body.bytes.len()).map_err(|fault| fault.to_string()), begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_abandoned_after_ten_seconds_and_a_short_body_is_not() {
        let slow = Err("the answer trickled too slowly".to_owned());
        let seconds = Duration::from_secs;
        assert_eq!(check(1, seconds(5), usize::MAX).await, (slow.clone(), 10));
        assert_eq!(check(1, seconds(3600), 1).await, (slow.clone(), 10));
        assert_eq!(check(1_000, seconds(1), usize::MAX).await, (slow, 10));
        assert_eq!(check(1, seconds(4), 1).await, (Ok(1), 8));
        assert_eq!(check(0, Duration::ZERO, 0).await, (Ok(0), 0));
        assert_eq!(check(1_200, seconds(1), 60).await, (Ok(60 * 1_200), 61));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_up_to_the_limit_and_no_further() {
        assert_eq!(check(1 << 20, Duration::ZERO, 32).await.0, Ok(MAX_BODY_BYTES));
        let too_large = Err("the answer is larger than 32 MiB".to_owned());
        assert_eq!(check(1 << 20, Duration::ZERO, 33).await.0, too_large);
        assert_eq!(check(1 << 20, Duration::ZERO, usize::MAX).await.0, too_large);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_waits_for_the_one_before_it_and_a_small_one_does_not() {
        let room = Room::new(0);
        let before = room.large().await;
        let body = |size| http::Response::new(reqwest::Body::from(vec![b' '; size])).into();
        assert_eq!(read(body(SMALL), Coding::Plain, &room).await.map(|body| body.bytes.len()).ok(), Some(SMALL));
        let mut waiting = std::pin::pin!(read(body(2 * SMALL), Coding::Plain, &room));
        let long = Duration::from_secs(100);
        assert!(tokio::time::timeout(long, waiting.as_mut()).await.is_err());
        drop(before);
        assert_eq!(waiting.await.map(|body| body.bytes.len()).ok(), Some(2 * SMALL));
    }

    #[track_caller]
    fn check_headers(lines: usize, value: usize, expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        for line in 0..lines {
            let name: HeaderName = format!("x-{line:04}").parse().unwrap();
            headers.insert(name, HeaderValue::from_bytes(&vec![b'v'; value]).unwrap());
        }
        let outcome = check_head(&headers).map_err(|fault| fault.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{lines} lines with values of {value} bytes");
    }

    #[test]
    fn headers_are_limited_all_together() {
        let large = Err("the headers of the answer are larger than 64 KiB");
        check_headers(0, 0, Ok(()));
        check_headers(1, 65_526, Ok(()));
        check_headers(1, 65_527, large);
        check_headers(64, 1_014, Ok(()));
        check_headers(65, 1_014, large);
    }
}
