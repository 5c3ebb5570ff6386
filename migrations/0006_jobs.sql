-- Jobs of the service, and their runs. A job is identified by its name and the configured name of its contract (empty for
-- a job of the whole database), so that another schedule leaves it the same job.

CREATE TABLE job (
  name           TEXT NOT NULL,
  contract       TEXT NOT NULL,
  schedule       TEXT NOT NULL,  -- canonical text
  since          TEXT NOT NULL,  -- first seen with this schedule: no instant up to it counts
  retired        INTEGER NOT NULL DEFAULT 0,  -- 1: not in the configuration any more
  nominal        TEXT,           -- the newest nominal instant that has an outcome
  begun_nominal  TEXT,           -- the instant of a run that began and has no outcome yet
  begun_attempts INTEGER NOT NULL DEFAULT 0,  -- how often it began: more than once if the process ended meanwhile
  last_nominal   TEXT,           -- the last run that ended
  last_started   TEXT,
  last_finished  TEXT,
  last_outcome   TEXT CHECK (last_outcome IN ('done', 'failed')),
  last_detail    TEXT,
  PRIMARY KEY (name, contract)
) STRICT, WITHOUT ROWID;

-- Append-only. Runs that found nothing to do leave no row.
CREATE TABLE job_run (
  id       INTEGER PRIMARY KEY,
  job      TEXT NOT NULL,
  contract TEXT NOT NULL,
  nominal  TEXT NOT NULL,
  instants INTEGER NOT NULL DEFAULT 1,  -- more than one only where too many were missed to be listed
  started  TEXT,                        -- null if there was no run
  finished TEXT NOT NULL,
  outcome  TEXT NOT NULL CHECK (outcome IN ('done', 'failed', 'missed', 'skipped')),
  detail   TEXT NOT NULL
) STRICT;

-- No instant runs twice. One that was missed while the clock was wrong may run once the clock is right.
CREATE UNIQUE INDEX job_run_identity ON job_run (job, contract, nominal, outcome IN ('missed', 'skipped'));

CREATE TRIGGER job_run_sealed BEFORE UPDATE ON job_run
BEGIN SELECT raise(ABORT, 'the run of a job is not changed'); END;

CREATE TRIGGER job_run_kept BEFORE DELETE ON job_run
BEGIN SELECT raise(ABORT, 'the run of a job is not deleted'); END;
