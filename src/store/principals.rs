//! The collecting principals of sealed runs: written with the snapshot, read to compare the next run with.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::Columns;
use super::commitment::commit;
use super::error::{StoreError, While as _};
use super::open::Store;
use super::seal::number_of;
use crate::domain::coverage::Coverage;
use crate::domain::id::{ContractNumber, Seq, UserId};
use crate::domain::notice::Notice;
use crate::domain::principal::{
    Acceptance, ChangeOutcome, Collector, Principal, PrincipalChange, PrincipalId, PrincipalStatus, Role,
};
use crate::domain::time::{to_millis, to_seconds};
use crate::domain::user::Person;
use crate::seams::Seams;

const COLUMNS: &str = "p.user_id, p.address_key, p.address_commitment, p.role, p.token_contract, p.expires, p.standing, \
                       p.held_back, p.accepted_by, p.accepted_at, \
                       CASE WHEN p.role IS NULL THEN (SELECT q.role FROM principal q JOIN snapshot t ON t.run = q.run \
                       WHERE t.contract = s.contract AND t.seq < s.seq AND q.role IS NOT NULL \
                       AND (q.user_id = p.user_id OR q.address_commitment = p.address_commitment) \
                       ORDER BY t.seq DESC LIMIT 1) END";

impl Store {
    /// Who bears an address: the user who is known to, else a commitment that is the same in each run of the contract.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn bearer_of(
        &self,
        contract: ContractNumber,
        address: &str,
        seams: &Seams,
    ) -> Result<PrincipalId, StoreError> {
        let address = address.trim().to_lowercase();
        let known: Option<String> = sqlx::query_scalar(
            "SELECT user_id FROM v_users WHERE contract_number = ? AND until IS NULL AND lower(trim(email)) = ? ORDER BY user_id",
        )
        .bind(number_of(contract.0))
        .bind(&address)
        .fetch_optional(&self.readers)
        .await
        .when("look up the user of an address")?;
        if let Some(user) = known {
            return Ok(PrincipalId::User(user.into()));
        }
        let key = sqlx::query(
            "SELECT p.address_key FROM principal p JOIN snapshot s ON s.run = p.run JOIN contract c ON c.id = s.contract \
             WHERE c.number = ? AND p.address_key IS NOT NULL ORDER BY s.seq LIMIT 1",
        )
        .bind(number_of(contract.0))
        .fetch_optional(&self.readers)
        .await
        .when("look up the key of the principals")?;
        let key = match key {
            Some(row) => Columns::of("principal", &row).digest(0)?,
            None => seams.secret_bytes()?,
        };
        let commitment = commit(&key, &Person { email: Some(address), ..Person::default() })?;
        Ok(PrincipalId::Unlisted { key, commitment })
    }

    /// The role of a principal in the last run that knew it.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn last_known_role(
        &self,
        contract: ContractNumber,
        id: &PrincipalId,
    ) -> Result<Option<Role>, StoreError> {
        let (user, _, commitment) = columns_of(id);
        let role: Option<String> = sqlx::query_scalar(
            "SELECT p.role FROM principal p JOIN snapshot s ON s.run = p.run JOIN contract c ON c.id = s.contract \
             WHERE c.number = ? AND p.role IS NOT NULL AND (p.user_id = ? OR p.address_commitment = ?) \
             ORDER BY s.seq DESC LIMIT 1",
        )
        .bind(number_of(contract.0))
        .bind(user)
        .bind(commitment)
        .fetch_optional(&self.readers)
        .await
        .when("look up the last known role of the principal")?;
        Ok(role.as_deref().and_then(Role::from_word))
    }

    /// The accepted principal of a contract: that of the last run in which nothing was held back. `None` as long as no run knew
    /// its principal.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn accepted_principal(&self, contract: ContractNumber) -> Result<Option<Principal>, StoreError> {
        let accepted = format!(
            "SELECT {COLUMNS} FROM principal p JOIN snapshot s ON s.run = p.run JOIN contract c ON c.id = s.contract \
             WHERE c.number = ? AND p.standing = 'accepted' ORDER BY s.seq DESC LIMIT 1"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(accepted))
            .bind(number_of(contract.0))
            .fetch_optional(&self.readers)
            .await
            .when("look up the accepted principal")?;
        Ok(row.as_ref().map(collector_of).transpose()?.map(|collector| collector.principal))
    }

    /// Whose credentials collected a snapshot; `None` for one that was sealed before that was kept.
    #[tracing::instrument(level = "debug", skip_all)]
    pub async fn collector(&self, contract: ContractNumber, seq: Seq) -> Result<Option<Collector>, StoreError> {
        let sealed = format!(
            "SELECT {COLUMNS} FROM principal p JOIN snapshot s ON s.run = p.run JOIN contract c ON c.id = s.contract \
             WHERE c.number = ? AND s.seq = ?"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sealed))
            .bind(number_of(contract.0))
            .bind(seq.0)
            .fetch_optional(&self.readers)
            .await
            .when("read whose credentials collected")?;
        row.as_ref().map(collector_of).transpose()
    }
}

