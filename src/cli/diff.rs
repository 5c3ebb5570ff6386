//! `keyholder diff`: what differs between two snapshots.

use clap::Args;

use super::contract::ContractArg;
use super::meanings::{self, Beside, Line, View};
use super::table::ListFormat;
use super::{Context, Failure};
use crate::analyse::in_between::in_between;
use crate::app::review::{self, ReviewError};
use crate::app::search::{self, Namesakes};
use crate::domain::change::{Class, Meaning};
use crate::domain::fact::Kind;
use crate::domain::id::{ContractNumber, Seq};
use crate::domain::notice::Notice;
use crate::domain::severity::Severity;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::to_seconds;
use crate::exit::Exit;
use crate::store::{Access, Store, StoreError};

/// What is compared with where nothing is named.
const PREVIOUS: &str = "previous";

/// What is compared where nothing is named.
const LATEST: &str = "latest";

/// Shows what differs between two snapshots. A snapshot is a number, `latest`, `previous`, a label, a month such as
/// 2026-11 (the one that stands for its end), a date (its last snapshot up to the end of that day) or an RFC 3339 time.
#[derive(Args, Debug)]
pub struct Diff {
    /// The earlier snapshot: a number, `latest`, `previous`, a label, a month (its end), a date (its last snapshot) or an
    /// RFC 3339 time
    #[arg(default_value = PREVIOUS)]
    from: String,
    /// The later snapshot, in one of the same forms
    #[arg(default_value = LATEST)]
    to: String,
    /// Also list what came and went in between
    #[arg(long)]
    in_between: bool,
    /// Only changes of at least this severity: critical, high, medium, low, info
    #[arg(long, value_name = "SEVERITY", default_value = "info")]
    severity: Severity,
    /// Only changes of these classes, as `docs/changes.md` lists them; separated by commas, or given several times
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    class: Vec<Class>,
    /// Only changes in which this user has a part: an e-mail address, a name, an id, or a part of one
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only changes in which this group has a part: a name, an id, or a part of one
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Exit with 10 to 13 if a listed change is at least this severe
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Which contract, if the database has several
    #[arg(long, value_name = "NAME or NUMBER")]
    contract: Option<ContractArg>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

fn class(word: &str) -> Result<Class, String> {
    Class::from_word(word).ok_or_else(|| {
        let known: Vec<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        format!("there is no such class; there are {}", known.join(", "))
    })
}

/// Which changes are listed.
struct Filter {
    severity: Severity,
    classes: Vec<Class>,
    /// The ids of which each has to have a part.
    parts: Vec<String>,
}

impl Filter {
    async fn of(diff: &Diff, store: &Store, contract: ContractNumber) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        for (asked, kind) in [(&diff.user, Kind::User), (&diff.group, Kind::Group)] {
            if let Some(asked) = asked {
                parts.push(search::find(store, contract, asked, Some(kind)).await?.id);
            }
        }
        Ok(Self { severity: diff.severity, classes: diff.class.clone(), parts })
    }

    fn admits(&self, meaning: &Meaning) -> bool {
        let has_part = |id: &String| {
            [Some(&meaning.subject), meaning.object.as_ref()].into_iter().flatten().any(|object| object.id == *id)
        };
        meaning.severity >= self.severity
            && (self.classes.is_empty() || self.classes.contains(&meaning.class))
            && self.parts.iter().all(has_part)
    }
}

/// The two snapshots. Of a contract with one snapshot, the default is that one twice: there is nothing wrong on a first night.
fn pair(
    diff: &Diff,
    snapshots: &[Snapshot],
    contract: ContractNumber,
    context: &Context,
) -> Result<(Snapshot, Snapshot), Failure> {
    let to = context.select(snapshots, contract, &diff.to)?;
    if let ([only], PREVIOUS) = (snapshots, &*diff.from) {
        let day = to_seconds(only.finished);
        tracing::info!("Contract {contract} has one snapshot, of {day}: there is nothing to compare it with yet");
        return Ok((only.clone(), to));
    }
    let from = context.select(snapshots, contract, &diff.from)?;
    if from.seq == to.seq {
        tracing::warn!("Both are snapshot {}: there is nothing to compare", to.seq);
    }
    if from.seq > to.seq {
        return Err(ReviewError::Backwards { as_of: to.seq, since: from.seq }.into());
    }
    Ok((from, to))
}

