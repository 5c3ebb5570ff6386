//! The emulator as its owner sees it: start it, ask it for its address and credentials, change its world, count.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::middleware;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::api::{self, Deep, Version};
use crate::clock::Clock;
use crate::counters::{Counters, Tally};
use crate::elsewhere::Elsewhere;
use crate::faults::{Fault, Faults, Rule, Schedule};
use crate::gate;
use crate::generate::{Cast, Size, generate};
use crate::identity::Identity;
use crate::quota::{Quota, RateLimit};
use crate::script::{Script, Step};
use crate::server;
use crate::shared::{Credentials, Restricted, Settings, Shared};
use crate::world::World;

/// The first instant when none is given: 1 June 2026, six in the morning, UTC.
const FIRST_INSTANT: i64 = 1_780_293_600;

/// How long the tokens of the start are valid.
const TOKEN_LIFE: TimeDelta = TimeDelta::days(365);

/// Why the emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Fewer users than the script has parts for.
    #[error("{0} users are too few, the least is {least}", least = Size::FEWEST_USERS)]
    FewUsers(usize),
    /// Fewer groups than the script has parts for.
    #[error("{0} groups are too few, the least is {least}", least = Size::FEWEST_GROUPS)]
    FewGroups(usize),
    /// The port is not to be had.
    #[error("port {port} on loopback")]
    Bind {
        /// The port that was asked for, 0 for any.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What an emulator is going to be.
#[derive(Debug, Clone)]
pub struct Builder {
    seed: u64,
    size: Size,
    contract_number: Option<u64>,
    now: DateTime<Utc>,
    settings: Settings,
    rate_limit: Option<RateLimit>,
    provisioning: Duration,
    port: u16,
    faults: Schedule,
}

impl Builder {
    /// Decides everything about the contract together with the size and the first instant; 1 if not given.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The number of users, and the usual proportions of everything else: call this before the single numbers.
    #[must_use]
    pub fn users(self, users: usize) -> Self {
        self.size(Size::of(users))
    }

    /// All numbers at once.
    #[must_use]
    pub fn size(self, size: Size) -> Self {
        Self { size, ..self }
    }

    /// The number of groups.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.size.groups = groups;
        self
    }

    /// The number of memberships in total.
    #[must_use]
    pub fn memberships(mut self, memberships: usize) -> Self {
        self.size.memberships = memberships;
        self
    }

    /// The number of shares in total.
    #[must_use]
    pub fn shares(mut self, shares: usize) -> Self {
        self.size.shares = shares;
        self
    }

    /// The number of S3 keys in total.
    #[must_use]
    pub fn keys(mut self, keys: usize) -> Self {
        self.size.keys = keys;
        self
    }

    /// The number of owned resources; the vendor's images come on top.
    #[must_use]
    pub fn resources(mut self, resources: usize) -> Self {
        self.size.resources = resources;
        self
    }

    /// The contract number; derived from the seed if not given.
    #[must_use]
    pub fn contract_number(self, number: u64) -> Self {
        Self { contract_number: Some(number), ..self }
    }

    /// The instant of the baseline, and what the clock shows at first.
    #[must_use]
    pub fn now(self, now: DateTime<Utc>) -> Self {
        Self { now, ..self }
    }

    /// How long after its request every answer comes, at least.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = latency;
        self
    }

    /// What happens to depths above 1.
    #[must_use]
    pub fn deep(mut self, deep: Deep) -> Self {
        self.settings.deep = deep;
        self
    }

    /// Answers every list in an order of its own, the same for the same seed.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.settings.shuffle = Some(seed);
        self
    }

    /// Enforces a rate limit with 429 and `Retry-After`.
    #[must_use]
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        Self { rate_limit: Some(limit), ..self }
    }

    /// How long writes count as running, and fresh users have no canonical id.
    #[must_use]
    pub fn provisioning(self, provisioning: Duration) -> Self {
        Self { provisioning, ..self }
    }

    /// The port on loopback; 0, and if not given, any.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The faults that are in force from the first request on.
    #[must_use]
    pub fn faults(self, faults: Schedule) -> Self {
        Self { faults, ..self }
    }

    /// Makes the contract and serves it on 127.0.0.1: there is no way to name another address.
    pub async fn start(self) -> Result<Emulator, StartError> {
        if self.size.users < Size::FEWEST_USERS {
            return Err(StartError::FewUsers(self.size.users));
        }
        if self.size.groups < Size::FEWEST_GROUPS {
            return Err(StartError::FewGroups(self.size.groups));
        }
        let bind = |source| StartError::Bind { port: self.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let elsewhere = Elsewhere::listen().await.map_err(|source| StartError::Bind { port: 0, source })?;

        let identity = Identity::new(self.seed, self.contract_number);
        let (mut world, cast) = generate(identity.clone(), self.size, self.now);
        let script = Script::write(self.seed, &world, &cast, self.now);
        world.set_provisioning(TimeDelta::from_std(self.provisioning).unwrap_or(TimeDelta::MAX));
        let credentials = Credentials {
            auditor: cast.auditor.clone(),
            restricted: cast.restricted.clone(),
            token: identity.token(&cast.auditor, &cast.auditor, "admin", self.now, TOKEN_LIFE),
            restricted_token: identity.token(&cast.restricted, &cast.restricted, "user", self.now, TOKEN_LIFE),
            username: world.actor_of(&cast.auditor).name.to_string(),
            password: identity.password(),
        };
        let shared = Arc::new(Shared {
            origin: format!("http://{address}"),
            clock: Clock::new(self.now),
            credentials,
            issued: RwLock::default(),
            tally: Tally::default(),
            faults: Faults::default(),
            elsewhere,
            quota: Quota::new(self.rate_limit),
            world: RwLock::new(world),
            settings: Mutex::new(self.settings),
        });
        shared.faults.follow(self.faults);
        let router = api::routes(&shared).layer(middleware::from_fn_with_state(shared.clone(), gate::pass));
        let server = tokio::spawn(server::serve(listener, router, shared.clone())).abort_handle();
        Ok(Emulator { shared, identity, cast, script, day: Mutex::new(0), server })
    }
}

