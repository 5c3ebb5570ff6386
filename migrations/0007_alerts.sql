-- Alerts: an outbox that is written in the transaction of what it announces, and what became of each delivery.
-- Rows hold ids of the API, numbers and reasons; names are put to them when they are sent.

-- Which history the ids of alerts belong to. A restored database begins another one, so that its alerts are not taken for
-- those that were sent before. Contract 0 stands for the database as a whole.
CREATE TABLE origin (
  contract INTEGER NOT NULL,              -- contract (id), or 0
  number   INTEGER NOT NULL,              -- from 1; the highest one is in force
  id       BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
  since    TEXT NOT NULL,
  after    INTEGER NOT NULL,              -- the last snapshot of the contract when it began; 0 if there was none
  reason   TEXT NOT NULL CHECK (reason IN ('created', 'restored')),
  PRIMARY KEY (contract, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  number      INTEGER PRIMARY KEY,
  id          BLOB NOT NULL UNIQUE CHECK (length(id) = 32),  -- the idempotency key
  contract    INTEGER,                    -- the contract's own number; null if it concerns no single one
  class       TEXT NOT NULL,
  severity    TEXT NOT NULL CHECK (severity IN ('info', 'low', 'medium', 'high', 'critical')),
  kind        INTEGER,                    -- of the fact that changed; null for an event
  subject     TEXT,
  object      TEXT,
  attribute   TEXT NOT NULL,
  from_seq    INTEGER,
  to_seq      INTEGER,
  root_before BLOB,
  root_after  BLOB,
  raised      TEXT NOT NULL,
  details     TEXT NOT NULL               -- JSON
) STRICT;

-- One alert on its way to one sink.
CREATE TABLE delivery (
  alert    INTEGER NOT NULL REFERENCES outbox (number),
  sink     TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'muted', 'in-digest')),
  attempts INTEGER NOT NULL DEFAULT 0,
  due      TEXT,                          -- when it is tried next; null when it is over
  ended    TEXT,
  detail   TEXT,
  PRIMARY KEY (alert, sink)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_due ON delivery (state, due) WHERE state = 'pending';

-- Each attempt and how it ended.
CREATE TABLE attempt (
  alert   INTEGER NOT NULL,
  sink    TEXT NOT NULL,
  number  INTEGER NOT NULL,
  at      TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'retry', 'rejected', 'gone')),
  detail  TEXT NOT NULL,
  PRIMARY KEY (alert, sink, number),
  FOREIGN KEY (alert, sink) REFERENCES delivery (alert, sink)
) STRICT, WITHOUT ROWID;

-- Sinks whose receiver said that it is gone for good (410).
CREATE TABLE disabled_sink (
  sink   TEXT PRIMARY KEY,
  since  TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mute (
  id      INTEGER PRIMARY KEY,
  sink    TEXT NOT NULL,
  class   TEXT,                           -- null: every class
  contract INTEGER,                       -- null: every contract
  person  TEXT NOT NULL,
  reason  TEXT NOT NULL,
  since   TEXT NOT NULL,
  until   TEXT NOT NULL,
  ended   TEXT                            -- when it was taken back
) STRICT;

CREATE TRIGGER origin_kept BEFORE DELETE ON origin
BEGIN SELECT raise(ABORT, 'an origin is not deleted'); END;

CREATE TRIGGER origin_sealed BEFORE UPDATE ON origin
BEGIN SELECT raise(ABORT, 'an origin is not changed'); END;

CREATE TRIGGER outbox_sealed BEFORE UPDATE ON outbox
BEGIN SELECT raise(ABORT, 'an alert is not changed'); END;

CREATE TRIGGER outbox_kept BEFORE DELETE ON outbox
BEGIN SELECT raise(ABORT, 'an alert is not deleted'); END;

CREATE TRIGGER delivery_kept BEFORE DELETE ON delivery
BEGIN SELECT raise(ABORT, 'a delivery is not deleted'); END;

CREATE TRIGGER delivery_over BEFORE UPDATE ON delivery WHEN old.state = 'delivered'
BEGIN SELECT raise(ABORT, 'what was delivered stays delivered'); END;

CREATE TRIGGER attempt_sealed BEFORE UPDATE ON attempt
BEGIN SELECT raise(ABORT, 'an attempt is not changed'); END;

CREATE TRIGGER attempt_kept BEFORE DELETE ON attempt
BEGIN SELECT raise(ABORT, 'an attempt is not deleted'); END;

CREATE TRIGGER mute_kept BEFORE DELETE ON mute
BEGIN SELECT raise(ABORT, 'a mute is not deleted'); END;

CREATE TRIGGER mute_sealed BEFORE UPDATE OF id, sink, class, contract, person, reason, since, until ON mute
BEGIN SELECT raise(ABORT, 'a mute is taken back, never edited'); END;

CREATE TRIGGER mute_bounded BEFORE INSERT ON mute WHEN julianday(new.until) - julianday(new.since) > 30.001
BEGIN SELECT raise(ABORT, 'a mute lasts at most 30 days'); END;

CREATE VIEW v_alerts AS
SELECT o.number, lower(hex(o.id)) AS alert_id, o.contract AS contract_number, o.class, o.severity,
       CASE o.kind WHEN 1 THEN 'contract' WHEN 2 THEN 'user' WHEN 3 THEN 'group' WHEN 4 THEN 'resource' WHEN 5 THEN 'member'
                   WHEN 6 THEN 'share' WHEN 7 THEN 'own' WHEN 8 THEN 'key' END AS kind,
       o.subject AS subject_id, o.object AS object_id, o.attribute, o.from_seq, o.to_seq, o.raised, o.details,
       d.sink, d.state, d.attempts, d.due, d.ended, d.detail
FROM outbox o LEFT JOIN delivery d ON d.alert = o.number;
