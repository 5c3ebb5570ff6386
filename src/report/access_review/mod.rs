//! The access review: who can do what, by which path, how that differs from last time, and how sure all of it is.

mod columns;
mod groups;
mod keys;
mod line;
mod method;
mod resources;
mod risks;
mod summary;
mod users;

use chrono::{DateTime, Utc};
use serde::Serialize;

pub use self::groups::{GroupRow, Member, PrivilegeMention};
pub use self::keys::KeyRow;
pub use self::line::{Line, Step};
pub use self::method::{KEY_AGES, NEVER_GRACE_DAYS, Rule, Threshold, Word};
pub use self::resources::{OwnedRow, ShareRow, SharedWith};
pub use self::risks::Risk;
pub use self::summary::{Figure, Summary, Trend};
use self::users::Absence;
pub use self::users::{PathRow, UserRow};
use super::Document;
use super::changes::{Changes, Scene};
use super::context::Context;
use super::cover::Cover;
use super::input::Input;

use super::population::Population;
use crate::analyse::GrantComparison;
use crate::analyse::compare::LineChange;
use crate::domain::coverage::Coverage;
use crate::domain::fact::Kind;

/// The instant that ages are counted to.
type Instant = DateTime<Utc>;

/// The access review, version 1.
#[derive(Clone, Debug, Serialize)]
pub struct AccessReview {
    /// `keyholder.access-review.v1`.
    pub schema: &'static str,
    /// What stands above.
    pub cover: Cover,
    /// Page one.
    pub summary: Summary,
    /// What was not read at all.
    pub not_read: NotRead,
    /// What to look at first.
    pub risks: Vec<Risk>,
    /// How complete the population is.
    pub population: Population,
    /// What changed since the compared snapshot; none without one.
    pub changes: Option<Since>,
    /// Users as listed.
    pub users: Vec<UserRow>,
    /// Groups as listed.
    pub groups: Vec<GroupRow>,
    /// Shared resources.
    pub shares: Vec<ShareRow>,
    /// S3 keys, the oldest first.
    pub keys: Vec<KeyRow>,
    /// Resources with their owners, orphans first.
    pub resources: Vec<OwnedRow>,
    /// How the figures come about.
    pub rules: Vec<Rule>,
    /// At which numbers they turn.
    pub thresholds: Vec<Threshold>,
    /// What every privilege means.
    pub glossary: Vec<Word>,
}

/// What an empty list means: in words why it is empty, `not read (6 of 6 groups)`, or nothing where there is nothing.
#[derive(Clone, Debug, Serialize)]
pub struct NotRead {
    /// Users.
    pub users: String,
    /// Groups.
    pub groups: String,
    /// Resources.
    pub resources: String,
    /// Shares.
    pub shares: String,
    /// S3 keys.
    pub keys: String,
}

impl NotRead {
    fn of(coverage: &Coverage) -> Self {
        let words = |kind| coverage.unread(kind).map(|unread| format!("not read ({unread})")).unwrap_or_default();
        Self {
            users: words(Kind::User),
            groups: words(Kind::Group),
            resources: words(Kind::Resource),
            shares: words(Kind::Share),
            keys: words(Kind::Key),
        }
    }
}

/// What changed since the compared snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct Since {
    /// What is different between the two snapshots.
    pub net: Changes,
    /// How many changes came and went in between; the change report has them.
    pub in_between: usize,
    /// Lines that the compared snapshot does not have.
    pub new_lines: usize,
    /// Lines that allow more than they did.
    pub widened_lines: usize,
    /// Lines that allow less than they did.
    pub narrowed_lines: usize,
    /// Lines that are as they were.
    pub unchanged_lines: usize,
    /// Lines of the compared snapshot that are no more.
    pub ended_lines: usize,
}

impl Document for AccessReview {
    const NAME: &'static str = "access-review";
    const TITLE: &'static str = "Access review";
    const ABOUT: &'static str =
        "Who holds which keys to the contract, by which path, and how that differs from last time.";
    const TEMPLATE: &'static str = "access-review.html.j2";
    type Row<'a> = Line<'a>;

    fn build(input: &Input) -> Self {
        let context = Context::of(&input.current, &input.snapshots);
        let moved = line::movements(input);
        let users = users::rows(&context, moved.as_ref().map(|moved| &moved.lines[..]), Absence::now(input));
        let groups = groups::rows(&context);
        let shares = resources::shares(&context);
        let keys = keys::rows(&context, input.as_of);
        let resources = resources::owned(&context);
        let rows = risks::Rows { users: &users, groups: &groups, shares: &shares, keys: &keys, owned: &resources };
        Self {
            schema: "keyholder.access-review.v1",
            cover: Cover::of::<Self>(input),
            summary: Summary::of(input, &keys),
            not_read: NotRead::of(&input.current.coverage),
            risks: risks::of(&rows, &context),
            population: Population::of_current(&context, input),
            changes: since(input, moved.as_ref()),
            users,
            groups,
            shares,
            keys,
            resources,
            rules: method::RULES.to_vec(),
            thresholds: method::thresholds(input.dormant_days),
            glossary: method::glossary(&context),
        }
    }

    fn rows(input: &Input) -> impl Iterator<Item = Line<'_>> + '_ {
        line::lines(input)
    }

    fn cover(&self) -> &Cover {
        &self.cover
    }
}

fn since(input: &Input, moved: Option<&GrantComparison<'_>>) -> Option<Since> {
    let (comparison, moved) = (input.comparison.as_ref()?, moved?);
    let count = |change| moved.lines.iter().filter(|line| **line == change).count();
    Some(Since {
        net: Changes::of(&comparison.net, Scene::Net, input),
        in_between: comparison.in_between.len(),
        new_lines: count(LineChange::New),
        widened_lines: count(LineChange::Widened),
        narrowed_lines: count(LineChange::Narrowed),
        unchanged_lines: count(LineChange::Unchanged),
        ended_lines: moved.ended.len(),
    })
}
