"""Walks the API with urllib3 and json by hand: the fastest that Python does without a framework.

Usage: walk_urllib3.py BASE_URL THREADS, with the token in IONOS_TOKEN. The same requests as keyholder's plan.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import urllib3

from facts import Facts

PAGE = 100


def main(base, threads):
    pool = urllib3.PoolManager(maxsize=threads, headers={"Authorization": "Bearer " + os.environ["IONOS_TOKEN"]})
    facts = Facts()

    def items(path):
        facts.asked()
        answer = pool.request("GET", base + path)
        assert answer.status == 200, f"{path}: {answer.status}"
        return json.loads(answer.data)["items"]

    def of_group(group):
        for user in items(f"/um/groups/{group}/users?depth=0"):
            facts.add("member", group, user["id"])
        for share in items(f"/um/groups/{group}/shares?depth=1"):
            flags = share["properties"]
            facts.add("share", group, share["id"], flags["editPrivilege"], flags["sharePrivilege"])

    def of_user(user):
        for resource in items(f"/um/users/{user}/owns?depth=0"):
            facts.add("own", user, resource["id"])
        for key in items(f"/um/users/{user}/s3keys?depth=1"):
            facts.add("key", user, key["id"], key["properties"]["active"])

    users, offset = [], 0
    while True:
        page = items(f"/um/users?depth=1&offset={offset}&limit={PAGE}")
        users.extend(user["id"] for user in page)
        if len(page) < PAGE:
            break
        offset += PAGE
    groups = [group["id"] for group in items("/um/groups?depth=1")]
    for resource in items("/um/resources?depth=1"):
        facts.add("resource", resource["id"])
    for user in users:
        facts.add("user", user)
    for group in groups:
        facts.add("group", group)
    with ThreadPoolExecutor(threads) as workers:
        for outcome in [workers.map(of_group, groups), workers.map(of_user, users)]:
            list(outcome)
    facts.tell()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
