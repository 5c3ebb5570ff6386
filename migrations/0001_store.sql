-- The temporal store. Sequence numbers count the snapshots of one contract, from 1.
-- Times are RFC 3339 in UTC with milliseconds, fixed width, so that text order is time order;
-- last logins and modification times are whole seconds since 1970, because there are many.

CREATE TABLE contract (
  id     INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE
) STRICT;

-- One attempt to collect a contract. The contract is null until the walk has learned it.
CREATE TABLE run (
  id       INTEGER PRIMARY KEY,
  contract INTEGER REFERENCES contract (id),
  schedule TEXT NOT NULL,
  nominal  TEXT NOT NULL,
  started  TEXT NOT NULL,
  finished TEXT,
  state    TEXT NOT NULL CHECK (state IN ('collecting', 'complete', 'partial', 'failed', 'interrupted')),
  reason   TEXT,
  requests INTEGER NOT NULL DEFAULT 0,
  api      TEXT NOT NULL,
  tool     TEXT NOT NULL
) STRICT;

-- No instant of a schedule runs twice.
CREATE UNIQUE INDEX run_identity ON run (contract, schedule, nominal);

-- A sealed run.
CREATE TABLE snapshot (
  contract  INTEGER NOT NULL REFERENCES contract (id),
  seq       INTEGER NOT NULL,
  run       INTEGER NOT NULL UNIQUE REFERENCES run (id),
  label     TEXT,
  root      BLOB NOT NULL CHECK (length(root) = 32),
  began     INTEGER NOT NULL,
  ended     INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  contracts INTEGER NOT NULL,
  users     INTEGER NOT NULL,
  groups    INTEGER NOT NULL,
  resources INTEGER NOT NULL,
  members   INTEGER NOT NULL,
  shares    INTEGER NOT NULL,
  owns      INTEGER NOT NULL,
  keys      INTEGER NOT NULL,
  PRIMARY KEY (contract, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX snapshot_label ON snapshot (contract, label) WHERE label IS NOT NULL;

-- Coverage: sums per kind of scope, and every scope that was not complete. Kept for ever.
CREATE TABLE coverage (
  run      INTEGER NOT NULL REFERENCES run (id),
  kind     INTEGER NOT NULL,
  scopes   INTEGER NOT NULL,
  complete INTEGER NOT NULL,
  pages    INTEGER NOT NULL,
  items    INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  first_at TEXT,
  last_at  TEXT,
  PRIMARY KEY (run, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
  run      INTEGER NOT NULL REFERENCES run (id),
  kind     INTEGER NOT NULL,
  parent   TEXT NOT NULL,  -- the API's id of the group or user; empty for a list of the contract
  status   TEXT NOT NULL CHECK (status IN ('forbidden', 'gone', 'failed', 'unstable', 'not-attempted')),
  reason   TEXT,
  pages    INTEGER NOT NULL,
  items    INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  first_at TEXT,
  last_at  TEXT,
  PRIMARY KEY (run, kind, parent)
) STRICT, WITHOUT ROWID;

-- Every id of the API once. Kinds: 1 contract, 2 user, 3 group, 4 resource, 8 key.
CREATE TABLE entity (
  id       INTEGER PRIMARY KEY,
  contract INTEGER NOT NULL REFERENCES contract (id),
  kind     INTEGER NOT NULL,
  ref      TEXT NOT NULL,
  UNIQUE (contract, kind, ref)
) STRICT;

-- Canonical JSON (RFC 8785), equal bodies once.
CREATE TABLE body (
  id   INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  json TEXT NOT NULL
) STRICT;

-- What was so, from a snapshot until a snapshot; until is null while it is so.
-- Kinds: 1 contract, 2 user, 3 group, 4 resource, 5 member, 6 share, 7 own, 8 key. object is 0 for the first four.
CREATE TABLE fact (
  contract INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  subject  INTEGER NOT NULL,
  object   INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  until    INTEGER,
  body     INTEGER,
  PRIMARY KEY (contract, kind, subject, object, since)
) STRICT, WITHOUT ROWID;

-- What differs from the snapshot before. Ops: 1 began, 2 ended, 3 changed, 4 first looked at.
-- The first snapshot of a contract has no rows here: everything in it is a beginning.
CREATE TABLE change (
  contract INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  subject  INTEGER NOT NULL,
  object   INTEGER NOT NULL,
  op       INTEGER NOT NULL CHECK (op IN (1, 2, 3, 4)),
  before   INTEGER,
  after    INTEGER,
  PRIMARY KEY (contract, seq, kind, subject, object)
) STRICT, WITHOUT ROWID;

-- The digest of the current facts of each scope, so that an unchanged scope is neither read nor written.
-- proven says whether the scope was ever complete: until then nothing in it has a baseline to differ from.
CREATE TABLE part (
  contract INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  parent   INTEGER NOT NULL,  -- 0 for a list of the contract
  digest   BLOB NOT NULL CHECK (length(digest) = 32),
  facts    INTEGER NOT NULL,
  proven   INTEGER NOT NULL CHECK (proven IN (0, 1)),
  PRIMARY KEY (contract, kind, parent)
) STRICT, WITHOUT ROWID;

-- Names and e-mail addresses. Facts carry the commitment, HMAC-SHA-256 of the canonical value under a key per subject.
CREATE TABLE personal (
  entity     INTEGER NOT NULL REFERENCES entity (id),
  commitment BLOB NOT NULL CHECK (length(commitment) = 32),
  key        BLOB NOT NULL CHECK (length(key) = 32),
  email      TEXT,
  firstname  TEXT,
  lastname   TEXT,
  PRIMARY KEY (entity, commitment)
) STRICT, WITHOUT ROWID;

-- Volatile: kept when it moves, shown, never part of a change or a root.
CREATE TABLE last_login (
  entity INTEGER NOT NULL REFERENCES entity (id),
  seq    INTEGER NOT NULL,
  at     INTEGER,
  PRIMARY KEY (entity, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE actor (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE attribution (
  entity              INTEGER NOT NULL REFERENCES entity (id),
  seq                 INTEGER NOT NULL,
  created_by          INTEGER REFERENCES actor (id),
  created_by_user_id  INTEGER REFERENCES actor (id),
  modified            INTEGER,
  modified_by         INTEGER REFERENCES actor (id),
  modified_by_user_id INTEGER REFERENCES actor (id),
  PRIMARY KEY (entity, seq)
) STRICT, WITHOUT ROWID;

-- Seat belts: what is sealed is not edited. Ending a fact is how the next one begins.
CREATE TRIGGER snapshot_sealed BEFORE UPDATE OF contract, seq, run, root, began, ended, changed, contracts, users, groups,
  resources, members, shares, owns, keys ON snapshot
BEGIN SELECT raise(ABORT, 'a sealed snapshot is not changed'); END;

CREATE TRIGGER snapshot_kept BEFORE DELETE ON snapshot
BEGIN SELECT raise(ABORT, 'a sealed snapshot is not deleted'); END;

CREATE TRIGGER change_sealed BEFORE UPDATE ON change
BEGIN SELECT raise(ABORT, 'a sealed change is not changed'); END;

CREATE TRIGGER change_kept BEFORE DELETE ON change
BEGIN SELECT raise(ABORT, 'a sealed change is not deleted'); END;

CREATE TRIGGER fact_sealed BEFORE UPDATE ON fact
WHEN old.until IS NOT NULL OR new.contract <> old.contract OR new.kind <> old.kind OR new.subject <> old.subject
  OR new.object <> old.object OR new.since <> old.since OR new.body IS NOT old.body
BEGIN SELECT raise(ABORT, 'a fact is ended, never edited'); END;

CREATE TRIGGER fact_kept BEFORE DELETE ON fact
BEGIN SELECT raise(ABORT, 'a fact is ended, never deleted'); END;

CREATE TRIGGER fact_begins_now BEFORE INSERT ON fact
WHEN EXISTS (SELECT 1 FROM snapshot WHERE contract = new.contract AND seq >= new.since)
BEGIN SELECT raise(ABORT, 'a fact does not begin in a sealed snapshot'); END;

CREATE TRIGGER fact_ends_now BEFORE UPDATE OF until ON fact
WHEN EXISTS (SELECT 1 FROM snapshot WHERE contract = new.contract AND seq >= new.until)
BEGIN SELECT raise(ABORT, 'a fact does not end in a sealed snapshot'); END;

CREATE TRIGGER change_now BEFORE INSERT ON change
WHEN EXISTS (SELECT 1 FROM snapshot WHERE contract = new.contract AND seq >= new.seq)
BEGIN SELECT raise(ABORT, 'a sealed snapshot gets no more changes'); END;

CREATE TRIGGER run_over BEFORE UPDATE ON run WHEN old.state <> 'collecting'
BEGIN SELECT raise(ABORT, 'a run that is over is not changed'); END;

CREATE TRIGGER run_kept BEFORE DELETE ON run
BEGIN SELECT raise(ABORT, 'a run is not deleted'); END;

CREATE TRIGGER body_sealed BEFORE UPDATE ON body
BEGIN SELECT raise(ABORT, 'a body is not changed'); END;

CREATE TRIGGER body_kept BEFORE DELETE ON body
BEGIN SELECT raise(ABORT, 'a body is not deleted'); END;

CREATE TRIGGER entity_sealed BEFORE UPDATE ON entity
BEGIN SELECT raise(ABORT, 'an id is not changed'); END;

CREATE TRIGGER entity_kept BEFORE DELETE ON entity
BEGIN SELECT raise(ABORT, 'an id is not deleted'); END;

CREATE TRIGGER coverage_now BEFORE INSERT ON coverage
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a sealed run gets no more coverage'); END;

CREATE TRIGGER coverage_sealed BEFORE UPDATE ON coverage
BEGIN SELECT raise(ABORT, 'sealed coverage is not changed'); END;

CREATE TRIGGER coverage_kept BEFORE DELETE ON coverage
BEGIN SELECT raise(ABORT, 'sealed coverage is not deleted'); END;

CREATE TRIGGER gap_now BEFORE INSERT ON gap
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a sealed run gets no more coverage'); END;

CREATE TRIGGER gap_sealed BEFORE UPDATE ON gap
BEGIN SELECT raise(ABORT, 'sealed coverage is not changed'); END;

CREATE TRIGGER gap_kept BEFORE DELETE ON gap
BEGIN SELECT raise(ABORT, 'sealed coverage is not deleted'); END;
