"""Rows of access out of the database with Python's sqlite3 and csv: one per membership, with names.

Usage: review_csv.py DATABASE FILE. Tells how many rows it wrote.
"""

import csv
import json
import sqlite3
import sys

ROWS = """
SELECT g.group_id, g.name, u.user_id, u.email, u.firstname, u.lastname, u.administrator, u.active
FROM v_members m JOIN groups g USING (group_id) JOIN users u USING (user_id) WHERE m.until IS NULL
"""


def main(path, file):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    # The views once each: joined as they are, every membership would look for its person anew.
    for name in ["group", "user"]:
        database.execute(f"CREATE TEMP TABLE {name}s AS SELECT * FROM v_{name}s WHERE until IS NULL")
        database.execute(f"CREATE INDEX temp.{name}s_id ON {name}s ({name}_id)")
    rows = 0
    with open(file, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        for row in database.execute(ROWS):
            writer.writerow(row)
            rows += 1
    json.dump({"rows": rows}, sys.stdout)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
