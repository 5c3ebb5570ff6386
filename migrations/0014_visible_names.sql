-- In the views for people a name shows what it holds: characters that hide, reorder or imitate come as ⟨U+202E⟩, as in
-- reports, and a NUL as U+2400, as before. What came is in `body` and `personal`, unchanged.

-- Such characters as a pattern of GLOB, one and anywhere. 45 is the hyphen of a range.
CREATE VIEW hidden_characters AS
SELECT '[' || characters || ']' AS one, '*[' || characters || ']*' AS anywhere FROM (SELECT char(
  0x1, 45, 0x1F, 0x7F, 45, 0x9F, 0xA0, 0xAD, 0x34F, 0x600, 45, 0x605, 0x61C, 0x6DD, 0x70F, 0x890, 45, 0x891,
  0x8E2, 0x115F, 45, 0x1160, 0x1680, 0x17B4, 45, 0x17B5, 0x180B, 45, 0x180F, 0x2000, 45, 0x200F,
  0x2028, 45, 0x202F, 0x205F, 45, 0x206F, 0x2800, 0x3000, 0x3164, 0xE000, 45, 0xF8FF, 0xFE00, 45, 0xFE0F, 0xFEFF,
  0xFFA0, 0xFFF0, 45, 0xFFFB, 0x110BD, 0x110CD, 0x13430, 45, 0x1345F, 0x1BCA0, 45, 0x1BCA3, 0x1D173, 45, 0x1D17A,
  0xE0000, 45, 0x10FFFF
) AS characters);

DROP VIEW v_users;
CREATE VIEW v_users AS
SELECT contract_number, user_id,
       CASE WHEN raw_email GLOB h.anywhere THEN
         (WITH RECURSIVE place(one, rest) AS (
            SELECT substr(raw_email, 1, 1), substr(raw_email, 2)
            UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM place WHERE rest <> '')
          SELECT group_concat(CASE WHEN place.one GLOB h.one THEN printf('⟨U+%04X⟩', unicode(place.one)) ELSE place.one END, '') FROM place)
       ELSE raw_email END AS email,
       CASE WHEN raw_firstname GLOB h.anywhere THEN
         (WITH RECURSIVE place(one, rest) AS (
            SELECT substr(raw_firstname, 1, 1), substr(raw_firstname, 2)
            UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM place WHERE rest <> '')
          SELECT group_concat(CASE WHEN place.one GLOB h.one THEN printf('⟨U+%04X⟩', unicode(place.one)) ELSE place.one END, '') FROM place)
       ELSE raw_firstname END AS firstname,
       CASE WHEN raw_lastname GLOB h.anywhere THEN
         (WITH RECURSIVE place(one, rest) AS (
            SELECT substr(raw_lastname, 1, 1), substr(raw_lastname, 2)
            UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM place WHERE rest <> '')
          SELECT group_concat(CASE WHEN place.one GLOB h.one THEN printf('⟨U+%04X⟩', unicode(place.one)) ELSE place.one END, '') FROM place)
       ELSE raw_lastname END AS lastname,
       active, administrator, force_sec_auth, sec_auth_active, s3_canonical_user_id, created_date, last_login, since, until
FROM (
  SELECT c.number AS contract_number, e.ref AS user_id,
         replace(replace(json_quote(p.email), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS raw_email,
         replace(replace(json_quote(p.firstname), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS raw_firstname,
         replace(replace(json_quote(p.lastname), '\\', '\u005c'), '\u0000', '␀') ->> '$' AS raw_lastname,
         b.json ->> '$.active' AS active, b.json ->> '$.administrator' AS administrator,
         b.json ->> '$.forceSecAuth' AS force_sec_auth, b.json ->> '$.secAuthActive' AS sec_auth_active,
         b.json ->> '$.s3CanonicalUserId' AS s3_canonical_user_id, b.json ->> '$.createdDate' AS created_date,
         (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch') FROM last_login l
           WHERE l.entity = e.id AND (f.until IS NULL OR l.seq < f.until) ORDER BY l.seq DESC LIMIT 1) AS last_login,
         f.since, f.until
  FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
  LEFT JOIN personal p ON p.entity = f.subject AND lower(hex(p.commitment)) = b.json ->> '$.person'
  WHERE f.kind = 2
) CROSS JOIN hidden_characters h;

DROP VIEW v_groups;
CREATE VIEW v_groups AS
SELECT contract_number, group_id,
       CASE WHEN raw_name GLOB h.anywhere THEN
         (WITH RECURSIVE place(one, rest) AS (
            SELECT substr(raw_name, 1, 1), substr(raw_name, 2)
            UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM place WHERE rest <> '')
          SELECT group_concat(CASE WHEN place.one GLOB h.one THEN printf('⟨U+%04X⟩', unicode(place.one)) ELSE place.one END, '') FROM place)
       ELSE raw_name END AS name,
       privileges, since, until
FROM (
  SELECT c.number AS contract_number, e.ref AS group_id,
         replace(replace(b.json, '\\', '\u005c'), '\u0000', '␀') ->> '$.name' AS raw_name,
         (SELECT group_concat(j.key, ' ') FROM json_each(b.json, '$.privileges') j WHERE j.value) AS privileges,
         f.since, f.until
  FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
  WHERE f.kind = 3
) CROSS JOIN hidden_characters h;

DROP VIEW v_resources;
CREATE VIEW v_resources AS
SELECT contract_number, resource_id, type,
       CASE WHEN raw_name GLOB h.anywhere THEN
         (WITH RECURSIVE place(one, rest) AS (
            SELECT substr(raw_name, 1, 1), substr(raw_name, 2)
            UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM place WHERE rest <> '')
          SELECT group_concat(CASE WHEN place.one GLOB h.one THEN printf('⟨U+%04X⟩', unicode(place.one)) ELSE place.one END, '') FROM place)
       ELSE raw_name END AS name,
       sec_auth_protection, created_date, since, until
FROM (
  SELECT c.number AS contract_number, e.ref AS resource_id, b.json ->> '$.type' AS type,
         replace(replace(b.json, '\\', '\u005c'), '\u0000', '␀') ->> '$.name' AS raw_name,
         b.json ->> '$.secAuthProtection' AS sec_auth_protection, b.json ->> '$.createdDate' AS created_date,
         f.since, f.until
  FROM fact f JOIN contract c ON c.id = f.contract JOIN entity e ON e.id = f.subject JOIN body b ON b.id = f.body
  WHERE f.kind = 4
) CROSS JOIN hidden_characters h;