/// A running server with one contract behind it. Dropping it stops the server and closes its connections.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    identity: Identity,
    cast: Cast,
    script: Script,
    /// The day up to which the script was played.
    day: Mutex<u32>,
    server: AbortHandle,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Emulator {
    /// An emulator to be: 120 users, seed 1, on 1 June 2026 at six in the morning, UTC.
    pub fn builder() -> Builder {
        Builder {
            seed: 1,
            size: Size::of(120),
            contract_number: None,
            now: DateTime::UNIX_EPOCH + TimeDelta::seconds(FIRST_INSTANT),
            settings: Settings::default(),
            rate_limit: None,
            provisioning: Duration::ZERO,
            port: 0,
            faults: Schedule::new(0),
        }
    }

    /// `http://127.0.0.1:PORT/cloudapi/vN`
    pub fn base_url(&self, version: Version) -> String {
        self.shared.base_url(version)
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// A bearer token of an administrator.
    pub fn token(&self) -> &str {
        &self.shared.credentials.token
    }

    /// A bearer token of a user who administers nothing.
    pub fn restricted_token(&self) -> &str {
        &self.shared.credentials.restricted_token
    }

    /// Another bearer token of a user: valid for so long, and with an id of its own. `role` is what it says of itself; what the
    /// user may do is decided by the contract.
    pub fn issue_token(&self, user_id: &str, role: &str, lives: TimeDelta) -> String {
        let mut issued = self.shared.issued.write().unwrap_or_else(PoisonError::into_inner);
        let key_id = format!("{user_id}-{}", issued.len() + 1);
        let token = self.identity.token(&key_id, user_id, role, self.shared.clock.now(), lives);
        issued.push((token.clone(), user_id.into()));
        token
    }

    /// A bearer token of a user that says nothing of itself.
    pub fn issue_opaque_token(&self, user_id: &str) -> String {
        let mut issued = self.shared.issued.write().unwrap_or_else(PoisonError::into_inner);
        let token = format!("{}-opaque-{}", self.identity.canary, issued.len() + 1);
        issued.push((token.clone(), user_id.into()));
        token
    }

    /// The e-mail address that goes with [`Self::password`].
    pub fn username(&self) -> &str {
        &self.shared.credentials.username
    }

    /// The password of the administrator for Basic authentication.
    pub fn password(&self) -> &str {
        &self.shared.credentials.password
    }

    /// What every secret of this emulator contains: `CANARY-` and 32 hexadecimal characters.
    pub fn canary(&self) -> &str {
        &self.identity.canary
    }

    /// The contract number.
    pub fn contract_number(&self) -> u64 {
        self.identity.contract_number
    }

    /// Who plays which part in the contract.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Sets the clock, which then runs on.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.shared.clock.set(now);
    }

    /// What the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// The month that follows the baseline, oldest step first.
    pub fn script(&self) -> &[Step] {
        self.script.steps()
    }

    /// Lets the script happen up to and including that day; days that happened already do not happen again. The clock
    /// stays as it is.
    pub fn advance_to_day(&self, day: u32) {
        let mut played = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        self.script.play(&mut self.shared.world_mut(), *played, day);
        *played = day.max(*played);
    }

    /// Looks at the world.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.world())
    }

    /// Changes the world, stamped with the clock's instant and the contract owner.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world_mut();
        let owner = world.owner().clone();
        world.acting(self.shared.clock.now(), &owner);
        change(&mut world)
    }

    /// Changes the latency.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.settings_mut().latency = latency;
    }

    /// Changes what happens to depths above 1.
    pub fn set_deep(&self, deep: Deep) {
        self.shared.settings_mut().deep = deep;
    }

    /// Changes what users get who administer nothing.
    pub fn set_restricted(&self, restricted: Restricted) {
        self.shared.settings_mut().restricted = restricted;
    }

    /// Changes the order of lists: `None` for oldest first.
    pub fn set_shuffle(&self, seed: Option<u64>) {
        self.shared.settings_mut().shuffle = seed;
    }

    /// Puts a fault in force.
    pub fn fail(&self, rule: Rule) -> Fault {
        self.shared.faults.arm(rule)
    }

    /// Puts every fault of a schedule in force, in its order, behind those that are.
    pub fn follow(&self, schedule: Schedule) -> Vec<Fault> {
        self.shared.faults.follow(schedule)
    }

    /// How often each fault fired since the start, by name; those that never did with 0, ended ones included.
    pub fn faults_fired(&self) -> BTreeMap<String, u32> {
        self.shared.faults.fired()
    }

    /// Where redirects and foreign links lead: another host as far as a client can tell.
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.shared.elsewhere
    }

    /// Ends every fault.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// What was counted since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.shared.tally.snapshot()
    }

    /// A number that grows with every request that comes and every answer that goes: whether anything happens.
    pub fn pulse(&self) -> u64 {
        self.shared.tally.pulse()
    }

    /// Counts from zero again.
    pub fn reset_counters(&self) {
        self.shared.tally.reset();
    }
}
