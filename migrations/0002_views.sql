-- The views people open the database for: current state and history in plain columns, with the API's names in snake case.
-- since and until are sequence numbers; until is null while a row is current.

CREATE VIEW v_snapshots AS
SELECT c.number AS contract_number, s.seq, s.label, r.state, r.schedule, r.nominal, r.started, r.finished, r.requests,
       s.began, s.ended, s.changed, s.users, s.groups, s.resources, s.members, s.shares, s.owns, s.keys,
       lower(hex(s.root)) AS root, r.api, r.tool, r.id AS run
FROM snapshot s JOIN contract c ON c.id = s.contract JOIN run r ON r.id = s.run;

CREATE VIEW v_runs AS
SELECT r.id AS run, c.number AS contract_number, s.seq, r.state, r.reason, r.schedule, r.nominal, r.started, r.finished,
       r.requests, r.api, r.tool
FROM run r LEFT JOIN contract c ON c.id = r.contract LEFT JOIN snapshot s ON s.run = r.id;

CREATE VIEW v_users AS
SELECT c.number AS contract_number, e.ref AS user_id, p.email, p.firstname, p.lastname,
       b.json ->> '$.active' AS active, b.json ->> '$.administrator' AS administrator,
       b.json ->> '$.forceSecAuth' AS force_sec_auth, b.json ->> '$.secAuthActive' AS sec_auth_active,
       b.json ->> '$.s3CanonicalUserId' AS s3_canonical_user_id, b.json ->> '$.createdDate' AS created_date,
       (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch') FROM last_login l
         WHERE l.entity = e.id AND (f.until IS NULL OR l.seq < f.until) ORDER BY l.seq DESC LIMIT 1) AS last_login,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
LEFT JOIN personal p ON p.entity = f.subject AND lower(hex(p.commitment)) = b.json ->> '$.person'
WHERE f.kind = 2;

CREATE VIEW v_groups AS
SELECT c.number AS contract_number, e.ref AS group_id, b.json ->> '$.name' AS name,
       (SELECT group_concat(j.key, ' ') FROM json_each(b.json, '$.privileges') j WHERE j.value) AS privileges,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
WHERE f.kind = 3;

CREATE VIEW v_resources AS
SELECT c.number AS contract_number, e.ref AS resource_id, b.json ->> '$.type' AS type, b.json ->> '$.name' AS name,
       b.json ->> '$.secAuthProtection' AS sec_auth_protection, b.json ->> '$.createdDate' AS created_date,
       f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
WHERE f.kind = 4;

CREATE VIEW v_members AS
SELECT c.number AS contract_number, s.ref AS group_id, o.ref AS user_id, f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity s ON s.id = f.subject JOIN entity o ON o.id = f.object
WHERE f.kind = 5;

CREATE VIEW v_shares AS
SELECT c.number AS contract_number, s.ref AS group_id, o.ref AS resource_id,
       b.json ->> '$.editPrivilege' AS edit_privilege, b.json ->> '$.sharePrivilege' AS share_privilege, f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity s ON s.id = f.subject JOIN entity o ON o.id = f.object
JOIN body b ON b.id = f.body
WHERE f.kind = 6;

CREATE VIEW v_owns AS
SELECT c.number AS contract_number, s.ref AS user_id, o.ref AS resource_id, f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity s ON s.id = f.subject JOIN entity o ON o.id = f.object
WHERE f.kind = 7;

CREATE VIEW v_keys AS
SELECT c.number AS contract_number, s.ref AS user_id, o.ref AS key_id, b.json ->> '$.active' AS active,
       b.json ->> '$.createdDate' AS created_date, f.since, f.until
FROM fact f JOIN contract c ON c.id = f.contract JOIN entity s ON s.id = f.subject JOIN entity o ON o.id = f.object
JOIN body b ON b.id = f.body
WHERE f.kind = 8;

CREATE VIEW v_changes AS
SELECT c.number AS contract_number, h.seq,
       CASE h.kind WHEN 1 THEN 'contract' WHEN 2 THEN 'user' WHEN 3 THEN 'group' WHEN 4 THEN 'resource' WHEN 5 THEN 'member'
                   WHEN 6 THEN 'share' WHEN 7 THEN 'own' WHEN 8 THEN 'key' END AS kind,
       CASE h.op WHEN 1 THEN 'began' WHEN 2 THEN 'ended' WHEN 3 THEN 'changed' WHEN 4 THEN 'first-seen' END AS op,
       s.ref AS subject_id, o.ref AS object_id, b.json AS before, a.json AS after
FROM change h JOIN contract c ON c.id = h.contract JOIN entity s ON s.id = h.subject LEFT JOIN entity o ON o.id = h.object
LEFT JOIN body b ON b.id = h.before LEFT JOIN body a ON a.id = h.after;
