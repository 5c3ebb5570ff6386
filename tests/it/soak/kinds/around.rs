//! What goes wrong around the answers: clocks, the process, other collectors, the file.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Around, Kind, Trouble};

/// The next run begins minutes after, and resumes, or on the next day.
fn later(rng: &mut fastrand::Rng) -> TimeDelta {
    if rng.bool() { TimeDelta::minutes(rng.i64(1..15)) } else { TimeDelta::days(1) }
}

pub(in crate::soak) const AROUND: &[Kind] = &[
    Kind { name: "our clock days ahead", make: |rng| ours(TimeDelta::days(rng.i64(2..2_000))) },
    Kind { name: "our clock days behind", make: |rng| ours(-TimeDelta::days(rng.i64(2..300))) },
    Kind { name: "our clock hours ahead", make: |rng| ours(TimeDelta::hours(rng.i64(1..20))) },
    Kind { name: "our clock hours behind", make: |rng| ours(-TimeDelta::hours(rng.i64(1..20))) },
    Kind { name: "the server's clock ahead", make: |rng| server(TimeDelta::hours(rng.i64(1..60))) },
    Kind { name: "the server's clock behind", make: |rng| server(-TimeDelta::hours(rng.i64(1..60))) },
    Kind { name: "killed", make: |rng| Trouble::Around(Around::Kill(rng.u32(1..100), later(rng))) },
    Kind { name: "stopped", make: |rng| Trouble::Around(Around::Stop(rng.u32(1..100), later(rng))) },
    Kind { name: "a second collector", make: |_| Trouble::Around(Around::Second) },
    Kind { name: "a collector on a copy", make: |_| Trouble::Around(Around::OnCopy) },
    Kind { name: "an older copy", make: |_| Trouble::Around(Around::OlderCopy) },
    Kind { name: "changes in mid-walk", make: |rng| Trouble::Around(Around::Churn(rng.u32(1..7))) },
    Kind { name: "another order", make: |rng| Trouble::Around(Around::Shuffled(rng.u64(..))) },
    Kind { name: "a weaker token", make: |_| Trouble::Around(Around::WeakerToken) },
    Kind { name: "another administrator's token", make: |_| Trouble::Around(Around::OtherToken) },
    Kind { name: "slow answers", make: |rng| Trouble::Around(Around::Slow(Duration::from_millis(rng.u64(1..400)))) },
];

fn ours(by: TimeDelta) -> Trouble {
    Trouble::Around(Around::OurClock(by))
}

fn server(by: TimeDelta) -> Trouble {
    Trouble::Around(Around::ServerClock(by))
}
