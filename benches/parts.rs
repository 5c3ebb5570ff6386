//! Parts of the work by themselves: decoding, canonical bytes, sealing, diffs, past states, the review.
//!
//! `cargo bench --bench parts [-- FILTER]`. The arguments in the table are users of the contract: 1,000 is contract S, and
//! `KEYHOLDER_BENCH_USERS=1000,10000` adds contract L, whose history takes a while to make.

mod support;

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use emulator::Emulator;
use keyholder::api::wire::alone;
use keyholder::app::review::{Cover, Question, input, take};
use keyholder::collect::Walk;
use keyholder::domain::body::Body;
use keyholder::domain::id::Seq;
use keyholder::domain::period::Calendar;
use keyholder::domain::sighting::Sightings;
use keyholder::report::csv::Dialect;
use keyholder::report::html::Templates;
use keyholder::report::{self, Format};
use keyholder::seams::{Environment, Seams};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use self::support::Outcome;
use self::support::history::History;
use self::support::site::{folder, serve, walked};

/// Users of the contracts that are measured.
fn sizes() -> Vec<usize> {
    let environment = Environment::of_process();
    let asked = environment.get("KEYHOLDER_BENCH_USERS").unwrap_or("1000");
    asked.split(',').map(|users| users.trim().parse().expect("KEYHOLDER_BENCH_USERS has numbers")).collect()
}

/// Days with churn in a history.
const DAYS: u32 = 30;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime can be had"));

fn main() {
    divan::main();
}

/// A contract of each size that was asked for, made once.
struct Made {
    users: usize,
    walk: Walk,
    /// Bodies of answers: a page of users, the members and the shares of a large group.
    answers: [Vec<u8>; 3],
    history: tokio::sync::Mutex<History>,
}

/// What was made so far.
fn made(users: usize) -> Arc<Made> {
    static ALL: Mutex<Vec<Arc<Made>>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = all.iter().find(|made| made.users == users) {
        return Arc::clone(made);
    }
    let made = Arc::new(RUNTIME.block_on(make(users)).expect("a contract is made and walked"));
    all.push(Arc::clone(&made));
    made
}

async fn make(users: usize) -> Outcome<Made> {
    let emulator = serve(users, None).await?;
    let walk = walked(&emulator).await?;
    let group = emulator.read(|world| {
        let largest = world.groups().max_by_key(|group| world.members(&group.id).count());
        largest.map(|group| group.id.to_string()).unwrap_or_default()
    });
    let answers = [
        answer(&emulator, "/um/users?depth=1&limit=100").await?,
        answer(&emulator, &format!("/um/groups/{group}/users?depth=0")).await?,
        answer(&emulator, &format!("/um/groups/{group}/shares?depth=1")).await?,
    ];
    let path = folder()?.join(format!("parts-{users}.db"));
    let mut history = History::begin(&path, walk.contract, walk.sightings.clone()).await?;
    history.seal().await?;
    for _ in 0..DAYS {
        history.churn(edits(&walk.sightings));
        history.seal().await?;
    }
    Ok(Made { users, walk, answers, history: tokio::sync::Mutex::new(history) })
}

/// One in a thousand facts.
fn edits(seen: &Sightings) -> usize {
    let relations = seen.members.len() + seen.shares.len() + seen.owns.len() + seen.keys.len();
    (relations + seen.users.len() + seen.groups.len() + seen.resources.len()) / 1_000
}

async fn answer(emulator: &Emulator, path: &str) -> Outcome<Vec<u8>> {
    let url = format!("{}{path}", emulator.base_url(emulator::Version::V6));
    // The library wants to know its TLS before it speaks plain HTTP.
    keyholder::api::tls::install_provider();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(url).bearer_auth(emulator.token()).send().await?.error_for_status()?;
    Ok(answer.bytes().await?.to_vec())
}

#[divan::bench(args = sizes())]
fn decode_a_page_of_users(bencher: Bencher, users: usize) {
    let made = made(users);
    let bytes = &made.answers[0];
    bencher.counter(BytesCount::of_slice(bytes)).bench(|| alone::users(black_box(bytes)));
}

#[divan::bench(args = sizes())]
fn decode_the_members_of_a_large_group(bencher: Bencher, users: usize) {
    let made = made(users);
    let bytes = &made.answers[1];
    bencher.counter(BytesCount::of_slice(bytes)).bench(|| alone::users(black_box(bytes)));
}

