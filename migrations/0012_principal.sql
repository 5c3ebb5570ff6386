-- Whose credentials collected: ids of the API, or a keyed commitment to an address that no known user bears. Evidence like
-- the coverage; runs that were sealed before this table was there have no row.
CREATE TABLE principal (
  run                INTEGER PRIMARY KEY REFERENCES run (id),
  user_id            TEXT,     -- null if no user is known
  address_key        BLOB CHECK (length(address_key) = 32),
  address_commitment BLOB CHECK (length(address_commitment) = 32),
  role               TEXT,     -- null if it is not known
  token_contract     INTEGER,  -- the contract that the token says it is for
  expires            TEXT,     -- when the token says that it ends
  standing           TEXT NOT NULL CHECK (standing IN ('accepted', 'held-back', 'unknown')),
  held_back          INTEGER NOT NULL,  -- things that were not seen and did not end because of it
  accepted_by        TEXT,     -- who accepted another principal than before, in this run
  accepted_at        TEXT,
  CHECK ((address_key IS NULL) = (address_commitment IS NULL)),
  CHECK ((accepted_by IS NULL) = (accepted_at IS NULL))
) STRICT;

CREATE TRIGGER principal_now BEFORE INSERT ON principal
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a sealed run gets no other principal'); END;

CREATE TRIGGER principal_sealed BEFORE UPDATE ON principal
BEGIN SELECT raise(ABORT, 'a sealed principal is not changed'); END;

CREATE TRIGGER principal_kept BEFORE DELETE ON principal
BEGIN SELECT raise(ABORT, 'a sealed principal is not deleted'); END;

CREATE VIEW v_principals AS
SELECT c.number AS contract_number, s.seq, p.user_id, p.address_commitment IS NOT NULL AS is_unlisted, p.role,
       p.token_contract, p.expires, p.standing, p.held_back, p.accepted_by, p.accepted_at
FROM principal p JOIN snapshot s ON s.run = p.run JOIN contract c ON c.id = s.contract;