/// A principal that is held back although it saw everything that is known is the accepted one from now on.
pub(super) fn settled(mut collector: Collector, coverage: &Coverage) -> Collector {
    if collector.standing == PrincipalStatus::HeldBack && collector.held_back == 0 && coverage.is_complete() {
        collector.standing = PrincipalStatus::Accepted;
    }
    collector
}

/// What a run says about its principal if that is not known to be the accepted one.
pub(super) async fn notice(
    db: &mut SqliteConnection,
    contract: i64,
    seq: i64,
    collector: &Collector,
    accepted: Option<&Principal>,
) -> Result<Option<Notice>, StoreError> {
    let Some(accepted) = accepted else { return Ok(None) };
    let before = format!(
        "SELECT {COLUMNS} FROM principal p JOIN snapshot s ON s.run = p.run WHERE s.contract = ? AND s.seq = ?"
    );
    let before = sqlx::query(sqlx::AssertSqlSafe(before))
        .bind(contract)
        .bind(seq - 1)
        .fetch_optional(&mut *db)
        .await
        .when("look up the principal of the snapshot before")?;
    let before = before.as_ref().map(collector_of).transpose()?.map(|before| before.principal);
    let now = &collector.principal;
    let is_same = |before: &Principal| before.id == now.id && before.known_role() == now.known_role();
    let outcome = match (&collector.acceptance, collector.standing) {
        (Some(acceptance), _) => ChangeOutcome::AcceptedBy(acceptance.by.as_str().into()),
        (None, PrincipalStatus::Accepted) => ChangeOutcome::SawEverything,
        (None, PrincipalStatus::HeldBack | PrincipalStatus::Unknown) => ChangeOutcome::HeldBack,
    };
    let change = PrincipalChange {
        accepted: accepted.to_string().into(),
        now: collector.principal.to_string().into(),
        held_back: collector.held_back,
        outcome,
        is_new: !before.as_ref().is_some_and(is_same),
    };
    Ok(Some(Notice::PrincipalChanged { change }))
}

/// Writes whose credentials collected a run that is about to be sealed.
pub(super) async fn write(db: &mut SqliteConnection, run: i64, collector: &Collector) -> Result<(), StoreError> {
    let Collector { principal, standing, held_back, acceptance } = collector;
    let (user, key, commitment) = principal.id.as_ref().map(columns_of).unwrap_or_default();
    sqlx::query(
        "INSERT INTO principal (run, user_id, address_key, address_commitment, role, token_contract, expires, standing, \
         held_back, accepted_by, accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(run)
    .bind(user)
    .bind(key)
    .bind(commitment)
    .bind(principal.role.as_ref().map(Role::as_str))
    .bind(principal.contract.map(|number| number_of(number.0)))
    .bind(principal.expires.map(to_seconds))
    .bind(standing.as_str())
    .bind(number_of(*held_back))
    .bind(acceptance.as_ref().map(|acceptance| &acceptance.by))
    .bind(acceptance.as_ref().map(|acceptance| to_millis(acceptance.at)))
    .execute(db)
    .await
    .when("write whose credentials collected")?;
    Ok(())
}

/// The user, or key and commitment of an address.
fn columns_of(id: &PrincipalId) -> (Option<&str>, Option<&[u8]>, Option<&[u8]>) {
    match id {
        PrincipalId::User(user) => (Some(user.as_str()), None, None),
        PrincipalId::Unlisted { key, commitment } => (None, Some(key), Some(commitment)),
    }
}

fn collector_of(row: &SqliteRow) -> Result<Collector, StoreError> {
    let row = Columns::of("principal", row);
    let id = match (row.optional::<String>(0)?, row.optional_digest(1)?, row.optional_digest(2)?) {
        (Some(user), ..) => Some(PrincipalId::User(UserId::from(user))),
        (None, Some(key), Some(commitment)) => Some(PrincipalId::Unlisted { key, commitment }),
        _ => None,
    };
    let acceptance = row.optional::<String>(8)?.zip(row.optional_instant(9)?);
    Ok(Collector {
        principal: Principal {
            id,
            role: row.optional::<&str>(3)?.and_then(Role::from_word),
            last_known_role: row.optional::<&str>(10)?.and_then(Role::from_word),
            contract: row.optional_contract(4)?,
            expires: row.optional_instant(5)?,
        },
        standing: row.word(6, |word| word.parse().ok())?,
        held_back: row.count(7)?,
        acceptance: acceptance.map(|(by, at)| Acceptance { by, at }),
    })
}
