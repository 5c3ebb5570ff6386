-- A list of S3 keys that the API refuses for want of a privilege: a status of its own.
CREATE TABLE gap_next (
  run      INTEGER NOT NULL REFERENCES run (id),
  kind     INTEGER NOT NULL,
  parent   TEXT NOT NULL,  -- the API's id of the group or user; empty for a list of the contract
  status   TEXT NOT NULL CHECK (status IN ('forbidden', 'gone', 'failed', 'unstable', 'not-attempted', 'not-applicable')),
  reason   TEXT,
  pages    INTEGER NOT NULL,
  items    INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  first_at TEXT,
  last_at  TEXT,
  PRIMARY KEY (run, kind, parent)
) STRICT, WITHOUT ROWID;

INSERT INTO gap_next SELECT run, kind, parent, status, reason, pages, items, attempts, first_at, last_at FROM gap;
DROP TABLE gap;
ALTER TABLE gap_next RENAME TO gap;

CREATE TRIGGER gap_now BEFORE INSERT ON gap
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a sealed run gets no more coverage'); END;

CREATE TRIGGER gap_sealed BEFORE UPDATE ON gap
BEGIN SELECT raise(ABORT, 'sealed coverage is not changed'); END;

CREATE TRIGGER gap_kept BEFORE DELETE ON gap
BEGIN SELECT raise(ABORT, 'sealed coverage is not deleted'); END;

-- Names come as the API writes them. The operator ->> ends a text at its first NUL, so two names that differ behind one would
-- look alike: in these views a NUL is shown as U+2400. A backslash is spelled as \u005c first, so that no other escape is hit.
DROP VIEW v_users;
CREATE VIEW v_users AS
SELECT c.number AS contract_number, e.ref AS user_id,
       replace(replace(json_quote(p.email), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS email,
       replace(replace(json_quote(p.firstname), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS firstname,
       replace(replace(json_quote(p.lastname), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS lastname,
       b.json ->> '$.active' AS active, b.json ->> '$.administrator' AS administrator,
       b.json ->> '$.forceSecAuth' AS force_sec_auth, b.json ->> '$.secAuthActive' AS sec_auth_active,
       b.json ->> '$.s3CanonicalUserId' AS s3_canonical_user_id, b.json ->> '$.createdDate' AS created_date,
       (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch') FROM last_login l
         WHERE l.entity = e.id AND (f.until IS NULL OR l.seq < f.until) ORDER BY l.seq DESC LIMIT 1) AS last_login,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
LEFT JOIN personal p ON p.entity = f.subject AND lower(hex(p.commitment)) = b.json ->> '$.person'
WHERE f.kind = 2;

DROP VIEW v_groups;
CREATE VIEW v_groups AS
SELECT c.number AS contract_number, e.ref AS group_id,
       replace(replace(b.json, '\\', '\u005c'), '\u0000', '␀') ->> '$.name' AS name,
       (SELECT group_concat(j.key, ' ') FROM json_each(b.json, '$.privileges') j WHERE j.value) AS privileges,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
WHERE f.kind = 3;

DROP VIEW v_resources;
CREATE VIEW v_resources AS
SELECT c.number AS contract_number, e.ref AS resource_id, b.json ->> '$.type' AS type,
       replace(replace(b.json, '\\', '\u005c'), '\u0000', '␀') ->> '$.name' AS name,
       b.json ->> '$.secAuthProtection' AS sec_auth_protection, b.json ->> '$.createdDate' AS created_date,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
WHERE f.kind = 4;
