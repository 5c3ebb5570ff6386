-- Attributes that answers did not report: unknown from a snapshot until the one that reports them again. Evidence like the
-- coverage. The last known value stands in the fact; last_known is the snapshot that last knew it, null if none ever did.
CREATE TABLE unknown (
  contract   INTEGER NOT NULL,
  kind       INTEGER NOT NULL,  -- of the fact: 1 contract, 2 user, 3 group, 4 resource, 6 share, 8 key
  subject    INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  attribute  TEXT NOT NULL,     -- the API's name
  since      INTEGER NOT NULL,
  until      INTEGER,
  last_known INTEGER,
  PRIMARY KEY (contract, kind, subject, object, attribute, since)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER unknown_sealed BEFORE UPDATE ON unknown
WHEN old.until IS NOT NULL OR new.contract <> old.contract OR new.kind <> old.kind OR new.subject <> old.subject
  OR new.object <> old.object OR new.attribute <> old.attribute OR new.since <> old.since
  OR new.last_known IS NOT old.last_known
BEGIN SELECT raise(ABORT, 'a sealed unknown attribute is not changed'); END;

CREATE TRIGGER unknown_kept BEFORE DELETE ON unknown
BEGIN SELECT raise(ABORT, 'a sealed unknown attribute is not deleted'); END;

CREATE TRIGGER unknown_begins_now BEFORE INSERT ON unknown
WHEN EXISTS (SELECT 1 FROM snapshot WHERE contract = new.contract AND seq >= new.since)
BEGIN SELECT raise(ABORT, 'an attribute does not become unknown in a sealed snapshot'); END;

CREATE TRIGGER unknown_ends_now BEFORE UPDATE OF until ON unknown
WHEN EXISTS (SELECT 1 FROM snapshot WHERE contract = new.contract AND seq >= new.until)
BEGIN SELECT raise(ABORT, 'an attribute does not become known in a sealed snapshot'); END;

-- The digest of the last complete answer about a part, what it leaves out included: empty if it is the digest of the part,
-- null if the last answer was not complete, or was read before this column was there.
ALTER TABLE part ADD COLUMN observed BLOB CHECK (length(observed) IN (0, 32));

-- What a notice says beyond its numbers, as JSON.
ALTER TABLE notice ADD COLUMN detail TEXT;

CREATE VIEW v_unknown AS
SELECT c.number AS contract_number,
       CASE u.kind WHEN 1 THEN 'contract' WHEN 2 THEN 'user' WHEN 3 THEN 'group' WHEN 4 THEN 'resource' WHEN 6 THEN 'share'
                   WHEN 8 THEN 'key' END AS kind,
       s.ref AS subject_id, o.ref AS object_id, u.attribute, u.last_known, u.since, u.until
FROM unknown u JOIN contract c ON c.id = u.contract JOIN entity s ON s.id = u.subject LEFT JOIN entity o ON o.id = u.object;
