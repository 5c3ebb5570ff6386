//! The rate limit: a bucket that refills steadily. Unenforced, it only feeds the headers.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A rate limit as the headers announce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// `X-RateLimit-Limit`: requests in a minute, on average.
    pub per_minute: u32,
    /// `X-RateLimit-Burst`: requests at once.
    pub burst: u32,
}

impl RateLimit {
    /// Announced when nothing is enforced: more than any client can send.
    const GENEROUS: Self = Self { per_minute: 6_000_000, burst: 10_000 };
}

#[derive(Debug)]
pub(crate) struct Quota {
    limit: RateLimit,
    enforced: bool,
    bucket: Mutex<(f64, Instant)>,
}

impl Quota {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        let enforced = limit.is_some();
        let limit = limit.unwrap_or(RateLimit::GENEROUS);
        Self { limit, enforced, bucket: Mutex::new((f64::from(limit.burst), Instant::now())) }
    }

    pub(crate) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes one request out of the bucket. `Err` with the whole seconds to wait when it is empty and enforced.
    pub(crate) fn take(&self) -> Result<u32, u64> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, at) = *bucket;
        let now = Instant::now();
        let rate = f64::from(self.limit.per_minute.max(1)) / 60.0;
        let level = (level + (now - at).as_secs_f64() * rate).min(f64::from(self.limit.burst));
        if level < 1.0 && self.enforced {
            *bucket = (level, now);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 60 seconds")]
            return Err(((1.0 - level) / rate).ceil() as u64);
        }
        let level = (level - 1.0).max(0.0);
        *bucket = (level, now);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and burst")]
        Ok(level as u32)
    }
}
