"""The obvious diff: two full copies of the facts in text, EXCEPT both ways.

Usage: diff_except.py DATABASE FROM TO REPETITIONS. The copies are made from keyholder's intervals before the clock starts; with the
same facts in both, the result has to be the one that keyholder gives. Only time spent in EXCEPT is told, in milliseconds.
"""

import sqlite3
import sys
import time

from facts import Facts

COPY = """
CREATE TEMP TABLE {name} (kind INTEGER, subject TEXT, object TEXT, body TEXT);
INSERT INTO {name} SELECT f.kind, s.ref, coalesce(o.ref, ''), b.json FROM fact f
  JOIN entity s ON s.id = f.subject LEFT JOIN entity o ON o.id = f.object LEFT JOIN body b ON b.id = f.body
  WHERE f.since <= {seq} AND (f.until IS NULL OR f.until > {seq});
CREATE INDEX {name}_subject ON {name} (subject);
CREATE INDEX {name}_object ON {name} (object);
"""


def main(path, earlier, later, repetitions):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    database.execute("PRAGMA temp_store = MEMORY")
    for name, seq in [("a", earlier), ("b", later)]:
        database.executescript(COPY.format(name=name, seq=seq))
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        gone = database.execute("SELECT * FROM a EXCEPT SELECT * FROM b").fetchall()
        come = database.execute("SELECT * FROM b EXCEPT SELECT * FROM a").fetchall()
        times.append((time.perf_counter() - began) * 1000)
    facts = Facts()
    for kind, subject, thing in {row[:3] for row in gone + come}:
        facts.add(str(kind), subject, thing)
    facts.tell(milliseconds=sorted(times)[len(times) // 2])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
