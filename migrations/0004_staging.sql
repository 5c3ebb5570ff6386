-- What a run under way has read so far, so that the next collection can go on where a run was cut off. Rows live as short
-- as they can: the transaction that seals the run deletes them, and so does giving the run up. They hold personal data.

-- A run that can go on. Without a row here it cannot.
CREATE TABLE staging (
  run   INTEGER PRIMARY KEY REFERENCES run (id),
  terms TEXT NOT NULL,  -- canonical JSON of what the run is collected under: only under the same terms can it go on
  label TEXT            -- what the snapshot is to be called
) STRICT;

-- Outcomes of the walk as JSON, in the order in which they were kept. A page of users carries the cursor behind it.
CREATE TABLE staged (
  run     INTEGER NOT NULL REFERENCES staging (run),
  number  INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER staged_now BEFORE INSERT ON staged
WHEN (SELECT state FROM run WHERE id = new.run) <> 'collecting'
BEGIN SELECT raise(ABORT, 'a run that is over keeps nothing more'); END;

-- The only way back: a run that was interrupted goes on, as long as it was not given up. Nothing else of it changes.
DROP TRIGGER run_over;

CREATE TRIGGER run_over BEFORE UPDATE ON run
WHEN old.state <> 'collecting' AND NOT (
  old.state = 'interrupted' AND new.state = 'collecting' AND new.finished IS NULL AND new.reason IS NULL
  AND new.id = old.id AND new.contract IS old.contract AND new.schedule = old.schedule AND new.nominal = old.nominal
  AND new.started = old.started AND new.requests = old.requests AND new.api = old.api AND new.tool = old.tool
  AND EXISTS (SELECT 1 FROM staging WHERE run = old.id))
BEGIN SELECT raise(ABORT, 'a run that is over is not changed'); END;
