"""What a contender found, in the words that the driver compares: one line per fact, sorted, counted and hashed."""

import hashlib
import json
import sys
import threading


class Facts:
    """Lines as they come, from any thread."""

    def __init__(self):
        self.lines = []
        self.requests = 0
        self.lock = threading.Lock()

    def add(self, kind, *words):
        """One fact: its kind, its ids, its flags. Appending to a list is atomic."""
        self.lines.append("\t".join([kind, *(flag(word) for word in words)]))

    def asked(self):
        """One request was sent."""
        with self.lock:
            self.requests += 1

    def tell(self, **more):
        """The result on standard output, as one line of JSON."""
        self.lines.sort()
        counts = {}
        digest = hashlib.sha256()
        for line in self.lines:
            kind = line.split("\t", 1)[0]
            counts[kind] = counts.get(kind, 0) + 1
            digest.update(line.encode() + b"\n")
        json.dump({"counts": counts, "digest": digest.hexdigest(), "requests": self.requests, **more}, sys.stdout)
        print()


def flag(word):
    """Booleans as 0 and 1, everything else as it is."""
    return str(int(word)) if isinstance(word, bool) else word