#[divan::bench(args = sizes())]
fn decode_the_shares_of_a_large_group(bencher: Bencher, users: usize) {
    let made = made(users);
    let bytes = &made.answers[2];
    bencher.counter(BytesCount::of_slice(bytes)).bench(|| alone::shares(black_box(bytes)));
}

#[divan::bench(args = sizes())]
fn canonical_bytes_and_digest_of_all_people(bencher: Bencher, users: usize) {
    let made = made(users);
    let users = &made.walk.sightings.users;
    bencher.counter(ItemsCount::new(users.len())).bench(|| {
        let mut hash = Sha256::new();
        for user in users {
            let body = Body::of("person", &user.person).expect("a person has a canonical form");
            hash.update(body.as_str());
        }
        hash.finalize()
    });
}

#[divan::bench(args = sizes(), sample_count = 10, sample_size = 1)]
fn seal_an_unchanged_day(bencher: Bencher, users: usize) {
    let made = made(users);
    let mut history = made.history.blocking_lock();
    let seen = history.seen.clone();
    bencher
        .with_inputs(|| seen.clone())
        .bench_local_values(|seen| RUNTIME.block_on(history.seal_those(seen)).expect("a day is sealed"));
}

#[divan::bench(args = sizes(), sample_count = 10, sample_size = 1)]
fn seal_a_day_with_churn(bencher: Bencher, users: usize) {
    let made = made(users);
    let edits = edits(&made.walk.sightings);
    let history = std::cell::RefCell::new(made.history.blocking_lock());
    bencher
        .with_inputs(|| {
            let mut history = history.borrow_mut();
            history.churn(edits);
            history.seen.clone()
        })
        .bench_local_values(|seen| RUNTIME.block_on(history.borrow_mut().seal_those(seen)).expect("a day is sealed"));
}

#[divan::bench(args = sizes(), sample_count = 30)]
fn diff_neighbouring_days(bencher: Bencher, users: usize) {
    diff(bencher, users, DAYS, DAYS + 1);
}

#[divan::bench(args = sizes(), sample_count = 10)]
fn diff_the_first_and_the_last_day(bencher: Bencher, users: usize) {
    diff(bencher, users, 1, DAYS + 1);
}

fn diff(bencher: Bencher, users: usize, from: u32, to: u32) {
    let made = made(users);
    let history = made.history.blocking_lock();
    let (store, contract) = (&history.store, history.contract);
    bencher.bench_local(|| RUNTIME.block_on(store.net(contract, Seq(from), Seq(to))).expect("there is a difference"));
}

#[divan::bench(args = sizes(), sample_count = 10, sample_size = 1)]
fn state_of_a_past_day(bencher: Bencher, users: usize) {
    let made = made(users);
    let history = made.history.blocking_lock();
    let (store, contract) = (&history.store, history.contract);
    bencher.bench_local(|| RUNTIME.block_on(store.state(contract, Seq(DAYS / 2))).expect("there is such a day"));
}

#[divan::bench(args = sizes(), sample_count = 100)]
fn members_of_one_group_on_a_past_day(bencher: Bencher, users: usize) {
    let made = made(users);
    let history = made.history.blocking_lock();
    let (store, contract) = (&history.store, history.contract);
    let group = made.walk.sightings.groups[0].id.clone();
    bencher.bench_local(|| {
        let members = RUNTIME.block_on(store.members_of(contract, &group, Seq(DAYS / 2)));
        members.expect("there is such a day").len()
    });
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn access_review_as_csv(bencher: Bencher, users: usize) {
    review(bencher, users, Format::Csv);
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn access_review_as_html(bencher: Bencher, users: usize) {
    review(bencher, users, Format::Html);
}

/// From the store to the last byte, which goes nowhere.
fn review(bencher: Bencher, users: usize, format: Format) {
    let made = made(users);
    let history = made.history.blocking_lock();
    let report = report::named("access-review").expect("there is such a report");
    let templates = Templates::embedded();
    let question = Question { as_of: Some((DAYS + 1).to_string()), since: None };
    bencher.bench_local(|| {
        let input = RUNTIME.block_on(async {
            let calendar = Calendar::utc(Seams::system().now());
            let taken = take(&history.store, history.contract, &question, calendar).await?;
            input(&history.store, taken, &Cover::default()).await
        });
        let input = input.expect("there is a snapshot to report on");
        report::render_to(report, &input, format, Dialect::default(), &templates, &mut std::io::sink())
    });
}
