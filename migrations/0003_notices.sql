-- What a run noticed about how far its own answers can be trusted. Kept for ever, like the coverage.
CREATE TABLE notice (
  run     INTEGER NOT NULL REFERENCES run (id),
  number  INTEGER NOT NULL,  -- from 1, in the order of their words, scopes and numbers
  notice  TEXT NOT NULL,
  kind    INTEGER,           -- of the scopes it is about
  parent  TEXT,              -- the API's id of the group or user, if it is about a single scope below one
  before  INTEGER,           -- how many things there were
  count   INTEGER,           -- how many it is about; milliseconds or seconds if it is about a clock
  asked   INTEGER,           -- how many of them were asked for one by one
  present INTEGER,           -- how many of those are there after all
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER notice_now BEFORE INSERT ON notice
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a run that is over notices nothing more'); END;

CREATE TRIGGER notice_sealed BEFORE UPDATE ON notice
BEGIN SELECT raise(ABORT, 'a notice is not changed'); END;

CREATE TRIGGER notice_kept BEFORE DELETE ON notice
BEGIN SELECT raise(ABORT, 'a notice is not deleted'); END;

CREATE VIEW v_notices AS
SELECT c.number AS contract_number, s.seq, n.notice,
       CASE n.kind WHEN 1 THEN 'contract' WHEN 2 THEN 'users' WHEN 3 THEN 'groups' WHEN 4 THEN 'resources'
                   WHEN 5 THEN 'members' WHEN 6 THEN 'shares' WHEN 7 THEN 'owns' WHEN 8 THEN 'keys'
                   WHEN 9 THEN 'user-groups' END AS scope,
       n.parent AS parent_id, n.before, n.count, n.asked, n.present
FROM notice n JOIN snapshot s ON s.run = n.run JOIN contract c ON c.id = s.contract;