/// All changes between two snapshots, and what came and went in between if that is asked for.
async fn lines(
    store: &Store,
    contract: ContractNumber,
    (from, to): (Seq, Seq),
    with_in_between: bool,
) -> Result<Vec<Line>, Failure> {
    let changes = store.net(contract, from, to).await?;
    let net = review::understand(store, contract, &changes, from, to).await?;
    let hidden =
        if with_in_between { in_between(&review::events(store, contract, from, to).await?, &net) } else { Vec::new() };
    let net = net.into_iter().map(|meaning| Line { view: View::Net, meaning });
    let hidden = hidden.into_iter().map(|meaning| Line { view: View::InBetween, meaning });
    Ok(net.chain(hidden).collect())
}

/// Says what stands between the list and a complete picture.
async fn say_gaps(store: &Store, from: &Snapshot, to: &Snapshot) -> Result<(), Failure> {
    for incomplete in [from, to].into_iter().filter(|one| !one.is_complete()) {
        tracing::warn!(
            "Snapshot {} is INCOMPLETE: what it could not see is carried from before, not reported as removed",
            incomplete.seq
        );
    }
    for notice in store.notices(to.contract, to.seq).await? {
        if matches!(notice, Notice::AttributeUnknown { .. }) {
            tracing::warn!("Snapshot {}: {notice}", to.seq);
        }
    }
    Ok(())
}

pub(super) async fn run(diff: Diff, context: &mut Context) -> Result<Exit, Failure> {
    let store = context.store(Access::Read).await?;
    let contract = match context.contract(&store, diff.contract.as_ref()).await {
        Err(Failure::Store(error @ StoreError::NothingCollected)) if (&*diff.from, &*diff.to) == (PREVIOUS, LATEST) => {
            tracing::warn!("There is nothing to compare: {error}; `keyholder collect` makes the first");
            meanings::none().write(&mut context.out, diff.format, context.width)?;
            return Ok(Exit::Done);
        }
        contract => contract?,
    };
    let snapshots = store.snapshots(contract).await?;
    let (from, to) = pair(&diff, &snapshots, contract, context)?;
    let mut found = lines(&store, contract, (from.seq, to.seq), diff.in_between).await?;
    let all = found.len();
    let filter = Filter::of(&diff, &store, contract).await?;
    found.retain(|line| filter.admits(&line.meaning));
    match (all, found.len()) {
        // `pair` has said it: nothing is compared.
        _ if from.seq == to.seq => {}
        (0, _) => tracing::info!("Snapshots {} and {} do not differ", from.seq, to.seq),
        (all, 0) => tracing::info!("None of the {all} changes is of the kind that was asked for"),
        _ => {}
    }
    say_gaps(&store, &from, &to).await?;
    if !context.name_of(contract).is_empty() {
        tracing::info!("Contract {}: snapshot {} compared with {}", context.title_of(contract), to.seq, from.seq);
    }
    let is_outdated = context.warn_outdated(&store, &snapshots, &to, &diff.to).await?;
    let is_incomplete = !from.is_complete() || !to.is_complete();
    let namesakes = match diff.format {
        ListFormat::Table => Namesakes::of(&store, contract).await?,
        ListFormat::Csv | ListFormat::Json => Namesakes::default(),
    };
    let beside = Beside { snapshots: &snapshots, contract: (contract, context.name_of(contract)), namesakes };
    meanings::table(&found, &beside, diff.format).write(&mut context.out, diff.format, context.width)?;
    let worst = found.iter().map(|line| line.meaning.severity).max();
    Ok(match (diff.fail_on, worst) {
        (Some(threshold), Some(worst)) if worst >= threshold => Exit::found(worst),
        _ if is_outdated || is_incomplete => Exit::Incomplete,
        _ => Exit::Done,
    })
}
