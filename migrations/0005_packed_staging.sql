-- What a run has read so far is kept packed: it is written and overwritten with zeros in every run, and its text takes five
-- times the room. What older versions have left behind is deleted: they collected under other terms.

DELETE FROM staged;
DROP TABLE staged;
DELETE FROM staging;

-- Outcomes of the walk as JSON Lines, in the order in which they were kept, as many in a row as were kept at once, packed with
-- Zstandard (RFC 8878). A page of users carries the cursor behind it.
CREATE TABLE staged (
  run      INTEGER NOT NULL REFERENCES staging (run),
  number   INTEGER NOT NULL,
  outcomes INTEGER NOT NULL,  -- how many lines
  packed   BLOB NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER staged_now BEFORE INSERT ON staged
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a run that is over keeps nothing more'); END;
