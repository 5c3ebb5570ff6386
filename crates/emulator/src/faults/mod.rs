//! What can go wrong between a client and the world: rules that say which requests meet a fault, and effects that say
//! what happens to them then. Nothing here counts requests or serves connections; that is the gate's and the server's.
//!
//! An answer passes three stages. Before the operation a fault may answer in its place ([`Phase::Before`]); behind it
//! it may replace or distort the finished answer ([`Phase::After`]); and while the answer is on its way it may break the
//! connection, the framing or the pace ([`Phase::During`]).

mod answer;
mod armed;
mod distort;
mod edit;
mod file;
mod flood;
mod forget;
mod gzip;
mod pages;
mod performance;
mod random;
mod restate;
mod rule;
mod schedule;
mod strike;

use std::time::Duration;

pub use answer::{Answer, Body, RetryAfter};
pub use armed::Fault;
pub(crate) use armed::Faults;
pub use distort::{Distortion, Items, Link, Spelling};
pub use edit::{Edit, Place};
pub use file::FileError;
pub use flood::Flood;
pub use forget::Forgetting;
pub use gzip::Gzip;
pub use pages::Pages;
pub(crate) use performance::{Line, Performance};
pub use random::Intensity;
pub use restate::Restated;
pub(crate) use rule::Exchange;
pub use rule::Rule;
pub use schedule::Schedule;

/// When a fault strikes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Before the operation: nothing happened.
    #[default]
    Before,
    /// Behind the operation: it was carried out, and its answer is lost.
    After,
    /// While the body is sent: head and half of the body arrive.
    During,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In order, with FIN.
    Close,
    /// With RST.
    Reset,
    /// Not at all for so long: nothing more is said, and the connection is closed then.
    Silence(Duration),
}

impl Ending {
    /// A connection that stays open until the client gives up.
    pub const HANG: Self = Self::Silence(Duration::MAX);
}

/// What happens to a request that meets a fault.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Another answer takes the place of the operation's, which is carried out only in [`Phase::After`].
    Answer(Answer),
    /// A redirect with this status to the same path on the emulator's other host.
    Redirect(u16),
    /// The operation's answer, if it is a 200 with JSON, with something about it changed.
    Distort(Distortion),
    /// The operation's answer, if it is a 200, distorted or not, under another status or with more headers.
    Restate(Restated),
    /// The connection ends: without an answer, or in [`Phase::During`] in the middle of the body.
    Break(Ending),
    /// `Content-Length` is wrong by so many bytes. Too long, and the connection is closed behind the body; too short,
    /// and it stays open with the rest of the body in it.
    MisstateLength(i64),
    /// The body comes in pieces.
    Drip {
        /// Bytes in a piece.
        bytes: usize,
        /// Between two pieces.
        every: Duration,
    },
    /// The answer never ends.
    Flood(Flood),
    /// The answer is declared as gzip, and something is wrong with that.
    Gzip(Gzip),
    /// The answer is right and the connection looks kept; the next request on it ends it, unanswered and uncounted.
    Abandon(Ending),
    /// The answer takes so much longer. Other rules are still looked at.
    Delay(Duration),
    /// The world changes, and the request is answered as usual. Other rules are still looked at.
    Edit(Edit),
}

impl Effect {
    /// In one word or two, for the name of a rule.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Answer(answer) => answer.status.to_string(),
            Self::Redirect(status) => format!("redirect {status}"),
            Self::Distort(distortion) => distortion.title().to_owned(),
            Self::Restate(restated) => restated.title(),
            Self::Break(Ending::Close) => "connection closed".to_owned(),
            Self::Break(Ending::Reset) => "connection reset".to_owned(),
            Self::Break(Ending::Silence(_)) => "silence".to_owned(),
            Self::MisstateLength(_) => "wrong length".to_owned(),
            Self::Drip { .. } => "drip".to_owned(),
            Self::Flood(_) => "flood".to_owned(),
            Self::Gzip(gzip) => gzip.title().to_owned(),
            Self::Abandon(_) => "connection abandoned".to_owned(),
            Self::Delay(_) => "delay".to_owned(),
            Self::Edit(_) => "edit".to_owned(),
        }
    }

    /// What it changes in the body of an answer.
    pub(crate) fn distortion(&self) -> Option<&Distortion> {
        match self {
            Self::Distort(distortion) => Some(distortion),
            Self::Restate(restated) => restated.distortion.as_ref(),
            _ => None,
        }
    }

    /// Whether other rules may strike the same request.
    pub(crate) fn is_companion(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::Edit(_))
    }
}
